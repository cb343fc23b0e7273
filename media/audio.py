"""Arithmetic on sound: sample rates, G.711, levels, the telephone band. Pure functions, no I/O.

Samples are mono signed 16-bit arrays of shape ``(n,)`` (``bot.models.Pcm``), rates are in Hz, lengths in
milliseconds, levels in dBFS. 0 dBFS is the RMS of a full-scale square wave (32768), so a full-scale sine
is at −3.01 dBFS; this is also how sox reports ``RMS lev dB``.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
import numpy.typing as npt
import soxr

from bot.models import Pcm

PHONE_RATE = 8000
"""Hz: sample rate of G.711."""

FULL_SCALE = 32768.0
"""Magnitude that 0 dBFS stands for."""

SILENCE_DBFS = -120.0
"""What the level functions answer for digital silence and for no samples at all (a floor, not −inf)."""

_PHONE_BAND_HZ = (300.0, 3400.0)  # ITU-T G.712, pass band of a telephone channel
_BAND_SKIRT_HZ = 150.0  # half-power distance from either edge to the stop band
_QUALITY = "HQ"  # soxr's 20-bit recipe: well under 16-bit noise, and no measurable cost on speech

FloatSamples = npt.NDArray[np.float32]


# --- int16 -----------------------------------------------------------------------------------------------


def silence(length_ms: float, rate: int) -> Pcm:
    """Zeros lasting ``length_ms`` milliseconds at ``rate`` Hz."""
    return np.zeros(round(length_ms * rate / 1000), dtype=np.int16)


def duration_ms(samples: Pcm, rate: int) -> float:
    """Length of ``samples`` in milliseconds."""
    return len(samples) * 1000 / rate


def from_bytes(data: bytes | bytearray | memoryview) -> Pcm:
    """Samples of little-endian 16-bit PCM. The array is a copy, so it may be written to.

    Raises:
        ValueError: an odd number of bytes.
    """
    return np.frombuffer(data, dtype="<i2").astype(np.int16)


def to_bytes(samples: Pcm) -> bytes:
    """Little-endian 16-bit PCM of ``samples``."""
    return samples.astype("<i2", copy=False).tobytes()


def to_float(samples: Pcm) -> FloatSamples:
    """Samples scaled to [−1, 1)."""
    return samples.astype(np.float32) / np.float32(FULL_SCALE)


def from_float(samples: npt.NDArray[np.floating]) -> Pcm:
    """Samples from [−1, 1), rounded; what lies outside saturates and what is not a number is silence."""
    scaled = np.rint(np.nan_to_num(np.asarray(samples, dtype=np.float64), posinf=1, neginf=-1) * FULL_SCALE)
    return np.clip(scaled, -32768, 32767).astype(np.int16)


def mix(*tracks: Pcm) -> Pcm:
    """Sum of the tracks, saturating; shorter ones are taken as silent after their end."""
    total = np.zeros(max((len(track) for track in tracks), default=0), dtype=np.int32)
    for track in tracks:
        total[: len(track)] += track
    return np.clip(total, -32768, 32767).astype(np.int16)


def frames(samples: Pcm, size: int) -> Iterator[Pcm]:
    """Views of ``size`` samples in order; the last one may be shorter.

    Raises:
        ValueError: ``size`` is not positive.
    """
    if size <= 0:
        raise ValueError(f"frame size must be positive, not {size}")
    return (samples[start : start + size] for start in range(0, len(samples), size))


# --- levels ----------------------------------------------------------------------------------------------


def rms_dbfs(samples: Pcm) -> float:
    """Root-mean-square level in dBFS, at least :data:`SILENCE_DBFS`."""
    if not len(samples):
        return SILENCE_DBFS
    return _dbfs(float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))))


def peak_dbfs(samples: Pcm) -> float:
    """Largest magnitude in dBFS, at least :data:`SILENCE_DBFS`."""
    if not len(samples):
        return SILENCE_DBFS
    return _dbfs(float(np.max(np.abs(samples.astype(np.int32)))))


def active_rms_dbfs(samples: Pcm, rate: int, *, margin_db: float = 30.0, frame_ms: float = 20.0) -> float:
    """RMS level of the speech alone, in dBFS, at least :data:`SILENCE_DBFS`.

    Frames of ``frame_ms`` more than ``margin_db`` below the loudest frame are pauses and do not count, so
    that a sentence with long pauses is not taken for a quiet one. A plain relative of the active speech
    level of ITU-T P.56, enough for clean synthetic speech.
    """
    size = max(1, round(frame_ms * rate / 1000))
    if len(samples) < size:
        return rms_dbfs(samples)
    whole = samples[: len(samples) // size * size].reshape(-1, size)
    power = np.mean(np.square(whole, dtype=np.float64), axis=1)
    active = power[power >= power.max() * 10 ** (-margin_db / 10)]
    return _dbfs(float(np.sqrt(active.mean())))


def amplify(samples: Pcm, gain_db: float) -> Pcm:
    """Samples times ``gain_db`` decibels, rounded, saturating."""
    scaled = np.rint(samples.astype(np.float64) * 10 ** (gain_db / 20))
    return np.clip(scaled, -32768, 32767).astype(np.int16)


def _dbfs(magnitude: float) -> float:
    return max(SILENCE_DBFS, 20 * float(np.log10(magnitude / FULL_SCALE))) if magnitude > 0 else SILENCE_DBFS


# --- sample rates ----------------------------------------------------------------------------------------


def resample(samples: Pcm, source: int, target: int) -> Pcm:
    """A whole clip at another rate: ``round(n * target / source)`` samples, give or take one; dithered."""
    if source == target or not len(samples):
        return samples
    resampled: Pcm = soxr.resample(np.ascontiguousarray(samples), source, target, quality=_QUALITY)
    return resampled


class StreamResampler:
    """Another rate for sound that arrives in pieces, with no seam between them.

    Output lags input by the filter's delay; :meth:`finish` gives the rest.
    """

    def __init__(self, source: int, target: int) -> None:
        self._stream = (
            None
            if source == target
            else soxr.ResampleStream(source, target, 1, dtype="int16", quality=_QUALITY)
        )

    def push(self, samples: Pcm) -> Pcm:
        """What can already be given of everything pushed so far; may be empty."""
        if self._stream is None:
            return samples
        resampled: Pcm = self._stream.resample_chunk(np.ascontiguousarray(samples))
        return resampled

    def finish(self) -> Pcm:
        """The remaining samples. Afterwards the resampler is ready for another clip."""
        if self._stream is None:
            return np.zeros(0, dtype=np.int16)
        resampled: Pcm = self._stream.resample_chunk(np.zeros(0, dtype=np.int16), last=True)
        self._stream.clear()
        return resampled


# --- the telephone band ----------------------------------------------------------------------------------


def telephone_band(samples: Pcm, rate: int) -> Pcm:
    """The clip as a telephone channel passes it: 300–3400 Hz (ITU-T G.712), same length, no delay.

    Raises:
        ValueError: ``rate`` is below 8000 Hz, where the band does not fit.
    """
    if rate < PHONE_RATE:
        raise ValueError(f"the telephone band needs a rate of 8000 Hz or more, not {rate}")
    if not len(samples):
        return samples
    taps = _band_taps(rate)
    size = 1 << (len(samples) + len(taps) - 2).bit_length()  # FFT length: linear, not circular, convolution
    spectrum = np.fft.rfft(samples, size) * np.fft.rfft(taps, size)
    start = len(taps) // 2
    filtered = np.fft.irfft(spectrum, size)[start : start + len(samples)]
    return np.clip(np.rint(filtered), -32768, 32767).astype(np.int16)


@cache
def _band_taps(rate: int) -> npt.NDArray[np.float64]:
    """Linear-phase FIR, windowed sinc (Blackman), odd length."""
    half = round(5.5 / 2 * rate / (2 * _BAND_SKIRT_HZ))  # Blackman: transition width 5.5 * rate / length
    n = np.arange(-half, half + 1)
    low, high = (2 * edge / rate for edge in _PHONE_BAND_HZ)
    taps: npt.NDArray[np.float64] = (high * np.sinc(high * n) - low * np.sinc(low * n)) * np.blackman(len(n))
    return taps


# --- G.711 -----------------------------------------------------------------------------------------------
# ITU-T G.711 (11/88). Both laws have 8 segments of 16 steps for each sign; every segment's steps are
# twice as wide as the one before. Encoding looks the code up in a table of all 65536 samples.

_ALAW_EVEN_BITS = 0x55  # G.711 §3.2: even bits are inverted on the line
_ULAW_BIAS = 132  # G.711 table 2a: 33 in 14-bit units, moved to 16 bits
_ULAW_CLIP = 32767 - _ULAW_BIAS


def alaw_encode(samples: Pcm) -> bytes:
    """One A-law octet a sample."""
    return _alaw_codes()[samples.view(np.uint16)].tobytes()


def alaw_decode(data: bytes | bytearray | memoryview) -> Pcm:
    """One sample an A-law octet: the middle of its step, 13 bits left-aligned in 16."""
    return _alaw_values()[np.frombuffer(data, dtype=np.uint8)]


def ulaw_encode(samples: Pcm) -> bytes:
    """One µ-law octet a sample."""
    return _ulaw_codes()[samples.view(np.uint16)].tobytes()


def ulaw_decode(data: bytes | bytearray | memoryview) -> Pcm:
    """One sample a µ-law octet: the middle of its step, 14 bits left-aligned in 16."""
    return _ulaw_values()[np.frombuffer(data, dtype=np.uint8)]


def _every_sample() -> npt.NDArray[np.int32]:
    """All int16 values, in the order of their bit patterns."""
    return np.arange(1 << 16, dtype=np.uint16).view(np.int16).astype(np.int32)


@cache
def _alaw_codes() -> npt.NDArray[np.uint8]:
    samples = _every_sample()
    # Negative steps are the mirror of positive ones with 0 excluded: −1 falls in the first step, as 0 does.
    magnitude = np.where(samples < 0, -samples - 1, samples) >> 4  # in the narrowest steps, 0…2047
    # The first two segments share one step width; above them the segment is the place of the top bit.
    segment = np.maximum(0, np.floor(np.log2(np.maximum(magnitude, 1))).astype(np.int32) - 3)
    step = (magnitude >> np.maximum(segment - 1, 0)) & 0x0F
    sign = np.where(samples < 0, 0, 0x80)
    codes: npt.NDArray[np.uint8] = ((sign | segment << 4 | step) ^ _ALAW_EVEN_BITS).astype(np.uint8)
    return codes


@cache
def _alaw_values() -> Pcm:
    code = np.arange(256, dtype=np.int32) ^ _ALAW_EVEN_BITS
    segment, step = (code >> 4) & 7, code & 0x0F
    magnitude = np.where(segment == 0, step * 16 + 8, (step * 16 + 8 + 256) << np.maximum(segment - 1, 0))
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


@cache
def _ulaw_codes() -> npt.NDArray[np.uint8]:
    samples = _every_sample()
    # Decisions are taken on 14 bits, as G.711 defines them: the sample's two lowest bits never matter.
    magnitude = np.minimum(np.abs(samples >> 2) << 2, _ULAW_CLIP) + _ULAW_BIAS
    segment = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    step = (magnitude >> (segment + 3)) & 0x0F
    sign = np.where(samples < 0, 0x80, 0)
    codes: npt.NDArray[np.uint8] = (~(sign | segment << 4 | step) & 0xFF).astype(np.uint8)
    return codes


@cache
def _ulaw_values() -> Pcm:
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    segment, step = (code >> 4) & 7, code & 0x0F
    magnitude = ((step * 8 + _ULAW_BIAS) << segment) - _ULAW_BIAS
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)
