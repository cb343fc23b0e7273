"""Synthetic callers for the benches: Pico (Python package) and MBROLA through espeak-ng, where installed."""

from __future__ import annotations

import io
import shutil
import subprocess
import wave
from functools import cache
from pathlib import Path

import numpy as np
import py_nanotts

from bot.models import Pcm
from media import audio

RATE = 16000
_MBROLA = ("fr1", "fr4", "fr2")


@cache
def voices() -> tuple[str, ...]:
    """Names of the caller voices that this machine has."""
    installed = [
        f"mb-{name}"
        for name in _MBROLA
        if shutil.which("espeak-ng") and shutil.which("mbrola") and Path(f"/usr/share/mbrola/{name}").exists()
    ]
    return ("pico", *installed)


def speak(text: str, voice: str, *, speed: float = 1.0) -> Pcm:
    """``text`` in a caller's voice, int16 mono at 16 kHz, with 0.3 s of silence at both ends."""
    if voice == "pico":
        samples = audio.from_bytes(py_nanotts.NanoTTS().speak(text, voice="fr-FR", speed=speed))
    else:
        done = subprocess.run(
            ["espeak-ng", "-v", voice, "-s", str(round(150 * speed)), "--stdout", text],
            check=True,
            capture_output=True,
            timeout=60,
        )
        with wave.open(io.BytesIO(done.stdout)) as sound:
            rate = sound.getframerate()
            raw = sound.readframes(1 << 30)
        samples = audio.resample(audio.from_bytes(raw[: len(raw) // 2 * 2]), rate, RATE)
    pause = audio.silence(300, RATE)
    return np.concatenate([pause, samples, pause])


def through_phone(samples: Pcm) -> Pcm:
    """The clip after a telephone line: 300–3400 Hz, 8 kHz, A-law, back at 16 kHz."""
    narrow = audio.resample(audio.telephone_band(samples, RATE), RATE, audio.PHONE_RATE)
    return audio.resample(audio.alaw_decode(audio.alaw_encode(narrow)), audio.PHONE_RATE, RATE)
