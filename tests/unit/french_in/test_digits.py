"""A dictated number is chosen among what it sounds like, by its length and check digit."""

from __future__ import annotations

import re
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum import luhn

from bot.french.digits import correct, digits_hint, digits_prompt, is_acceptable, read_digits
from bot.french.soundalike import number_words
from bot.models import Expectation, ExpectKind, Hypothesis, Recognition

SUBSCRIBER = Expectation(ExpectKind.DIGITS, "subscriber_number", (8,), "luhn")
POSTCODE = Expectation(ExpectKind.DIGITS, "postcode", (5,))
BIRTH = Expectation(ExpectKind.DIGITS, "birth_date", (8,), secret=True)
TODAY = date(2026, 11, 22)

numbers = st.from_regex(r"[0-9]{7}", fullmatch=True).map(lambda body: body + luhn.calc_check_digit(body))


def heard(*texts: str) -> Recognition:
    """A recognition with these hypotheses, each a little less likely than the one before."""
    return Recognition(
        tuple(Hypothesis(text, -0.2 - 0.1 * at) for at, text in enumerate(texts)), 0.0, 3000, 300
    )


def pair(figures: str) -> str:
    return f"zéro {number_words(int(figures[1]))}" if figures[0] == "0" else number_words(int(figures))


@pytest.mark.parametrize(
    "text",
    [
        "douze trente-quatre cinquante-six soixante-quatorze",
        "Douze, trente-quatre, cinquante-six, soixante-quatorze.",
        "un deux trois quatre cinq six sept quatre",
        "douze trente-quatre cinq six sept quatre",
        "cent vingt-trois quatre cent cinquante-six soixante-quatorze",
        "12 34 56 74",
        "12.34.56.74",
        "1234, 5674",
        "12345674",
        "1-2-3-4-5-6-7-4",
        "alors euh mon numéro d'abonné c'est le 12, 34, 56, 74, voilà",
        "douze trente-quatre cinquante-six septante-quatre",
        "12 34 56 60 14",  # soixante quatorze cut in two
        "12, 34, 56, soit 14",  # soixante heard as soit
        "12 34 50 6 74",
    ],
)
def test_one_number_however_it_is_written(text: str) -> None:
    assert read_digits(heard(text), SUBSCRIBER).digits == "12345674"


@given(numbers)
@settings(max_examples=40, deadline=None)
def test_any_number_dictated_by_pairs_or_one_by_one_is_read_back_whole(number: str) -> None:
    by_pairs = ", ".join(pair(number[at : at + 2]) for at in range(0, 8, 2))
    one_by_one = " ".join(number_words(int(figure)) for figure in number)
    for text in (by_pairs, one_by_one, " ".join(number), number):
        reading = read_digits(heard(text), SUBSCRIBER)
        assert number in (reading.digits, *reading.alternatives)
    assert read_digits(heard(number), SUBSCRIBER).digits == number


@given(numbers, st.integers(0, 7), st.integers(1, 9))
@settings(max_examples=40, deadline=None)
def test_what_is_offered_always_has_the_right_check_digit(number: str, at: int, shift: int) -> None:
    wrong = number[:at] + str((int(number[at]) + shift) % 10) + number[at + 1 :]
    reading = read_digits(heard(" ".join(wrong)), SUBSCRIBER)
    for offered in filter(None, (reading.digits, *reading.alternatives)):
        assert len(offered) == 8
        assert luhn.is_valid(offered)


def test_a_later_hypothesis_wins_when_only_it_has_the_right_check_digit() -> None:
    reading = read_digits(heard("12 34 56 64", "12 34 56 74", "12 34 56 84"), SUBSCRIBER)
    assert reading.digits == "12345674"


def test_a_clear_number_with_a_right_check_digit_needs_no_reading_back() -> None:
    assert read_digits(heard("12, 34, 56, 74.", "12 34 56 74"), SUBSCRIBER).certain


def test_a_number_that_had_to_be_guessed_is_not_certain() -> None:
    assert not read_digits(heard("12, 34, 56, soit 14"), SUBSCRIBER).certain


@pytest.mark.parametrize(
    "text",
    [
        "je ne l'ai pas sous la main",
        "ma facture a augmenté ce mois-ci",
        "je veux parler à un conseiller s'il vous plaît",
        "oui",
        "attendez je cherche",
        "non je ne connais pas mon numéro d'abonné il est où",
        "c'est au nom de mon mari",
        "douze trente-quatre",  # only the beginning
        "",
    ],
)
def test_no_number_is_made_of_ordinary_words(text: str) -> None:
    assert read_digits(heard(text), SUBSCRIBER).digits == ""


