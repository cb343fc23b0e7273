"""Dictated digits on the telephone: how often is the whole number right?

    .venv/bin/python -m bench.digits [--numbers 96] [--seed 7] [--clean]

Renders 8-digit subscriber numbers (Luhn) as callers dictate them, in the caller voices of this machine,
through 8 kHz A-law, and decodes each once. Columns, exact numbers in %: ``figures`` the figures of the
best hypothesis as they stand; ``text2num`` its words in figures too; ``ours`` the choice of
``bot.french.digits``; ``4`` the right one among ours and its three alternatives; ``wrong`` a wrong one
offered (the rest are sent to the keypad); ``sure`` how many were called certain, and of these how many
were right. All voices are synthetic.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import re
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import structlog
from stdnum import luhn
from text_to_num import alpha2digit

from bench import callers
from bench.results import table
from bot.french import digits
from bot.french.soundalike import number_words
from bot.models import Expectation, ExpectKind
from media.modelstore import find_whisper
from media.stt.whisper import WhisperTranscriber

EXPECTATION = Expectation(ExpectKind.DIGITS, "subscriber_number", (8,), "luhn")


@dataclass(frozen=True)
class Item:
    number: str
    form: str
    voice: str
    speed: float
    text: str


def _pair(figures: str) -> str:
    if figures == "00":
        return "zéro zéro"
    words = number_words(int(figures))  # no hyphens: Pico says "soixante-deux" with an x, as nobody does
    return f"zéro {words}" if figures[0] == "0" else words


def _swiss(figures: str) -> str:
    tens = {"7": "septante", "9": "nonante"}.get(figures[0])
    if tens is None:
        return _pair(figures)
    return tens + (
        "" if figures[1] == "0" else " et un" if figures[1] == "1" else f" {number_words(int(figures[1]))}"
    )


def _three(figures: str) -> str:
    return " ".join(map(_digit, figures)) if figures[0] == "0" else number_words(int(figures))


def _digit(figure: str) -> str:
    return number_words(int(figure))


def dictations(number: str) -> dict[str, str]:
    """The ways to dictate ``number``, by name."""
    pairs = [number[at : at + 2] for at in range(0, 8, 2)]
    return {
        "pairs": ", ".join(map(_pair, pairs)) + ".",
        "pairs, no pause": " ".join(map(_pair, pairs)),
        "pairs in a sentence": "alors mon numéro c'est le " + ", ".join(map(_pair, pairs)) + ".",
        "digit by digit": ", ".join(map(_digit, number)) + ".",
        "digits, no pause": " ".join(map(_digit, number)),
        "mixed": ", ".join([*map(_pair, pairs[:2]), *map(_digit, number[4:])]) + ".",
        "by three": ", ".join([_three(number[:3]), _three(number[3:6]), _pair(number[6:])]) + ".",
        "Swiss pairs": ", ".join(map(_swiss, pairs)) + ".",
    }


def items(count: int, seed: int) -> list[Item]:
    """``count`` dictations, forms and voices in turn; the same for the same seed and voices."""
    chance = random.Random(seed)
    voices = callers.voices()
    forms = list(dictations("00000000"))
    made = []
    for index in range(count):
        body = "".join(chance.choice("0123456789") for _ in range(7))
        number = body + luhn.calc_check_digit(body)
        form = forms[index % len(forms)]
        voice = voices[(index + index // len(forms)) % len(voices)]
        made.append(Item(number, form, voice, chance.choice((0.85, 1.0, 1.15)), dictations(number)[form]))
    return made


async def bench(options: argparse.Namespace) -> None:
    """Dictate, decode, choose, count."""
    transcriber = await WhisperTranscriber.load(find_whisper().path, workers=1)
    right: defaultdict[tuple[str, str], int] = defaultdict(int)
    decode_ms: list[int] = []
    choose_ms: list[float] = []
    for item in items(options.numbers, options.seed):
        sound = callers.speak(item.text, item.voice, speed=item.speed)
        heard = await transcriber.transcribe(
            sound if options.clean else callers.through_phone(sound), digits.digits_hint(EXPECTATION)
        )
        started = time.perf_counter()
        reading = digits.read_digits(heard, EXPECTATION)
        choose_ms.append((time.perf_counter() - started) * 1000)
        decode_ms.append(heard.decode_ms)
        spelled = alpha2digit(heard.text.lower(), "fr", 0)
        outcomes = {
            "n": True,
            "figures": re.sub(r"\D", "", heard.text) == item.number,
            "text2num": re.sub(r"\D", "", spelled) == item.number,
            "ours": reading.digits == item.number,
            "4": item.number in (reading.digits, *reading.alternatives),
            "sure": reading.certain,
            "sure and right": reading.certain and reading.digits == item.number,
            "wrong": bool(reading.digits) and reading.digits != item.number,
        }
        if options.misses and not outcomes["ours"]:
            print(item.number, item.voice, item.text, "→", reading, [h.text for h in heard.hypotheses[:3]])
        for name, true in outcomes.items():
            for row in (item.form, item.voice, "all"):
                right[row, name] += true
    await transcriber.close()

    forms = list(dictations("00000000"))
    rows = [["", "n", "figures %", "text2num %", "ours %", "among 4 %", "wrong %", "sure", "of these right"]]
    for row in [*forms, *callers.voices(), "all"]:
        total = right[row, "n"]
        shares = [
            f"{100 * right[row, name] / max(total, 1):.0f}"
            for name in ("figures", "text2num", "ours", "4", "wrong")
        ]
        rows.append([row, str(total), *shares, str(right[row, "sure"]), str(right[row, "sure and right"])])
    line = "16 kHz" if options.clean else "telephone, 8 kHz A-law"
    table(
        "digits-clean" if options.clean else "digits",
        f"Exact 8-digit numbers ({line}); p50: decode {median(decode_ms):.0f} ms, choice "
        f"{median(choose_ms):.0f} ms",
        rows,
    )


def median(values: Sequence[float]) -> float:
    return float(np.median(values))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--numbers", type=int, default=96)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--clean", action="store_true", help="16 kHz instead of the telephone")
    parser.add_argument("--misses", action="store_true", help="print what was missed")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    asyncio.run(bench(parser.parse_args()))


if __name__ == "__main__":
    main()
