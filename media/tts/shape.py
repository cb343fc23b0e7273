"""Making synthesised speech fit for a call: no dead air at its ends, one loudness, no click."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bot.models import Pcm
from media import audio

TARGET_DBFS = -20.0
"""Active level of the speech within the telephone band, the part that every caller hears. G.711's overload
point is +3.14 dBm0 (A-law), so this is about −17 dBm0: the loud side of ordinary telephone speech (recordings
after ITU-T P.56 are usually set to −26 dBov), which is where announcements sit, with room for peaks."""

CEILING_DBFS = -3.0
"""No sample goes above this: room for what resampling and a codec add."""

Samples = npt.NDArray[np.float64]

_MOST_GAIN_DB = 24.0  # more would lift an engine's noise, not speech
_BELOW_SPEECH_DB = 40.0  # ends this far below the speech are silence; a weak initial f or s is at −30
_WINDOW_MS = 5
_LEAD_MS = 10  # kept before the first sound
_TAIL_MS = 60  # kept after the last one: the decay of a vowel
_FADE_IN_MS = 4
_FADE_OUT_MS = 20


def shape(samples: Pcm, rate: int) -> Pcm:
    """The speech in ``samples``: trimmed, at :data:`TARGET_DBFS` and under :data:`CEILING_DBFS`, ends faded.

    Empty when there is no sound in it. ``rate``: 8000 Hz or more.
    """
    speech = _trim(samples, rate, audio.active_rms_dbfs(samples, rate) - _BELOW_SPEECH_DB)
    if not len(speech):
        return speech
    level = audio.active_rms_dbfs(audio.telephone_band(speech, rate), rate)
    louder = speech.astype(np.float64) * 10 ** (min(TARGET_DBFS - level, _MOST_GAIN_DB) / 20)
    return _fade(np.rint(_limit(louder, rate)).astype(np.int16), rate)


def _limit(samples: Samples, rate: int) -> Samples:
    """Peaks over the ceiling turned down for a few milliseconds, and nothing else.

    A consonant that bursts for half a millisecond would otherwise decide how quiet a whole sentence is: 10 dB in
    "J'ai noté…". The gain of each millisecond is what its peak needs; the least of seven neighbours, averaged over
    five and drawn as straight lines, it is smooth and nowhere more than needed.
    """
    block = max(1, rate // 1000)
    ceiling = audio.FULL_SCALE * 10 ** (CEILING_DBFS / 20)
    peaks = np.maximum.reduceat(np.abs(samples), np.arange(0, len(samples), block))
    if peaks.max() <= ceiling:
        return samples
    needed = np.pad(ceiling / np.maximum(peaks, ceiling), 5, mode="edge")
    least = np.lib.stride_tricks.sliding_window_view(needed, 7).min(axis=1)
    smooth = np.lib.stride_tricks.sliding_window_view(least, 5).mean(axis=1)
    centres = (np.arange(len(peaks)) + 0.5) * block
    gain: Samples = np.interp(np.arange(len(samples)), centres, smooth)
    return samples * gain


def _trim(samples: Pcm, rate: int, floor_dbfs: float) -> Pcm:
    window = _WINDOW_MS * rate // 1000
    threshold = audio.FULL_SCALE * 10 ** (max(floor_dbfs, audio.SILENCE_DBFS + 40) / 20)
    starts = range(0, len(samples), window)
    if not starts:
        return samples
    power = np.add.reduceat(np.square(samples, dtype=np.float64), starts) / window
    loud = np.flatnonzero(power > threshold**2)
    if not len(loud):
        return samples[:0]
    first = loud[0] * window - _LEAD_MS * rate // 1000
    last = (loud[-1] + 1) * window + _TAIL_MS * rate // 1000
    return samples[max(0, first) : last]


def _fade(samples: Pcm, rate: int) -> Pcm:
    """Half a cosine up and down; a clip shorter than both fades is faded over its halves."""
    curve = np.ones(len(samples))
    rise = min(_FADE_IN_MS * rate // 1000, len(samples) // 2)
    fall = min(_FADE_OUT_MS * rate // 1000, len(samples) // 2)
    curve[:rise] *= _half_cosine(rise)
    curve[len(samples) - fall :] *= _half_cosine(fall)[::-1]
    return np.rint(samples * curve).astype(np.int16)


def _half_cosine(length: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return 0.5 - 0.5 * np.cos(np.pi * np.arange(length) / max(1, length))
