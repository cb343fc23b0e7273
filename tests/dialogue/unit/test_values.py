"""Values as French is written, masks, and the checks of identification."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions import french
from actions.appointments import on_different_days, opening, said_day
from actions.crm.port import Slot
from actions.identification import luhn_valid, parse_birth_date
from actions.operator import Hours

MONDAY = date(2027, 3, 15)


@pytest.mark.parametrize(
    ("amount", "text"), [("42.9", "42,90 €"), ("40", "40 €"), ("0.05", "0,05 €"), ("612.40", "612,40 €")]
)
def test_euros(amount: str, text: str) -> None:
    assert french.euros(Decimal(amount)) == text


def test_dates() -> None:
    assert french.day(date(2027, 3, 1)) == "1er mars 2027"
    assert french.weekday(date(2027, 3, 16)) == "mardi 16 mars"
    assert french.month(date(2027, 4, 1)) == "d'avril"
    assert french.month(date(2027, 3, 1)) == "de mars"
    start = datetime(2027, 3, 16, 8, 30)
    assert (
        french.slot(start, start.replace(hour=13, minute=0)) == "mardi 16 mars entre 8 heures 30 et 13 heures"
    )


def test_lists() -> None:
    assert french.enumerate_or(["a"]) == "a"
    assert french.enumerate_or(["a", "b", "c"]) == "a, b ou c"
    assert french.enumerate_and(["a", "b"]) == "a et b"


@given(st.from_regex(r"[0-9]{8}", fullmatch=True))
def test_a_masked_number_shows_four_digits(number: str) -> None:
    masked = french.masked_number(number)
    assert masked == "••••" + number[-4:]
    assert sum(c.isdigit() for c in masked) == 4


def test_contact_hints_do_not_give_the_address() -> None:
    assert french.email_hint("camille.durand@courriel.example") == ("c", "courriel.example")
    assert french.phone_end("+33611223344") == "33 44"


@given(st.from_regex(r"[0-9]{7}", fullmatch=True), st.integers(0, 6), st.integers(1, 9))
def test_one_wrong_digit_is_always_seen(payload: str, position: int, change: int) -> None:
    number = next(payload + str(check) for check in range(10) if luhn_valid(payload + str(check)))
    wrong = number[:position] + str((int(number[position]) + change) % 10) + number[position + 1 :]
    assert not luhn_valid(wrong)


def test_luhn() -> None:
    assert luhn_valid("12345674")
    assert not luhn_valid("12345678")
    assert not luhn_valid("")


@given(st.dates(date(1900, 1, 1), date(2030, 1, 1)))
def test_a_birth_date_is_read_keyed_or_spoken(day: date) -> None:
    assert parse_birth_date("", day.strftime("%d%m%Y")) == day
    assert parse_birth_date(day.isoformat(), "") == day


@pytest.mark.parametrize(
    ("iso", "digits"), [("", "32011980"), ("", "75011"), ("2027-02-30", ""), ("hier", "")]
)
def test_what_is_no_birth_date(iso: str, digits: str) -> None:
    assert parse_birth_date(iso, digits) is None


@pytest.mark.parametrize(
    ("word", "day"),
    [
        ("demain", date(2027, 3, 16)),
        ("après-demain", date(2027, 3, 17)),
        ("vendredi", date(2027, 3, 19)),
        ("lundi", date(2027, 3, 22)),  # today is one: the next is meant
        ("bientôt", None),
    ],
)
def test_days_said(word: str, day: date | None) -> None:
    assert said_day(MONDAY, word) == day


def test_a_day_without_people_moves_to_the_next_with() -> None:
    hours = Hours(("mon", "tue", "wed", "thu", "fri", "sat"), "08:00", "20:00")
    zone = ZoneInfo("Europe/Paris")
    assert opening(date(2027, 3, 21), hours, zone) == datetime(2027, 3, 22, 8, tzinfo=zone)
    assert opening(MONDAY, hours, zone) == datetime(2027, 3, 15, 8, tzinfo=zone)


@given(st.lists(st.integers(0, 200), max_size=20), st.integers(1, 3))
def test_told_slots_are_on_different_days(hours: list[int], limit: int) -> None:
    first = datetime(2027, 3, 15, 8, tzinfo=timezone.utc)
    slots = [
        Slot(n, first + timedelta(hours=h), first + timedelta(hours=h + 2))
        for n, h in enumerate(sorted(hours))
    ]
    told = on_different_days(slots, limit)
    assert len({slot.starts_at.date() for slot in told}) == len(told) <= limit
