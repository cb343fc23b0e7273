"""Fifty calls at the same time over the real line: none fails, and one more caller is heard as well as alone."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import pytest

from bot.settings import ROOT
from bot.stack import PHONE_PARTS
from media.audio import resample, ulaw_encode
from simulator.sip import SipPhone
from tests.e2e.telephone import judge
from tests.e2e.telephone.rig import TelephoneLine, eventually, telephone_line

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(shutil.which("sipp") is None, reason="needs SIPp: apt-get install sip-tester"),
]

CALLS = 50
BEEP_S = 0.1
ROUND_TRIP_S = 0.5
"""What a person on the telephone does not take for a delay yet, twice over: two busy cores are all there is."""


@asynccontextmanager
async def echo_line(folder: Path) -> AsyncIterator[TelephoneLine]:
    """A line that answers with an echo."""
    async with telephone_line(folder, PHONE_PARTS[:1]) as line:
        stack = line.stack
        settings = {
            "DECROCHE_VAR": str(stack.var),
            "DECROCHE_PORT": str(stack.ports.bot),
            "DECROCHE_ARI_URL": f"http://127.0.0.1:{stack.ports.ari}/ari",
        }
        with (folder / "echo.log").open("wb") as log:
            echo = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.e2e.telephone.echo",
                cwd=ROOT, env={**os.environ, **stack.env, **settings}, stdout=log, stderr=log,
            )  # fmt: skip
        try:
            async with httpx.AsyncClient() as client:

                async def up() -> bool:
                    try:
                        return bool((await client.get(f"{stack.url}/healthz")).json()["up"])
                    except httpx.HTTPError:
                        return False

                assert await eventually(up, 30.0)
            yield line
        finally:
            echo.terminate()
            await echo.wait()


async def round_trips(line: TelephoneLine, beeps: int) -> list[float]:
    """Seconds from a beep to its echo, as a caller hears it; one for each that came back."""
    found = []
    async with SipPhone("+33611223344") as phone:
        await phone.connect(line.uri)
        await asyncio.sleep(1.0)
        for _ in range(beeps):
            phone.play(judge.tone(1000, BEEP_S))
            await asyncio.sleep(0.8)
        sound = phone.sound()
    size = len(sound.sent) // len(sound.times)
    onsets = [_onsets(side.reshape(-1, size)) for side in (sound.sent, sound.heard)]
    for sent in onsets[0]:
        back = [heard for heard in onsets[1] if sent <= heard < sent + 0.8 / 0.02]
        if back:
            found.append(float(sound.times[back[0]] - sound.times[sent]))
    return found


def _onsets(frames: np.ndarray) -> list[int]:  # type: ignore[type-arg]
    """Numbers of the frames at which a beep begins."""
    loud = np.abs(frames.astype(int)).max(axis=1) > 1500
    return [int(place) for place in np.flatnonzero(loud & ~np.concatenate([[False], loud[:-1]]))]


@dataclass
class Callers:
    """What came of SIPp's callers. ``status``: 0 when every call went as the scenario says."""

    status: int | None = None
    told: str = ""


@asynccontextmanager
async def fifty_callers(line: TelephoneLine, folder: Path) -> AsyncIterator[Callers]:
    """Fifty calls that have all begun; on the way out, the last of them has ended."""
    (folder / "speech.ulaw").write_bytes(ulaw_encode(resample(judge.tone(700, 4.0), judge.RATE, 8000)))
    result = Callers()
    sipp = await asyncio.create_subprocess_exec(
        "sipp", f"127.0.0.1:{line.stack.ports.sip}", "-sf", str(Path(__file__).with_name("callers.xml")),
        "-m", str(CALLS), "-l", str(CALLS), "-r", "10", "-i", "127.0.0.1", "-mi", "127.0.0.1", "-nostdin",
        "-timeout", "60", "-trace_err",
        cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    told = asyncio.create_task(sipp.communicate(), name="sipp")
    try:
        assert await eventually(lambda: _has_calls(line, CALLS), 30.0), await line.legs()
        yield result
        output, _ = await told
        result.status, result.told = sipp.returncode, output.decode(errors="replace")
    finally:
        told.cancel()
        if sipp.returncode is None:
            sipp.kill()


async def test_fifty_calls_at_once(tmp_path: Path) -> None:
    async with echo_line(tmp_path) as line:
        alone = await round_trips(line, 3)
        async with fifty_callers(line, tmp_path) as callers:
            among = await round_trips(line, 5)
        assert await line.is_quiet(10.0)
    assert callers.status == 0, callers.told[-2000:]
    print(f"echo alone {max(alone) * 1000:.0f} ms, among {CALLS} calls {max(among) * 1000:.0f} ms at worst")
    assert len(among) == 5, "every beep came back"
    assert max(among) < ROUND_TRIP_S


async def _has_calls(line: TelephoneLine, calls: int) -> bool:
    return sum(name.startswith("PJSIP/") for name in await line.legs()) >= calls
