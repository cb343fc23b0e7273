"""Written French for values: what an action puts into a response. The bot turns it into speech. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal

MONTHS = (
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
)
WEEKDAYS = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")


def euros(amount: Decimal) -> str:
    """``42.9`` → ``42,90 €``; whole amounts lose their cents: ``40 €``."""
    rounded = amount.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
    text = f"{rounded:.2f}".removesuffix(".00").replace(".", ",")
    return f"{text} €"


def day(value: date) -> str:
    """``15 mars 2027``; the first is ``1er``."""
    number = "1er" if value.day == 1 else str(value.day)
    return f"{number} {MONTHS[value.month - 1]} {value.year}"


def weekday(value: date) -> str:
    """``mardi 16 mars``, for a date near enough to need no year."""
    number = "1er" if value.day == 1 else str(value.day)
    return f"{WEEKDAYS[value.weekday()]} {number} {MONTHS[value.month - 1]}"


def hour(value: datetime) -> str:
    """``8 heures``, ``14 heures 30``."""
    unit = "heure" if value.hour == 1 else "heures"
    return f"{value.hour} {unit} {value.minute:02d}" if value.minute else f"{value.hour} {unit}"


def slot(starts_at: datetime, ends_at: datetime) -> str:
    """``mardi 16 mars entre 8 heures et 12 heures``."""
    return f"{weekday(starts_at)} entre {hour(starts_at)} et {hour(ends_at)}"


def month(value: date) -> str:
    """``mars``, with its article: ``de mars``, ``d'avril``."""
    name = MONTHS[value.month - 1]
    return f"d'{name}" if name[0] in "aeiouéâ" else f"de {name}"


def months(count: int) -> str:
    """``douze mois`` is left to the voice: ``12 mois``."""
    return f"{count} mois"


def enumerate_or(items: Sequence[str]) -> str:
    """``a``, ``a ou b``, ``a, b ou c``."""
    return _joined(items, "ou")


def enumerate_and(items: Sequence[str]) -> str:
    """``a``, ``a et b``, ``a, b et c``."""
    return _joined(items, "et")


def _joined(items: Sequence[str], word: str) -> str:
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {word} {items[-1]}"


def masked_name(title: str, last_name: str) -> str:
    """``Mme D.``"""
    return f"{title} {last_name[:1].upper()}."


def masked_number(number: str) -> str:
    """The last four digits only: ``••••5674``."""
    return "•" * max(0, len(number) - 4) + number[-4:]


def email_hint(email: str) -> tuple[str, str]:
    """First letter and domain of an address: enough for its owner to know it, said aloud without spelling it."""
    local, _, domain = email.partition("@")
    return local[:1], domain


def phone_end(phone: str) -> str:
    """Last two pairs of a telephone number: ``22 33``."""
    digits = "".join(c for c in phone if c.isdigit())[-4:]
    return f"{digits[:2]} {digits[2:]}".strip()
