"""How the caller knows that the bot speaks: by ear, as real callers do. A pure state machine fed levels and seconds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class Heard(Enum):
    """A change of what is heard."""

    STARTED = auto()
    FINISHED = auto()


@dataclass(frozen=True)
class EarSettings:
    """``threshold_dbfs``: louder is speech. ``start_s``: of speech before it counts; ``end_s``: of quiet after it.

    A bot pauses up to half a second between two sentences; a caller who answers into that pause cuts it short.
    """

    threshold_dbfs: float = -45.0
    start_s: float = 0.06
    end_s: float = 0.8


class Ear:
    """Says when the other side starts and finishes speaking."""

    def __init__(self, settings: EarSettings | None = None) -> None:
        self._settings = settings or EarSettings()
        self._now = 0.0
        self._loud = 0.0
        self.speaking = False
        self.last_speech = 0.0
        """Seconds since the start: end of the last loud frame."""

    def feed(self, level_dbfs: float, seconds: float) -> Heard | None:
        """One frame of ``seconds`` at ``level_dbfs``; a change of state if it makes one."""
        self._now += seconds
        if level_dbfs > self._settings.threshold_dbfs:
            self._loud += seconds
            self.last_speech = self._now
            if not self.speaking and self._loud >= self._settings.start_s - 1e-9:
                self.speaking = True
                return Heard.STARTED
            return None
        self._loud = 0.0
        if self.speaking and self._now - self.last_speech >= self._settings.end_s - 1e-9:
            self.speaking = False
            return Heard.FINISHED
        return None
