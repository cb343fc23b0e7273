"""Every script of ``scripts/``, typed; a varied eight of them in sound. The same stack for all."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.settings import ROOT
from simulator import script as scripts
from simulator.call import Options
from simulator.result import CallResult
from simulator.suite import Planned, run_calls

from .conftest import Running

SCRIPTS = sorted((ROOT / "scripts").glob("*.yml"))
IN_SOUND = (
    "sample",  # billing, identified by the calling number and keys
    "identify_by_number_spoken",  # eight dictated digits
    "barge_in",
    "cough_and_murmur",
    "silence_then_speaks",
    "box_no_signal_reboot",  # step by step, at the box
    "browser_cancel_offer_accepted",  # WebRTC
    "human_at_once",
)


def _results(running: Running, paths: list[Path], *, text: bool, parallel: int) -> dict[str, CallResult]:
    plan = [Planned(path, scripts.load(path)) for path in paths]
    done = running.loop.run_until_complete(
        run_calls(plan, Options(running.server, text=text), parallel=parallel, observer=None, wav=None)
    )
    return {one.path.stem: one.result for one in done}


@pytest.fixture(scope="session")
def typed(running: Running) -> dict[str, CallResult]:
    """All scripts by text, a few at a time."""
    return _results(running, SCRIPTS, text=True, parallel=3)


@pytest.fixture(scope="session")
def spoken(running: Running) -> dict[str, CallResult]:
    """The varied eight by sound, two at a time."""
    return _results(running, [ROOT / "scripts" / f"{name}.yml" for name in IN_SOUND], text=False, parallel=2)


def test_there_are_forty_scripts_or_more() -> None:
    assert len(SCRIPTS) >= 40


@pytest.mark.parametrize("name", [path.stem for path in SCRIPTS])
def test_typed(typed: dict[str, CallResult], name: str) -> None:
    assert not typed[name].differences


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", IN_SOUND)
def test_in_sound(spoken: dict[str, CallResult], name: str) -> None:
    assert not spoken[name].differences
