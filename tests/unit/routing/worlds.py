"""Sites, states and simulated days, for the tests of the router."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from bot.operator import DAYS, Hours, Skill, load_operator
from bot.routing.model import Ledger, RouteCase, RouteRequest, ServiceRules, SiteRules, SiteState, Tally
from bot.routing.service import service_rules, site_rules
from bot.settings import ROOT

PARIS = ZoneInfo("Europe/Paris")
OPERATOR = load_operator(ROOT / "operator.yml")
SITES = {site.id: site for site in site_rules(OPERATOR)}
SERVICE = service_rules(OPERATOR)
SKILLS: tuple[Skill, ...] = ("billing", "technical", "retention", "general")
MONDAY = datetime(2026, 11, 23, 10, 0, tzinfo=PARIS)
ALWAYS = ServiceRules(Hours(days=DAYS, open=time(0), close=time(23, 59)), "Europe/Paris")


def paris(text: str) -> datetime:
    """``2026-11-23 10:00``, in Paris."""
    return datetime.fromisoformat(text).replace(tzinfo=PARIS)


def case(
    skill: Skill = "billing",
    at: datetime = MONDAY,
    *,
    sites: tuple[SiteRules, ...] = tuple(SITES.values()),
    states: Mapping[str, SiteState] | None = None,
    ledger: Ledger | None = None,
    service: ServiceRules = SERVICE,
    call_id: str = "c1",
) -> RouteCase:
    """A case on the shipped sites."""
    return RouteCase(RouteRequest(skill, call_id, at), service, sites, states or {}, ledger or Ledger())


def site(name: str, share: float, **changes: object) -> SiteRules:
    """A site that is always open and does everything."""
    plain = SiteRules(name, name.capitalize(), SKILLS, "Europe/Paris", "FR", (), True, share)
    return replace(plain, **changes)  # type: ignore[arg-type]


_TIMES = st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30, 45]))
HOURS = (
    st.tuples(st.lists(st.sampled_from(DAYS), min_size=1, max_size=7, unique=True), _TIMES, _TIMES)
    .filter(lambda drawn: drawn[1] != drawn[2])
    .map(lambda drawn: Hours(days=tuple(drawn[0]), open=min(drawn[1:]), close=max(drawn[1:])))
)
ZONES = st.sampled_from(
    ["Europe/Paris", "Africa/Casablanca", "Indian/Antananarivo", "America/Cayenne", "Pacific/Tahiti"]
)
RULES = st.builds(
    SiteRules,
    id=st.uuids().map(str),
    name=st.just("Site"),
    skills=st.lists(st.sampled_from(SKILLS), min_size=1, max_size=4, unique=True).map(tuple),
    timezone=ZONES,
    country=st.sampled_from(["FR", "MA", "MG"]),
    hours=st.lists(HOURS, max_size=2).map(tuple),
    works_holidays=st.booleans(),
    share=st.integers(0, 100).map(float),
    quality=st.none() | st.floats(0, 1),
    line_when_busy=st.booleans(),
)
STATES = st.builds(
    SiteState,
    idle=st.none() | st.integers(0, 5),
    signed_in=st.none() | st.integers(0, 5),
    line_up=st.booleans(),
)
TALLIES = st.builds(Tally, st.integers(0, 500), st.integers(0, 500), st.floats(-25, 25))
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2028, 12, 31), timezones=st.just(UTC)).map(
    lambda at: at.astimezone(PARIS)
)


@st.composite
def cases(draw: st.DrawFn) -> RouteCase:
    """Any case at all."""
    sites = tuple(draw(st.lists(RULES, min_size=1, max_size=5)))
    states = {one.id: draw(STATES) for one in sites if draw(st.booleans())}
    tallies = {one.id: draw(TALLIES) for one in sites if draw(st.booleans())}
    waits = tuple(draw(st.lists(st.none() | st.floats(0, 900), max_size=12)))
    service = ServiceRules(
        draw(HOURS), "Europe/Paris", draw(st.sampled_from(["", "FR"])), draw(st.floats(0, 20))
    )
    request = RouteRequest(draw(st.sampled_from(SKILLS)), str(draw(st.uuids())), draw(MOMENTS))
    return RouteCase(request, service, sites, states, Ledger(tallies, waits))
