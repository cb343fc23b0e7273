"""Sounds that are not words for the bot, made here so that every machine makes the same: 16 kHz mono."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bot.models import Pcm
from media.audio import amplify, from_float, rms_dbfs
from simulator.script import Caller, Sound
from simulator.voices import LEVEL_DBFS, RATE, Voices

_TELEVISION_SAYS = "Et maintenant, la météo. Demain, le soleil brillera sur une grande moitié sud du pays."
_TELEVISION = Caller(voice="mbrola-fr1", speed=1.15)

_BELOW_VOICE_DB = {Sound.COUGH: -2.0, Sound.HUM: 6.0, Sound.TELEVISION: 18.0, Sound.STREET: 12.0}
"""How far below the caller's own voice each sound reaches the telephone."""

Samples = npt.NDArray[np.float64]


async def make(sound: Sound, voices: Voices) -> Pcm:
    """The sound, at the level at which it reaches the telephone.

    Raises:
        VoiceError: the television's voice failed.
    """
    match sound:
        case Sound.COUGH:
            samples = cough()
        case Sound.HUM:
            samples = hum()
        case Sound.STREET:
            samples = street()
        case Sound.TELEVISION:
            samples = await voices.speak(_TELEVISION, _TELEVISION_SAYS)
    return amplify(samples, LEVEL_DBFS - _BELOW_VOICE_DB[sound] - rms_dbfs(samples))


def cough() -> Pcm:
    """Two bursts of breath: a sharp onset, then noise that dies away (0.55 s)."""
    rng = np.random.default_rng(1)
    out = np.zeros(round(0.55 * RATE))
    for start, length, strength in ((0.0, 0.22, 1.0), (0.30, 0.20, 0.7)):
        n = round(length * RATE)
        t = np.arange(n) / RATE
        burst = (
            _shaped(rng.standard_normal(n), low=400, high=3500) * np.minimum(t / 0.008, 1) * np.exp(-t / 0.06)
        )
        out[round(start * RATE) : round(start * RATE) + n] += strength * burst
    return _pcm(out)


def hum() -> Pcm:
    """ "Mm-hm": two closed-mouth notes, the second higher (0.55 s)."""
    out = np.zeros(round(0.55 * RATE))
    for start, length, low, high in ((0.0, 0.2, 118, 112), (0.27, 0.26, 122, 150)):
        n = round(length * RATE)
        phase = 2 * np.pi * np.cumsum(np.linspace(low, high, n)) / RATE
        note = sum(
            (0.5**k * np.sin((k + 1) * phase) for k in range(6)), np.zeros(n)
        )  # a nasal: falling harmonics
        out[round(start * RATE) : round(start * RATE) + n] += note * np.hanning(n) ** 0.5
    return _pcm(out)


def street(seconds: float = 3.0) -> Pcm:
    """Traffic passing: low noise that swells and fades."""
    n = round(seconds * RATE)
    rng = np.random.default_rng(2)
    return _pcm(_shaped(rng.standard_normal(n), low=80, high=900) * np.hanning(n))


def noise(level_dbfs: float, seconds: float = 10.0) -> Pcm:
    """Steady background noise at ``level_dbfs``, softer towards the treble as rooms are."""
    rng = np.random.default_rng(3)
    samples = _pcm(_shaped(rng.standard_normal(round(seconds * RATE)), low=100, high=4000, tilt=True))
    return amplify(samples, level_dbfs - rms_dbfs(samples))


def _shaped(white: Samples, *, low: float, high: float, tilt: bool = False) -> Samples:
    """White noise kept between two frequencies; ``tilt``: falling by 3 dB an octave."""
    spectrum = np.fft.rfft(white)
    hertz = np.fft.rfftfreq(len(white), 1 / RATE)
    gain = ((hertz >= low) & (hertz <= high)).astype(float)
    if tilt:
        gain /= np.sqrt(np.maximum(hertz, low) / low)
    shaped: Samples = np.fft.irfft(spectrum * gain, len(white))
    return shaped


def _pcm(samples: Samples) -> Pcm:
    return from_float(0.5 * samples / np.max(np.abs(samples)))
