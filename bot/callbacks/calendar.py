"""When a subscriber may be rung: while people answer, and within civil hours where the subscriber lives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import holidays

from bot.operator import DAYS, Hours

_AHEAD_DAYS = 15
"""Far enough for the longest run of days without a call: two weeks."""

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

        Where civil hours there and opening hours here never meet (Tahiti in summer), civil hours alone hold: the bot
        answers always.
        """
        at = at.astimezone(UTC)
        there = ZoneInfo(zone)
        asked_day = asked_at.astimezone(there).date() if asked_at else None
        civil = list(self._civil(at, region, there, asked_day))
        for start, end in civil:
            for opens, closes in _windows(self._open_hours, self._open_zone, start, end):
                begin, finish = max(at, start, opens), min(end, closes)
                if begin < finish:
                    return begin
        return next((max(at, start) for start, end in civil if end > at), at)

    def may_ring(self, at: datetime, region: str, zone: str, asked_at: datetime | None = None) -> bool:
        """Whether this subscriber may be rung at ``at`` (aware)."""
        return self.next_time(at, region, zone, asked_at) <= at

    def _civil(
        self, at: datetime, region: str, zone: ZoneInfo, asked_day: date | None
    ) -> Iterator[tuple[datetime, datetime]]:
        until = at + timedelta(days=_AHEAD_DAYS)
        for start, end in _windows(self._ring_hours, zone, at, until):
            day = start.astimezone(zone).date()
            if self._public_holidays or day == asked_day or day not in _public_holidays(region):
                yield start, end


def _windows(
    hours: Hours, zone: ZoneInfo, since: datetime, until: datetime
) -> Iterator[tuple[datetime, datetime]]:
    """The openings that touch ``since`` to ``until``, as UTC, in order."""
    day = since.astimezone(zone).date() - timedelta(days=1)
    last = until.astimezone(zone).date()
    while day <= last:
        start = datetime.combine(day, hours.open, zone).astimezone(UTC)
        end = datetime.combine(day, hours.close, zone).astimezone(UTC)
        if DAYS[day.weekday()] in hours.days and end > since and start < until:
            yield start, end
        day += timedelta(days=1)


@cache
def _public_holidays(region: str) -> Mapping[date, str]:
    """Of one territory; years are worked out as they are asked for."""
    return holidays.country_holidays("FR", subdiv=_SUBDIVISIONS.get(region))
