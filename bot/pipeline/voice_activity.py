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
_BELOW_SPEECH_DB = 24.0
"""Weak consonants (f, v, s on a telephone) reach down to about 20 dB under a voice's mean level."""
_RESUMED_MS = 40
"""A click does not end a lull."""


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


class Lull:
    """For how long the line has been far quieter than the speech before it: a pause, told by its level alone.

    Silero tells of it a fifth of a second later. On a line so noisy that speech stands out less than
    ``_BELOW_SPEECH_DB`` there is never a lull, and Silero alone decides.
    """

    def __init__(self) -> None:
        self.quiet_ms = 0
        self._loud_ms = 0
        self._power = 0.0
        self._frames = 0

    def hear(self, power: float, length_ms: int) -> None:
        """One frame of the caller's turn; ``power``: mean square of its int16 samples."""
        level = power_dbfs(power)
        if self._frames and level < power_dbfs(self._power / self._frames) - _BELOW_SPEECH_DB:
            self.quiet_ms += length_ms
            self._loud_ms = 0
            return
        self._power += power
        self._frames += 1
        self._loud_ms += length_ms
        if self._loud_ms >= _RESUMED_MS:
            self.quiet_ms = 0


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
