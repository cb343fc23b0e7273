"""Dates as callers say them become calendar dates, in the direction that makes sense."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.french.dates import find_dates, read_birth_date, replace_dates

TODAY = date(2026, 11, 22)
MONTHS = "janvier février mars avril mai juin juillet août septembre octobre novembre décembre".split()  # noqa: SIM905


@given(st.dates(date(1900, 1, 1), date(2099, 12, 31)))
def test_a_whole_date_is_that_date(day: date) -> None:
    said = f"le {day.day} {MONTHS[day.month - 1]} {day.year}"
    assert [found.value for found in find_dates(said, today=TODAY)] == [day]


@given(st.dates(TODAY, TODAY + timedelta(days=365)))
def test_without_a_year_the_next_such_day_is_meant(day: date) -> None:
    said = f"le {day.day} {MONTHS[day.month - 1]}"
    (found,) = find_dates(said, today=TODAY)
    assert found.value >= TODAY
    assert (found.value.day, found.value.month) == (day.day, day.month)
    assert found.value <= TODAY + timedelta(days=366)


@given(st.dates(date(1910, 1, 1), TODAY))
def test_a_birth_date_is_read_as_date_or_figures(day: date) -> None:
    for said in (
        f"{day.day} {MONTHS[day.month - 1]} {day.year}",
        f"{day:%d/%m/%Y}",
        f"{day:%d %m %Y}",
        f"{day:%d%m%Y}",
        day.isoformat(),
    ):
        assert read_birth_date(said, today=TODAY) == day


def test_a_two_digit_birth_year_is_the_last_such_year() -> None:
    assert read_birth_date("12 mars 80", today=TODAY) == date(1980, 3, 12)
    assert read_birth_date("12 03 80", today=TODAY) == date(1980, 3, 12)
    assert read_birth_date("3 avril 26", today=TODAY) == date(2026, 4, 3)
    assert read_birth_date("3 avril 27", today=TODAY) == date(1927, 4, 3)


@pytest.mark.parametrize("said", ["le 31/02", "le 30 février", "99/99", "2027-13-45", "bonjour", "", "le 15"])
def test_what_the_calendar_lacks_is_no_date(said: str) -> None:
    assert find_dates(said, today=TODAY) == []


@pytest.mark.parametrize("said", ["31 02 1980", "12 03 2030", "12 03 1880", "1203", "demain"])
def test_what_cannot_be_a_birth_date_is_none(said: str) -> None:
    assert read_birth_date(said, today=TODAY) is None


def test_29_february_waits_for_a_leap_year() -> None:
    assert replace_dates("le 29 février", today=TODAY) == "le 2028-02-29"


@pytest.mark.parametrize("weekday", ["lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"])
def test_a_weekday_is_within_the_coming_week(weekday: str) -> None:
    (found,) = find_dates(f"plutôt {weekday} prochain", today=TODAY)
    assert timedelta(0) < found.value - TODAY <= timedelta(days=7)


@pytest.mark.parametrize(
    "said", ["depuis lundi", "lundi dernier", "le mardi", "tous les jeudis", "chaque samedi"]
)
def test_habits_and_the_past_are_not_dates(said: str) -> None:
    assert replace_dates(said, today=TODAY) == said


@given(st.text(max_size=60), st.dates())
def test_any_text_on_any_day(text: str, today: date) -> None:
    for found in find_dates(text.lower(), today=today):
        assert 0 <= found.start < found.end <= len(text.lower())
