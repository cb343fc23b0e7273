"""Which numbers are rung."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.callbacks.numbers import subscriber_line
from bot.errors import NumberRefusedError
from bot.operator import Operator


@pytest.mark.parametrize(
    ("typed", "number", "zone"),
    [
        ("06 12 34 56 78", "+33612345678", "Europe/Paris"),
        ("06.12.34.56.78", "+33612345678", "Europe/Paris"),
        ("06-12-34-56-78", "+33612345678", "Europe/Paris"),
        ("06\u00a012\u202f34\u201156-78", "+33612345678", "Europe/Paris"),
        ("0033 6 12 34 56 78", "+33612345678", "Europe/Paris"),
        ("+33 (0)6 12 34 56 78", "+33612345678", "Europe/Paris"),
        ("+33612345678", "+33612345678", "Europe/Paris"),
        ("6 12 34 56 78", "+33612345678", "Europe/Paris"),
        ("０６１２３４５６７８", "+33612345678", "Europe/Paris"),
        ("07 56 12 34 56", "+33756123456", "Europe/Paris"),
        ("01 80 88 00 00", "+33180880000", "Europe/Paris"),
        ("09 72 12 34 56", "+33972123456", "Europe/Paris"),
        ("0692 12 34 56", "+262692123456", "Indian/Reunion"),
        ("0262 12 34 56", "+262262123456", "Indian/Reunion"),
        ("0639 00 12 34", "+262639001234", "Indian/Mayotte"),
        ("0590 90 12 34", "+590590901234", "America/Guadeloupe"),
        ("+590 690 12 34 56", "+590690123456", "America/Guadeloupe"),
        ("0694 20 12 34", "+594694201234", "America/Cayenne"),
        ("0596 50 12 34", "+596596501234", "America/Martinique"),
        ("+508 41 23 45", "+508412345", "America/Miquelon"),
        ("+687 75 12 34", "+687751234", "Pacific/Noumea"),
        ("+689 87 12 34 56", "+68987123456", "Pacific/Tahiti"),
        ("+681 82 12 34", "+681821234", "Pacific/Wallis"),
    ],
)
def test_numbers_as_people_write_them(operator: Operator, typed: str, number: str, zone: str) -> None:
    line = subscriber_line(typed, operator.callbacks.prefixes)
    assert (line.number, line.zone) == (number, zone)


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("", "malformed"),
        ("   ", "malformed"),
        ("+", "malformed"),
        ("appelez-moi", "malformed"),
        ("06 12 34 56 78 poste 12", "malformed"),
        ("06-VANITY-78", "malformed"),
        ("*21*0612345678#", "malformed"),
        ("sip:x@y", "malformed"),
        ("0612345678;ext=9", "malformed"),
        ("06" * 40, "malformed"),
        ("06 12 34 56 7", "unknown"),
        ("06", "unknown"),
        ("07 00 12 34 56", "unknown"),
        ("15", "short"),
        ("112", "short"),
        ("3900", "short"),
        ("118 008", "short"),
        ("08 99 12 34 56", "premium"),
        ("+33 8 99 12 34 56", "premium"),
        ("0825 123 456", "premium"),
        ("0800 123 456", "premium"),
        ("+262 892 12 34 56", "premium"),
        ("+32 470 12 34 56", "foreign"),
        ("+1 684 733 1234", "foreign"),
        ("00 44 20 7946 0018", "foreign"),
        ("+377 93 15 00 00", "foreign"),
        ("+881 6 1234 5678", "foreign"),  # a satellite
        ("+870 773 123 456", "foreign"),  # another
        ("+882 16 123 4567", "foreign"),
    ],
)
def test_numbers_that_are_not_rung(operator: Operator, typed: str, reason: str) -> None:
    with pytest.raises(NumberRefusedError) as refused:
        subscriber_line(typed, operator.callbacks.prefixes)
    assert refused.value.reason == reason
    assert not any(digit in str(refused.value) for digit in "0123456789")


def test_the_operator_says_which_prefixes_are_rung() -> None:
    with pytest.raises(NumberRefusedError) as refused:
        subscriber_line("06 12 34 56 78", ["+331"])
    assert refused.value.reason == "not_listed"
    belgian = subscriber_line("+32 470 12 34 56", ["+32"])
    assert (belgian.number, belgian.zone) == ("+32470123456", "Europe/Brussels")


def test_a_listed_prefix_never_lets_a_premium_number_through() -> None:
    with pytest.raises(NumberRefusedError) as refused:
        subscriber_line("0899 12 34 56", ["+33"])
    assert refused.value.reason == "premium"


@given(st.text(max_size=40))
def test_any_text_is_a_number_that_is_rung_or_refused(typed: str) -> None:
    prefixes = ("+336", "+262")
    try:
        line = subscriber_line(typed, prefixes)
    except NumberRefusedError:
        return
    assert line.number.startswith(prefixes)


@given(st.text("0123456789 +()-./", max_size=20))
def test_whatever_is_rung_is_within_the_prefixes_and_costs_nothing_special(
    operator: Operator, typed: str
) -> None:
    try:
        line = subscriber_line(typed, operator.callbacks.prefixes)
    except NumberRefusedError:
        return
    assert line.number.startswith(operator.callbacks.prefixes)
    assert not line.number.startswith("+338")
    assert subscriber_line(line.number, operator.callbacks.prefixes) == line
