"""Whether the caller speaks, 32 ms at a time: Silero, helped by plain loudness where loudness can be trusted.

On an 8 kHz line Silero gives some voices next to nothing for whole sentences (measured: under 0.1 through most of a
sentence in one of four). While the bot is silent, sound far above the line's own background is therefore taken for
speech too: at worst a cough is decoded and thrown out when it is read. While the bot speaks only Silero counts, since
what it lets through may cut the bot short.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.audio.vad.vad_analyzer import VADParams

SAMPLE_RATE = 16_000

_WINDOW_MS = 32
_FLOOR_MS = 3_000
_ABOVE_FLOOR_DB = 20.0
_QUIETEST_DBFS = -45.0
"""Under this it is no caller, however quiet the line."""


def power_dbfs(power: float) -> float:
    """Level of int16 samples of this mean square, dBFS; digital silence is −120."""
    return 10 * float(np.log10(max(power, 1e-3) / 32768.0**2))


class NoiseFloor:
    """The line's background: the level that a tenth of the last seconds stayed under. dBFS, one value a window."""

    def __init__(self) -> None:
        self._levels: deque[float] = deque(maxlen=_FLOOR_MS // _WINDOW_MS)

    def is_loud(self, level: float) -> bool:
        """Whether this window stands far out of the background; it is counted into it."""
        self._levels.append(level)
        floor = sorted(self._levels)[len(self._levels) // 10]
        return level > max(floor + _ABOVE_FLOOR_DB, _QUIETEST_DBFS)


class LineVad(SileroVADAnalyzer):
    """Silero set for a telephone.

    Its defaults miss a "oui", which lasts a fifth to half of a second: at a confidence of 0.5 five of fifteen such
    words in three voices went unheard on an 8 kHz line, at 0.3 none, and a cough still is no speech to it.
    """

    def __init__(self) -> None:
        super().__init__(params=VADParams(confidence=0.3, start_secs=0.06, stop_secs=0.2, min_volume=0.3))
        self.set_sample_rate(SAMPLE_RATE)
        self.bot_audible = False
        self._floor = NoiseFloor()

    def voice_confidence(self, buffer: bytes) -> float:
        """See pipecat: 0–1 for one window of int16 samples."""
        confidence = float(np.ravel(super().voice_confidence(buffer))[0])
        power = float(np.mean(np.square(np.frombuffer(buffer, np.int16), dtype=np.float64)))
        loud = self._floor.is_loud(power_dbfs(power))
        return max(confidence, 0.5) if loud and not self.bot_audible else confidence
