"""What a choice of site rests on, and what it comes to. Plain data; times are aware, durations in seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from bot.operator import Hours, Skill


@dataclass(frozen=True)
class RouteRequest:
    """A person is needed now. ``call_id`` settles ties: the same call always gets the same order."""

    skill: Skill
    call_id: str
    at: datetime


@dataclass(frozen=True)
class SiteRules:
    """What was agreed with a site.

    ``hours``: in its ``timezone``; empty: whenever the service is open. ``country``: ISO 3166, whose public holidays it
    keeps, unless it ``works_holidays``. ``share``: its part of the calls, relative to the other sites' (0: overflow
    only). ``quality``: as measured, 0–1; None: not measured. ``line_when_busy``: its SIP line is rung although
    everybody signed in at the desk there is busy.
    """

    id: str
    name: str
    skills: tuple[Skill, ...]
    timezone: str
    country: str
    hours: tuple[Hours, ...]
    works_holidays: bool
    share: float
    quality: float | None = None
    line_when_busy: bool = True


@dataclass(frozen=True)
class SiteState:
    """How a site is now.

    ``idle``: agents signed in at the desk, with the skill, whom a call can be offered. ``signed_in``: all of those with
    the skill; None for either: not known. ``line_up``: False when its SIP line has just failed several times in a row.
    """

    idle: int | None = None
    signed_in: int | None = None
    line_up: bool = True


@dataclass(frozen=True)
class Tally:
    """What a site got lately.

    ``offered``: calls that it was rung for, or chosen first for; ``answered``: those its agents took. ``owed``: calls
    that its share still entitles it to (negative: it had more than that), of the calls that came while it was open.
    """

    offered: int = 0
    answered: int = 0
    owed: float = 0.0


@dataclass(frozen=True)
class Ledger:
    """What sites got lately, and how long callers lately waited for this skill.

    ``waits``: seconds on hold until an agent joined, newest last; None: nobody came, or the caller gave up.
    """

    tallies: Mapping[str, Tally] = field(default_factory=dict)
    waits: tuple[float | None, ...] = ()


@dataclass(frozen=True)
class ServiceRules:
    """What holds for all sites.

    ``hours``, ``timezone``: when people answer at all. ``country``: nobody is promised a call on its public holidays;
    empty: on any day. ``quality_weight``: by how many calls the best measured site may run ahead of the worst.
    """

    hours: Hours
    timezone: str
    country: str = ""
    quality_weight: float = 0.0


@dataclass(frozen=True)
class RouteCase:
    """All that a choice rests on: the same case always gives the same choice."""

    request: RouteRequest
    service: ServiceRules
    sites: tuple[SiteRules, ...]
    states: Mapping[str, SiteState] = field(default_factory=dict)
    ledger: Ledger = field(default_factory=Ledger)


@dataclass(frozen=True)
class RankedSite:
    """A site to ring. ``reason``: French, for a supervisor: ``Marrakech : 2 libres, compétence box``."""

    site: str
    name: str
    reason: str


@dataclass(frozen=True)
class LeftOut:
    """A site that is not rung. ``why``: ``skill`` | ``closed`` | ``full``. ``reason``: French, for a supervisor.

    ``opens_at``: when it opens, of a closed one with the skill; None: not within two weeks.
    """

    site: str
    name: str
    why: str
    reason: str
    opens_at: datetime | None = None


@dataclass(frozen=True)
class Choice:
    """The sites to ring in order, and why; those left out, and why.

    ``wait_s``: four callers in five wait no longer; None: not known. ``callback_at``: the time to promise when there is
    nobody to ring. ``due``: site → the part of this call that its share entitles it to; sums to 1, or empty.
    """

    ranked: tuple[RankedSite, ...]
    left_out: tuple[LeftOut, ...]
    wait_s: float | None = None
    callback_at: datetime | None = None
    due: Mapping[str, float] = field(default_factory=dict)

    @property
    def order(self) -> tuple[str, ...]:
        """The ids of the sites to ring."""
        return tuple(one.site for one in self.ranked)

    @property
    def full(self) -> bool:
        """Whether nobody can be rung although a site with the skill is open."""
        return not self.ranked and any(one.why == "full" for one in self.left_out)
