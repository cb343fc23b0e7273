"""The router as the calls use it: gathers what is known now, and chooses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from bot.operator import Operator, Skill
from bot.routing.hours import load_holidays, opening_at
from bot.routing.ledger import CallLedger
from bot.routing.model import Choice, RouteCase, RouteRequest, ServiceRules, SiteRules, SiteState
from bot.routing.router import callback_time, choose

_COUNTRY = "FR"
"""The subscribers': nobody is promised a call on its public holidays, unless callbacks are rung on them."""


Count = Callable[[str, str], int]
"""How many people: of a site, with a skill."""


class SiteRouter:
    """Chooses sites for the calls of one operator.

    ``ledger``: what sites got lately; without it, each choice is the first. ``idle``: people at the desk whom a call
    could be offered now; None: not known. ``signed_in``: those and the busy ones; None: not known, and no site is full.
    """

    def __init__(
        self,
        operator: Operator,
        ledger: CallLedger | None = None,
        *,
        idle: Count | None = None,
        signed_in: Count | None = None,
    ) -> None:
        self._sites = site_rules(operator)
        self._service = service_rules(operator)
        self._ledger = ledger or CallLedger()
        self._idle = idle
        self._signed_in = signed_in
        load_holidays(
            (self._service.country, *(site.country for site in self._sites))
        )  # not in the first call

    def choose(self, skill: Skill, call_id: str, at: datetime) -> tuple[RouteCase, Choice]:
        """The sites to ring for a call that needs a person at ``at`` (aware), and all that this rests on."""
        case = RouteCase(
            request=RouteRequest(skill, call_id, at),
            service=self._service,
            sites=self._sites,
            states=self._states(skill),
            ledger=self._ledger.lately(skill),
        )
        return case, choose(case)

    def is_open(self, site: str, at: datetime) -> bool:
        """Whether a site answers at ``at`` (aware)."""
        return any(one.id == site and opening_at(one, self._service, at) for one in self._sites)

    def callback_time(self, skill: str, wanted: datetime) -> datetime:
        """The first moment at or after ``wanted`` (aware) to promise a call by somebody with the skill."""
        return callback_time(self._sites, self._service, skill, wanted)

    def _states(self, skill: str) -> Mapping[str, SiteState]:
        idle, signed_in = self._idle, self._signed_in
        return {
            site.id: SiteState(
                idle=idle(site.id, skill) if idle else None,
                signed_in=signed_in(site.id, skill) if signed_in else None,
                line_up=self._ledger.line_up(site.id),
            )
            for site in self._sites
        }


def site_rules(operator: Operator) -> tuple[SiteRules, ...]:
    """What ``operator.yml`` says of each site."""
    return tuple(
        SiteRules(
            id=site.id, name=site.name, skills=site.skills, timezone=site.timezone, country=site.country,
            hours=site.hours, works_holidays=site.public_holidays, share=float(site.share), quality=site.quality,
            line_when_busy=site.line_when_busy,
        )
        for site in operator.sites
    )  # fmt: skip


def service_rules(operator: Operator) -> ServiceRules:
    """What ``operator.yml`` says of all of them."""
    return ServiceRules(
        hours=operator.hours,
        timezone=operator.brand.timezone,
        country="" if operator.callbacks.public_holidays else _COUNTRY,
        quality_weight=operator.routing.quality_weight,
    )
