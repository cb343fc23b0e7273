"""The real Whisper model on real sound: what is said is recognised, what is not said is not made up."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import py_nanotts
import pytest
import pytest_asyncio

from bot.errors import ModelUnavailableError, RecognitionBusyError, RecognitionError
from bot.french.digits import digits_hint, read_digits
from bot.french.prompts import OPEN_PROMPT
from bot.models import Expectation, ExpectKind, Pcm, RecognitionHint
from media import audio
from media.modelstore import find_whisper
from media.stt.whisper import WhisperTranscriber

RATE = 16000
OPEN = RecognitionHint(OPEN_PROMPT)
PLAIN = RecognitionHint()

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def whisper() -> AsyncIterator[WhisperTranscriber]:
    transcriber = await WhisperTranscriber.load(find_whisper().path, workers=1, queue=2)
    yield transcriber
    await transcriber.close()


def say(text: str) -> Pcm:
    pause = audio.silence(300, RATE)
    return np.concatenate([pause, audio.from_bytes(py_nanotts.NanoTTS().speak(text, voice="fr-FR")), pause])


def phone(sound: Pcm) -> Pcm:
    narrow = audio.resample(audio.telephone_band(sound, RATE), RATE, audio.PHONE_RATE)
    return audio.resample(audio.alaw_decode(audio.alaw_encode(narrow)), audio.PHONE_RATE, RATE)


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        ("Bonjour, ma facture a augmenté ce mois-ci", r"facture.*augment"),
        ("Je voudrais résilier mon abonnement", r"résilier.*abonnement"),
        ("Je veux parler à un conseiller", r"parler.*conseiller"),
    ],
)
@pytest.mark.parametrize("line", ["16 kHz", "telephone"])
async def test_a_sentence_is_recognised(
    whisper: WhisperTranscriber, said: str, heard: str, line: str
) -> None:
    sound = say(said) if line == "16 kHz" else phone(say(said))
    result = await whisper.transcribe(sound, OPEN)
    assert re.search(heard, result.text.lower())
    assert 0.3 < result.confidence <= 1
    assert result.no_speech < 0.5
    assert result.audio_ms == pytest.approx(len(sound) / 16, abs=1)
    assert result.decode_ms > 0


async def test_a_short_no_is_heard(whisper: WhisperTranscriber) -> None:
    assert "non" in (await whisper.transcribe(say("Non."), PLAIN)).text.lower()


async def test_several_hypotheses_come_best_first_and_differ(whisper: WhisperTranscriber) -> None:
    result = await whisper.transcribe(
        phone(say("Je voudrais changer la date")), RecognitionHint(hypotheses=5)
    )
    scores = [hypothesis.score for hypothesis in result.hypotheses]
    assert len({hypothesis.text for hypothesis in result.hypotheses}) == len(scores) > 1
    assert scores == sorted(scores, reverse=True)
    assert all(score <= 0 for score in scores)


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("vingt-trois, cinquante-trois, onze, quarante-huit.", "23531148"),
        ("Un, deux, trois, quatre, cinq, six, sept, quatre.", "12345674"),
    ],
)
async def test_a_dictated_number_is_read(whisper: WhisperTranscriber, said: str, number: str) -> None:
    expected = Expectation(ExpectKind.DIGITS, "subscriber_number", (8,), "luhn")
    reading = read_digits(await whisper.transcribe(say(said), digits_hint(expected)), expected)
    assert reading.digits == number


NOISE = np.random.default_rng(1)
NOT_SPEECH = {
    "digital silence": np.zeros(2 * RATE, np.int16),
    "line noise": NOISE.normal(0, 25, 2 * RATE).astype(np.int16),
    "loud noise": NOISE.normal(0, 3000, RATE).astype(np.int16),
    "mains hum": (1000 * np.sin(np.arange(3 * RATE) * 2 * np.pi * 50 / RATE)).astype(np.int16),
    "a knock": np.concatenate(
        [np.zeros(8000, np.int16), NOISE.normal(0, 8000, 1600).astype(np.int16), np.zeros(8000, np.int16)]
    ),
    "too short": NOISE.normal(0, 3000, RATE // 20).astype(np.int16),
    "no samples": np.zeros(0, np.int16),
}


@pytest.mark.parametrize("sound", NOT_SPEECH)
@pytest.mark.parametrize("hint", [PLAIN, OPEN], ids=["no prompt", "prompt"])
async def test_nothing_is_made_up_where_nobody_speaks(
    whisper: WhisperTranscriber, sound: str, hint: RecognitionHint
) -> None:
    result = await whisper.transcribe(NOT_SPEECH[sound], hint)
    assert result.hypotheses == ()
    assert result.text == ""
    assert result.confidence == 0


async def test_a_long_clip_is_decoded_to_its_end(whisper: WhisperTranscriber) -> None:
    story = say("Je vous appelle parce que ma télévision ne marche plus depuis hier soir.")
    wait = audio.silence(9000, RATE)
    end = say("Je voudrais parler à un conseiller.")
    result = await whisper.transcribe(np.concatenate([story, wait, story, wait, end]), PLAIN)
    assert result.audio_ms > 28_000
    assert "conseiller" in result.text.lower()
    assert len(re.findall("appelle", result.text.lower())) == 2


async def test_the_event_loop_runs_while_decoding(whisper: WhisperTranscriber) -> None:
    decode = asyncio.create_task(whisper.transcribe(say("Bonjour, je vous appelle"), PLAIN), name="decode")
    ticks = 0
    while not decode.done():
        await asyncio.sleep(0.001)
        ticks += 1
    assert (await decode).text
    assert ticks > 10


async def test_a_full_queue_refuses_at_once_and_recovers(whisper: WhisperTranscriber) -> None:
    sound = say("Bonjour")
    waiting = [asyncio.create_task(whisper.transcribe(sound, PLAIN), name=f"decode {n}") for n in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(RecognitionBusyError):
        await whisper.transcribe(sound, PLAIN)
    results = await asyncio.gather(*waiting)
    assert all(result.text for result in results)
    assert results[-1].queue_ms > results[0].queue_ms
    assert (await whisper.transcribe(sound, PLAIN)).text


async def test_a_cancelled_turn_leaves_the_queue(whisper: WhisperTranscriber) -> None:
    sound = say("Bonjour")
    running = asyncio.create_task(whisper.transcribe(sound, PLAIN), name="running")
    queued = [asyncio.create_task(whisper.transcribe(sound, PLAIN), name=f"queued {n}") for n in range(2)]
    await asyncio.sleep(0)
    for task in queued:
        task.cancel()
    assert all(
        isinstance(r, asyncio.CancelledError) for r in await asyncio.gather(*queued, return_exceptions=True)
    )
    # Their places are free while the first one still runs.
    again = [asyncio.create_task(whisper.transcribe(sound, PLAIN), name=f"again {n}") for n in range(2)]
    results = await asyncio.gather(running, *again)
    assert all(result.text for result in results)


async def test_after_closing_it_says_so() -> None:
    transcriber = await WhisperTranscriber.load(find_whisper().path, workers=1)
    await transcriber.close()
    with pytest.raises(RecognitionError, match="closed"):
        await transcriber.transcribe(say("Bonjour"), PLAIN)


async def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailableError, match="cannot be loaded"):
        await WhisperTranscriber.load(tmp_path)
