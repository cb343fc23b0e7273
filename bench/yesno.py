"""Short answers on the telephone: how sure must recognition be before a yes is taken for a yes?

    .venv/bin/python -m bench.yesno [--seed 7] [--misses]

Renders short answers (a yes, a no, neither) in the caller voices of this machine, through 8 kHz A-law with a little
noise, and decodes each as the listener does when a yes or no is expected. A row for each range of confidence.
*Clear*: what reads as a yes or a no; ``wrong``: it meant something else. *Other*: a few words that read as neither;
``yes or no``: the caller had said one. 95 % Wilson intervals. All voices are synthetic.
"""

from __future__ import annotations

import argparse
import asyncio
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import structlog

from bench import callers
from bench.results import Share, table
from bot.conversation.interpret import (
    AFFIRM,
    DENY,
    FEW_WORDS,
    SURE_ANSWER,
    SURE_WORDS,
    answer_of,
    is_doubtful,
)
from bot.french.prompts import OPEN_PROMPT, YES_NO_PROMPT
from bot.models import Pcm, Recognition, RecognitionHint
from media import audio
from media.modelstore import find_whisper
from media.stt.whisper import WhisperTranscriber

ANSWERS: dict[str, tuple[str, ...]] = {
    "yes": (
        "oui", "ouais", "oui oui", "d'accord", "oui d'accord", "c'est ça", "oui c'est ça", "tout à fait", "exactement",
        "bien sûr", "je veux bien", "oui, merci", "ah oui", "oui, tout à fait", "absolument", "voilà",
    ),
    "no": (
        "non", "non non", "non merci", "pas du tout", "non, pas du tout", "ah non", "ben non", "surtout pas",
        "non, c'est pas ça", "ce n'est pas ça", "non madame", "certainement pas", "pas vraiment", "je ne veux pas",
        "absolument pas", "non, ça ne m'intéresse pas",
    ),
    "neither": (
        "toujours pareil", "je ne sais pas", "attendez", "ça dépend", "combien ça coûte", "pardon ?", "un conseiller",
        "peut-être", "je réfléchis", "oui mais non", "allô", "c'est quoi", "pas encore", "répétez", "bon", "et après ?",
    ),
}  # fmt: skip
_EDGES = (0.0, 0.3, 0.4, SURE_ANSWER, 0.5, SURE_WORDS, 0.7, 0.8, 0.9, 1.0)
_SPEEDS = (0.9, 1.0, 1.15)
_NOISE_DBFS = (-60.0, -45.0, -35.0)
_SHORT_S = 1.2  # bot/pipeline/listening.py: a longer clip is decoded with the open prompt
_MEANING = {AFFIRM: "yes", DENY: "no", "": "neither"}


@dataclass(frozen=True)
class Answer:
    """One clip: what was meant, said and heard."""

    meant: str
    said: str
    voice: str
    heard: Recognition

    @property
    def read(self) -> str:
        """``yes``, ``no`` or ``neither``."""
        return _MEANING[answer_of(self.heard.text)]


def clips(seed: int) -> list[tuple[str, str, str, Pcm]]:
    """Meaning, words, voice and sound of every clip; speeds and noises are drawn, the same for the same seed."""
    chance = np.random.default_rng(seed)
    made = []
    for meant, sentences in ANSWERS.items():
        for said in sentences:
            for voice in callers.voices():
                spoken = callers.speak(said, voice, speed=float(chance.choice(_SPEEDS)))
                level = 32768 * 10 ** (float(chance.choice(_NOISE_DBFS)) / 20)
                noise = chance.normal(0, level, len(spoken)).astype(np.int16)
                made.append((meant, said, voice, callers.through_phone(audio.mix(spoken, noise))))
    return made


async def hear(seed: int) -> list[Answer]:
    """Every clip, as the listener would decode it."""
    ear = await WhisperTranscriber.load(find_whisper().path, workers=2, queue=2)
    free = asyncio.Semaphore(2)

    async def one(meant: str, said: str, voice: str, sound: Pcm) -> Answer:
        short = len(sound) < _SHORT_S * ear.sample_rate
        async with free:
            found = await ear.transcribe(sound, RecognitionHint(YES_NO_PROMPT if short else OPEN_PROMPT))
        return Answer(meant, said, voice, found)

    try:
        return list(await asyncio.gather(*(one(*clip) for clip in clips(seed))))
    finally:
        await ear.close()


def report(answers: list[Answer]) -> None:
    """Print and write the table."""
    clear = [one for one in answers if one.read != "neither"]
    other = [one for one in answers if one.read == "neither" and 0 < len(one.heard.text.split()) <= FEW_WORDS]
    rows = [["confidence", "clear", "wrong", "other", "yes or no"]]
    for low, high in pairwise(_EDGES):
        sure = [one for one in clear if low <= one.heard.confidence < high]
        rest = [one for one in other if low <= one.heard.confidence < high]
        rows.append(
            [
                f"{low:g}–{high:g}",
                str(len(sure)),
                str(Share(sum(one.read != one.meant for one in sure), len(sure))),
                str(len(rest)),
                str(Share(sum(one.meant != "neither" for one in rest), len(rest))),
            ]
        )
    taken = [one for one in clear if not is_doubtful(one.heard)]
    wrong = Share(sum(one.read != one.meant for one in taken), len(taken))
    asked = Share(len(clear) - len(taken), len(clear))
    voices = len(callers.voices())
    title = f"Short answers on the telephone ({len(answers)} clips, {voices} voices): clear and taken at once, wrong "
    table("yesno", title + f"{wrong}; clear and asked about all the same {asked}", rows)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="bench.yesno", description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--misses", action="store_true", help="print what was misread")
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    answers = asyncio.run(hear(options.seed))
    report(answers)
    if options.misses:
        for one in sorted(answers, key=lambda one: one.heard.confidence):
            if one.read != one.meant:
                heard = f"{one.heard.text} ({one.read})"
                print(f"  {one.heard.confidence:.2f} {one.voice:7} {one.said} ({one.meant}) → {heard}")


if __name__ == "__main__":
    main()
