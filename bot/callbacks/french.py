"""What a subscriber reads about a callback."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from bot.callbacks.model import Callback, State
from bot.callbacks.report import immediate

_DAYS = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")
_MONTHS = (
    "janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre",
    "décembre",
)  # fmt: skip

REFUSALS = {
    "malformed": "Ce n’est pas un numéro de téléphone. Exemple : 06 12 34 56 78.",
    "unknown": "Ce numéro n’est pas complet ou n’existe pas. Exemple : 06 12 34 56 78.",
    "short": "Nous ne rappelons pas les numéros courts. Indiquez un numéro fixe ou mobile.",
    "premium": "Nous ne rappelons pas les numéros en 08 ni les numéros spéciaux. Indiquez un numéro fixe ou mobile.",
    "foreign": "Nous rappelons seulement en France métropolitaine et d’outre-mer. Indiquez un numéro français.",
    "not_listed": "Nous ne pouvons pas rappeler ce numéro. Indiquez un autre numéro, fixe ou mobile.",
}
"""Reason of a :class:`bot.errors.NumberRefusedError` → the sentence."""


def when(at: datetime, zone: str, now: datetime) -> str:
    """A promised time as the subscriber reads it: ``demain mardi 24 novembre à partir de 8 h``. All aware."""
    there = at.astimezone(ZoneInfo(zone))
    ahead = (there.date() - now.astimezone(ZoneInfo(zone)).date()).days
    day = f"{_DAYS[there.weekday()]} {'1er' if there.day == 1 else there.day} {_MONTHS[there.month - 1]}"
    day = {0: "aujourd’hui", 1: f"demain {day}"}.get(ahead, day)
    minutes = f"\u00a0{there.minute:02d}" if there.minute else ""
    elsewhere = "" if zone == "Europe/Paris" else ", heure de chez vous"
    return f"{day} à partir de {there.hour}\u00a0h{minutes}{elsewhere}"


def promise(callback: Callback, now: datetime) -> str:
    """What is promised to whoever asked, or what became of it."""
    match callback.state:
        case State.ANSWERED:
            return "Nous vous avons rappelé."
        case State.MISSED:
            return "Nous n’avons pas réussi à vous joindre."
        case State.CANCELLED:
            return "Ce rappel est annulé."
        case State.DIALLING:
            return "Votre téléphone va sonner."
        case State.RETRY:
            return f"Nous vous rappelons {when(callback.due_at, callback.zone, now)}."
    if immediate(callback) or callback.due_at <= now:
        return "Votre téléphone va sonner d’ici quelques secondes."
    return f"Nous vous rappelons {when(callback.due_at, callback.zone, now)}."
