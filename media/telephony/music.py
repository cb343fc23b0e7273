"""What a caller on hold hears: a soft loop made here, the same on every machine, free of anyone's rights.

Four chords of sine tones, each swelling and fading under the next, with a few bell notes above. Every tone is one
of :data:`NOTES_HZ` and has no overtones, so nine tenths of the loop's energy lies within a few hertz of them: speech
never looks like that, which is how tests tell what a caller heard. All tones are inside the telephone band.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from bot.models import Pcm
from media import audio

LEVEL_DBFS: Final = -24.0
"""RMS of the whole loop: four decibels under the voice, which must stand out when it comes back."""

LOOP_S: Final = 32.0

VERSION: Final = 1
"""Raised when the music changes, so that files already made are made again."""

_CHORD_S = 8.0
_OVERLAP_S = 2.0
_BELL_S = 3.0

# Equal temperament on A = 440 Hz: C major, A minor, F major, G major.
_CHORDS_HZ: Final = (
    (329.63, 392.00, 523.25),
    (329.63, 440.00, 523.25),
    (349.23, 440.00, 523.25),
    (392.00, 493.88, 587.33),
)
_BELLS_HZ: Final = (
    (783.99, 1046.50, 659.26),
    (880.00, 1046.50, 659.26),
    (698.46, 880.00, 1046.50),
    (783.99, 987.77, 1174.66),
)
_BELL_AT_S: Final = (1.0, 3.5, 6.0)  # within its chord
_CHORD_GAIN: Final = 1.0
_BELL_GAIN: Final = 0.7

NOTES_HZ: Final = tuple(sorted({note for chord in (*_CHORDS_HZ, *_BELLS_HZ) for note in chord}))
"""Every tone there is, in Hz, lowest first."""

_Samples = npt.NDArray[np.float64]


def hold_music(rate: int) -> Pcm:
    """The loop at ``rate`` Hz (8000 or more): :data:`LOOP_S` seconds whose end runs into its beginning."""
    loop = np.zeros(round(LOOP_S * rate))
    for bar, (chord, bells) in enumerate(zip(_CHORDS_HZ, _BELLS_HZ, strict=True)):
        start_s = bar * _CHORD_S
        for note in chord:
            _add(loop, rate, start_s, _CHORD_GAIN * _tone(note, rate, _swell(rate)))
        for note, after_s in zip(bells, _BELL_AT_S, strict=True):
            _add(loop, rate, start_s + after_s, _BELL_GAIN * _tone(note, rate, _ring(rate)))
    loop *= audio.FULL_SCALE * 10 ** (LEVEL_DBFS / 20) / np.sqrt(np.mean(np.square(loop)))
    return np.rint(loop).astype(np.int16)


def _add(loop: _Samples, rate: int, start_s: float, tone: _Samples) -> None:
    """What goes past the end of the loop goes on at its beginning: that is why it has no seam."""
    at = (round(start_s * rate) + np.arange(len(tone))) % len(loop)
    loop[at] += tone


def _tone(hertz: float, rate: int, envelope: _Samples) -> _Samples:
    tone: _Samples = envelope * np.sin(2 * np.pi * hertz * np.arange(len(envelope)) / rate)
    return tone


def _swell(rate: int) -> _Samples:
    """A chord: up over the overlap, held, down over the overlap with the next."""
    rise = 0.5 - 0.5 * np.cos(np.pi * np.linspace(0, 1, round(_OVERLAP_S * rate)))
    return np.concatenate([rise, np.ones(round((_CHORD_S - _OVERLAP_S) * rate)), rise[::-1]])


def _ring(rate: int) -> _Samples:
    """A bell: up in 30 ms, dying away, brought to nothing at its end."""
    seconds = np.arange(round(_BELL_S * rate)) / rate
    attack = np.minimum(1.0, seconds / 0.03)
    end = np.minimum(1.0, (_BELL_S - seconds) / 0.2)
    ring: _Samples = np.sin(0.5 * np.pi * attack) ** 2 * np.exp(-seconds / 0.9) * end
    return ring
