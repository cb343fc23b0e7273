"""Voice to voice, ours beside the stock pipeline: the same callers, the same sentences, the same Rasa, the same run.

Measured on the stereo recording: last sample of the caller's speech → first sample of the bot's. Then calls in
parallel, until the 95th percentile passes 1.2 s.

    python -m bench.latency [--calls N] [--parallel-up-to N]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from bench.results import RESULTS, save_plot, table
from bot.models import Channel
from bot.settings import ROOT
from bot.stack import Ports, fresh_stack
from simulator.api import Server, fetch_record
from simulator.doors.phone import PhoneDoor
from simulator.line import Line
from simulator.measure import timings
from simulator.observer import Unobserved
from simulator.recording import bot_as_heard
from simulator.run import Patience, Player
from simulator.script import Caller, Script, Turn
from simulator.sound_call import SoundCall, render
from simulator.voices import RATE, Voices

LIMIT_MS = 1200
"""Above this a caller starts again: the calls in parallel are raised until the 95th percentile passes it."""

CALLS: tuple[tuple[str, ...], ...] = (
    ("Bonjour, je voudrais parler de ma facture.", "Oui.", "Non, je ne sais pas où il est."),
    ("Je n'ai plus d'image depuis ce matin.", "Je ne l'ai pas sous la main.", "Oui, d'accord."),
    ("Pourquoi ma facture a augmenté ce mois-ci ?", "Attendez, je cherche.", "Répétez s'il vous plaît."),
    ("Qu'est-ce que vous pouvez faire pour moi ?", "Est-ce que vous êtes un robot ?", "Merci, au revoir."),
    ("Je déménage le mois prochain.", "Oui.", "Je ne sais pas."),
    ("Ma télécommande ne marche plus.", "Je ne connais pas mon numéro.", "Oui, c'est ça."),
)
VOICES = ("pico", "mbrola-fr1", "mbrola-fr4")


@dataclass(frozen=True)
class Series:
    """Answers of one system, milliseconds; ``missing``: turns that were never answered, or answered over."""

    name: str
    voice_to_voice: tuple[int, ...]
    missing: int
    calls: tuple[str, ...]

    def percentile(self, share: float) -> float:
        """Milliseconds."""
        return float(np.percentile(self.voice_to_voice, share)) if self.voice_to_voice else float("nan")


async def place(
    server: Server, says: Sequence[str], voice: str, voices: Voices
) -> tuple[list[int | None], str]:
    """One call by phone with no eyes on the journal: a caller has only ears. Answer times in order, and the id."""
    script = Script(
        channel="phone", caller=Caller(voice=voice), turns=tuple(Turn(say=text) for text in says), expect={}
    )
    clips = await render(script, voices)
    async with PhoneDoor(server, "") as door:
        call = SoundCall(
            Player(script.turns, (), Patience(answer=12.0, linger=1.0)), door, Line(Channel.PHONE, None), clips,
            Unobserved(),
        )  # fmt: skip
        await call.run()
    bot = bot_as_heard(call.tape.bot, telephone=True)
    measured = await asyncio.to_thread(timings, call.acts, call.tape.caller, bot, RATE)
    return [timing.voice_to_voice for timing in measured], door.call_id


async def call(server: Server, index: int, voices: Voices) -> tuple[list[int | None], str]:
    """The call of that number: which sentences, in which voice."""
    return await place(server, CALLS[index % len(CALLS)], VOICES[index % len(VOICES)], voices)


async def series(name: str, server: Server, calls: int, voices: Voices, *, at_once: int = 1) -> Series:
    """``calls`` calls, ``at_once`` at a time."""
    gate = asyncio.Semaphore(at_once)

    async def one(index: int) -> tuple[list[int | None], str]:
        async with gate:
            return await call(server, index, voices)

    return _series(name, await asyncio.gather(*(one(index) for index in range(calls))))


async def side_by_side(servers: Mapping[str, Server], calls: int, voices: Voices) -> list[Series]:
    """The same ``calls`` calls to each, in turn: what else this machine does meanwhile slows them all alike."""
    placed: dict[str, list[tuple[list[int | None], str]]] = {name: [] for name in servers}
    for index in range(calls):
        for name, server in servers.items():
            placed[name].append(await call(server, index, voices))
    return [_series(name, of) for name, of in placed.items()]


def _series(name: str, placed: Sequence[tuple[list[int | None], str]]) -> Series:
    answers = [answer for part, _ in placed for answer in part]
    return Series(
        name,
        tuple(answer for answer in answers if answer is not None),
        answers.count(None),
        tuple(call_id for _, call_id in placed),
    )


async def parts(server: Server, calls: Sequence[str]) -> dict[str, list[int]]:
    """What our answer times are made of, from the bot's own clock."""
    found: dict[str, list[int]] = {}
    for call_id in calls:
        record: dict[str, Any] = dict(await fetch_record(server, call_id))
        for event in record["events"]:
            if event["type"] == "turn_timed":
                for key in ("endpoint_ms", "recognition_ms", "dialogue_ms", "first_audio_ms"):
                    found.setdefault(key, []).append(event[key])
    return found


