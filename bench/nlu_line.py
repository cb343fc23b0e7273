"""How the held-out sentences arrive through the telephone: four caller voices, 8 kHz A-law, Whisper as in a call.

Writes ``tests/dialogue/nlu/held_out_line.yml``, which the test and ``bench.nlu`` read, so that neither needs voices
or recognition. Takes about ten minutes on two cores; run it again when the held-out set or the recognition changes.

    python -m bench.nlu_line                      the whole held-out set
    python -m bench.nlu_line --normalise          recognised texts kept, only normalised again
    python -m bench.nlu_line --sentences F --out G --voices mb-fr3,mb-fr6     any other NLU file
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

from bench import callers
from bench.nlu_sets import HELD_OUT, LINE, Heard, Sentence, read_heard, sentences, write_heard
from bot.french.numbers import normalise
from bot.french.prompts import OPEN_PROMPT
from bot.french.speak import verbalise
from bot.models import Pcm, RecognitionHint
from media.modelstore import find_whisper
from media.stt.whisper import WhisperTranscriber

VOICES = ("pico", "mb-fr1", "mb-fr3", "mb-fr4")
TODAY = date(2026, 11, 20)  # what "demain" is in the normalised texts

_WORKERS = 2


def for_dialogue(recognised: str) -> str:
    """What the bot sends to the dialogue for a recognised text."""
    return normalise(recognised, today=TODAY)


async def hear(wanted: Sequence[tuple[Sentence, str]], *, speed: float = 1.0) -> list[Heard]:
    """Each sentence in its voice through the line and the recogniser; what was not heard has empty texts."""
    transcriber = await WhisperTranscriber.load(find_whisper().path, workers=_WORKERS, queue=_WORKERS)
    hint = RecognitionHint(prompt=OPEN_PROMPT)
    free = asyncio.Semaphore(_WORKERS)
    done = 0

    async def one(sentence: Sentence, voice: str) -> Heard:
        nonlocal done
        async with free:
            clip = await asyncio.to_thread(_render, sentence.text, voice, speed)
            recognised = (await transcriber.transcribe(clip, hint)).text
        done += 1
        if done % 100 == 0:
            print(f"{done} of {len(wanted)}", flush=True)
        return Heard(sentence.text, sentence.intent, voice, recognised, for_dialogue(recognised))

    try:
        return list(await asyncio.gather(*(one(sentence, voice) for sentence, voice in wanted)))
    finally:
        await transcriber.close()


def _render(text: str, voice: str, speed: float) -> Pcm:
    # Written numbers are said as people say them: long ones by pairs, amounts and dates in words.
    return callers.through_phone(callers.speak(verbalise(text), voice, speed=speed))


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="bench.nlu_line", description=__doc__.partition("\n")[0])
    parser.add_argument("--sentences", type=Path, default=HELD_OUT)
    parser.add_argument("--out", type=Path, default=LINE)
    parser.add_argument("--voices", default=",".join(VOICES))
    parser.add_argument("--speed", type=float, default=1.0)
    parser.add_argument(
        "--one-voice-each", action="store_true", help="voices take turns instead of saying all"
    )
    parser.add_argument("--normalise", action="store_true", help="only normalise again what was recognised")
    options = parser.parse_args()
    if options.normalise:
        rows = [replace(row, text=for_dialogue(row.recognised)) for row in read_heard(options.out)]
    else:
        voices = options.voices.split(",")
        every = sentences(options.sentences)
        if options.one_voice_each:
            wanted = [(sentence, voices[index % len(voices)]) for index, sentence in enumerate(every)]
        else:
            wanted = [(sentence, voice) for voice in voices for sentence in every]
        rows = asyncio.run(hear(wanted, speed=options.speed))
    write_heard(options.out, rows)
    print(f"{len(rows)} texts in {options.out}")


if __name__ == "__main__":
    main()
