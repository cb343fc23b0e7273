"""What the caller really heard of a reply that was cut short. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class SpokenPart:
    """One sentence as it was played. ``played_ms`` of ``total_ms`` milliseconds."""

    text: str
    played_ms: int
    total_ms: int


def heard_text(parts: Sequence[SpokenPart]) -> str:
    """The text played, cut at a word: speech runs through a sentence at an about even pace."""
    heard: list[str] = []
    for part in parts:
        if part.total_ms <= 0 or part.played_ms >= part.total_ms:
            heard.append(part.text)
            continue
        words = part.text.split()
        count = int(len(words) * part.played_ms / part.total_ms)
        if count:
            heard.append(" ".join(words[:count]) + "…")
        break
    return " ".join(heard)
