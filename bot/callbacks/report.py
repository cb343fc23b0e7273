"""How long subscribers waited, and whether promises were kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.callbacks.model import OPEN, Callback, Outcome


@dataclass(frozen=True)
class Clock:
    """Milliseconds; None: has not happened. ``late_ms``: from the promised time to the first ring, 0 when before it."""

    click_to_ring_ms: int | None
    ring_to_answer_ms: int | None
    click_to_answer_ms: int | None
    late_ms: int | None


def clock(callback: Callback) -> Clock:
    """The clock of one callback. Its ring is the first one; its answer may be to a later one."""
    return Clock(
        click_to_ring_ms=_between(callback.requested_at, callback.rung_at),
        ring_to_answer_ms=_between(callback.rung_at, callback.answered_at),
        click_to_answer_ms=_between(callback.requested_at, callback.answered_at),
        late_ms=_between(callback.promised_at, callback.rung_at),
    )


def immediate(callback: Callback) -> bool:
    """Whether the subscriber was promised a ring at once."""
    return callback.promised_at <= callback.requested_at


@dataclass(frozen=True)
class Report:
    """Some callbacks together. ``outcomes``: how many of each, and how many are open.

    ``at_once``: how many of those that were to be rung at once have been; ``ring_p50_ms``, ``ring_p95_ms``: median and
    95th percentile of their click to ring.
    """

    outcomes: dict[str, int]
    at_once: int
    ring_p50_ms: int | None
    ring_p95_ms: int | None


def report(callbacks: Iterable[Callback]) -> Report:
    """What became of ``callbacks``."""
    listed = list(callbacks)
    counts = Counter(c.outcome.value for c in listed if c.outcome)
    outcomes = {outcome.value: counts[outcome.value] for outcome in Outcome}
    outcomes["open"] = sum(c.state in OPEN for c in listed)
    rings = sorted(ms for c in listed if immediate(c) and (ms := clock(c).click_to_ring_ms) is not None)
    return Report(outcomes, len(rings), _percentile(rings, 50), _percentile(rings, 95))


def _percentile(ordered: Sequence[int], percent: int) -> int | None:
    """Nearest rank: a value that was measured."""
    return ordered[-(-len(ordered) * percent // 100) - 1] if ordered else None


def _between(start: datetime | None, end: datetime | None) -> int | None:
    if start is None or end is None:
        return None
    return max(0, round((end - start).total_seconds() * 1000))
