"""Numbers as a French person says them. Pure functions on digits; no text around them is looked at."""

from __future__ import annotations

import re
from functools import lru_cache

from num2words import num2words

_MOST_DIGITS = 12  # longer runs are identifiers, and nobody says them as a quantity
_PLURAL_BEFORE_SUFFIX = re.compile(r"(vingt|cent|million|milliard)sième")


@lru_cache(maxsize=4096)
def cardinal(value: int, *, feminine: bool = False) -> str:
    """``42`` → "quarante-deux"; feminine ``21`` → "vingt et une". Negative ones begin with "moins"."""
    if value < 0:
        return f"moins {cardinal(-value, feminine=feminine)}"
    words = str(num2words(value, lang="fr"))
    return words + "e" if feminine and words.endswith("un") else words


@lru_cache(maxsize=512)
def ordinal(value: int, *, feminine: bool = False) -> str:
    """``1`` → "premier" or "première", ``80`` → "quatre-vingtième". ``value``: 1 or more."""
    if value == 1:
        return "première" if feminine else "premier"
    # num2words 0.5.14 keeps the plural s of "quatre-vingts" and "deux cents" before the suffix.
    return _PLURAL_BEFORE_SUFFIX.sub(r"\1ième", str(num2words(value, lang="fr", to="ordinal")))


def quantity(digits: str, *, feminine: bool = False) -> str:
    """An amount of something: no leading zeros are said. Runs too long for one are said by pairs."""
    significant = digits.lstrip("0") or "0"
    return (
        cardinal(int(significant), feminine=feminine) if len(significant) <= _MOST_DIGITS else pairs(digits)
    )


def decimal(whole: str, fraction: str) -> str:
    """``12``, ``05`` → "douze virgule zéro cinq"; without a fraction the quantity alone."""
    if not fraction:
        return quantity(whole)
    return f"{quantity(whole)} virgule {with_zeros(fraction) if len(fraction) <= 3 else pairs(fraction)}"


def with_zeros(digits: str) -> str:
    """Every leading zero is said, then the rest as a number: ``007`` → "zéro zéro sept"."""
    rest = digits.lstrip("0")
    zeros = ["zéro"] * (len(digits) - len(rest))
    return " ".join([*zeros, *([cardinal(int(rest))] if rest else [])])


def pairs(digits: str) -> str:
    """An identifier, by pairs with a pause between them; an odd count ends on three digits.

    ``12345674`` → "douze, trente-quatre, cinquante-six, soixante-quatorze"; ``75011`` → "soixante-quinze, zéro onze".
    """
    cut = len(digits) if len(digits) % 2 == 0 else max(0, len(digits) - 3)
    groups = [digits[start : start + 2] for start in range(0, cut, 2)]
    return grouped([*groups, *([digits[cut:]] if digits[cut:] else [])])


def grouped(groups: list[str]) -> str:
    """Digit groups as they stand, with a pause between them."""
    return ", ".join(with_zeros(group) for group in groups)


def postcode(digits: str) -> str:
    """``75011`` → "soixante-quinze, zéro onze"; ``86000`` → "quatre-vingt-six mille"."""
    if digits.endswith("000") and not digits.startswith("0"):
        return cardinal(int(digits))
    return pairs(digits)


def euros(whole: str, cents: str, *, negative: bool = False) -> str:
    """``42``, ``90`` → "quarante-deux euros quatre-vingt-dix". ``cents``: what follows the comma, any length.

    One digit is tenths (``42,9``); beyond two decimals the amount is a rate and its decimals are said.
    """
    sign = "moins " if negative else ""
    value = int(whole) if len(whole.lstrip("0")) <= _MOST_DIGITS else None
    if len(cents) > 2 and cents.strip("0"):
        return f"{sign}{decimal(whole, cents)} {'euro' if value in (0, 1) else 'euros'}"
    hundredths = int((cents + "00")[:2])
    if value == 0 and hundredths:
        return f"{sign}{cardinal(hundredths)} {'centime' if hundredths == 1 else 'centimes'}"
    unit = "euro" if value in (0, 1) else "d'euros" if value and value % 1_000_000 == 0 else "euros"
    said = f"{sign}{quantity(whole)} {unit}"
    if not hundredths:
        return said
    if hundredths < 10:  # "douze euros cinq" could be twelve fifty
        return f"{said} et {cardinal(hundredths)} {'centime' if hundredths == 1 else 'centimes'}"
    return f"{said} {cardinal(hundredths)}"


def clock(hours: int, minutes: int) -> str:
    """``18``, ``30`` → "dix-huit heures trente"; ``1``, ``0`` → "une heure"."""
    said = f"{cardinal(hours, feminine=True)} {'heure' if hours < 2 else 'heures'}"
    return f"{said} {cardinal(minutes, feminine=False)}" if minutes else said
