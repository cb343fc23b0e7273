"""The time of one call: real for voice, pushed forward by the caller's script for text."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo


class CallClock:
    """Starts when the call is answered. ``wall``: the date and time at that moment, or None for now.

    :meth:`advance` makes time pass without waiting.
    """

    def __init__(
        self, zone: ZoneInfo, wall: datetime | None = None, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._monotonic = monotonic
        self._began = monotonic()
        self._skipped_ms = 0
        self._zone, self._given = zone, wall
        self._wall = (wall or datetime.now(zone)).astimezone(zone)

    def restart(self) -> None:
        """The call is answered only now."""
        self._began, self._skipped_ms = self._monotonic(), 0
        self._wall = (self._given or datetime.now(self._zone)).astimezone(self._zone)

    def now_ms(self) -> int:
        """Milliseconds since the call was answered."""
        return round((self._monotonic() - self._began) * 1000) + self._skipped_ms

    def wall(self) -> datetime:
        """The date and time in the brand's zone."""
        return self._wall + timedelta(milliseconds=self.now_ms())

    def advance(self, ms: int) -> None:
        """Let ``ms`` milliseconds pass at once."""
        self._skipped_ms += ms
