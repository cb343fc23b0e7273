"""The files that Asterisk plays by itself: made once, remade when what they are made from changes."""

from __future__ import annotations

import wave
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from bot.asterisk import prepare_sounds
from bot.errors import ConfigurationError, VoiceError
from bot.models import SpeechChunk
from bot.operator import load_operator
from bot.settings import ROOT, Settings
from media import audio
from media.telephony.sounds import make_sounds
from media.tts.factory import EMBEDDED

SENTENCES = {"line_lost": ("Excusez-moi.", "Je reprends."), "line_wait": ("Bonjour.",)}
EVERYTHING = ("sentences/line_lost", "sentences/line_wait", "music/hold")


class Voice:
    """Says a tone of a tenth of a second for each letter; counts how often it is opened and closed."""

    name = "tone"

    def __init__(self, *, broken: bool = False) -> None:
        self.opened = self.closed = 0
        self.said: list[str] = []
        self.broken = broken

    async def open(self) -> Voice:
        self.opened += 1
        return self

    async def speak(self, text: str, *, sample_rate: int, cacheable: bool) -> AsyncIterator[SpeechChunk]:
        if self.broken:
            raise VoiceError("broken")
        self.said.append(text)
        for _ in text:
            times = np.arange(sample_rate // 10) / sample_rate
            yield SpeechChunk((8000 * np.sin(2 * np.pi * 400 * times)).astype(np.int16), sample_rate)

    async def close(self) -> None:
        self.closed += 1


async def make(folder: Path, voice: Voice, sentences: dict[str, tuple[str, ...]] = SENTENCES, key: str = "tone",
               **more: bool) -> tuple[str, ...]:  # fmt: skip
    return await make_sounds(folder, sentences, voice_key=key, open_voice=voice.open, **more)


def read(path: Path) -> tuple[int, int, int, float]:
    with wave.open(str(path), "rb") as clip:
        rate = clip.getframerate()
        return clip.getnchannels(), clip.getsampwidth(), rate, clip.getnframes() / rate


async def test_every_sentence_is_there_for_narrow_and_wide_calls(tmp_path: Path) -> None:
    voice = Voice()
    assert await make(tmp_path, voice) == EVERYTHING
    for name, pieces in SENTENCES.items():
        length_s = sum(map(len, pieces)) / 10
        assert read(tmp_path / f"sentences/{name}.wav") == (1, 2, 8000, pytest.approx(length_s, abs=0.01))
        assert read(tmp_path / f"sentences/{name}.wav16") == (1, 2, 16000, pytest.approx(length_s, abs=0.01))
    assert read(tmp_path / "music/hold.wav")[2] == 8000
    assert read(tmp_path / "music/hold.wav16")[2] == 16000
    assert (voice.opened, voice.closed) == (1, 1)


async def test_nothing_is_made_twice_and_the_voice_stays_shut(tmp_path: Path) -> None:
    await make(tmp_path, Voice())
    voice = Voice()
    assert await make(tmp_path, voice) == ()
    assert voice.opened == 0


async def test_a_text_that_changed_is_spoken_again_and_only_that(tmp_path: Path) -> None:
    await make(tmp_path, Voice())
    voice = Voice()
    changed = {**SENTENCES, "line_wait": ("Bonsoir.",)}
    assert await make(tmp_path, voice, changed) == ("sentences/line_wait",)
    assert voice.said == ["Bonsoir."]


async def test_another_voice_says_everything_again_but_the_music_stays(tmp_path: Path) -> None:
    await make(tmp_path, Voice())
    assert await make(tmp_path, Voice(), key="another") == EVERYTHING[:2]
    assert await make(tmp_path, Voice(), key="another", anew=True) == EVERYTHING


async def test_a_file_that_is_gone_is_made_again(tmp_path: Path) -> None:
    await make(tmp_path, Voice())
    (tmp_path / "sentences/line_lost.wav16").unlink()
    (tmp_path / "music/hold.wav").unlink()
    assert await make(tmp_path, Voice()) == ("sentences/line_lost", "music/hold")


async def test_a_voice_that_fails_is_told_closed_and_tried_again(tmp_path: Path) -> None:
    broken = Voice(broken=True)
    with pytest.raises(VoiceError):
        await make(tmp_path, broken)
    assert broken.closed == 1
    assert await make(tmp_path, Voice()) == EVERYTHING


async def test_what_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="cannot be written"):
        await make(tmp_path / "file", Voice())


async def test_a_list_of_what_was_made_that_is_broken_counts_for_nothing(tmp_path: Path) -> None:
    await make(tmp_path, Voice())
    (tmp_path / "sounds.json").write_text("{", encoding="utf-8")
    assert await make(tmp_path, Voice()) == EVERYTHING


async def test_the_sentences_of_the_shipped_operator_are_spoken_as_loud_as_everything_else(
    tmp_path: Path,
) -> None:
    operator = load_operator(ROOT / "operator.yml")
    await prepare_sounds(Settings(sounds=tmp_path, piper_voice=EMBEDDED), operator)
    for name in operator.phrases.of_the_line():
        with wave.open(str(tmp_path / f"sentences/{name}.wav"), "rb") as clip:
            samples = audio.from_bytes(clip.readframes(clip.getnframes()))
        assert audio.active_rms_dbfs(audio.telephone_band(samples, 8000), 8000) == pytest.approx(
            -20, abs=2
        ), name
        assert 2_000 < audio.duration_ms(samples, 8000) < 9_000, name