def test_nothing_heard_is_no_number() -> None:
    assert read_digits(Recognition((), 1.0, 0, 0), SUBSCRIBER).digits == ""


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("soixante-quinze zéro onze", "75011"),
        ("soixante-quinze mille onze", "75011"),
        ("75 011", "75011"),
        ("75011 Paris", "75011"),
        ("quatre-vingt-six mille", "86000"),
        ("86 000", "86000"),
        ("cinquante-neuf mille trois cent cinquante", "59350"),
        ("treize cent douze deux", "13122"),
        ("le zéro six zéro zéro zéro", "06000"),
    ],
)
def test_postcodes(text: str, code: str) -> None:
    reading = read_digits(heard(text), POSTCODE)
    assert code in (reading.digits, *reading.alternatives)


@pytest.mark.parametrize(
    "text",
    [
        "le douze mars mille neuf cent quatre-vingts",
        "12 mars 1980",
        "je suis née le 12 mars 80",
        "12 03 1980",
        "12/03/1980",
        "douze zéro trois quatre-vingt",
        "douze zéro trois mille neuf cent quatre-vingts",
        "12, 0, 3, 1980",
        "12031980",
    ],
)
def test_a_birth_date_comes_as_day_month_year(text: str) -> None:
    assert read_digits(heard(text), BIRTH, today=TODAY).digits == "12031980"


def test_a_birth_date_is_a_day_in_the_past() -> None:
    for text in ("31 02 1980", "12 03 2031"):
        assert read_digits(heard(text), BIRTH, today=TODAY).digits not in ("31021980", "12032031")


def test_without_a_length_the_figures_are_taken_as_they_stand() -> None:
    anything = Expectation(ExpectKind.DIGITS)
    assert read_digits(heard("c'est le douze", "c'est le 2"), anything).digits == "12"
    assert read_digits(heard("douze", "deux"), anything).alternatives == ("2",)
    assert read_digits(heard("aucune idée"), anything).digits == "1"[:0]


@pytest.mark.parametrize(
    ("previous", "text", "expectation", "fixed"),
    [
        ("12345664", "non, soixante-quatorze", SUBSCRIBER, "12345674"),
        ("12345664", "non 74 à la fin", SUBSCRIBER, "12345674"),
        ("12345664", "pas 64, 74", SUBSCRIBER, "12345674"),
        ("12345664", "pas soixante-quatre mais soixante-quatorze", SUBSCRIBER, "12345674"),
        ("12345664", "c'est 74, pas 64", SUBSCRIBER, "12345674"),
        ("22345674", "non, douze au début", SUBSCRIBER, "12345674"),
        ("12365674", "non, trente-quatre", SUBSCRIBER, "12345674"),
        ("12345664", "non c'est douze trente-quatre cinquante-six soixante-quatorze", SUBSCRIBER, "12345674"),
        ("99999990", "1234 5674", SUBSCRIBER, "12345674"),
        ("75012", "non, onze à la fin", POSTCODE, "75011"),
        ("75012", "non, 86 000", POSTCODE, "86000"),
        # nothing surely corrected
        ("12345664", "oui", SUBSCRIBER, None),
        ("12345664", "non", SUBSCRIBER, None),
        ("12345664", "non, quatorze à la fin", SUBSCRIBER, None),  # the check digit says otherwise
        ("12345664", "j'ai pas mon numéro", SUBSCRIBER, None),
        ("12345664", "je veux parler à un conseiller", SUBSCRIBER, None),
        ("12345674", "pas 99, 98", SUBSCRIBER, None),
    ],
)
def test_corrections(previous: str, text: str, expectation: Expectation, fixed: str | None) -> None:
    assert correct(previous, text, expectation) == fixed


@given(numbers, st.sampled_from([0, 2, 4, 6]), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_a_correction_is_acceptable_and_changes_something(number: str, at: int, value: int) -> None:
    fixed = correct(number, f"non, {number_words(value)}", SUBSCRIBER)
    if fixed is not None:
        assert is_acceptable(fixed, SUBSCRIBER)
        assert fixed != number


@given(numbers, st.sampled_from([0, 2, 4, 6]), st.integers(10, 99))
@settings(max_examples=60, deadline=None)
def test_naming_the_wrong_pair_replaces_that_pair(number: str, at: int, value: int) -> None:
    wrong = number[:at] + str(value) + number[at + 2 :]
    right = number[at : at + 2]
    fixed = correct(wrong, f"non, pas {value}, {right}", SUBSCRIBER)
    # The same pair may stand in two places; then only the check digit can tell, and it may not.
    assert fixed in (number, None) or wrong.count(str(value)) > 1


@pytest.mark.parametrize("expectation", [SUBSCRIBER, POSTCODE, BIRTH])
def test_the_prompt_shows_a_number_that_is_no_answer(expectation: Expectation) -> None:
    shown = re.sub(r"\D", "", digits_prompt(expectation))
    assert shown
    assert expectation.check == "" or not is_acceptable(shown, expectation)
    assert digits_hint(expectation).hypotheses > 1