@asynccontextmanager
async def stock(rasa_url: str) -> AsyncIterator[Server]:
    """The stock pipeline in a process of its own."""
    port = Ports.free().bot
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.stock", str(port), rasa_url, cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "2"}, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with httpx.AsyncClient() as http:
            for _ in range(240):
                try:
                    await http.get(f"http://127.0.0.1:{port}/healthz")
                    break
                except httpx.HTTPError:
                    await asyncio.sleep(0.5)
        yield Server(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        await process.wait()


async def run(calls: int, up_to: int) -> None:
    """Everything, and the tables and the plot under ``bench/results/``."""
    voices = Voices()
    with tempfile.TemporaryDirectory() as folder:
        stack = fresh_stack(Path(folder))
        await stack.start()
        try:
            ours = Server(stack.url, stack.env["DECROCHE_API_TOKEN"])
            async with stock(f"http://127.0.0.1:{stack.ports.rasa}") as plain:
                # One call of each first, unmeasured: caches, threads and the interpreter warm up.
                for server in (ours, plain):
                    await series("warm-up", server, 1, voices)
                first, second = await side_by_side({"stock pipecat": plain, "Décroche": ours}, calls, voices)
            makeup = await parts(ours, second.calls)
            ladder = [replace(second, name="1"), *await _ladder(ours, voices, up_to)]
        finally:
            await stack.stop()
    _report(first, second, makeup, ladder)


async def _ladder(server: Server, voices: Voices, up_to: int) -> list[Series]:
    steps = []
    for at_once in range(2, up_to + 1):
        steps.append(await series(str(at_once), server, at_once * 2, voices, at_once=at_once))
        if not steps[-1].percentile(95) <= LIMIT_MS:
            break
    return steps


def _report(plain: Series, ours: Series, makeup: dict[str, list[int]], ladder: list[Series]) -> None:
    rows = [["", "answers", "none", "p50 ms", "p95 ms", "p50 ratio", "p95 ratio"]]
    for one in (plain, ours):
        ratios = [f"{one.percentile(s) / plain.percentile(s):.2f}" for s in (50, 95)]
        rows.append(
            [one.name, str(len(one.voice_to_voice)), str(one.missing), f"{one.percentile(50):.0f}",
             f"{one.percentile(95):.0f}", *ratios]
        )  # fmt: skip
    table("latency", "Voice to voice, baseline: stock pipecat pipeline, same run", rows)
    rows = [["part", "p50 ms", "p95 ms"]]
    for key, values in makeup.items():
        rows.append([key, f"{np.percentile(values, 50):.0f}", f"{np.percentile(values, 95):.0f}"])
    table("latency-parts", "What our answer times are made of (the bot's own clock)", rows)
    rows = [["calls at once", "answers", "none", "p50 ms", "p95 ms", "p95 ratio"]]
    for step in ladder:
        ratio = f"{step.percentile(95) / ladder[0].percentile(95):.2f}"
        rows.append(
            [step.name, str(len(step.voice_to_voice)), str(step.missing), f"{step.percentile(50):.0f}",
             f"{step.percentile(95):.0f}", ratio]
        )  # fmt: skip
    table("latency-parallel", f"Calls at once until p95 passes {LIMIT_MS} ms, baseline: one call", rows)
    save_plot(
        "latency",
        {one.name: list(one.voice_to_voice) for one in (plain, ours)},
        x_label="voice to voice, ms",
        title="Caller's last sample to the bot's first",
    )
    raw = {one.name: one.voice_to_voice for one in (plain, ours)} | {
        "parallel": {s.name: s.voice_to_voice for s in ladder}
    }
    (RESULTS / "latency.json").write_text(json.dumps(raw, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=9, help="calls a system (3 turns each)")
    parser.add_argument("--parallel-up-to", type=int, default=6)
    wanted = parser.parse_args()
    began = time.monotonic()
    asyncio.run(run(wanted.calls, wanted.parallel_up_to))
    print(f"in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
