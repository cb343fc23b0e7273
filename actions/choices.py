"""Which of a few told options the caller means: by key, rank, date, weekday, amount or words. Pure functions."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

RANKS = {
    "premier": 1,
    "premiere": 1,
    "deuxieme": 2,
    "second": 2,
    "seconde": 2,
    "troisieme": 3,
    "quatrieme": 4,
    "cinquieme": 5,
    "dernier": -1,
    "derniere": -1,
}
_FILLERS = frozenset(
    re.findall(
        r"\w+",
        "le la les un une des de du d l au aux et ou a en ce cette c est je j prefere veux voudrais plutot pour "
        "moi sur mon ma mes vous oui non par que qui euh alors bon bien entre",
    )
)


@dataclass(frozen=True)
class Option:
    """One option as told. ``value``: what it stands for; ``label``: its words; the rest: other ways to name it."""

    value: str
    label: str
    amount: str = ""  # 12.90
    date: str = ""  # ISO 8601
    number: str = ""  # a day of the month
    words: str = ""  # not told, but understood

    def as_slot(self) -> dict[str, Any]:
        """The option as JSON values."""
        return asdict(self)


def from_slot(value: Any) -> tuple[Option, ...]:
    """The options that a slot holds."""
    return tuple(Option(**item) for item in value or ())


def keys(options: Sequence[Option]) -> dict[str, str]:
    """Keypad: ``1`` is the first option, and so on to 9."""
    return {str(rank): f'/inform_number{{"rank": "{rank}"}}' for rank in range(1, min(len(options), 9) + 1)}


def pick(
    options: Sequence[Option], text: str, number: str = "", amount: str = "", date: str = "", rank: str = ""
) -> Option | None:
    """The one option that the caller means, ``None`` when that is none or several.

    ``text``: what was said; ``number``, ``amount``, ``date``: entities found in it, or empty; ``rank``: the
    key pressed. In speech a value (an amount, a date, the option's own number) counts before a rank:
    "le 10" is the tenth of the month when the tenth was offered.
    """
    if not options:
        return None
    if rank:
        return next(iter(_by_rank(options, rank, [])), None)
    words = _words(text)
    for found in (
        [o for o in options if number and o.number == number],
        [o for o in options if date and o.date[:10] == date[:10] and o.date],
        [o for o in options if amount and o.amount and _same_amount(o.amount, amount)],
        _by_rank(options, number, words),
        _by_words(options, words),
    ):
        if len(found) == 1:
            return found[0]
    return None


def _by_rank(options: Sequence[Option], number: str, words: list[str]) -> list[Option]:
    ranks = [RANKS[word] for word in words if word in RANKS]
    if not ranks and number.isdigit():
        ranks = [int(number)]
    if len(set(ranks)) != 1:
        return []
    rank = len(options) if ranks[0] == -1 else ranks[0]
    return [options[rank - 1]] if 1 <= rank <= len(options) else []


def _by_words(options: Sequence[Option], words: list[str]) -> list[Option]:
    """Options sharing the most words with what was said; words that every option has tell nothing apart."""
    said = {word for word in words if word not in _FILLERS}
    labels = [set(_words(f"{option.label} {option.words}")) - _FILLERS for option in options]
    common = set.intersection(*labels) if len(labels) > 1 else set()
    scores = [len(said & (label - common)) for label in labels]
    best = max(scores)
    return [o for o, score in zip(options, scores, strict=True) if score == best] if best else []


def _same_amount(first: str, second: str) -> bool:
    def cents(value: str) -> int:
        return round(float(re.sub(r"[^\d.,]", "", value).replace(",", ".") or 0) * 100)

    try:
        return cents(first) == cents(second)
    except ValueError:
        return False


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFD", text.lower())
    return re.findall(r"[a-z0-9]+", "".join(c for c in plain if not unicodedata.combining(c)))
