"""From which confidence a request is taken for whole, so that the caller waits less for the answer.

Held-out sentences of five words or more, and a beginning of each, cut at a random word: a threshold is good when many
wholes reach it, and few beginnings that would be taken for something else than their whole.

    python -m bench.endpointing [--seed N]
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
from dataclasses import dataclass
from pathlib import Path

import httpx

from bench.nlu_sets import DEVELOPMENT, HELD_OUT, sentences
from bench.results import Share, table
from bot.stack import Ports, Stack

THRESHOLDS = (0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98)
_FEWEST_WORDS = 5


@dataclass(frozen=True)
class Guess:
    """What the dialogue makes of a text."""

    intent: str
    confidence: float


@dataclass(frozen=True)
class Pair:
    """A whole sentence and a beginning of it."""

    intent: str
    whole: Guess
    beginning: Guess


async def measure(seed: int) -> list[Pair]:
    """Ask a Rasa of our own."""
    cut = random.Random(seed)
    pairs = []
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Ports.free(), Path(folder), parts=("rasa",))
        await stack.start()
        try:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{stack.ports.rasa}", timeout=10) as http:
                for sentence in sentences(HELD_OUT) + sentences(DEVELOPMENT):
                    words = sentence.text.split()
                    if len(words) < _FEWEST_WORDS:
                        continue
                    beginning = " ".join(words[: cut.randint(2, len(words) - 1)])
                    pairs.append(
                        Pair(
                            sentence.intent, await _guess(http, sentence.text), await _guess(http, beginning)
                        )
                    )
        finally:
            await stack.stop()
    return pairs


async def _guess(http: httpx.AsyncClient, text: str) -> Guess:
    intent = (await http.post("/model/parse", json={"text": text})).raise_for_status().json()["intent"]
    return Guess(str(intent["name"]), float(intent["confidence"]))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    pairs = asyncio.run(measure(parser.parse_args().seed))
    rows = [["confidence", "wholes that reach it", "of these right", "beginnings taken for something else"]]
    for least in THRESHOLDS:
        sure = [pair for pair in pairs if pair.whole.confidence >= least]
        right = sum(pair.whole.intent == pair.intent for pair in sure)
        astray = sum(
            pair.beginning.confidence >= least and pair.beginning.intent != pair.whole.intent
            for pair in pairs
        )
        rows.append(
            [
                f"{least}",
                str(Share(len(sure), len(pairs))),
                str(Share(right, len(sure))),
                str(Share(astray, len(pairs))),
            ]
        )
    table("endpointing", "Requests taken for whole, by the dialogue's confidence", rows)


if __name__ == "__main__":
    main()
