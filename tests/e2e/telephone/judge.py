"""What a party heard, told from the recording alone: tones, hold music, speech, silence, and the same sound twice.

Every function takes int16 mono samples at 16 kHz. Parties are told apart by tones that neither the hold music nor each
other have; the hold music by its notes, which hold nine tenths of its energy, as speech never has.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bot.models import Pcm
from media.audio import FULL_SCALE
from media.telephony.music import NOTES_HZ

RATE = 16_000
AGENT_HZ = 1900.0
CALLER_HZ = 2300.0
QUIET_DBFS = -50.0

_WINDOW = RATE // 4  # fine enough to tell the music's notes apart
_TONE_WIDTH_HZ = 12.0
_PURE = 0.95
_COARSE = RATE // 50


def tone(hertz: float, seconds: float = 1.0, dbfs: float = -18.0) -> Pcm:
    """A sine; of whole seconds, it can be played over and over."""
    amplitude = FULL_SCALE * 10 ** (dbfs / 20) * np.sqrt(2)
    return np.rint(amplitude * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)).astype(
        np.int16
    )


def tone_s(samples: Pcm, hertz: float) -> float:
    """Seconds in which this tone is the loudest thing, to a quarter of a second."""
    return float(np.sum(_is_loud(samples) & (_share(samples, (hertz,)) > _PURE)) * _WINDOW / RATE)


def music_s(samples: Pcm) -> float:
    """Seconds of the hold music with nothing else over it, to a quarter of a second."""
    return float(np.sum(_is_loud(samples) & (_share(samples, NOTES_HZ) > _PURE)) * _WINDOW / RATE)


def speech_s(samples: Pcm) -> float:
    """Seconds of anything loud that is neither the hold music nor a party's tone."""
    known = _share(samples, (*NOTES_HZ, AGENT_HZ, CALLER_HZ)) > _PURE
    return float(np.sum(_is_loud(samples) & ~known) * _WINDOW / RATE)


def longest_silence_s(samples: Pcm) -> float:
    """The longest stretch below −50 dBFS, to 20 ms."""
    longest = run = 0
    for level in _levels(samples, _COARSE):
        run = run + 1 if level < QUIET_DBFS else 0
        longest = max(longest, run)
    return longest * _COARSE / RATE


def last_sound_s(samples: Pcm) -> float:
    """Seconds from the start to the end of the last sound, to 20 ms; 0 when there is none."""
    loud = np.flatnonzero(_levels(samples, _COARSE) >= QUIET_DBFS)
    return float((loud[-1] + 1) * _COARSE / RATE) if len(loud) else 0.0


def first_sound_s(samples: Pcm) -> float | None:
    """Seconds from the start to the first sound, to 20 ms; None when there is none."""
    loud = np.flatnonzero(_levels(samples, _COARSE) >= QUIET_DBFS)
    return float(loud[0] * _COARSE / RATE) if len(loud) else None


def likeness(one: Pcm, other: Pcm) -> float:
    """How much of ``one`` is in ``other``, wherever it lies there: 0 nothing, 1 it is the same; tells a whisper that
    leaked from one that did not, at any loudness.

    The peak of the normalised cross-correlation of what lies above 300 Hz and is not a note of the hold music.
    """
    a, b = _sharp(one), _sharp(other)
    if len(a) > len(b):
        b = np.concatenate([b, np.zeros(len(a) - len(b))])
    size = 1 << int(np.ceil(np.log2(len(a) + len(b))))
    product = np.fft.irfft(np.fft.rfft(b, size) * np.conj(np.fft.rfft(a, size)), size)
    peaks = np.abs(product[: len(b) - len(a) + 1])
    power = np.concatenate([[0.0], np.cumsum(b**2)])
    norms = np.sqrt(np.maximum(power[len(a) :] - power[: len(power) - len(a)], 0) * np.sum(a**2))
    return float(np.max(peaks / np.maximum(norms, 1e-9))) if np.max(norms) > 0 else 0.0


def _share(samples: Pcm, hertz: Sequence[float]) -> npt.NDArray[np.float64]:
    """For each window, the part of its energy near these tones."""
    windows = _windows(samples, _WINDOW) * np.hanning(_WINDOW)
    power = np.abs(np.fft.rfft(windows, axis=1)) ** 2
    bins = np.fft.rfftfreq(_WINDOW, 1 / RATE)
    near = np.any(np.abs(bins[:, None] - np.asarray(hertz)[None, :]) <= _TONE_WIDTH_HZ, axis=1)
    return power[:, near].sum(axis=1) / np.maximum(power.sum(axis=1), 1e-9)


def _is_loud(samples: Pcm) -> npt.NDArray[np.bool_]:
    return _levels(samples, _WINDOW) >= QUIET_DBFS


def _levels(samples: Pcm, size: int) -> npt.NDArray[np.float64]:
    rms = np.sqrt(np.mean(_windows(samples, size) ** 2, axis=1))
    return 20 * np.log10(np.maximum(rms, 1.0) / FULL_SCALE)


def _windows(samples: Pcm, size: int) -> npt.NDArray[np.float64]:
    return samples[: len(samples) // size * size].reshape(-1, size).astype(np.float64)


def _sharp(samples: Pcm) -> npt.NDArray[np.float64]:
    """Without what says nothing of who is heard: what lies below a telephone's band, and the hold music's notes."""
    spectrum = np.fft.rfft(samples.astype(np.float64))
    hertz = np.fft.rfftfreq(len(samples), 1 / RATE)
    spectrum[hertz < 300] = 0
    for note in NOTES_HZ:
        spectrum[np.abs(hertz - note) <= _TONE_WIDTH_HZ] = 0
    return np.fft.irfft(spectrum, len(samples))
