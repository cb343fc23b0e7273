"""Dates as callers say them → calendar dates. Figures are expected (``15 mars``), words are made figures before.

Whole dates and forward-looking words ("demain", "mardi prochain", "dans trois jours") are understood.
Words that set a scene rather than name a date ("hier", "aujourd'hui", "depuis lundi") are left alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime

import dateparser

_MONTHS = {
    "janvier": 1, "février": 2, "fevrier": 2, "mars": 3, "avril": 4, "mai": 5, "juin": 6, "juillet": 7,
    "août": 8, "aout": 8, "septembre": 9, "octobre": 10, "novembre": 11, "décembre": 12, "decembre": 12,
}  # fmt: skip
_WEEKDAYS = "lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche"
_MONTH = "|".join(_MONTHS)

_DATE = re.compile(
    rf"""
    (?<![\w/.-])
    (?:
        (?P<iso>\d{{4}}-\d\d-\d\d)
      | (?:(?:{_WEEKDAYS})\s+)?(?P<day>\d{{1,2}}|1er|premier)\s+(?P<month>{_MONTH})
        (?:\s+(?P<year>(?:19|20)\d\d|\d\d(?!\s*(?:euros?|€|heures?|h\b|jours?))))?
      | (?P<slashed>\d{{1,2}}/\d{{1,2}}(?:/(?:\d{{4}}|\d{{2}}))?)
      | (?P<ahead>après[- ]demain|demain|dans\s+(?:une?|\d{{1,3}})\s+(?:jours?|semaines?|mois))
      | (?P<weekday>{_WEEKDAYS})(?:\s+(?:prochain|qui\s+vient))?
    )
    (?![\w/-]|\.\d)
    """,
    re.VERBOSE,
)
# Before a day of the week: a habit, a span or the past, not a date to come.
_NOT_AHEAD = re.compile(r"(?:depuis|chaque|tous les|jusqu'à|jusqu'a|le|les|ce|du|hier)\s+$")
_LAST = re.compile(r"\s+(?:dernier|passé)\b")
_BIRTH = re.compile(r"\bn[ée]+e?\b(?=.*\d)|\bnaissance\b|\bje suis de\b")


@dataclass(frozen=True)
class FoundDate:
    """A date in a text: ``text[start:end]`` says ``value``."""

    start: int
    end: int
    value: date


def find_dates(text: str, *, today: date, past: bool | None = None) -> list[FoundDate]:
    """The dates in lower-case ``text``, in order.

    ``past``: without a year, take the last such day instead of the next; None: by whether a birth is
    spoken of. A day that the calendar lacks (31/02) is not a date.
    """
    backward = speaks_of_birth(text) if past is None else past
    found: list[FoundDate] = []
    for match in _DATE.finditer(text):
        if match["weekday"] and (_NOT_AHEAD.search(text[: match.start()]) or _LAST.match(text, match.end())):
            continue
        value = _value(match, today, backward)
        if value is not None:
            found.append(FoundDate(match.start(), match.end(), value))
    return found


def replace_dates(text: str, *, today: date, past: bool | None = None) -> str:
    """``text`` with each date written as ``2027-03-15``."""
    for found in reversed(find_dates(text, today=today, past=past)):
        text = text[: found.start] + found.value.isoformat() + text[found.end :]
    return text


def speaks_of_birth(text: str) -> bool:
    """Whether the dates in ``text`` are birth dates."""
    return _BIRTH.search(text) is not None


def read_birth_date(text: str, *, today: date) -> date | None:
    """The one birth date in ``text``: a spoken date, or figures ``JJMMAAAA`` or ``JJMMAA`` however grouped."""
    for found in find_dates(text, today=today, past=True):
        return found.value if found.value <= today else None
    figures = re.sub(r"\D", "", text)
    if len(figures) not in (6, 8):
        return None
    year = int(figures[4:])
    if len(figures) == 6:
        year = _two_digit_year(year, today, backward=True)
    try:
        born = date(year, int(figures[2:4]), int(figures[:2]))
    except ValueError:
        return None
    return born if date(today.year - 120, 1, 1) <= born <= today else None


def _value(match: re.Match[str], today: date, backward: bool) -> date | None:
    if match["iso"]:
        try:
            return date.fromisoformat(match["iso"])
        except ValueError:
            return None
    if match["month"]:
        day = 1 if match["day"] in ("1er", "premier") else int(match["day"])
        return _on(day, _MONTHS[match["month"]], match["year"], today, backward)
    if match["slashed"]:
        parts = match["slashed"].split("/")
        return _on(int(parts[0]), int(parts[1]), parts[2] if len(parts) == 3 else None, today, backward)
    words = re.sub(r"\bun[e]?\b", "1", match["ahead"] or match["weekday"]).replace(
        "après demain", "après-demain"
    )
    parsed = dateparser.parse(
        words,
        languages=["fr"],
        settings={
            "DATE_ORDER": "DMY",
            "PREFER_DATES_FROM": "future",
            "RELATIVE_BASE": datetime(today.year, today.month, today.day),
        },
    )
    return parsed.date() if parsed else None


def _on(day: int, month: int, year: str | None, today: date, backward: bool) -> date | None:
    """The day, or None where the calendar lacks it. Without a year: the nearest one in the wanted direction."""
    if year is not None:
        number = int(year)
        years = [number if number > 99 else _two_digit_year(number, today, backward)]
    else:
        # 29 February may be eight years away (1896, 1904).
        years = [today.year + (-step if backward else step) for step in range(9)]
    for candidate in years:
        try:
            value = date(candidate, month, day)
        except ValueError:
            continue
        if year is not None or (value <= today if backward else value >= today):
            return value
    return None


def _two_digit_year(year: int, today: date, backward: bool) -> int:
    """The full year: for a birth the last such year, otherwise the one in this century."""
    full = today.year // 100 * 100 + year
    return full - 100 if backward and full > today.year else full
