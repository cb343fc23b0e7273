"""A yes or no is taken when it is clear and was heard well; anything doubtful is asked about once, never guessed."""

from __future__ import annotations

from datetime import date
from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.conversation.interpret import (
    SURE_ANSWER,
    SURE_WORDS,
    Doubtful,
    Interpreter,
    Message,
    Missed,
    ReadBack,
    Reading,
    is_doubtful,
    number_message,
)
from bot.models import Expectation, ExpectKind, Hypothesis, Recognition

TODAY = date(2026, 11, 23)
ASKED = Expectation(ExpectKind.YES_NO, "cancel_confirmed", options={"1": "/affirm", "2": "/deny"})
OTHER = Expectation(ExpectKind.YES_NO, "offer_answer")
ANYTHING_ELSE = Expectation(ExpectKind.OPEN, "anything_else", options={"1": "/affirm", "2": "/nothing_else"})
POSTCODE = Expectation(ExpectKind.DIGITS, "postcode", (5,))
WELL, BADLY = 0.9, 0.3


def heard(text: str, confidence: float = WELL) -> Recognition:
    return Recognition((Hypothesis(text, log(confidence)),) if text else (), 0.0, 800, 100)


def asked(expectation: Expectation = ASKED) -> Interpreter:
    interpreter = Interpreter()
    interpreter.expect(expectation)
    return interpreter


def read(interpreter: Interpreter, text: str, confidence: float = WELL) -> Reading:
    return interpreter.interpret(heard(text, confidence), TODAY)


@pytest.mark.parametrize("text", ["Oui.", "Oui, merci.", "Voilà.", "D'accord.", "Tout à fait !", "ouais"])
def test_a_clear_yes_needs_no_understanding(text: str) -> None:
    reading = read(asked(), text)
    assert isinstance(reading, Message)
    assert reading.message == "/affirm"
    assert not reading.text.startswith("/")


@pytest.mark.parametrize("text", ["Non.", "Non merci.", "Pas du tout.", "Non, ça ne m'intéresse pas."])
def test_a_clear_no_needs_no_understanding(text: str) -> None:
    reading = read(asked(), text)
    assert isinstance(reading, Message)
    assert reading.message == "/deny"


@pytest.mark.parametrize(
    "text",
    [
        "Toujours pareil.",
        "Combien ça coûte ?",
        "C'est bon.",
        "Oui mais non.",
        "Ça remarche maintenant.",
        "Merci.",
    ],
)
def test_what_is_neither_but_was_heard_well_is_for_the_dialogue(text: str) -> None:
    reading = read(asked(), text)
    assert isinstance(reading, Message)
    assert reading.message == reading.text


@pytest.mark.parametrize(
    "text",
    [
        "Oui.", "Non.", "D'accord.", "Bon.", "Lorsque.", "Toujours t'arriens.", "Allez.",
        "Oui, c'est un autre instrumentement.", "Non, ce n'est rien qui parle encore.",
    ],
)  # fmt: skip
def test_a_short_answer_heard_badly_is_asked_about(text: str) -> None:
    assert read(asked(), text, BADLY) == Doubtful()


@pytest.mark.parametrize("text", ["Un conseiller.", "A conseiller.", "Quelqu'un !", "Parler à un humain."])
def test_a_person_is_never_asked_for_in_vain(text: str) -> None:
    assert isinstance(read(asked(), text, BADLY), Message)


def test_a_whole_sentence_is_for_the_dialogue_however_it_was_heard() -> None:
    assert isinstance(read(asked(), "Je voudrais plutôt garder mon abonnement", BADLY), Message)
    assert isinstance(read(asked(), "Non, je n'ai toujours pas d'image.", 0.5), Message)


def test_the_same_answer_again_is_taken_although_it_was_heard_badly_again() -> None:
    interpreter = asked()
    assert read(interpreter, "Oui.", BADLY) == Doubtful()
    assert read(interpreter, "Ah oui.", BADLY) == Message("/affirm", "ah oui")


def test_an_answer_repeated_with_words_that_are_misheard_is_taken_by_how_it_begins() -> None:
    interpreter = asked()
    assert read(interpreter, "Oui, ça renonce maintenant.", BADLY) == Doubtful()
    assert read(interpreter, "Oui, ça renonce maintenant.", BADLY) == Message(
        "/affirm", "oui ça renonce maintenant"
    )


