"""How well the embedded voice is understood on a telephone: the recogniser listens to sentences of the bot.

Each sentence is spoken, passed through the telephone band, A-law and a little noise, recognised, and compared word by
word; both sides are verbalised first, so ``42,90 €`` and its words are the same. Errors of one sentence count at
most its length: a recogniser that loops says nothing about the voice. The interval is a bootstrap over sentences.

    python -m bench.clarity              the settings of the voice
    python -m bench.clarity --numbers    the numbers whose words have hyphens, said with them and without
"""

from __future__ import annotations

import argparse
import asyncio
import re
import unicodedata
from unittest.mock import patch

import numpy as np
import structlog
from text_to_num import alpha2digit

from bench.results import Share, table
from bot.french.speak import verbalise
from bot.models import Pcm, RecognitionHint
from media import audio
from media.modelstore import find_whisper
from media.stt.whisper import WhisperTranscriber
from media.tts import nanotts
from media.tts.nanotts import PRE_EMPHASIS, NanoTtsEngine, NanoTtsVoice
from media.tts.voice import EngineVoice

SENTENCES = (
    "Votre dernière facture, du 15/03/2027, est de 42,90 €.",
    "Elle sera prélevée le 5 avril sur le compte se terminant par 2185.",
    "J'ai noté le 12 34 56 74. C'est bien cela ?",
    "Votre référence est D-4F7K2.",
    "La box affiche le code P13.",
    "Débranchez le câble HDMI, attendez 30 s, puis rebranchez-le.",
    "Pour confirmer, allez sur lumia.example/resilier.",
    "Nos conseillers sont là du lundi au samedi, de 8h à 20h.",
    "Votre engagement court jusqu'au 31 décembre 2027.",
    "Vous pouvez m'interrompre, ou dire conseiller pour parler à une personne.",
    "Je vous propose dix euros de moins par mois, avec un engagement de douze mois.",
    "Nous vous rappelons au 06 11 22 33 44.",
    "La résiliation prendra effet le 1er septembre, sans frais.",
    "Je ne vous entends pas. Vous êtes toujours là ?",
    "Votre box répond bien, le signal est bon.",
    "Quel est votre code postal ?",
    "Votre contestation de 14,99 € est enregistrée.",
    "Vous avez la formule Intégral, à 49,90 € par mois, depuis le 12 mai 2021.",
    "Un technicien passera chez vous jeudi 18 mars, entre 8h et 12h.",
    "Votre formule Cinéma passe de 29,99 € à 34,99 € par mois.",
)
SETTINGS = (  # pre-emphasis, speed, pitch
    (0.0, NanoTtsVoice.CLEAR_SPEED, 1.0),
    (PRE_EMPHASIS, NanoTtsVoice.CLEAR_SPEED, 1.0),
    (PRE_EMPHASIS, 1.0, 1.0),
    (PRE_EMPHASIS, 0.85, 1.0),
    (PRE_EMPHASIS, NanoTtsVoice.CLEAR_SPEED, 1.1),
)
_NOISE = 60  # standard deviation in int16 steps: −55 dBFS, a quiet line
_LINES = 2  # noises a sentence


def words(text: str) -> list[str]:
    """What was said, as comparable words: verbalised, lower case, no accents."""
    letters = unicodedata.normalize("NFD", verbalise(text).lower().replace("œ", "oe"))
    return re.findall(r"[a-z]+", "".join(char for char in letters if unicodedata.category(char) != "Mn"))


def errors(said: list[str], heard: list[str]) -> int:
    """Least number of words inserted, left out or changed."""
    row = list(range(len(heard) + 1))
    for i, word in enumerate(said, 1):
        above, row = row, [i]
        for j, other in enumerate(heard, 1):
            row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + (word != other)))
    return row[-1]


def telephone(samples: Pcm, seed: int) -> Pcm:
    """8 kHz speech as it arrives at the other end."""
    line = audio.alaw_decode(audio.alaw_encode(audio.telephone_band(samples, audio.PHONE_RATE)))
    noise = np.random.default_rng(seed).normal(0, _NOISE, len(line)).astype(np.int16)
    return audio.mix(line, noise)


