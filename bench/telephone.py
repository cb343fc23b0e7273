"""The telephone line through a real Asterisk with real SIP parties: how fast the bot falls silent, how long sound takes
there and back, from the click to the ringing, from a killed bot to Asterisk's sentence.

Every time is taken from a party's own recording or its SIP messages, all on one clock.

    python -m bench.telephone [--rounds N]
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import numpy as np

from bench.results import table
from simulator.sip import Manner, State
from tests.e2e.telephone import judge
from tests.e2e.telephone.rig import TelephoneLine, telephone_line
from tests.e2e.telephone.test_callback import ask
from tests.e2e.telephone.test_load import echo_line, fifty_callers, round_trips
from tests.e2e.telephone.test_transfer import asks_for_a_person

_BEFORE_S = 0.3


async def flush(line: TelephoneLine) -> tuple[float, float]:
    """Seconds from the bot's decision to yield, and from the caller's first sound, to the last sound of the bot."""
    async with line.call() as call:
        await call.event("bot_said")
        await call.until_quiet(call.answered, quiet_s=0.0)
        began = call.now
        await call.says("Attendez, excusez-moi, je vous appelle pour ma facture s'il vous plaît.")
        cut, _ = await call.event("bot_interrupted", after=began)
        await asyncio.sleep(0.8)
        heard = call.heard(cut - _BEFORE_S, cut + 0.8)
        spoke = call.heard(began)
        first = judge.first_sound_s(spoke.sent) or 0.0
        end = float(heard.times[0]) + judge.last_sound_s(heard.heard)
        if end < cut:  # it was between two sentences: there was nothing to cut
            return float("nan"), float("nan")
        return end - cut, end - (float(spoke.times[0]) + first)


async def click(line: TelephoneLine, number: int) -> float:
    """Seconds from asking for a callback to the INVITE at the subscriber's telephone."""
    async with line.carrier(Manner(answer_after_s=0.2, stays_s=0.5)) as subscriber:
        clicked = time.monotonic()
        await ask(line, f"06 11 44 {number // 100:02d} {number % 100:02d}")
        rung = await subscriber.wait("invited", 20.0)
        await subscriber.until(State.OVER, 10.0)
        return rung.at - clicked


async def ring(line: TelephoneLine) -> float:
    """Seconds from a key pressed for a person to the INVITE at the site's telephone, the sentence said meanwhile
    included."""
    async with line.agent("first", Manner(answer_after_s=None)) as agent, line.call() as call:
        asked = await asks_for_a_person(call)
        return (await agent.wait("invited", 20.0)).at - asked


async def killed(line: TelephoneLine) -> float:
    """Seconds from SIGKILL to the first sound of Asterisk's sentence, the bot being silent when it dies."""
    async with line.call() as call:
        await call.event("bot_said")
        await call.until_quiet(call.answered)
        at = call.now
        await line.stack.end("bot", kill=True)
        await asyncio.sleep(5.0)
        first = judge.first_sound_s(call.heard(at).heard)
    await line.stack.begin("bot")
    return float("nan") if first is None else first


async def repeated(times: int, one: Callable[[int], Awaitable[float]]) -> list[float]:
    """The figures of so many runs, one after the other."""
    return [await one(number) for number in range(times)]


def row(what: str, seconds: Sequence[float]) -> tuple[str, ...]:
    """A line of the table."""
    ms = [1000 * value for value in seconds if not np.isnan(value)]
    if not ms:
        return (what, "–", "–", "–", "0")
    return (what, *(f"{np.percentile(ms, share):.0f}" for share in (50, 95, 100)), str(len(ms)))


async def measure(rounds: int) -> list[tuple[str, ...]]:
    """All of it."""
    with tempfile.TemporaryDirectory() as folder:
        async with telephone_line(Path(folder)) as line:
            flushes = [await flush(line) for _ in range(rounds)]
            clicks = await repeated(
                min(rounds, 9), lambda number: click(line, number)
            )  # ten an hour are allowed
            rings = await repeated(rounds, lambda _: ring(line))
            kills = await repeated(3, lambda _: killed(line))
    with tempfile.TemporaryDirectory() as folder:
        async with echo_line(Path(folder)) as line:
            alone = await round_trips(line, 2 * rounds)
            async with fifty_callers(line, Path(folder)):
                among = await round_trips(line, rounds)
    return [
        row("barge-in: decision to yield → silence at the caller's ear", [cut for cut, _ in flushes]),
        row(
            "barge-in: first sound of the caller → silence at the caller's ear", [all_ for _, all_ in flushes]
        ),
        row("sound there and back, one call", alone),
        row("sound there and back, among 50 calls", among),
        row("callback: click → subscriber's telephone rings", clicks),
        row("transfer: person asked for → site's telephone rings, a sentence said meanwhile", rings),
        row("bot killed → first sound of Asterisk's sentence", kills),
    ]


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--rounds", type=int, default=9)
    rows = asyncio.run(measure(options.parse_args().rounds))
    table(
        "telephone",
        "The telephone line, ms: Asterisk, SIP parties and bot on one machine, jitter buffers of 40 ms included",
        [("what", "median", "p95", "worst", "n"), *rows],
    )


if __name__ == "__main__":
    main()
