"""When a subscriber may be rung: while people answer, and within civil hours where the subscriber lives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import holidays

from bot.operator import DAYS, Hours

_DAY = timedelta(days=1)
_WEEKS = 5
"""Far enough also where civil hours are one day a week and that one is a public holiday."""

_SUBDIVISIONS = {
    "GP": "971", "MQ": "972", "GF": "973", "RE": "974", "YT": "976", "BL": "BL", "MF": "MF",
    "PM": "PM", "WF": "WF", "NC": "NC", "PF": "PF",
}  # fmt: skip
"""Territory → where :mod:`holidays` keeps the days that only it has (the abolition of slavery, for one)."""


class CallCalendar:
    """The times at which subscribers are rung.

    ``open_hours``: when people answer, in ``open_zone``. ``ring_hours``: in the subscriber's zone.
    ``public_holidays``: whether these are days like others.
    """

    def __init__(
        self, open_hours: Hours, open_zone: ZoneInfo, ring_hours: Hours, *, public_holidays: bool
    ) -> None:
        self._open_hours = open_hours
        self._open_zone = open_zone
        self._ring_hours = ring_hours
        self._public_holidays = public_holidays

    def next_time(self, at: datetime, region: str, zone: str, asked_at: datetime | None = None) -> datetime:
        """The first moment at or after ``at`` (aware) when this subscriber may be rung, UTC.

        ``asked_at``: a time that the subscriber named, so that its day is rung even if it is a public holiday.

        In a week in which civil hours there and opening hours here do not meet at all (Tahiti in summer), civil hours
        alone hold: the bot answers always.
        """
        at = at.astimezone(UTC)
        there = ZoneInfo(zone)
        today = at.astimezone(there).date()
        asked_day = asked_at.astimezone(there).date() if asked_at else None
        monday = today - timedelta(days=today.weekday())
        for week in range(_WEEKS):
            for start, end in self._week(monday + timedelta(weeks=week), region, there, asked_day):
                if at < end:
                    return max(at, start)
        raise AssertionError("five weeks hold a time to ring: the days of the civil hours are never empty")

    def may_ring(self, at: datetime, region: str, zone: str, asked_at: datetime | None = None) -> bool:
        """Whether this subscriber may be rung at ``at`` (aware)."""
        return self.next_time(at, region, zone, asked_at) <= at

    def _week(
        self, monday: date, region: str, zone: ZoneInfo, asked_day: date | None
    ) -> list[tuple[datetime, datetime]]:
        """The times of one week of theirs, in order; they depend on nothing else, so a promise stays a promise."""
        civil = [
            window
            for day, window in _windows(self._ring_hours, zone, monday, 7)
            if self._public_holidays or day == asked_day or day not in _public_holidays(region)
        ]
        # A day more on either side: their week and ours do not begin at the same moment.
        ours = [window for _, window in _windows(self._open_hours, self._open_zone, monday - _DAY, 9)]
        common = [
            (max(start, opens), min(end, closes))
            for start, end in civil
            for opens, closes in ours
            if max(start, opens) < min(end, closes)
        ]
        return common or civil


def _windows(
    hours: Hours, zone: ZoneInfo, first: date, days: int
) -> Iterator[tuple[date, tuple[datetime, datetime]]]:
    """The openings of ``days`` days from ``first`` on, as UTC, each with its day."""
    for ahead in range(days):
        day = first + ahead * _DAY
        if DAYS[day.weekday()] in hours.days:
            start = datetime.combine(day, hours.open, zone).astimezone(UTC)
            end = datetime.combine(day, hours.close, zone).astimezone(UTC)
            if start < end:  # an hour that the change of the clocks leaves out is none
                yield day, (start, end)


@cache
def _public_holidays(region: str) -> Mapping[date, str]:
    """Of one territory; years are worked out as they are asked for."""
    return holidays.country_holidays("FR", subdiv=_SUBDIVISIONS.get(region))
