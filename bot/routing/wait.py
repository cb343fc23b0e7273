"""How long a caller will wait, as far as it is known. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

ENOUGH = 5
"""Fewer waits than this say nothing."""
KEPT = 50
"""Waits looked at, the newest."""
_HELD = 0.8
"""The part of callers who must not wait longer than what is told."""


def expected_wait(waits: Sequence[float | None]) -> float | None:
    """Seconds within which four callers in five were with an agent lately; None: not known.

    ``waits``: as in :class:`bot.routing.model.Ledger`. Callers to whom nobody came count: when they are more than one
    in five, no time can be told.
    """
    if len(waits) < ENOUGH:
        return None
    known = sorted(math.inf if wait is None else wait for wait in waits)
    found = known[math.ceil(_HELD * len(known)) - 1]
    return found if math.isfinite(found) else None
