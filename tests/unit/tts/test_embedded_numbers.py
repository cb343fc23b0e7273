"""The embedded voice is given number words apart; every other hyphen stays."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.french.speak import verbalise
from media.tts.nanotts import numbers_apart


@pytest.mark.parametrize(
    ("text", "given_to_pico"),
    [
        ("soixante-dix-huit", "soixante dix huit"),
        ("quatre-vingt-dix-neuf euros quatre-vingts", "quatre vingt dix neuf euros quatre vingts"),
        ("Soixante-et-onze", "Soixante et onze"),
        ("cinquante-six, trente-quatre", "cinquante six, trente quatre"),
        ("votre rendez-vous est-il confirmé", "votre rendez-vous est-il confirmé"),
        ("dites-moi, allez-vous-en, mini-six", "dites-moi, allez-vous-en, mini-six"),
        ("un porte-clés, deux-points, quatre-quatre", "un porte-clés, deux-points, quatre quatre"),
        ("", ""),
    ],
)
def test_only_numbers_come_apart(text: str, given_to_pico: str) -> None:
    assert numbers_apart(text) == given_to_pico


@given(st.integers(0, 9_999_999))
def test_no_number_keeps_a_hyphen(number: int) -> None:
    apart = numbers_apart(verbalise(str(number)))
    assert "-" not in apart
    assert re.sub("[- ]", "", apart) == re.sub("[- ]", "", verbalise(str(number)))
