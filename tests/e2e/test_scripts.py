"""Every script of ``scripts/``, typed; a varied eight of them in sound. The same stack for all."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bot.settings import ROOT
from bot.stack import fresh_stack
from simulator import script as scripts
from simulator.api import Server
from simulator.call import Options
from simulator.result import CallResult
from simulator.suite import Planned, run_calls

SCRIPTS = sorted((ROOT / "scripts").glob("*.yml"))
IN_SOUND = (
    "sample",  # billing, identified by the calling number and keys
    "identify_by_number_spoken",  # eight dictated digits
    "barge_in",
    "cough_and_murmur",
    "silence_then_speaks",
    "short_yes",
    "browser_cancel_offer_accepted",  # WebRTC
    "human_at_once",
)


async def _play(folder: Path, paths: list[Path], *, text: bool, parallel: int) -> dict[str, CallResult]:
    """The scripts on a stack of their own: what one run books, the next must find free."""
    plan = [Planned(path, scripts.load(path)) for path in paths]
    stack = fresh_stack(folder)
    await stack.start()
    try:
        options = Options(Server(stack.url, stack.env["DECROCHE_API_TOKEN"]), text=text)
        done = await run_calls(plan, options, parallel=parallel)
    finally:
        await stack.stop()
    return {Path(one.result.script).stem: one.result for one in done}


@pytest.fixture(scope="module")
def typed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, CallResult]:
    """All scripts by text, a few at a time."""
    return asyncio.run(_play(tmp_path_factory.mktemp("typed"), SCRIPTS, text=True, parallel=3))


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, CallResult]:
    """The varied eight by sound, two at a time."""
    paths = [ROOT / "scripts" / f"{name}.yml" for name in IN_SOUND]
    return asyncio.run(_play(tmp_path_factory.mktemp("spoken"), paths, text=False, parallel=2))


def test_there_are_forty_scripts_or_more() -> None:
    assert len(SCRIPTS) >= 40


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", [path.stem for path in SCRIPTS])
def test_typed(typed: dict[str, CallResult], name: str) -> None:
    assert typed[name].held, (*typed[name].problems, *typed[name].differences)


@pytest.mark.timeout(900)
def test_in_sound(spoken: dict[str, CallResult]) -> None:
    """Recognition of synthetic callers on a busy machine is a matter of chance now and then: six of eight hold."""
    missed = {
        name: (*spoken[name].problems, *spoken[name].differences)
        for name in IN_SOUND
        if not spoken[name].held
    }
    assert len(missed) <= 2, missed


@pytest.mark.parametrize("name", IN_SOUND)
def test_in_sound_nothing_breaks(spoken: dict[str, CallResult], name: str) -> None:
    result = spoken[name]
    assert result.outcome not in ("", "failed")
    assert not result.fidelity or not result.fidelity.protocol_faults
