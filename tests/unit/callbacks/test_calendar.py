"""When a subscriber may be rung."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.callbacks.calendar import CallCalendar
from bot.operator import Hours, Operator

PARIS = ZoneInfo("Europe/Paris")
PLACES = {
    "FR": "Europe/Paris",
    "RE": "Indian/Reunion",
    "YT": "Indian/Mayotte",
    "GP": "America/Guadeloupe",
    "GF": "America/Cayenne",
    "PM": "America/Miquelon",
    "NC": "Pacific/Noumea",
    "PF": "Pacific/Tahiti",
    "WF": "Pacific/Wallis",
}


@pytest.fixture(scope="module")
def calendar(operator: Operator) -> CallCalendar:
    return CallCalendar(operator.hours, operator.zone, operator.callbacks.ring_hours, public_holidays=False)


def paris(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=PARIS)


@pytest.mark.parametrize(
    ("region", "at", "rung"),
    [
        ("FR", "2026-11-23 10:00", "2026-11-23 10:00"),  # Monday
        ("FR", "2026-11-23 06:59", "2026-11-23 08:00"),
        ("FR", "2026-11-23 19:59:59", "2026-11-23 19:59:59"),
        ("FR", "2026-11-23 20:00", "2026-11-24 08:00"),
        ("FR", "2026-11-21 21:00", "2026-11-23 08:00"),  # Saturday night
        ("FR", "2026-11-11 10:00", "2026-11-12 08:00"),  # the Armistice
        ("FR", "2026-05-01 10:00", "2026-05-02 08:00"),
        ("FR", "2026-12-24 21:00", "2026-12-26 08:00"),  # Christmas Eve
        ("FR", "2026-03-28 21:00", "2026-03-30 08:00"),  # clocks go forward on the Sunday
        ("RE", "2026-11-23 08:30", "2026-11-23 08:30"),  # 11:30 there
        ("RE", "2026-11-23 17:00", "2026-11-24 08:00"),  # 20:00 there: quiet, though people answer
        ("RE", "2026-11-23 06:00", "2026-11-23 08:00"),  # 09:00 there, but nobody answers
        ("RE", "2026-12-19 18:00", "2026-12-21 08:00"),  # Sunday, and the abolition of slavery
        ("GP", "2026-11-23 09:00", "2026-11-23 13:00"),  # 04:00 there
        ("GP", "2026-05-27 14:00", "2026-05-28 14:00"),  # the abolition of slavery there
        ("FR", "2026-05-27 14:00", "2026-05-27 14:00"),
        (
            "NC",
            "2026-11-23 10:30",
            "2026-11-24 08:00",
        ),  # 20:30 there; the two hours of the day that fit are 18 to 20
        ("PF", "2026-11-23 10:00", "2026-11-23 19:00"),  # 08:00 to 09:00 there
    ],
)
def test_people_answer_and_it_is_civil_there(calendar: CallCalendar, region: str, at: str, rung: str) -> None:
    assert calendar.next_time(paris(at), region, PLACES[region]) == paris(rung)


@pytest.mark.parametrize(
    ("at", "rung"),
    [
        ("2026-07-15 10:00", "2026-07-15T08:00:00-10:00"),
        (
            "2026-10-12 02:00",
            "2026-10-12T08:00:00-10:00",
        ),  # they meet again in two weeks, when the clocks change
    ],
)
def test_where_the_hours_do_not_meet_the_subscribers_own_hold(
    calendar: CallCalendar, at: str, rung: str
) -> None:
    found = calendar.next_time(paris(at), "PF", PLACES["PF"])
    assert found.astimezone(ZoneInfo("Pacific/Tahiti")) == datetime.fromisoformat(rung)


def test_a_public_holiday_that_the_subscriber_named_is_rung(calendar: CallCalendar) -> None:
    named = paris("2026-11-11 14:00")
    assert calendar.next_time(named, "FR", "Europe/Paris", named) == named
    assert calendar.next_time(named, "FR", "Europe/Paris", paris("2026-11-10 14:00")) == paris(
        "2026-11-12 08:00"
    )


def test_a_named_night_is_still_quiet(calendar: CallCalendar) -> None:
    named = paris("2026-11-23 23:00")
    assert calendar.next_time(named, "FR", "Europe/Paris", named) == paris("2026-11-24 08:00")


def test_an_operator_may_ring_on_public_holidays(operator: Operator) -> None:
    open_all_year = CallCalendar(
        operator.hours, operator.zone, operator.callbacks.ring_hours, public_holidays=True
    )
    at = paris("2026-11-11 10:00")
    assert open_all_year.next_time(at, "FR", "Europe/Paris") == at


@settings(max_examples=300)
@given(
    at=st.datetimes(datetime(2026, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),
    region=st.sampled_from(sorted(PLACES)),
)
def test_nobody_is_ever_rung_at_night_on_a_sunday_or_twice_promised(
    calendar: CallCalendar, at: datetime, region: str
) -> None:
    rung = calendar.next_time(at, region, PLACES[region])
    there = rung.astimezone(ZoneInfo(PLACES[region]))
    assert at <= rung < at + timedelta(days=6)
    assert time(8) <= there.time() < time(20)
    assert there.weekday() != 6
    assert calendar.next_time(rung, region, PLACES[region]) == rung
    assert calendar.may_ring(rung, region, PLACES[region])
    assert calendar.may_ring(at, region, PLACES[region]) == (rung == at)


@given(
    at=st.datetimes(datetime(2026, 3, 20), datetime(2026, 4, 5), timezones=st.just(UTC)),
    opens=st.integers(0, 22),
)
def test_hours_in_the_night_survive_the_change_of_the_clocks(at: datetime, opens: int) -> None:
    hours = Hours(
        days=("mon", "tue", "wed", "thu", "fri", "sat", "sun"), open=time(opens), close=time(opens + 1)
    )
    calendar = CallCalendar(hours, PARIS, hours, public_holidays=True)
    rung = calendar.next_time(at, "FR", "Europe/Paris")
    assert at <= rung <= at + timedelta(days=2)
