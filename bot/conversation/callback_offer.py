"""A call back offered by the bot itself: what the answer was, when the call is promised for, how that is said. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta

SOON = timedelta(minutes=30)
"""People who did not answer just now are given this long."""
LATER = timedelta(hours=2)
"""For whom we rang at a bad time."""
_QUARTER = timedelta(minutes=15)

_WANTED = re.compile(
    r"\brappel|\bvolontiers\b|^\s*(?:oui|ouais|ok|okay|d'accord|d’accord|bien sûr)\b", re.IGNORECASE
)
_UNWANTED = re.compile(
    r"\bpas\b|^\s*non\b|\bjamais\b|\binutile\b|\bsurtout\b|\bje (?:vous )?rappelle(?:rai)?\b", re.IGNORECASE
)
_BAD_TIME = re.compile(
    r"\brappel|\bplus tard\b|\bpas (?:vraiment )?(?:le|un) bon moment\b|\bpas le temps\b|\bje conduis\b", re.I
)
_DAYS = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")
_MONTHS = (
    "janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre",
    "décembre",
)  # fmt: skip
_WEEK = 7


def wants_callback(text: str) -> bool | None:
    """What an answer of several words comes to: "rappelez-moi demain", "non, c'est moi qui vous rappelle".

    None: it is not clear.
    """
    if _UNWANTED.search(text):
        return False
    return True if _WANTED.search(text) else None


def is_bad_time(text: str) -> bool:
    """Whether somebody we rang puts us off: "rappelez-moi plus tard", "je conduis"."""
    return _BAD_TIME.search(text) is not None


def promised_at(opening: Callable[[datetime], datetime], now: datetime, after: timedelta) -> datetime:
    """The time to promise: ``after`` from ``now`` (aware, in the brand's zone), on a quarter of an hour, when open.

    ``opening``: the first moment at or after a given one when somebody can call.
    """
    wanted = now + after
    past = timedelta(minutes=wanted.minute % 15, seconds=wanted.second, microseconds=wanted.microsecond)
    return opening(wanted - past + (_QUARTER if past else timedelta()))


def spoken_time(due: datetime, today: date) -> str:
    """As it is said in a sentence: ``aujourd'hui vers 15 h 30``, ``demain à partir de 8 h``, ``lundi 7 décembre …``."""
    hour = f"{due.hour} h" if due.minute == 0 else f"{due.hour} h {due.minute:02d}"
    ahead = (due.date() - today).days
    day = {0: "aujourd'hui", 1: "demain"}.get(ahead, _DAYS[due.weekday()])
    if ahead >= _WEEK:
        day += f" {'1er' if due.day == 1 else due.day} {_MONTHS[due.month - 1]}"
    return f"{day} {'vers' if ahead == 0 else 'à partir de'} {hour}"
