"""What Whisper makes up is not taken for the caller's words; what a caller says is kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.stt import guard

MADE_UP = [
    "Sous-titres réalisés par la communauté d'Amara.org",
    "Sous-titres réalisés para la communauté d'Amara.org",
    "Sous-titrage ST' 501",
    "Sous-titrage Société Radio-Canada",
    "Sous-titres par SousTitreur.com",
    "Sous-titrage FR 2021",
    "❤️ par SousTitreur.com",
    "Merci d'avoir regardé cette vidéo !",
    "Merci d'avoir regardé.",
    "Merci à tous d'avoir regardé la vidéo.",
    "Abonnez-vous à la chaîne !",
    "N'oubliez pas de vous abonner.",
    "[Musique]",
    "♪ ♪",
    "(applaudissements)",
    "Musique de fin",
    "...",
]
SAID = [
    "Oui.",
    "Merci.",
    "Merci d'avoir rappelé.",
    "Merci beaucoup, au revoir.",
    "Je voudrais changer d'abonnement.",
    "J'ai plus les sous-titres sur la chaîne.",
    "Les sous-titres ne s'affichent plus.",
    "La vidéo à la demande ne marche pas.",
    "Je veux m'abonner à la chaîne sport.",
    "Non non non non !",
    "12, 34, 56, 74.",
    "0 0 0 0 0 0 0 0",
]


def clean(text: str, prompt: str = "") -> str:
    return guard.clean(text, score=-0.3, no_speech=0.05, seconds=5.0, prompt=prompt)


@pytest.mark.parametrize("text", MADE_UP)
def test_what_only_subtitles_say_is_dropped(text: str) -> None:
    assert not any(c.isalnum() for c in clean(text))


@pytest.mark.parametrize("text", SAID)
def test_what_callers_say_is_kept(text: str) -> None:
    assert clean(text) == text


def test_credits_after_a_sentence_are_cut_off() -> None:
    assert clean("Bonjour, ma box est en panne. Sous-titrage ST' 501") == "Bonjour, ma box est en panne."


@pytest.mark.parametrize(
    ("score", "no_speech", "silent"),
    [(-0.2, 0.1, False), (-1.5, 0.1, False), (-0.2, 0.6, False), (-1.2, 0.5, True), (-0.2, 0.9, True)],
)
def test_silence_needs_both_numbers_or_an_extreme_one(score: float, no_speech: float, silent: bool) -> None:
    assert guard.is_silence(score, no_speech) is silent


@pytest.mark.parametrize(
    ("looped", "once"),
    [
        ("merci " * 30, "merci"),
        ("je veux résilier résilier résilier résilier résilier résilier", "je veux résilier"),
        ("c'est à dire, c'est à dire, c'est à dire, c'est à dire, c'est à dire, c'est à", "c'est à dire,"),
        ("8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8", "8,"),
    ],
)
def test_endless_repeats_are_said_once(looped: str, once: str) -> None:
    assert guard.collapse_loops(looped) == once


@given(st.lists(st.sampled_from(["a", "b", "12"]), max_size=60))
def test_collapsing_never_adds_words_and_settles(words: list[str]) -> None:
    text = " ".join(words)
    once = guard.collapse_loops(text)
    assert len(once.split()) <= len(words)
    assert set(once.split()) == set(words)


PROMPT = "Bonjour, c'est pour la facture de mon abonnement. Mon numéro est le 12 34 56 78."


@pytest.mark.parametrize(
    "text", [PROMPT, "Mon numéro est le 12 34 56 78", "pour la facture de mon abonnement"]
)
def test_the_prompt_said_back_is_dropped(text: str) -> None:
    assert clean(text, PROMPT) == ""


@pytest.mark.parametrize("text", ["mon abonnement", "Bonjour", "Mon numéro est le 12 34 56 74", "la facture"])
def test_words_of_the_prompt_may_be_said(text: str) -> None:
    assert clean(text, PROMPT) == text


def test_no_prompt_echoes_nothing() -> None:
    assert not guard.is_echo("oui", "")
    assert not guard.is_echo("", "")


def test_nobody_speaks_that_fast() -> None:
    assert guard.is_too_fast("je voudrais bien savoir pourquoi ma facture", 0.5)
    assert not guard.is_too_fast("je voudrais bien savoir pourquoi ma facture", 2.0)
    assert not guard.is_too_fast("oui oui", 0.1)


@given(st.text(max_size=200), st.floats(-3, 0), st.floats(0, 1), st.floats(0.1, 30), st.text(max_size=60))
def test_any_text_can_be_guarded(
    text: str, score: float, no_speech: float, seconds: float, prompt: str
) -> None:
    kept = guard.clean(text, score=score, no_speech=no_speech, seconds=seconds, prompt=prompt)
    assert len(kept) <= len(text)
