"""How soon the voice is heard, and what it costs.

For each voice and text: time to the first chunk of :meth:`Voice.speak`, beside the **baseline**, the same engine
synthesising the whole text before anything is heard; synthesis time per second of speech; and the longest
time the event loop was held up meanwhile (the other calls of the process hear that).

    python -m bench.voice [--runs N] [--english-piper]
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from statistics import median

import structlog

from bench.results import table
from bot.errors import ModelUnavailableError
from bot.french.speak import verbalise
from bot.ports import Voice
from media.modelstore import DEFAULT_VOICE, find_voice
from media.tts.cache import CachedVoice
from media.tts.engine import Engine, plain
from media.tts.nanotts import NanoTtsVoice
from media.tts.piper import PiperVoice
from media.tts.voice import EngineVoice

RATE = 16000
TEXTS = {
    "phrase": "Un instant, je vérifie.",
    "sentence": "Votre facture du 15/03/2027 est de 42,90 €, soit 4,00 € de plus que la précédente.",
    "reply": (
        "Votre engagement court jusqu'au 31 décembre 2027. Si vous résiliez aujourd'hui, il reste 87,50 € à régler, "
        "et le service s'arrête dans trente jours. Vous pouvez aussi le faire sur lumia.example/resilier. "
        "Voulez-vous que j'enregistre votre résiliation ?"
    ),
}
ENGLISH = {
    "phrase": "One moment, I am checking.",
    "sentence": "Your invoice of the fifteenth of March is forty-two euros ninety, which is four euros more.",
    "reply": (
        "Your commitment runs until the thirty-first of December. If you cancel today, there are eighty-seven euros "
        "left to pay, and the service ends in thirty days. You can also do so on our web site. Do you want me to "
        "register your cancellation?"
    ),
}


@dataclass
class Run:
    """Seconds: to the first chunk, to the last one, of speech, and of the longest hold-up of the event loop."""

    first: float
    total: float
    speech: float
    stall: float


@asynccontextmanager
async def stalls() -> AsyncIterator[list[float]]:
    """Collects how late a timer of 1 ms fires."""
    late = [0.0]

    async def watch() -> None:
        while True:
            due = time.perf_counter() + 0.001
            await asyncio.sleep(0.001)
            late.append(time.perf_counter() - due)

    task = asyncio.create_task(watch(), name="bench-stalls")
    try:
        yield late
    finally:
        task.cancel()
        await asyncio.wait([task])


async def speak(voice: Voice, text: str, *, cacheable: bool = False) -> Run:
    """One utterance, taken as fast as it comes."""
    async with stalls() as late:
        began = time.perf_counter()
        first, samples = 0.0, 0
        async for chunk in voice.speak(text, sample_rate=RATE, cacheable=cacheable):
            first = first or time.perf_counter() - began
            samples += len(chunk.samples)
        total = time.perf_counter() - began
    return Run(first, total, samples / RATE, max(late))


def whole(engine: Engine, text: str) -> float:
    """The baseline: seconds until the whole text is synthesised in one go."""
    began = time.perf_counter()
    engine.synthesise(plain(text))
    return time.perf_counter() - began


async def rows_of(voice: EngineVoice, texts: dict[str, str], runs: int) -> list[list[str]]:
    """One row for each text, and one for the phrase out of the cache."""
    rows = []
    for name, text in texts.items():
        done = [await speak(voice, text) for _ in range(runs)]
        baseline = median([await asyncio.to_thread(whole, voice.engine, text) for _ in range(runs)])
        rows.append(_row(voice.name, name, done, baseline))
    cached = CachedVoice(voice)
    phrase = texts["phrase"]
    await cached.prewarm([phrase], RATE)
    kept = [await speak(cached, phrase, cacheable=True) for _ in range(runs)]
    rows.append(_row(voice.name, "phrase, cached", kept, None))
    return rows


def _row(voice: str, name: str, done: list[Run], baseline: float | None) -> list[str]:
    first = median(run.first for run in done)
    return [
        voice,
        name,
        f"{done[0].speech:.1f} s",
        f"{first * 1000:.1f} ms",
        f"{max(run.first for run in done) * 1000:.1f} ms",
        f"{baseline * 1000:.1f} ms" if baseline else "",
        f"{first / baseline:.2f}" if baseline else "",
        f"{median(run.total / run.speech for run in done):.4f}" if baseline else "",
        f"{median(run.stall for run in done) * 1000:.1f} ms",
    ]


async def in_process_stall(text: str, runs: int) -> list[str]:
    """What the embedded voice would do to the event loop from a mere thread: the reason it has a process."""
    from py_nanotts import NanoTTS

    pico = NanoTTS()
    held = []
    for _ in range(runs):
        async with stalls() as late:
            await asyncio.to_thread(pico.speak, text, voice="fr-FR", speed=NanoTtsVoice.CLEAR_SPEED)
        held.append(max(late))
    return ["same engine in a thread", "reply", *[""] * 6, f"{median(held) * 1000:.1f} ms"]


async def bench(runs: int, english: bool) -> None:
    """Print and write the table."""
    texts = {name: verbalise(text) for name, text in TEXTS.items()}
    rows = []
    embedded = NanoTtsVoice()
    rows += await rows_of(embedded, texts, runs)
    rows.append(await in_process_stall(plain(texts["reply"]), runs))
    await embedded.close()
    try:
        found = await asyncio.to_thread(find_voice, "en_US-joe-medium" if english else DEFAULT_VOICE)
    except ModelUnavailableError:
        found = await asyncio.to_thread(find_voice, "en_US-joe-medium")
        english = True
    piper = PiperVoice(found.path)
    rows += await rows_of(piper, ENGLISH if english else texts, runs)
    await piper.close()
    head = [
        "voice",
        "text",
        "speech",
        "first audio p50",
        "worst",
        "baseline p50",
        "ratio",
        "RTF",
        "loop held up",
    ]
    table("voice", f"First audio of the voice at {RATE} Hz ({runs} runs)", [head, *rows])


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.voice", description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--english-piper", action="store_true", help="measure Piper with the English package")
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    asyncio.run(bench(options.runs, options.english_piper))


if __name__ == "__main__":
    main()
