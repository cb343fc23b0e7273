"""Which of the told options a caller means."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.choices import Option, from_slot, keys, pick

LINES = (
    Option("a", "Appels hors forfait vers l'étranger", amount="612.40"),
    Option("b", "Film « Le Phare de minuit »", amount="4.99"),
    Option("c", "Abonnement Intégral", amount="59.90"),
)
DAYS = tuple(Option(str(day), f"le {day}", number=str(day)) for day in (5, 10, 15, 20, 25))
SLOTS = (
    Option(
        "7",
        "mardi 16 mars entre 9 heures et 13 heures",
        date="2027-03-16T09:00+01:00",
        number="16",
        words="matin",
    ),
    Option(
        "8",
        "mercredi 17 mars entre 14 heures et 18 heures",
        date="2027-03-17T14:00+01:00",
        number="17",
        words="après-midi",
    ),
)


@pytest.mark.parametrize(
    ("options", "said", "chosen"),
    [
        (LINES, {"text": "les appels à l'étranger"}, "a"),
        (LINES, {"text": "le film"}, "b"),
        (LINES, {"text": "la deuxième"}, "b"),
        (LINES, {"text": "la dernière ligne"}, "c"),
        (LINES, {"text": "celui à 4.99 euros", "amount": "4.99"}, "b"),
        (LINES, {"text": "59,90", "amount": "59,90"}, "c"),
        (LINES, {"text": "je ne sais pas"}, None),
        (LINES, {"text": "le film ou l'abonnement"}, None),
        (DAYS, {"text": "le 10", "number": "10"}, "10"),
        (DAYS, {"text": "/inform_number", "rank": "5"}, "25"),
        (DAYS, {"text": "le 12", "number": "12"}, None),
        (SLOTS, {"text": "mardi"}, "7"),
        (SLOTS, {"text": "plutôt l'après-midi"}, "8"),
        (SLOTS, {"text": "le 2027-03-17", "date": "2027-03-17"}, "8"),
        (SLOTS, {"text": "le 17", "number": "17"}, "8"),
        (SLOTS, {"text": "le premier"}, "7"),
        ((), {"text": "le premier"}, None),
    ],
)
def test_pick(options: tuple[Option, ...], said: dict[str, str], chosen: str | None) -> None:
    found = pick(options, **said)
    assert (found.value if found else None) == chosen


@given(st.integers(1, 9), st.integers(0, 20))
def test_a_key_is_a_rank_whatever_the_options_are_called(count: int, key: int) -> None:
    options = tuple(Option(str(n * 3), f"le {n * 3}", number=str(n * 3)) for n in range(1, count + 1))
    found = pick(options, "", rank=str(key))
    assert found == (options[key - 1] if 1 <= key <= count else None)
    assert list(keys(options)) == [str(n) for n in range(1, count + 1)]


@given(st.text(), st.text(max_size=8))
def test_anything_may_be_said(text: str, number: str) -> None:
    pick(LINES, text, number, number, number)


def test_options_survive_a_slot() -> None:
    assert from_slot([option.as_slot() for option in LINES]) == LINES
    assert from_slot(None) == ()