def test_one_that_takes_itself_back_is_not() -> None:
    interpreter = asked()
    assert read(interpreter, "Oui, mais non.", BADLY) == Doubtful()
    reading = read(interpreter, "Oui, mais non.", BADLY)
    assert isinstance(reading, Message)
    assert reading.message == "/nlu_fallback"


@pytest.mark.parametrize("again", ["Non.", "Lorsque."])
def test_a_doubt_is_asked_about_once_and_then_counts_as_not_understood(again: str) -> None:
    interpreter = asked()
    assert read(interpreter, "Oui.", BADLY) == Doubtful()
    reading = read(interpreter, again, BADLY)
    assert isinstance(reading, Message)
    assert reading.message == "/nlu_fallback"
    interpreter.expect(ASKED)  # the dialogue asks the same again
    reading = read(interpreter, "Oui.", BADLY)
    assert isinstance(reading, Message)
    assert reading.message in ("/nlu_fallback", "/affirm")


def test_another_question_may_be_doubted_anew() -> None:
    interpreter = asked()
    read(interpreter, "Oui.", BADLY)
    interpreter.expect(OTHER)
    assert read(interpreter, "Oui.", BADLY) == Doubtful()


def test_a_good_answer_ends_the_doubt() -> None:
    interpreter = asked()
    read(interpreter, "Non.", BADLY)
    assert read(interpreter, "Oui.") == Message("/affirm", "oui")
    interpreter.expect(ASKED)
    assert read(interpreter, "Non.", BADLY) == Doubtful()


def test_a_no_heard_badly_does_not_end_the_call() -> None:
    assert read(asked(ANYTHING_ELSE), "Non.", BADLY) == Doubtful()
    assert read(asked(ANYTHING_ELSE), "Non.") == Message("non", "non")
    assert isinstance(read(asked(ANYTHING_ELSE), "Ma facture.", BADLY), Message)


def test_where_anything_may_be_said_nothing_is_doubted() -> None:
    assert isinstance(read(asked(Expectation()), "Oui.", BADLY), Message)


def test_digits_read_back_are_said_again_once_then_the_keypad_is_offered() -> None:
    interpreter = asked(POSTCODE)
    assert read(interpreter, "soixante-quinze zéro douze") == ReadBack("75012")
    assert read(interpreter, "Oui.", BADLY) == ReadBack("75012")
    assert read(interpreter, "Bon.", BADLY) == Missed()
    assert not interpreter.pending


def test_digits_read_back_and_confirmed_twice_are_taken() -> None:
    interpreter = asked(POSTCODE)
    read(interpreter, "soixante-quinze zéro douze")
    read(interpreter, "Oui.", BADLY)
    reading = read(interpreter, "Oui.", BADLY)
    assert isinstance(reading, Message)
    assert reading.message == number_message("75012")


def test_a_correction_heard_badly_is_read_back_again() -> None:
    interpreter = asked(POSTCODE)
    read(interpreter, "soixante-quinze zéro douze")
    assert read(interpreter, "non, soixante-quinze zéro onze", BADLY) == ReadBack("75011")


@given(st.sampled_from(["oui", "non", "bon", "lorsque", "c'est cool", "quoi"]), st.floats(0.01, 1.0))
def test_the_thresholds(text: str, confidence: float) -> None:
    least = SURE_ANSWER if text in ("oui", "non") else SURE_WORDS
    assert is_doubtful(heard(text, confidence)) is (heard(text, confidence).confidence < least)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                ["oui", "non", "bon", "lorsque", "un conseiller", "", "toujours pareil", "douze"]
            ),
            st.floats(0.05, 1.0),
        ),
        min_size=1,
        max_size=12,
    )
)
def test_yes_and_no_are_never_taken_for_each_other(turns: list[tuple[str, float]]) -> None:
    interpreter = asked()
    doubts = 0
    for text, confidence in turns:
        reading = read(interpreter, text, confidence)
        if isinstance(reading, Message) and reading.message == "/affirm":
            assert text == "oui"
        if isinstance(reading, Message) and reading.message == "/deny":
            assert text == "non"
        doubts = doubts + 1 if isinstance(reading, Doubtful) else 0
        assert doubts <= 1, "asked about once"
        interpreter.expect(ASKED)
