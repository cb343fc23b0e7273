"""The caller's voices, the sounds of a room, and what a telephone line makes of them."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from bot.errors import VoiceError
from bot.models import Channel, Pcm
from media.audio import active_rms_dbfs, rms_dbfs, to_bytes
from simulator import sounds, voices
from simulator.line import FRAME, Line, by_telephone
from simulator.recording import Tape, save_stereo
from simulator.script import Caller, Sound
from simulator.voices import LEVEL_DBFS, RATE, Voices, levelled, read_wav


def share_above(samples: Pcm, hertz: float) -> float:
    """Share of the energy above a frequency."""
    power = np.abs(np.fft.rfft(samples.astype(float))) ** 2
    return float(power[np.fft.rfftfreq(len(samples), 1 / RATE) > hertz].sum() / power.sum())


async def test_pico_speaks_at_the_callers_level_and_the_same_each_time() -> None:
    first = await Voices().speak(Caller(), "Bonjour, ma facture a augmenté.")
    again = await Voices().speak(Caller(), "Bonjour, ma facture a augmenté.")
    assert 1.0 < len(first) / RATE < 4.0
    assert active_rms_dbfs(first, RATE) == pytest.approx(LEVEL_DBFS, abs=0.5)
    assert (first == again).all()


async def test_a_faster_caller_is_shorter() -> None:
    speaker = Voices()
    slow = await speaker.speak(Caller(speed=0.8), "Je voudrais résilier mon abonnement.")
    fast = await speaker.speak(Caller(speed=1.4), "Je voudrais résilier mon abonnement.")
    assert len(fast) < 0.75 * len(slow)


async def test_markup_is_spoken_around_not_obeyed(tmp_path: Path) -> None:
    file = tmp_path / "written.wav"
    await Voices().speak(Caller(), f'<genfile file="{file}">bonjour</genfile>')
    assert not file.exists()


async def test_mbrola_where_it_is_installed() -> None:
    name, warning = voices.available("mbrola-fr4")
    clip = await Voices().speak(Caller(voice="mbrola-fr4"), "Bonjour.")
    assert len(clip) > RATE // 5
    assert (name == "mbrola-fr4") == (warning == "")
    assert name in ("mbrola-fr4", "pico")


def test_a_missing_voice_is_replaced_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voices.shutil, "which", lambda _: None)
    voices._missing.cache_clear()
    name, warning = voices.available("mbrola-fr1")
    voices._missing.cache_clear()
    assert name == "pico"
    assert "espeak-ng and mbrola" in warning


async def test_text_without_sound_is_an_error() -> None:
    with pytest.raises(VoiceError):
        await Voices().speak(Caller(), "…")


def test_a_clip_is_trimmed_and_levelled() -> None:
    quiet = np.zeros(RATE, dtype=np.int16)
    tone = (500 * np.sin(np.arange(RATE) / 5)).astype(np.int16)
    clip = levelled(np.concatenate([quiet, tone, quiet]))
    assert len(clip) == pytest.approx(RATE, abs=RATE // 50)
    assert active_rms_dbfs(clip, RATE) == pytest.approx(LEVEL_DBFS, abs=0.2)


def test_a_stereo_wav_at_another_rate_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(to_bytes(np.full(16_000, 1000, dtype=np.int16)))
    read = read_wav(path)
    assert len(read) == RATE
    assert np.median(read) == pytest.approx(1000, abs=2)
    path.write_bytes(b"RIFF nothing")
    with pytest.raises(VoiceError, match="not a wav"):
        read_wav(path)


@pytest.mark.parametrize("sound", list(Sound))
async def test_every_sound_is_the_same_each_time_and_below_the_voice(sound: Sound) -> None:
    first, again = await sounds.make(sound, Voices()), await sounds.make(sound, Voices())
    assert (first == again).all()
    assert -60 < rms_dbfs(first) < LEVEL_DBFS + 3


def test_noise_has_the_level_asked_for() -> None:
    assert rms_dbfs(sounds.noise(-50)) == pytest.approx(-50, abs=0.3)


def test_a_telephone_passes_its_band_only() -> None:
    white = (3000 * np.random.default_rng(0).standard_normal(RATE)).clip(-32768, 32767).astype(np.int16)
    heard = by_telephone(white)
    assert len(heard) == len(white)
    assert share_above(white, 4000) > 0.4
    assert share_above(heard, 4000) < 1e-4


def test_a_telephone_does_not_delay() -> None:
    pulse = np.zeros(RATE, dtype=np.int16)
    pulse[8000:8160] = (10_000 * np.sin(2 * np.pi * 1000 * np.arange(160) / RATE)).astype(np.int16)
    heard = by_telephone(pulse).astype(float) ** 2
    centre = (heard * np.arange(RATE)).sum() / heard.sum()
    assert centre == pytest.approx(8080, abs=8)


def test_the_line_between_the_words() -> None:
    browser, phone = Line(Channel.BROWSER, None), Line(Channel.PHONE, -50.0)
    assert not browser.idle().any()
    idle = np.concatenate([phone.idle() for _ in range(100)])
    assert rms_dbfs(idle) > -60
    assert len(phone.idle()) == FRAME
    assert len(phone.clip(np.ones(FRAME + 1, dtype=np.int16))) == 2 * FRAME


def test_both_sides_stay_on_one_clock(tmp_path: Path) -> None:
    tape = Tape()
    assert len(tape.caller) == len(tape.bot) == 0
    tape.add(np.ones(FRAME, dtype=np.int16), np.zeros(FRAME, dtype=np.int16))
    with pytest.raises(ValueError, match="part"):
        tape.add(np.ones(FRAME, dtype=np.int16), np.ones(1, dtype=np.int16))
    save_stereo(tmp_path / "deep" / "a.wav", tape.caller, tape.bot)
    with wave.open(str(tmp_path / "deep" / "a.wav")) as file:
        assert (file.getnchannels(), file.getnframes(), file.getframerate()) == (2, FRAME, RATE)
