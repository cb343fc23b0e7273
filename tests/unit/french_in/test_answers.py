"""Short answers are told apart at once; anything with more in it goes to the dialogue."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.french.answers import asks_for_person, cuts_both_ways, is_backchannel, is_no, is_yes, leads_with


def _phrases(text: str) -> list[str]:
    return text.replace("\n", "").split("|")


YES = _phrases(
    """oui|Oui.|ouais|oui oui|Oui, tout à fait.|d'accord|D'accord, merci.|ok|c'est ça|oui c'est bien ça|exactement|
je veux bien|ça marche|tout à fait|absolument|bien sûr|volontiers|Ah oui !|euh oui|oui s'il vous plaît|
c'est exact|parfait|j'accepte|affirmatif|voilà c'est ça|oui d'accord|oui monsieur|alors oui|c'est correct|
je confirme|si si"""
)
NO = _phrases(
    """non|Non.|non non|Non merci.|pas du tout|non pas du tout|surtout pas|c'est pas ça|ce n'est pas ça|nan|
non c'est faux|ça ne m'intéresse pas|ah non|euh non|jamais|non madame|je ne veux pas|c'est pas bon|
absolument pas|non ce n'est pas le bon|pas question|je refuse|certainement pas"""
)
NEITHER = _phrases(
    """oui mais non|oui, mais je voudrais résilier|non c'est le douze|non, soixante-treize|bonjour|merci|euh|
je ne sais pas|c'est quoi|attendez|oui j'ai une question|non je veux un conseiller|ah|pas 12 13|nous|nonante|
ouistiti|s'il vous plaît|"""
)
LISTENING = _phrases(
    """mm-hm|Mm-hm.|mmh|hum|hm hm|euh|Euh...|ah|oh|d'accord|oui|ouais|ok|ah bon|je vois|très bien|oui oui|voilà|
d'accord, ok|ah d'accord|bon|...|"""
)
FLOOR = _phrases(
    """attendez|stop|non|non non attendez|je veux parler à quelqu'un|quoi|pardon|répétez|oui mais|un conseiller|
d'accord mais combien|c'est faux|oui oui oui oui oui oui|allô|douze"""
)


@pytest.mark.parametrize("said", YES)
def test_yes(said: str) -> None:
    assert is_yes(said)
    assert not is_no(said)


@pytest.mark.parametrize("said", NO)
def test_no(said: str) -> None:
    assert is_no(said)
    assert not is_yes(said)


@pytest.mark.parametrize("said", NEITHER)
def test_neither(said: str) -> None:
    assert not is_yes(said)
    assert not is_no(said)


@pytest.mark.parametrize("said", LISTENING)
def test_listening_does_not_take_the_floor(said: str) -> None:
    assert is_backchannel(said)


@pytest.mark.parametrize("said", FLOOR)
def test_wanting_to_speak_takes_the_floor(said: str) -> None:
    assert not is_backchannel(said)


@pytest.mark.parametrize(
    "said",
    [
        "un conseiller",
        "Conseillère !",
        "quelqu'un",
        "parler à une personne",
        "un humain",
        "une vraie personne",
    ],
)
def test_a_person_is_asked_for(said: str) -> None:
    assert asks_for_person(said)


@pytest.mark.parametrize(
    "said", ["oui", "personne ne répond", "je conteste", "il n'y a personne", "humour", ""]
)
def test_nobody_is_asked_for(said: str) -> None:
    assert not asks_for_person(said)


@pytest.mark.parametrize(
    ("said", "both"), [("C'est bon.", True), ("oui c'est bon", True), ("c'est le bon", False)]
)
def test_a_yes_that_may_be_a_no(said: str, both: bool) -> None:
    assert cuts_both_ways(said) is both


@pytest.mark.parametrize(
    ("said", "way"),
    [
        ("Oui, ça renonce maintenant.", "yes"),
        ("ah ouais de code", "yes"),
        ("Non, s'agissons.", "no"),
        ("ben non mais donne", ""),
        ("oui mais non", ""),
        ("oui c'est pas ça", ""),
        ("non, si", ""),
        ("ouistiti", ""),
        ("bon", ""),
        ("", ""),
    ],
)
def test_how_an_answer_begins(said: str, way: str) -> None:
    assert leads_with(said) == way


@given(st.text(max_size=120))
def test_nothing_is_yes_and_no_at_once(said: str) -> None:
    assert not (is_yes(said) and is_no(said))
    is_backchannel(said)


@given(
    st.lists(
        st.sampled_from(["oui", "non", "d'accord", "merci", "mais", "ça", "c'est", "pas", "bon"]), max_size=40
    )
)
def test_long_runs_of_small_words_are_read_quickly(words: list[str]) -> None:
    said = " ".join(words)
    assert not (is_yes(said) and is_no(said))
