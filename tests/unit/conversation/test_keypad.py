"""Keys into numbers and choices."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given

from bot.conversation.keypad import KeyedChoice, KeyedNumber, KeypadBuffer
from bot.models import Expectation, ExpectKind

NUMBER = Expectation(ExpectKind.DIGITS, lengths=(8,))


def press(pad: KeypadBuffer, keys: str, now: int = 0) -> list[object]:
    return [got for key in keys if (got := pad.press(key, now)) is not None]


def test_a_number_is_taken_at_its_length_or_at_the_hash() -> None:
    assert press(KeypadBuffer(NUMBER), "12345674") == [KeyedNumber("12345674")]
    assert press(KeypadBuffer(NUMBER), "1234#") == [KeyedNumber("1234")]


def test_the_star_starts_again() -> None:
    assert press(KeypadBuffer(NUMBER), "99*12345674") == [KeyedNumber("12345674")]


def test_a_number_left_standing_is_taken_after_a_pause() -> None:
    pad = KeypadBuffer(NUMBER)
    press(pad, "75011", now=1000)
    assert pad.tick(4000) is None
    assert pad.tick(5100) == KeyedNumber("75011")
    assert pad.tick(9000) is None


def test_zero_is_a_person_anywhere_but_inside_a_number() -> None:
    assert press(KeypadBuffer(), "0") == [KeyedChoice("0", "/human_request")]
    assert press(KeypadBuffer(NUMBER), "0#") == [KeyedChoice("0", "/human_request")]
    assert press(KeypadBuffer(NUMBER), "10345674") == [KeyedNumber("10345674")]


def test_one_and_two_are_yes_and_no() -> None:
    pad = KeypadBuffer(Expectation(ExpectKind.YES_NO))
    assert press(pad, "12") == [KeyedChoice("1", "/affirm"), KeyedChoice("2", "/deny")]


def test_a_choice_maps_its_own_keys_and_ignores_the_others() -> None:
    pad = KeypadBuffer(Expectation(ExpectKind.CHOICE, options={"1": "/billing_amount", "0": "/goodbye"}))
    assert press(pad, "790#1") == [KeyedChoice("0", "/goodbye"), KeyedChoice("1", "/billing_amount")]


def test_the_hash_after_a_whole_number_means_nothing() -> None:
    """Found on a call: it cut the answer short."""
    pad = KeypadBuffer(Expectation(ExpectKind.DIGITS, lengths=(5,)))
    assert pad.means("7")
    press(pad, "75011")
    pad.expect(Expectation())
    assert not pad.means("#")
    assert pad.means("0")


def test_another_question_drops_digits_of_the_last_one() -> None:
    pad = KeypadBuffer(NUMBER)
    press(pad, "1234")
    pad.expect(Expectation(ExpectKind.DIGITS, lengths=(5,)))
    assert press(pad, "75011") == [KeyedNumber("75011")]


@given(st.text(max_size=40))
def test_any_keys_at_all_give_only_digits(keys: str) -> None:
    for got in press(KeypadBuffer(NUMBER), keys):
        assert isinstance(got, KeyedChoice) or (isinstance(got, KeyedNumber) and got.digits.isdecimal())
