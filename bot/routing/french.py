"""The words of a choice: what a supervisor reads, what a caller hears."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.routing.hours import holiday, holiday_name, last_closing
from bot.routing.model import ServiceRules, SiteRules, SiteState, Tally

SKILLS = {
    "billing": "compétence facturation",
    "technical": "compétence box",
    "retention": "compétence fidélisation",
    "general": "compétence générale",
}
_DAYS = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")
_MINUTE_S = 60.0


@dataclass(frozen=True)
class Parts:
    """A site's part of the calls, 0–1: ``agreed``, of all sites; ``now``, of those that are open."""

    agreed: float
    now: float


def available(
    site: SiteRules, skill: str, state: SiteState, closes: datetime, parts: Parts, tally: Tally
) -> str:
    """Why a site is rung where it stands."""
    known = [_people(state), SKILLS[skill], f"ouvert jusqu'à {_clock(closes, site)}"]
    known.append(_share(parts, tally) if parts.agreed > 0 else "en débordement seulement")
    if not state.line_up and not state.idle:
        known.append("ligne en panne, essayée en dernier")
    return f"{site.name} : {', '.join(known)}"


def unable(site: SiteRules, skill: str) -> str:
    """Why a site without the skill is left out."""
    return f"{site.name} : n'a pas la {SKILLS[skill]}"


def full(site: SiteRules, state: SiteState) -> str:
    """Why a site whose people are all busy is left out."""
    people = (
        "personne de libre"
        if not state.signed_in
        else f"{_count(state.signed_in, 'conseiller')}, aucun libre"
    )
    return f"{site.name} : complet, {people}"


def closed(site: SiteRules, service: ServiceRules, at: datetime, opens_at: datetime | None) -> str:
    """Why a closed site is left out: since when, or why today, and until when."""
    zone = ZoneInfo(site.timezone)
    today = at.astimezone(zone).date()
    if holiday(site.country, today) and not site.works_holidays:
        name = holiday_name(site.country, today)
        why = f"fermé, jour férié ({name})" if name else "fermé, jour férié"
    else:
        since = last_closing(site, service, at)
        why = "fermé"
        if since and since.astimezone(zone).date() == today:
            why = f"fermé depuis {_clock(since, site)}"
    if opens_at is None:
        return f"{site.name} : {why}"
    ahead = (opens_at.astimezone(zone).date() - today).days
    day = {0: "", 1: "demain "}.get(ahead, f"{_DAYS[opens_at.astimezone(zone).weekday()]} ")
    if ahead > 6:
        day = f"le {opens_at.astimezone(zone):%d/%m} "
    return f"{site.name} : {why}, ouvre {day}à {_clock(opens_at, site)}"


def spoken_wait(wait_s: float) -> str:
    """As it is said to a caller after « l'attente est »: ``de moins d'une minute``, ``d'environ 4 minutes``."""
    minutes = math.ceil(wait_s / _MINUTE_S)
    return "de moins d'une minute" if minutes <= 1 else f"d'environ {minutes} minutes"


def _people(state: SiteState) -> str:
    if state.idle:
        return _count(state.idle, "libre")
    if state.signed_in:
        return f"{_count(state.signed_in, 'conseiller')}, aucun libre, par la ligne du site"
    return "par la ligne du site"


def _share(parts: Parts, tally: Tally) -> str:
    agreed, now = round(parts.agreed * 100), round(parts.now * 100)
    share = (
        f"part convenue {agreed} %"
        if now == agreed
        else f"part convenue {agreed} % ({now} % des sites ouverts)"
    )
    owed = round(tally.owed)
    if owed > 0:
        return f"{share}, {_count(owed, 'appel')} de retard"
    if owed < 0:
        return f"{share}, {_count(-owed, 'appel')} d'avance"
    return share


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'s' if number > 1 else ''}"


def _clock(at: datetime, site: SiteRules) -> str:
    there = at.astimezone(ZoneInfo(site.timezone))
    return f"{there.hour} h {there.minute:02d}"
