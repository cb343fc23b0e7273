"""Numbers that sound alike are near, and the search finds the nearest ones in order."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.french import phones
from bot.french.soundalike import Sound, distance, nearest, number_words, spoken


def sounds(text: str) -> list[Sound]:
    return [Sound(phones.word_phones(word), 5.0) for word in phones.words_of(text)]


@pytest.mark.parametrize(
    ("value", "words"),
    [(0, "zéro"), (17, "dix sept"), (21, "vingt et un"), (61, "soixante et un"), (71, "soixante et onze"),
     (78, "soixante dix huit"), (80, "quatre vingt"), (81, "quatre vingt un"), (91, "quatre vingt onze"),
     (100, "cent"), (200, "deux cent"), (999, "neuf cent quatre vingt dix neuf")],
)  # fmt: skip
def test_number_words(value: int, words: str) -> None:
    assert number_words(value) == words


@pytest.mark.parametrize(
    ("written", "phone_string"),
    [("bonjour", "bOZur"), ("eau", "o"), ("trois", "trwa"), ("vingt", "vI"), ("chaîne", "Sen"), ("ligne", "liN"),
     ("facture", "faktyr"), ("soixante", "swasAt"), ("quatorze", "katorz"), ("treize", "trez")],
)  # fmt: skip
def test_words_sound_as_they_are_said(written: str, phone_string: str) -> None:
    assert phones.word_phones(written) == phone_string


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyzàâäçéèêëîïôöùûüÿœæ", min_size=1, max_size=20))
def test_every_word_has_known_phones(word: str) -> None:
    assert set(phones.word_phones(word)) <= set(phones.PHONES)


sound = st.text(alphabet=phones.PHONES, max_size=10)


@given(sound)
def test_a_sound_is_at_no_distance_from_itself(said: str) -> None:
    assert distance(said, said) == 0


@given(sound, sound)
def test_distance_is_never_negative_nor_more_than_forgetting_everything(said: str, heard: str) -> None:
    everything = sum(map(phones.deletion, said)) + sum(map(phones.insertion, heard))
    assert 0 <= distance(said, heard) <= everything + 1e-9


@pytest.mark.parametrize(
    ("said", "near", "far"),
    [
        ("soixante quatorze", "soixante quatre", "trente deux"),
        ("six", "dix", "quarante"),
        ("treize", "seize", "vingt"),
    ],
)
def test_confusable_numbers_are_near(said: str, near: str, far: str) -> None:
    assert distance(spoken(said), spoken(near)) < distance(spoken(said), spoken(far))


@pytest.mark.parametrize(
    ("text", "total", "ways"),
    [("soixante dix huit", 2, {"78"}), ("soixante dix huit", 4, {"6018"}), ("soixante dix huit", 5, {"60108"}),
     ("quatre vingt douze", 2, {"92"}), ("quatre vingt douze", 4, {"8012"}), ("quatre vingt douze", 5, {"42012"})],
)  # fmt: skip
def test_one_sound_many_ways_to_cut_it(text: str, total: int, ways: set[str]) -> None:
    (first, *_) = nearest(sounds(text), total, "", limit=3, margin=3)
    assert {first.digits} == ways


@given(st.lists(st.integers(0, 99), min_size=2, max_size=4), st.sampled_from(["", "luhn"]))
@settings(max_examples=40, deadline=None)
def test_candidates_come_nearest_first_and_have_the_length(values: list[int], check: str) -> None:
    text = " ".join(map(number_words, values))
    total = sum(len(str(value)) for value in values)
    found = nearest(sounds(text), total, check, limit=6, margin=2)
    assert [c.cost for c in found] == sorted(c.cost for c in found)
    assert len({c.digits for c in found}) == len(found)
    assert all(len(c.digits) == total and c.digits.isdigit() for c in found)
    if not check:
        assert "".join(map(str, values)) in {c.digits for c in found} or found[0].cost <= 0.05 * len(values)


def test_nothing_said_is_no_number() -> None:
    assert nearest([], 8, "luhn", limit=3, margin=2) == []
    assert nearest(sounds("oui"), 8, "luhn", limit=3, margin=2) == []


def test_endless_repetition_is_read_in_bounded_time() -> None:
    loop = sounds("quatre " * 60)
    assert len(nearest(loop, 8, "luhn", limit=12, margin=3)) <= 12
