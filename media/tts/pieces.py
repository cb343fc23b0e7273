"""Cutting a reply into what is synthesised at once, and what is heard between two pieces."""

from __future__ import annotations

import re
from dataclasses import dataclass

from media.tts.engine import Pacing

SENTENCE_PAUSE_MS = 220
"""Silence after a sentence: speech at a telephone counter, neither hurried nor hesitant."""

CLAUSE_PAUSE_MS = 110
"""Silence where a sentence was cut at a comma, close to what the engines leave there by themselves."""

# Abbreviations, decimals and addresses are gone once a text is verbalised: a stop ends a sentence.
_SENTENCE = re.compile(r"[^.!?…]*(?:[.!?…]+[\s»\")]*|$)")
_CLAUSE = re.compile(r"[^,;:]*(?:[,;:]+\s*|$)")
_SPEAKABLE = re.compile(r"\w")


@dataclass(frozen=True)
class Piece:
    """``text`` to synthesise, then ``pause_ms`` milliseconds of silence."""

    text: str
    pause_ms: int


def pieces(text: str, pacing: Pacing) -> list[Piece]:
    """The text in order, sentence by sentence, longer sentences cut at commas; nothing unspeakable."""
    cut: list[Piece] = []
    for sentence in _SENTENCE.findall(text):
        wish = pacing.longest if cut else pacing.first
        parts = _gather(sentence, wish, pacing)
        cut += [Piece(part, CLAUSE_PAUSE_MS) for part in parts[:-1]]
        cut += [Piece(part, SENTENCE_PAUSE_MS) for part in parts[-1:]]
    return cut


def _gather(sentence: str, wish: int, pacing: Pacing) -> list[str]:
    """The clauses of a sentence, as many in each part as the wish allows."""
    if len(sentence) <= wish:
        return [sentence.strip()] if _SPEAKABLE.search(sentence) else []
    parts: list[str] = []
    current = ""
    for clause in _CLAUSE.findall(sentence):
        if current and len(current) + len(clause) > wish:
            parts += _within(current, pacing.limit)
            current, wish = "", pacing.longest
        current += clause
    parts += _within(current, pacing.limit)
    return [part for part in parts if _SPEAKABLE.search(part)]


def _within(text: str, limit: int) -> list[str]:
    parts = []
    text = text.strip()
    while len(text) > limit:
        space = text.rfind(" ", 1, limit)
        end = space if space > 0 else limit
        parts.append(text[:end])
        text = text[end:].strip()
    return [*parts, text]