async def measure(ear: WhisperTranscriber, engine: NanoTtsEngine) -> tuple[np.ndarray, float]:
    """Errors and words of each sentence, shape ``(sentences, 2)``, and seconds of speech."""
    voice = EngineVoice(engine)
    counts, seconds = [], 0.0
    for written in SENTENCES:
        said = verbalise(written)
        chunks = [c.samples async for c in voice.speak(said, sample_rate=audio.PHONE_RATE, cacheable=False)]
        samples = np.concatenate(chunks)
        seconds += len(samples) / audio.PHONE_RATE
        expected = words(written)
        wrong = 0
        for seed in range(_LINES):
            line = audio.resample(telephone(samples, seed), audio.PHONE_RATE, ear.sample_rate)
            heard = words((await ear.transcribe(line, RecognitionHint())).text)
            wrong += min(len(expected), errors(expected, heard))
        counts.append((wrong, len(expected) * _LINES))
    await voice.close()
    return np.array(counts), seconds


async def numbers() -> None:
    """Print and write how many of the numbers of two digits are heard as they are."""
    ear = await WhisperTranscriber.load(find_whisper().path, workers=1)
    hyphenated = [number for number in range(17, 100) if "-" in verbalise(str(number))]
    rows = [["", "numbers", "heard right", "of 61 to 99"]]
    for name, prepare in (("with hyphens", str), ("apart", nanotts.numbers_apart)):
        with patch.object(nanotts, "numbers_apart", prepare):
            voice = EngineVoice(NanoTtsEngine(speed=NanoTtsVoice.CLEAR_SPEED, pitch=1.0))
            right = [number for number in hyphenated if await _is_heard(ear, voice, number)]
            await voice.close()
        high = [number for number in hyphenated if number > 60]
        rows.append(
            [
                name,
                str(len(hyphenated)),
                str(Share(len(right), len(hyphenated))),
                str(Share(sum(number > 60 for number in right), len(high))),
            ]
        )
    await ear.close()
    table(
        "clarity-numbers",
        "Numbers said by the embedded voice on a telephone, as the recogniser hears them",
        rows,
    )


async def _is_heard(ear: WhisperTranscriber, voice: EngineVoice, number: int) -> bool:
    said = verbalise(f"J'ai noté le {number}, c'est bien cela.")
    chunks = [c.samples async for c in voice.speak(said, sample_rate=audio.PHONE_RATE, cacheable=False)]
    line = audio.resample(telephone(np.concatenate(chunks), number), audio.PHONE_RATE, ear.sample_rate)
    heard = (await ear.transcribe(line, RecognitionHint())).text
    return str(number) in re.findall(r"\d+", alpha2digit(heard.lower(), "fr", 0))


async def bench() -> None:
    """Print and write the table."""
    ear = await WhisperTranscriber.load(find_whisper().path, workers=1)
    rows = []
    for tilt, speed, pitch in SETTINGS:
        counts, seconds = await measure(ear, NanoTtsEngine(speed=speed, pitch=pitch, pre_emphasis=tilt))
        draws = np.random.default_rng(0).integers(0, len(counts), (2000, len(counts)))
        resampled = counts[draws].sum(axis=1)
        low, high = np.percentile(100 * resampled[:, 0] / resampled[:, 1], (2.5, 97.5))
        wrong, total = counts.sum(axis=0)
        rows.append(
            [
                f"{tilt:g}",
                f"{speed:g}",
                f"{pitch:g}",
                f"{100 * wrong / total:.1f} %",
                f"{low:.0f}–{high:.0f} %",
                f"{seconds:.0f} s",
            ]
        )
    await ear.close()
    head = ["pre-emphasis", "speed", "pitch", "words misheard", "95 %", "speech"]
    table("clarity", f"The embedded voice on a telephone ({len(SENTENCES)} sentences)", [head, *rows])


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    parser = argparse.ArgumentParser(prog="bench.clarity", description=__doc__.partition("\n")[0])
    parser.add_argument("--numbers", action="store_true")
    asyncio.run(numbers() if parser.parse_args().numbers else bench())
