"""Which sites are rung for a call, in what order and why. Pure: see :func:`choose`.

Left out: a site without the skill, a closed one, and one whose people are all busy and that has no line besides. The
others are ranked in three tiers: those with a share and a way in, those that only take overflow, those whose line has
just failed. Within the first, whoever is furthest behind its agreed share comes first: over any stretch of calls each
site then gets its part to within a few calls. What its share entitles a site to is counted of the calls that come while
it is open, whatever their skill, so that a site without some skill is made up for it with calls of the others, and a
site that was closed does not come back to a flood. Measured quality lets one site run ahead of another by at most
``quality_weight`` calls in all: shares hold in the long run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from zoneinfo import ZoneInfo

from bot.routing import french
from bot.routing.hours import AHEAD, Opening, holiday, next_opening, opening_at, openings
from bot.routing.model import (
    Choice,
    LeftOut,
    RankedSite,
    RouteCase,
    ServiceRules,
    SiteRules,
    SiteState,
    Tally,
)
from bot.routing.wait import expected_wait

RING_BACK_AFTER = timedelta(minutes=30)
"""People who are all busy now are given this long before a call is promised in their name."""


def choose(case: RouteCase) -> Choice:
    """The sites to ring for this request; with none, the time at which a call can be promised."""
    skill, at = case.request.skill, case.request.at
    found = {site.id: opening_at(site, case.service, at) for site in case.sites}
    due = _due(case.sites, found)
    shares = sum(site.share for site in case.sites)
    ranked: list[tuple[tuple[object, ...], RankedSite]] = []
    left_out: list[LeftOut] = []
    for place, site in enumerate(case.sites):
        state, now = case.states.get(site.id, SiteState()), found[site.id]
        if skill not in site.skills:
            left_out.append(LeftOut(site.id, site.name, "skill", french.unable(site, skill)))
        elif now is None:
            left_out.append(_closed(site, case.service, at))
        elif not _has_way_in(site, state):
            left_out.append(LeftOut(site.id, site.name, "full", french.full(site, state)))
        else:
            tally = case.ledger.tallies.get(site.id, Tally())
            part = due.get(site.id, 0.0)
            parts = french.Parts(site.share / shares if shares else 0.0, part)
            reason = french.available(site, skill, state, now.closes, parts, tally)
            score = tally.owed + part + _quality(site, case)
            ranked.append((_key(site, state, place, score, case), RankedSite(site.id, site.name, reason)))
    order = tuple(one for _, one in sorted(ranked, key=lambda pair: pair[0]))
    if order:
        return Choice(order, tuple(left_out), wait_s=expected_wait(case.ledger.waits), due=due)
    full = any(one.why == "full" for one in left_out)
    promised = callback_time(case.sites, case.service, skill, at + (RING_BACK_AFTER if full else timedelta()))
    return Choice((), tuple(left_out), callback_at=promised, due=due)


def callback_time(
    sites: Sequence[SiteRules], service: ServiceRules, skill: str, wanted: datetime
) -> datetime:
    """The first moment at or after ``wanted`` (aware) when a site with the skill answers, in the service's zone.

    Not on a public holiday of the service's country. Where no site will (nobody has the skill), when the service opens.
    """
    zone = ZoneInfo(service.timezone)
    able = [site for site in sites if skill in site.skills]
    moments = [moment for site in able for moment in _quiet_openings(site, service, wanted)]
    if moments:
        return min(moments).astimezone(zone)
    return service.hours.next_open(wanted.astimezone(zone))


def _quiet_openings(site: SiteRules, service: ServiceRules, wanted: datetime) -> Sequence[datetime]:
    zone = ZoneInfo(service.timezone)
    for one in openings(site, service, wanted, wanted + AHEAD):
        begin = max(one.opens, wanted.astimezone(UTC))
        if not holiday(service.country, begin.astimezone(zone).date()):
            return (begin,)
    return ()


def _due(sites: Sequence[SiteRules], found: Mapping[str, Opening | None]) -> dict[str, float]:
    """How one call is owed to the sites that are open, by their shares."""
    shares = {site.id: site.share for site in sites if found[site.id] and site.share > 0}
    total = sum(shares.values())
    return {site: share / total for site, share in shares.items()}


def _has_way_in(site: SiteRules, state: SiteState) -> bool:
    if state.idle or state.signed_in is None or state.signed_in == 0:
        return True
    return site.line_when_busy


def _key(site: SiteRules, state: SiteState, place: int, score: float, case: RouteCase) -> tuple[object, ...]:
    """Sorts sites: tier, then how far behind its share; those without one in the order of the file."""
    if not state.line_up and not state.idle:
        return (2, place)
    if site.share <= 0:
        return (1, place)
    # Rounded, so that sums made in another order cannot turn a tie into a difference.
    return (0, -round(score, 9), sha256(f"{case.request.call_id}:{site.id}".encode()).digest())


def _quality(site: SiteRules, case: RouteCase) -> float:
    """Calls by which quality lets a site run ahead: between minus and plus half the weight, 0 when not measured."""
    known = [one.quality for one in case.sites if one.quality is not None]
    if site.quality is None or max(known) == min(known):
        return 0.0
    middle = (max(known) + min(known)) / 2
    return case.service.quality_weight * (site.quality - middle) / (max(known) - min(known))


def _closed(site: SiteRules, service: ServiceRules, at: datetime) -> LeftOut:
    opens_at = next_opening(site, service, at)
    reason = french.closed(site, service, at, opens_at)
    return LeftOut(site.id, site.name, "closed", reason, opens_at)
