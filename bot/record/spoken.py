"""A light reader of numbers in French text, digits and words alike: only as much as hiding them needs.

It does not say what a number is worth to anybody; it says where numbers stand, how many digits they
hold and what breaks them apart. Pure, one pass, linear in the length of the text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache

GAP_CHARS = (
    " \t\r\n\f\v\u00a0\u2007\u2009\u202f\u200b\u200c\u200d\u2060\ufeff-\u2010\u2011\u2012\u2013\u2014"
    "_./,\\|•*·'’()"
)
"""What may stand between the digits of one number, however it was typed or recognised."""

MAX_GAP = 6
"""Characters of :data:`GAP_CHARS` between two digits beyond which they are two numbers."""


class Kind(Enum):
    """What a token is to the redactor."""

    MASK = auto()  # something already hidden
    KEEP = auto()  # an identifier of ours (UUID): never touched
    EMAIL = auto()
    DATE = auto()  # a full numeric date: 2027-03-15, 15/03/2027
    DIGITS = auto()
    NUMBER = auto()  # a French number word
    MONTH = auto()  # a French month name
    WORD = auto()
    OTHER = auto()  # one character


@dataclass(frozen=True)
class Token:
    """``text`` as written, ``norm``: lower case without accents (words only)."""

    kind: Kind
    text: str
    norm: str = ""
    glued: bool = False  # digits that follow letters: part of a reference


def word_set(text: str) -> frozenset[str]:
    """The words of ``text``."""
    return frozenset(text.split(" "))


_FIRST_NUMBERS = (
    "zero un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize"
)
_UNITS = {word: value for value, word in enumerate(_FIRST_NUMBERS.split(" "))} | {"une": 1}
_TENS = {
    "vingt": 20,
    "vingts": 20,
    "trente": 30,
    "quarante": 40,
    "cinquante": 50,
    "soixante": 60,
    "septante": 70,
    "huitante": 80,
    "octante": 80,
    "nonante": 90,
}
_SCALES = {"cent": 100, "cents": 100, "mille": 1000, "mil": 1000}
_ORDINALS = {"premier": 1, "premiere": 1}
_VALUES = _UNITS | _TENS | _SCALES | _ORDINALS

MONTHS = word_set("janvier fevrier mars avril mai juin juillet aout septembre octobre novembre decembre")
HESITATIONS = word_set("euh heu hum hein ben alors puis ensuite donc voila espace tiret point virgule")

_TOKEN = re.compile(
    r"(?P<mask>\[(?:IBAN|carte|numéro|date|code|e-mail|secret) masquée?\])"
    r"|(?P<uuid>(?<![0-9A-Za-z])[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}(?![0-9A-Za-z]))"
    r"|(?P<email>[\w.+%-]{1,254}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8})"
    r"|(?P<date>(?<![\d-])(?:19|20)\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])(?![\d-])"
    r"|(?<![\d/])(?:0?[1-9]|[12]\d|3[01])/(?:0?[1-9]|1[0-2])/(?:19|20)\d\d(?![\d/]))"
    r"|(?P<digits>\d+)"
    r"|(?P<word>[^\W\d_]+)"
    r"|(?P<other>.)",
    re.DOTALL,
)


@lru_cache(maxsize=4096)
def normalise(word: str) -> str:
    """Lower case without accents: ``Née`` → ``nee``."""
    decomposed = unicodedata.normalize("NFD", word.lower())
    return "".join(c for c in decomposed if not unicodedata.combining(c))


def tokenise(text: str) -> list[Token]:
    """Cut ``text`` into tokens whose texts, joined, are ``text`` again."""
    tokens: list[Token] = []
    for match in _TOKEN.finditer(text):
        value = match.group()
        match match.lastgroup:
            case "word":
                norm = normalise(value)
                kind = Kind.NUMBER if norm in _VALUES else Kind.MONTH if norm in MONTHS else Kind.WORD
                tokens.append(Token(kind, value, norm))
            case "digits":
                tokens.append(Token(Kind.DIGITS, value, glued=_is_glued(tokens)))
            case "date":
                tokens.append(Token(Kind.DATE, value))
            case "uuid":
                tokens.append(Token(Kind.KEEP, value))
            case "email":
                tokens.append(Token(Kind.EMAIL, value))
            case "mask":
                tokens.append(Token(Kind.MASK, value))
            case _:
                tokens.append(Token(Kind.OTHER, value))
    return tokens


def _is_glued(before: Sequence[Token]) -> bool:
    """Whether digits after these tokens belong to letters: ``F2027``, ``D-4512``."""
    joined = bool(before) and before[-1].text in ("-", "_", "/")
    last = before[-2:-1] if joined else before[-1:]
    return bool(last) and last[0].kind is Kind.WORD


@dataclass(frozen=True)
class Run:
    """Numbers that stand together: tokens ``start`` to ``end`` (exclusive), and where each number is."""

    start: int
    end: int
    numbers: tuple[int, ...]


def number_runs(tokens: Sequence[Token], kinds: frozenset[Kind]) -> list[Run]:
    """Maximal runs of tokens of ``kinds``, joined over separators, hesitations and the "et" of "vingt et un"."""
    runs: list[Run] = []
    current: list[int] = []
    gap = hesitations = 0
    for i, token in enumerate(tokens):
        if token.kind in kinds:
            current.append(i)
            gap = hesitations = 0
            continue
        if not current:
            continue
        if token.kind is Kind.OTHER and token.text in GAP_CHARS and gap < MAX_GAP:
            gap += 1
        elif token.kind is Kind.WORD and hesitations < 3 and _bridges(tokens, i):
            hesitations += 1
            gap = 0
        else:
            runs.append(Run(current[0], current[-1] + 1, tuple(current)))
            current = []
    if current:
        runs.append(Run(current[0], current[-1] + 1, tuple(current)))
    return runs


def _bridges(tokens: Sequence[Token], i: int) -> bool:
    """Whether the word at ``i`` does not part the numbers around it."""
    norm = tokens[i].norm
    if norm in HESITATIONS:
        return True
    if norm == "er":  # "1er mars"
        return tokens[i - 1].kind is Kind.DIGITS
    if norm != "et":
        return False
    following = next((t for t in tokens[i + 1 : i + 3] if t.kind is not Kind.OTHER), None)
    return following is not None and following.norm in ("un", "une", "onze")


def digit_count(tokens: Sequence[Token]) -> int:
    """How many digits a run of digits and number words holds at least: "quatre-vingt-deux zéro sept" → 4."""
    total = 0
    group: int | None = None
    for token in tokens:
        if token.kind is Kind.DIGITS:
            total += _width(group) + len(token.text)
            group = None
        elif token.kind is Kind.NUMBER:
            joined = _join(group, _VALUES[token.norm])
            if joined is None:
                total += _width(group)
                group = _VALUES[token.norm]
            else:
                group = joined
    return total + _width(group)


def _width(value: int | None) -> int:
    return 0 if value is None else len(str(value))


def _join(group: int | None, value: int) -> int | None:
    """The number said so far with one more word, or None when the word begins another number."""
    if group is None or group == 0 or value == 0:
        return None
    if value == 1000:
        return group * 1000 if group < 1000 else None
    if value == 100:
        head, low = divmod(group, 1000)
        return head * 1000 + (low or 1) * 100 if low < 20 else None
    low = group % 100
    if low == 4 and value == 20:  # quatre-vingt
        return group - 4 + 80
    if low == 10 and 7 <= value <= 9:  # dix-sept
        return group + value
    if low in (60, 80) and value < 20:  # soixante-dix, quatre-vingt-onze
        return group + value
    if low in (70, 90) and 7 <= value <= 9:  # soixante-dix-sept
        return group + value
    if low >= 20 and low % 10 == 0 and value < 10:  # trente-deux
        return group + value
    if low == 0:  # deux cent | trois, mille | neuf
        return group + value
    return None
