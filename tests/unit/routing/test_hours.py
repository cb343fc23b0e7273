"""When a site answers: time zones, clock changes, public holidays, the service's frame."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings

from bot.operator import DAYS, Hours
from bot.routing.hours import holiday, last_closing, next_opening, opening_at, openings
from bot.routing.model import RouteCase
from tests.unit.routing.worlds import ALWAYS, SERVICE, SITES, cases, paris, site

POITIERS, RENNES, MARRAKECH, TANA = (SITES[s] for s in ("poitiers", "rennes", "marrakech", "antananarivo"))


@pytest.mark.parametrize(
    ("who", "at", "is_open"),
    [
        (POITIERS, "2026-11-23 08:00", True),
        (POITIERS, "2026-11-23 07:59", False),
        (POITIERS, "2026-11-23 19:59", True),
        (POITIERS, "2026-11-23 20:00", False),
        (POITIERS, "2026-11-22 10:00", False),  # Sunday: the service is closed
        (RENNES, "2026-11-21 10:00", False),  # Saturday: the site is
        (RENNES, "2026-11-23 08:30", False),
        (POITIERS, "2026-05-01 10:00", False),  # public holiday in France only...
        (POITIERS, "2026-07-14 10:00", False),
        (MARRAKECH, "2026-07-14 10:00", True),
        (MARRAKECH, "2026-07-30 10:00", False),  # ... and in Morocco only: the Throne
        (POITIERS, "2026-07-30 10:00", True),
        (TANA, "2026-06-26 10:00", False),  # Independence of Madagascar
        (TANA, "2026-12-25 10:00", False),
        # Antananarivo closes at 20:00 there, 18:00 in Paris in winter, 19:00 in summer.
        (TANA, "2026-11-23 17:59", True),
        (TANA, "2026-11-23 18:00", False),
        (TANA, "2026-06-23 18:59", True),
        (TANA, "2026-06-23 19:00", False),
        # Marrakech: an hour behind Paris in summer (+01), on the same clock in winter.
        (MARRAKECH, "2026-11-23 19:59", True),
        (MARRAKECH, "2026-06-23 19:59", True),
    ],
)
def test_open_or_closed(who: object, at: str, is_open: bool) -> None:
    assert (opening_at(who, SERVICE, paris(at)) is not None) is is_open  # type: ignore[arg-type]


def test_a_site_is_never_open_outside_the_service() -> None:
    night = site("night", 10, hours=(Hours(days=DAYS, open=time(0), close=time(23)),))
    assert next_opening(night, SERVICE, paris("2026-11-23 21:00")) == paris("2026-11-24 08:00")


def test_two_openings_a_day() -> None:
    week = ("mon", "tue", "wed", "thu", "fri")
    lunch = site(
        "lunch", 10, hours=(
            Hours(days=week, open=time(14), close=time(18)), Hours(days=week, open=time(9), close=time(12)),
        ),
    )  # fmt: skip
    at = paris("2026-11-23 12:30")
    assert opening_at(lunch, SERVICE, at) is None
    assert next_opening(lunch, SERVICE, at) == paris("2026-11-23 14:00")
    assert last_closing(lunch, SERVICE, at) == paris("2026-11-23 12:00")


def test_the_next_opening_is_after_a_run_of_holidays() -> None:
    assert next_opening(POITIERS, SERVICE, paris("2026-12-24 20:30")) == paris("2026-12-26 08:00")
    assert next_opening(POITIERS, SERVICE, paris("2026-11-23 11:00")) == paris("2026-11-23 11:00")


def test_a_clock_change_moves_the_opening_with_the_wall_clock() -> None:
    every_day = replace(POITIERS, hours=(Hours(days=DAYS, open=time(2, 30), close=time(5)),))
    spring, autumn = paris("2026-03-29 00:00"), paris("2026-10-25 00:00")  # 02:30 is skipped, then told twice
    for day in (spring, autumn):
        first = next_opening(every_day, ALWAYS, day)
        assert first is not None
        assert first.astimezone(ZoneInfo("Europe/Paris")).date() == day.date()


def test_a_site_that_never_opens_says_so() -> None:
    never = replace(POITIERS, hours=(Hours(days=("sun",), open=time(8), close=time(9)),))
    assert next_opening(never, SERVICE, paris("2026-11-23 10:00")) is None
    assert last_closing(never, SERVICE, paris("2026-11-23 10:00")) is None


@settings(deadline=None)  # the first choice loads calendars
@given(cases())
def test_openings_are_ordered_within_hours_and_never_on_a_holiday(case: RouteCase) -> None:
    at = case.request.at
    for one in case.sites:
        zone = ZoneInfo(one.timezone)
        found = list(openings(one, case.service, at, at + timedelta(days=9)))
        assert found == sorted(found, key=lambda o: o.opens)
        for opening in found:
            assert opening.opens < opening.closes
            middle = opening.opens + (opening.closes - opening.opens) / 2
            here, there = middle.astimezone(ZoneInfo(case.service.timezone)), middle.astimezone(zone)
            assert DAYS[here.weekday()] in case.service.hours.days
            if one.hours:
                assert any(h.is_open(there) for h in one.hours) or _changes_clock(opening.opens, zone)
                assert one.works_holidays or not holiday(one.country, there.date())


@settings(deadline=None)  # the first choice loads calendars
@given(cases())
def test_the_next_opening_is_open_and_the_first(case: RouteCase) -> None:
    at = case.request.at
    for one in case.sites:
        opens = next_opening(one, case.service, at)
        if opens is None:
            continue
        assert opens >= at
        assert opening_at(one, case.service, opens) is not None
        if opens > at:
            assert opening_at(one, case.service, at) is None
            assert opening_at(one, case.service, opens - timedelta(seconds=1)) is None


def _changes_clock(at: datetime, zone: ZoneInfo) -> bool:
    day = at.astimezone(UTC)
    return (day - timedelta(days=1)).astimezone(zone).utcoffset() != (day + timedelta(days=1)).astimezone(
        zone
    ).utcoffset()
