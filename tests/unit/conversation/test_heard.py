"""What was heard of a reply that was cut."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given

from bot.conversation.heard import SpokenPart, heard_text


def test_whole_sentences_then_the_words_played() -> None:
    parts = [
        SpokenPart("Votre facture est de 42,90 €.", 3000, 3000),
        SpokenPart("Elle est due le 5 mars.", 1000, 2000),
    ]
    assert heard_text(parts) == "Votre facture est de 42,90 €. Elle est due…"


def test_nothing_played_is_nothing_heard() -> None:
    assert heard_text([SpokenPart("Bonjour.", 0, 900), SpokenPart("Autre chose ?", 0, 900)]) == ""


@given(st.lists(st.tuples(st.text("ab ", min_size=1), st.integers(0, 3000), st.integers(1, 3000))))
def test_never_more_than_was_said(parts: list[tuple[str, int, int]]) -> None:
    spoken = [SpokenPart(*part) for part in parts]
    assert len(heard_text(spoken).replace("…", "").split()) <= len(" ".join(p.text for p in spoken).split())
