"""The appointment slots a fictional operator opens on its working days. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAYS_AHEAD = 21
DEFAULT_ZONE = "Europe/Paris"
_SUNDAY = 6


@dataclass(frozen=True)
class PlannedSlot:
    """``capacity``: how many subscribers it serves. ``taken``: how many of these are gone."""

    kind: str
    starts_at: datetime
    ends_at: datetime
    capacity: int
    taken: int


@dataclass(frozen=True)
class _Pattern:
    kind: str
    hours: tuple[int, ...]
    length: timedelta
    capacity: int


_PATTERNS = (
    _Pattern("technician", (8, 10, 14, 16), timedelta(hours=2), 3),
    _Pattern("replacement", (9, 14), timedelta(hours=4), 20),
    _Pattern("callback", tuple(range(9, 20)), timedelta(hours=1), 10),
)


def planned_slots(first: date, last: date, zone: ZoneInfo) -> Iterator[PlannedSlot]:
    """Slots from ``first`` to ``last``, Sundays excepted, in the order they start.

    The first technician slot of a Monday is full, so that a full one can always be met.
    """
    for offset in range((last - first).days + 1):
        day = first + timedelta(days=offset)
        if day.weekday() == _SUNDAY:
            continue
        of_day = []
        for pattern in _PATTERNS:
            for hour in pattern.hours:
                starts_at = datetime.combine(day, time(hour), zone)
                full = pattern.kind == "technician" and day.weekday() == 0 and hour == pattern.hours[0]
                taken = pattern.capacity if full else 0
                of_day.append(
                    PlannedSlot(pattern.kind, starts_at, starts_at + pattern.length, pattern.capacity, taken)
                )
        yield from sorted(of_day, key=lambda slot: slot.starts_at)
