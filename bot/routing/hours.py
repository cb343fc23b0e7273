"""When a site answers: its own hours in its own time zone, its country's public holidays, the service's frame. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import holidays

from bot.operator import DAYS
from bot.routing.model import ServiceRules, SiteRules

AHEAD = timedelta(days=15)
"""How far openings are looked for."""


@dataclass(frozen=True)
class Opening:
    """A time of answering, UTC; ``closes`` is no part of it."""

    opens: datetime
    closes: datetime


def openings(site: SiteRules, service: ServiceRules, since: datetime, until: datetime) -> Iterator[Opening]:
    """When the site answers, in order, those that touch ``since`` to ``until`` (aware).

    Times of a day that a clock change skips or repeats are those of its first reading.
    """
    frame = list(_service_openings(service, since, until))
    if not site.hours:
        zone = ZoneInfo(site.timezone)
        for one in frame:
            if site.works_holidays or not holiday(site.country, one.opens.astimezone(zone).date()):
                yield one
        return
    for mine in _site_openings(site, since, until):
        for one in frame:
            opens, closes = max(mine.opens, one.opens), min(mine.closes, one.closes)
            if opens < closes and closes > since and opens < until:
                yield Opening(opens, closes)


def opening_at(site: SiteRules, service: ServiceRules, at: datetime) -> Opening | None:
    """The opening that ``at`` lies in; None: closed."""
    around = openings(site, service, at, at + timedelta(seconds=1))
    return next((one for one in around if one.opens <= at < one.closes), None)


def next_opening(site: SiteRules, service: ServiceRules, at: datetime) -> datetime | None:
    """The first moment at or after ``at`` when the site answers, UTC; None: not within two weeks."""
    found = next(openings(site, service, at, at + AHEAD), None)
    return max(found.opens, at.astimezone(UTC)) if found else None


def last_closing(site: SiteRules, service: ServiceRules, at: datetime) -> datetime | None:
    """When the site closed last before ``at`` (a moment when it is closed), UTC; None: not within two weeks."""
    past = [one.closes for one in openings(site, service, at - AHEAD, at) if one.closes <= at]
    return past[-1] if past else None


def holiday(country: str, day: date) -> bool:
    """Whether ``day`` is a public holiday of ``country`` (ISO 3166; empty: of none)."""
    return bool(country) and day in _holidays(country)


def holiday_name(country: str, day: date) -> str:
    """What the holiday is called in French; empty where that is not known."""
    kept = _holidays(country)
    return str(kept.get(day) or "") if _speaks_french(country) else ""


def is_country(code: str) -> bool:
    """Whether the public holidays of this country are known."""
    return code in holidays.list_supported_countries(include_aliases=False)


def _service_openings(service: ServiceRules, since: datetime, until: datetime) -> Iterator[Opening]:
    zone = ZoneInfo(service.timezone)
    for day in _days(zone, since, until):
        if DAYS[day.weekday()] in service.hours.days:
            yield from _touching(
                Opening(
                    datetime.combine(day, service.hours.open, zone).astimezone(UTC),
                    datetime.combine(day, service.hours.close, zone).astimezone(UTC),
                ),
                since,
                until,
            )


def _site_openings(site: SiteRules, since: datetime, until: datetime) -> Iterator[Opening]:
    zone = ZoneInfo(site.timezone)
    for day in _days(zone, since, until):
        if not site.works_holidays and holiday(site.country, day):
            continue
        for hours in sorted(site.hours, key=lambda one: one.open):
            if DAYS[day.weekday()] in hours.days:
                yield Opening(
                    datetime.combine(day, hours.open, zone).astimezone(UTC),
                    datetime.combine(day, hours.close, zone).astimezone(UTC),
                )


def _touching(opening: Opening, since: datetime, until: datetime) -> Iterator[Opening]:
    if opening.opens < opening.closes and opening.closes > since and opening.opens < until:
        yield opening


def _days(zone: ZoneInfo, since: datetime, until: datetime) -> Iterator[date]:
    day = since.astimezone(zone).date() - timedelta(days=1)
    while day <= until.astimezone(zone).date():
        yield day
        day += timedelta(days=1)


@cache
def _holidays(country: str) -> Mapping[date, str]:
    """Years are worked out as they are asked for."""
    language = "fr" if _speaks_french(country) else None
    return holidays.country_holidays(country, language=language)


@cache
def _speaks_french(country: str) -> bool:
    known: tuple[str, ...] = holidays.country_holidays(country).supported_languages
    return "fr" in known
