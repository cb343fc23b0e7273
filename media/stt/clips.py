"""Cutting clips to what Whisper takes. Pure functions on samples and features."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bot.models import Pcm

Features = npt.NDArray[np.float32]
"""Log-mel spectrogram, shape ``(mel bands, frames)``, 100 frames a second."""

FRAMES_PER_SECOND = 100
MAX_FRAMES = 3000  # what the encoder was trained on: 30 s

_SHORTEST_FRAMES = 1000  # below 10 s of mel Whisper loops (178 % word error rate at 5 s)
_TAIL_FRAMES = 100  # one second of silence after the speech, so that the decoder sees an end
_LEVEL_WINDOW_S = 0.02


def fit(features: Features) -> Features:
    """``features`` padded to ``max(10 s, length + 1 s)``, at most 30 s.

    The encoder's cost grows with the frames it sees, and stock Whisper always shows it 30 s. The
    padding is the clip's own minimum, which is what silence looks like; zero is a loud tone.
    """
    frames = features.shape[-1]
    wanted = min(max(frames + _TAIL_FRAMES, _SHORTEST_FRAMES), MAX_FRAMES)
    if frames >= wanted:
        return features[:, :wanted]
    return np.pad(features, ((0, 0), (0, wanted - frames)), constant_values=float(features.min()))


def loudest_dbfs(audio: Pcm, rate: int) -> float:
    """RMS level of the loudest 20 ms, in dB of full scale; −inf for digital silence or no samples."""
    window = max(1, int(rate * _LEVEL_WINDOW_S))
    count = len(audio) // window
    if not count:
        return float("-inf")
    power = (
        np.square(audio[: count * window].reshape(count, window).astype(np.float64) / 32768)
        .mean(axis=1)
        .max()
    )
    return float(10 * np.log10(power)) if power > 0 else float("-inf")


def split(audio: Pcm, rate: int, longest_s: float) -> list[Pcm]:
    """``audio`` in pieces of at most ``longest_s`` seconds, cut where the last third of each is quietest."""
    pieces: list[Pcm] = []
    longest = int(rate * longest_s)
    window = int(rate * 0.2)
    while len(audio) > longest:
        start = longest * 2 // 3
        power = np.square(audio[start:longest].astype(np.float64))
        level = np.convolve(power, np.ones(window), mode="valid")
        cut = start + int(level.argmin()) + window // 2
        pieces.append(audio[:cut])
        audio = audio[cut:]
    return [*pieces, audio]
