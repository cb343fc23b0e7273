"""What the dialogue promises to understand, on sentences it was not trained on, typed and through the telephone."""

from __future__ import annotations

from collections import Counter

import pytest

from bench.nlu import (
    CANCELLATION,
    HUMAN,
    TYPED,
    Model,
    Understood,
    accuracy,
    held_out,
    taken_for_else,
)
from bench.results import Share

# Measured (docs/nlu.md) less two standard errors of a share of that many sentences: a model that is no worse
# passes, one that is worse does not. Typed is at the goal of 92 %; the line is not at its 85 %, nor are the
# cancellations at 1 in 50.
TYPED_FLOOR = 0.915
LINE_FLOOR = 0.725
TAKEN_FOR_ELSE_TYPED = {CANCELLATION: 0.10, HUMAN: 0.04}
TAKEN_FOR_ELSE_LINE = {CANCELLATION: 0.18, HUMAN: 0.14}


@pytest.fixture(scope="module")
def results(nlu: Model) -> list[Understood]:
    return nlu.understand(held_out())


@pytest.fixture(scope="module")
def typed(results: list[Understood]) -> list[Understood]:
    return [one for one in results if one.way == TYPED]


@pytest.fixture(scope="module")
def line(results: list[Understood]) -> list[Understood]:
    return [one for one in results if one.way != TYPED]


def test_typed_sentences_are_understood(typed: list[Understood]) -> None:
    assert accuracy(typed).value >= TYPED_FLOOR, accuracy(typed)


def test_sentences_through_the_telephone_are_understood(line: list[Understood]) -> None:
    assert accuracy(line).value >= LINE_FLOOR, accuracy(line)


@pytest.mark.parametrize("intents", [CANCELLATION, HUMAN], ids=["cancellation", "human request"])
def test_a_cancellation_or_human_request_is_not_taken_for_something_else(
    typed: list[Understood], line: list[Understood], intents: frozenset[str]
) -> None:
    assert taken_for_else(typed, intents).value <= TAKEN_FOR_ELSE_TYPED[intents], _wrong(typed, intents)
    assert taken_for_else(line, intents).value <= TAKEN_FOR_ELSE_LINE[intents], _wrong(line, intents)


def test_no_intent_is_lost(typed: list[Understood]) -> None:
    right, said = Counter(one.said for one in typed if one.right), Counter(one.said for one in typed)
    lost = {intent: f"{right[intent]}/{said[intent]}" for intent in said if right[intent] * 2 < said[intent]}
    assert not lost


def test_wilson_interval_holds_the_share() -> None:
    assert Share(0, 50).interval == pytest.approx((0.0, 0.0713), abs=1e-3)
    assert Share(45, 50).interval == pytest.approx((0.786, 0.957), abs=1e-3)


def _wrong(results: list[Understood], intents: frozenset[str]) -> Counter[tuple[str, str]]:
    return Counter((one.said, one.understood) for one in results if one.said in intents and not one.right)
