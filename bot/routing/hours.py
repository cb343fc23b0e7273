"""When a site answers: its own hours in its own time zone, its country's public holidays, the service's frame. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

import holidays

from bot.operator import DAYS, Hours
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
    for mine in _merged(_site_openings(site, since, until)):
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


def load_holidays(countries: Iterable[str]) -> None:
    """Have the calendars ready: the first question about a country takes most of a second."""
    for country in set(countries) - {""}:
        holiday(country, date.today())


def holiday_name(country: str, day: date) -> str:
    """What the holiday is called in French; empty where that is not known."""
    kept = _holidays(country)
    return str(kept.get(day) or "") if _speaks_french(country) else ""


def _service_openings(service: ServiceRules, since: datetime, until: datetime) -> Iterator[Opening]:
    for day in _days(ZoneInfo(service.timezone), since, until):
        yield from _service_day(service.hours, service.timezone, day)


def _site_openings(site: SiteRules, since: datetime, until: datetime) -> Iterator[Opening]:
    kept = "" if site.works_holidays else site.country
    for day in _days(ZoneInfo(site.timezone), since, until):
        yield from _site_day(site.hours, site.timezone, kept, day)


# Every call asks for the same few days.


@lru_cache(maxsize=1024)
def _service_day(hours: Hours, timezone: str, day: date) -> tuple[Opening, ...]:
    return tuple(_on(day, hours, ZoneInfo(timezone)))


@lru_cache(maxsize=4096)
def _site_day(hours: tuple[Hours, ...], timezone: str, country: str, day: date) -> tuple[Opening, ...]:
    zone = ZoneInfo(timezone)
    if holiday(country, day):
        return ()
    if not hours:
        return (Opening(_instant(day, time(), zone), _instant(day + timedelta(days=1), time(), zone)),)
    return tuple(opening for one in hours for opening in _on(day, one, zone))


def _on(day: date, hours: Hours, zone: ZoneInfo) -> Iterator[Opening]:
    opens, closes = _instant(day, hours.open, zone), _instant(day, hours.close, zone)
    if DAYS[day.weekday()] in hours.days and opens < closes:  # a clock change can leave nothing between them
        yield Opening(opens, closes)


def _merged(some: Iterable[Opening]) -> list[Opening]:
    """In order, with those that touch made one."""
    merged: list[Opening] = []
    for one in sorted(some, key=lambda one: one.opens):
        if merged and one.opens <= merged[-1].closes:
            merged[-1] = Opening(merged[-1].opens, max(merged[-1].closes, one.closes))
        else:
            merged.append(one)
    return merged


def _instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, at, zone).astimezone(UTC)


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
