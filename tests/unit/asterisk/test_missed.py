"""Asterisk's list of callers whom it could bring to nobody."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.telephony.missed import missed_calls


def test_the_list_is_read_in_its_order() -> None:
    first, second = missed_calls(" 1795395461.0:1795395472:+33612345678 1795395462.4:1795395480:0698765432")
    assert (first.id, first.number) == ("1795395461.0", "+33612345678")
    assert first.at == datetime.fromtimestamp(1795395472, UTC)
    assert second.number == "+33698765432"


@pytest.mark.parametrize(
    "listed",
    [
        "",
        "  ",
        "5472:+33612345678",
        "a:b:c",
        "1.0:1795395472:",
        "1.0:1795395472:17",
        "1.0:99:+33612345678",
        "::::",
    ],
)
def test_fragments_and_numbers_that_cannot_be_rung_are_passed_over(listed: str) -> None:
    assert missed_calls(listed) == ()
    assert len(missed_calls(f"{listed} 9.0:1795395472:+33612345678")) == 1


@given(st.text(max_size=200))
def test_nothing_in_the_list_raises(listed: str) -> None:
    missed_calls(listed)


def test_a_number_is_not_shown_by_accident() -> None:
    (missed,) = missed_calls("1.0:1795395472:+33612345678")
    assert "612345678" not in repr(missed)
