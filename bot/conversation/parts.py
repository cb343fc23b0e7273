"""What a conversation needs of whatever carries it, as Protocols."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from bot.models import Say


class Clock(Protocol):
    """The time of one call."""

    def now_ms(self) -> int:
        """Milliseconds since the call was answered."""
        ...

    def wall(self) -> datetime:
        """The date and time, aware."""
        ...


class Mouth(Protocol):
    """What the conversation speaks through."""

    async def say(self, says: Sequence[Say], *, yields: bool = False) -> None:
        """Begin to say these, after whatever is still being said; does not wait for the end of it.

        ``yields``: not over a caller who has gone on talking; if that was a whole turn, its own reply replaces this.
        """
        ...

    async def heard(self) -> None:
        """Return when all that was to be said has been played, or cut; at the latest after a minute."""
        ...

    async def hush(self) -> None:
        """Cut what is being said, without its counting as an interruption; returns when none of it can be heard."""
        ...

    async def end(self) -> None:
        """End the call when everything has been said; returns then, or when the caller does not hear it out."""
        ...
