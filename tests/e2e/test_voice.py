"""The real voices: the embedded French one, Piper with the English package, and what recognition hears of them."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import unicodedata
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path

import numpy as np
import pytest

from bot.errors import ModelUnavailableError, VoiceError
from bot.french.speak import verbalise
from bot.models import Pcm, RecognitionHint
from media import audio
from media.tts.factory import EMBEDDED, VoiceSettings, open_voice
from media.tts.nanotts import NanoTtsEngine, NanoTtsVoice
from media.tts.piper import PiperVoice
from media.tts.shape import TARGET_DBFS

ENGLISH = "en_US-joe-medium"
SENTENCE = "Votre dernière facture est de quarante-deux euros quatre-vingt-dix."


async def spoken(voice: NanoTtsVoice | PiperVoice, text: str, rate: int = 8000) -> Pcm:
    chunks = [chunk.samples async for chunk in voice.speak(text, sample_rate=rate, cacheable=False)]
    return np.concatenate(chunks)


@pytest.fixture(scope="module")
def engine() -> Iterator[NanoTtsEngine]:
    engine = NanoTtsEngine(speed=1.0, pitch=1.0)
    yield engine
    engine.close()


@pytest.fixture
async def french() -> AsyncIterator[NanoTtsVoice]:
    voice = NanoTtsVoice()
    yield voice
    await voice.close()


@pytest.fixture
async def english() -> AsyncIterator[PiperVoice]:
    from media.modelstore import find_voice

    voice = PiperVoice((await asyncio.to_thread(find_voice, ENGLISH)).path)
    yield voice
    await voice.close()


# --- the embedded voice


@pytest.mark.parametrize("rate", [8000, 16000, 24000])
async def test_the_embedded_voice_speaks_at_telephone_level(french: NanoTtsVoice, rate: int) -> None:
    samples = await spoken(french, SENTENCE, rate)
    assert 2.5 < len(samples) / rate < 6
    in_band = audio.telephone_band(samples, rate)
    assert audio.active_rms_dbfs(in_band, rate) == pytest.approx(TARGET_DBFS, abs=1)
    assert audio.peak_dbfs(samples) < -2
    assert audio.rms_dbfs(samples[: rate // 10]) > -45  # it speaks within a tenth of a second


async def test_the_embedded_voice_is_as_clear_as_the_telephone_allows(french: NanoTtsVoice) -> None:
    samples = await spoken(french, SENTENCE, 16000)
    lost = audio.active_rms_dbfs(samples, 16000) - audio.active_rms_dbfs(
        audio.telephone_band(samples, 16000), 16000
    )
    assert lost < 4  # the engine by itself loses 7 dB: most of its sound is below 300 Hz


async def test_the_same_text_sounds_the_same_every_time(french: NanoTtsVoice) -> None:
    other = NanoTtsVoice()
    try:
        first = await spoken(french, SENTENCE)
        await spoken(french, "Tout autre chose, pour laisser des traces en mémoire.")
        assert np.array_equal(first, await spoken(french, SENTENCE))
        assert np.array_equal(first, await spoken(other, SENTENCE))
    finally:
        await other.close()


async def test_markup_in_a_text_is_not_obeyed(french: NanoTtsVoice, tmp_path: Path) -> None:
    target = tmp_path / "written.wav"
    await spoken(french, f'<genfile file="{target}">Bonjour</genfile>')
    assert not target.exists()


@pytest.mark.parametrize(
    "text", ["\x00Bonjour\x00", "Bonjour \ud800 vous", "e\u0301te\u0301", "x" * 2000, "oui, " * 300]
)
async def test_strange_texts_do_not_bring_the_voice_down(french: NanoTtsVoice, text: str) -> None:
    assert len(await spoken(french, text))
    assert len(await spoken(french, "Bonjour."))


async def test_what_cannot_be_said_is_an_error(french: NanoTtsVoice) -> None:
    with pytest.raises(VoiceError, match="no sound"):
        await spoken(french, "日本語")


def test_a_killed_voice_process_is_an_error_once_and_then_replaced(engine: NanoTtsEngine) -> None:
    child = engine.pid
    assert child is not None
    os.kill(child, signal.SIGKILL)
    with pytest.raises(VoiceError, match="lost"):
        engine.synthesise("Bonjour.")
    assert len(engine.synthesise("Bonjour."))
    assert engine.pid != child


def test_ctrl_c_in_the_terminal_does_not_end_the_voice_before_the_bot(engine: NanoTtsEngine) -> None:
    assert engine.pid is not None
    os.kill(engine.pid, signal.SIGINT)
    assert len(engine.synthesise("Merci de votre appel. Au revoir."))


def test_a_closed_voice_leaves_no_process() -> None:
    engine = NanoTtsEngine(speed=1.0, pitch=1.0)
    child = engine.pid
    assert child is not None
    engine.close()
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


# --- Piper


async def test_piper_speaks_at_telephone_level(english: PiperVoice) -> None:
    samples = await spoken(english, "Hello, your last invoice is forty-two euros and ninety cents.")
    assert 2 < len(samples) / 8000 < 8
    in_band = audio.telephone_band(samples, 8000)
    assert audio.active_rms_dbfs(in_band, 8000) == pytest.approx(
        TARGET_DBFS, abs=3
    )  # its peaks set the limit
    assert audio.peak_dbfs(samples) < -2


async def test_piper_gives_the_first_words_before_the_rest_is_made(english: PiperVoice) -> None:
    text = "Hello. " + "This is a long sentence that takes its time to be spoken aloud. " * 6
    loop = asyncio.get_running_loop()
    began = loop.time()
    first = 0.0
    async with aclosing(english.speak(text, sample_rate=8000, cacheable=False)) as stream:
        async for _ in stream:
            first = first or loop.time() - began
    assert first * 3 < loop.time() - began


async def test_interrupting_piper_spares_the_rest(english: PiperVoice) -> None:
    text = "This is a long sentence that takes its time to be spoken aloud. " * 30
    loop = asyncio.get_running_loop()
    async with aclosing(english.speak(text, sample_rate=8000, cacheable=False)) as stream:
        await anext(stream)
    began = loop.time()
    await spoken(english, "Yes.")
    assert loop.time() - began < 10  # one sentence under way at most, not thirty


async def test_a_slower_pace_takes_longer(english: PiperVoice) -> None:
    from media.modelstore import find_voice

    text = "The quick brown fox jumps over the lazy dog."
    slow = PiperVoice(find_voice(ENGLISH).path, length_scale=1.5)
    try:
        assert len(await spoken(slow, text)) > 1.2 * len(await spoken(english, text))
    finally:
        await slow.close()


def test_a_file_that_is_no_voice_is_an_error(tmp_path: Path) -> None:
    model = tmp_path / "broken.onnx"
    model.write_bytes(b"not a model")
    (tmp_path / "broken.onnx.json").write_text("{}")
    with pytest.raises(VoiceError, match="cannot be loaded"):
        PiperVoice(model)


# --- which voice speaks


async def test_the_wanted_piper_voice_speaks_where_it_can_be_had() -> None:
    voice = await asyncio.to_thread(open_voice, VoiceSettings(name=ENGLISH))
    assert voice.name.startswith(f"piper:{ENGLISH}")
    await voice.close()


async def test_the_embedded_voice_speaks_where_no_piper_voice_can_be_had(
    capsys: pytest.CaptureFixture[str],
) -> None:
    voice = await asyncio.to_thread(open_voice, VoiceSettings(name="not a voice"))
    try:
        assert voice.name.startswith("nanotts:fr-FR")
        assert [chunk async for chunk in voice.speak(SENTENCE, sample_rate=8000, cacheable=True)]
    finally:
        await voice.close()
    assert "voice.embedded_instead" in capsys.readouterr().out


async def test_the_embedded_voice_can_be_asked_for() -> None:
    voice = await asyncio.to_thread(open_voice, VoiceSettings(name=EMBEDDED))
    assert voice.name.startswith("nanotts:fr-FR")
    await voice.close()


def test_a_wrong_path_is_told_and_not_papered_over(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailableError):
        open_voice(VoiceSettings(path=tmp_path / "absent.onnx"))


# --- what a listener gets: the recogniser as the ear, over an A-law telephone line

HEARD: dict[str, list[str]] = {
    "Bonjour, Lumia TV. Je suis un assistant automatique.": ["bonjour", "assistant automatique"],
    "Débranchez le câble HDMI, attendez 30 s, puis rebranchez-le.": ["debranchez", "hdmi", "30 secondes"],
    "Nos conseillers sont là du lundi au samedi, de 8h à 20h.": ["conseillers", "lundi au samedi", "8", "20"],
    "La résiliation prendra effet le 1er septembre.": ["resiliation", "effet", "septembre"],
    "Je vous mets en relation avec un conseiller.": ["relation", "conseiller"],
    "Je vous propose dix euros de moins par mois, avec un engagement de 12 mois.": [
        "euros de moins",
        "12 mois",
    ],
    "Vous pouvez m'interrompre, ou dire « conseiller » pour parler à une personne.": [
        "interrompre",
        "personne",
    ],
    "Je ne vous entends pas. Vous êtes toujours là ?": ["entends pas", "toujours la"],
    "Votre dernière facture, du 15/03/2027, est de 42,90 €.": ["derniere facture", "15 mars"],
    "Merci de votre appel. Au revoir.": ["merci", "au revoir"],
}


def plain_words(text: str) -> str:
    """Lower case without accents, single spaces."""
    letters = unicodedata.normalize("NFD", text.lower().replace("œ", "oe"))
    return " ".join(re.findall(r"[a-z0-9]+", "".join(c for c in letters if unicodedata.category(c) != "Mn")))


async def test_recognition_hears_the_key_words_of_the_bot(french: NanoTtsVoice) -> None:
    from media.modelstore import find_whisper
    from media.stt.whisper import WhisperTranscriber

    ear = await WhisperTranscriber.load((await asyncio.to_thread(find_whisper)).path, workers=1)
    missed: list[str] = []
    try:
        for written, expected in HEARD.items():
            line = audio.alaw_decode(audio.alaw_encode(await spoken(french, verbalise(written))))
            heard = await ear.transcribe(audio.resample(line, 8000, 16000), RecognitionHint())
            text = plain_words(heard.text)
            missed += [f"{words!r} in {heard.text!r}" for words in expected if words not in text]
    finally:
        await ear.close()
    # The ear is the small model and makes mistakes of its own: four key words in five is what is promised.
    total = sum(map(len, HEARD.values()))
    assert len(missed) <= total // 5, missed
