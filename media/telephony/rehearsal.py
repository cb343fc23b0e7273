"""What a simulated caller says of itself in ``User-to-User``: which call this is and what time to believe. Pure.

Looked at only by a bot that runs as a rehearsal (``DECROCHE_REHEARSAL``): to any other these are a stranger's bytes, as
all that a caller sends.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

_MARK = "rehearsal"


@dataclass(frozen=True)
class Rehearsal:
    """``call_id``: a UUID. ``now``: the time the caller rehearses at (aware), None for the real one."""

    call_id: str
    now: datetime | None = None

    def to_user(self) -> str:
        """As it travels, before hex: ASCII."""
        return " ".join([_MARK, self.call_id, *([self.now.isoformat()] if self.now else [])])


def read_rehearsal(user_to_user: str) -> Rehearsal | None:
    """What :meth:`Rehearsal.to_user` wrote; None for anything else."""
    words = user_to_user.split(" ")
    if words[0] != _MARK or not 2 <= len(words) <= 3:
        return None
    try:
        call_id = str(UUID(words[1]))
        now = datetime.fromisoformat(words[2]) if len(words) == 3 else None
    except ValueError:
        return None
    return None if now is not None and now.tzinfo is None else Rehearsal(call_id, now)
