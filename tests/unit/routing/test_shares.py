"""Agreed shares hold over calls by the thousand, and nobody is left without calls."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from bot.events import AgentJoined, SiteChosen, SiteRung
from bot.operator import Skill
from bot.routing.ledger import CATCH_UP, CallLedger
from bot.routing.model import RouteCase, RouteRequest, ServiceRules, SiteRules, SiteState
from bot.routing.router import choose
from tests.unit.routing.worlds import ALWAYS, MONDAY, SERVICE, SITES, SKILLS, site

CALLS = 10_000
POINTS = 0.02
QUICK = (Phase.explicit, Phase.reuse, Phase.generate)
"""An example takes seconds: a failing one is told as it is."""
Answer = Callable[[random.Random, str], str]


def takes(_: random.Random, __: str) -> str:
    return "answered"


@dataclass
class Simulated:
    """What became of the calls. ``first``, ``offered``: by site. ``due``: calls that shares entitle each site to."""

    first: Counter[str] = field(default_factory=Counter)
    offered: Counter[str] = field(default_factory=Counter)
    answered: Counter[str] = field(default_factory=Counter)
    due: Counter[str] = field(default_factory=Counter)
    gaps: Counter[str] = field(default_factory=Counter)
    """The longest run of calls that a site could have had and did not get."""
    ledger: CallLedger = field(default_factory=CallLedger)


def simulate(
    sites: Sequence[SiteRules],
    calls: int = CALLS,
    *,
    seed: int = 1,
    skills: Sequence[Skill] = SKILLS,
    weights: Sequence[float] | None = None,
    service: ServiceRules = ALWAYS,
    answer: Answer = takes,
    every: timedelta = timedelta(seconds=30),
    start: datetime = MONDAY,
    states: Callable[[int], dict[str, SiteState]] = lambda _: {},
) -> Simulated:
    """Calls one after the other through the router, as the bot would ring."""
    chance, at = random.Random(seed), start
    done = Simulated(ledger=CallLedger(lambda: at))
    waiting: Counter[str] = Counter()
    rules = tuple(sites)
    for number in range(calls):
        (skill,) = chance.choices(skills, weights)
        request = RouteRequest(skill, f"call-{seed}-{number}", at)
        choice = choose(RouteCase(request, service, rules, states(number), done.ledger.lately(skill)))
        done.ledger.observe(request.call_id, SiteChosen(0, 0, skill, choice.order, choice.due, {}, {}))
        for place, one in enumerate(choice.order):
            result = answer(chance, one)
            if result != "failed":
                done.offered[one] += 1
                done.first[one] += place == 0
                done.due.update(dict(choice.due))
            done.ledger.observe(request.call_id, SiteRung(0, 0, one, result, 0))
            waiting[one] = 0 if place == 0 else waiting[one] + 1
            done.gaps[one] = max(done.gaps[one], waiting[one])
            if result == "answered":
                done.answered[one] += 1
                done.ledger.observe(request.call_id, AgentJoined(0, 0, one, 20_000))
                break
        for one in choice.order[1:]:
            waiting[one] += choice.due.get(one, 0) > 0
            done.gaps[one] = max(done.gaps[one], waiting[one])
        at += every
    return done


def shares_of(sites: Sequence[SiteRules]) -> dict[str, float]:
    total = sum(site.share for site in sites)
    return {site.id: site.share / total for site in sites}


def assert_shares(done: Simulated, shares: dict[str, float], within: float = POINTS) -> None:
    total = sum(done.offered.values())
    for one, share in shares.items():
        assert done.offered[one] / total == pytest.approx(share, abs=within), (one, done.offered)


ALL_ABLE = [replace(one, hours=()) for one in SITES.values()]
"""The shipped sites, each open whenever the service is."""


def test_the_shipped_shares_hold_over_ten_thousand_calls_of_all_skills() -> None:
    """Although only two sites know retention and one has two skills of four."""
    done = simulate(ALL_ABLE, weights=(45, 30, 10, 15))
    assert_shares(done, shares_of(ALL_ABLE), within=0.002)


WORLDS = st.lists(st.integers(1, 100), min_size=2, max_size=6)


@settings(max_examples=4, deadline=None, phases=QUICK)
@given(
    WORLDS,
    st.lists(st.none() | st.floats(0, 1), min_size=6, max_size=6),
    st.floats(0, 20),
    st.integers(0, 999),
)
def test_any_shares_hold_whatever_quality_weighs(
    shares: list[int], qualities: list[float | None], weight: float, seed: int
) -> None:
    sites = [
        site(f"s{i}", share, quality=quality) for i, (share, quality) in enumerate(zip(shares, qualities, strict=False))
    ]  # fmt: skip
    done = simulate(sites, seed=seed, service=replace(ALWAYS, quality_weight=weight))
    assert_shares(done, shares_of(sites))
    for one, share in shares_of(sites).items():
        assert abs(done.offered[one] - done.due[one]) <= weight + len(sites), (
            "never further off than the weight"
        )
        assert done.gaps[one] <= (weight + len(sites) + 1) / share, "nobody waits long for a call"


@settings(max_examples=2, deadline=None, phases=QUICK)
@given(st.floats(0, 0.6), st.floats(0, 0.3), st.integers(0, 999))
def test_shares_of_the_calls_offered_hold_when_sites_refuse_and_calls_overflow(
    refuses: float, fails: float, seed: int
) -> None:
    def answer(chance: random.Random, _: str) -> str:
        lot = chance.random()
        return "failed" if lot < fails else "declined" if lot < fails + refuses else "answered"

    assert_shares(simulate(ALL_ABLE, seed=seed, skills=("billing",), answer=answer), _billing())


def _billing() -> dict[str, float]:
    return shares_of(ALL_ABLE)


def test_a_site_that_does_not_answer_keeps_its_share_and_gets_no_more() -> None:
    done = simulate(
        ALL_ABLE, skills=("general",), answer=lambda _, s: "no_answer" if s == "poitiers" else "answered"
    )
    assert_shares(done, shares_of(ALL_ABLE))
    assert done.answered["poitiers"] == 0


def test_closed_sites_are_shared_out_among_the_others_and_not_made_up_for() -> None:
    """Rennes closes at 18:00 and on Saturdays, Antananarivo at 18:00 Paris time: over a week of open hours."""
    done = simulate(
        list(SITES.values()),
        9_000,
        service=SERVICE,
        every=timedelta(minutes=1),
        skills=("billing", "technical", "general"),
    )
    total = sum(done.offered.values())
    for one, due in done.due.items():
        assert abs(done.offered[one] - due) / total <= POINTS, one
    assert done.offered["rennes"] / total < 0.10, "nobody makes up for the hours that it is closed"
    assert done.offered["rennes"] > 0


def test_after_a_long_time_without_calls_a_site_is_not_flooded() -> None:
    """Marrakech could take no retention call for days; when the calls become ones it can take, 25 come at once."""
    at = MONDAY
    ledger = CallLedger(lambda: at)
    sites = tuple(ALL_ABLE)
    first = []
    for number in range(3000):
        skill: Skill = "retention" if number < 2000 else "billing"
        choice = choose(
            RouteCase(RouteRequest(skill, str(number), at), ALWAYS, sites, {}, ledger.lately(skill))
        )
        ledger.observe(str(number), SiteChosen(0, 0, skill, choice.order, choice.due, {}, {}))
        ledger.observe(str(number), SiteRung(0, 0, choice.order[0], "answered", 0))
        if number >= 2000:
            first.append(choice.order[0])
        at += timedelta(seconds=10)
    early, late = Counter(first[:100]), Counter(first[500:])
    assert early["marrakech"] <= 30 + CATCH_UP + 1
    assert early["antananarivo"] <= 20 + CATCH_UP + 1
    for one, share in shares_of(ALL_ABLE).items():
        assert late[one] / 500 == pytest.approx(share, abs=POINTS)


def test_many_calls_at_once_do_not_all_go_to_one_site() -> None:
    """The choice itself counts, before anybody has been rung."""
    ledger = CallLedger(lambda: MONDAY.astimezone(UTC))
    first: Counter[str] = Counter()
    for number in range(50):
        request = RouteRequest("general", str(number), MONDAY)
        choice = choose(RouteCase(request, SERVICE, tuple(ALL_ABLE), {}, ledger.lately("general")))
        ledger.observe(str(number), SiteChosen(0, 0, "general", choice.order, choice.due, {}, {}))
        first[choice.order[0]] += 1
    assert first == {"poitiers": 20, "marrakech": 15, "antananarivo": 10, "rennes": 5}


def test_the_others_keep_their_proportions_while_a_line_is_dead_for_days() -> None:
    done = simulate(
        ALL_ABLE, skills=("billing",), states=lambda _: {"poitiers": SiteState(line_up=False)},
    )  # fmt: skip
    assert done.offered["poitiers"] == 0
    assert_shares(done, {"rennes": 1 / 6, "marrakech": 3 / 6, "antananarivo": 2 / 6}, within=0.005)


def test_a_site_that_is_full_now_and_then_keeps_its_share() -> None:
    sites = [replace(one, line_when_busy=False) for one in ALL_ABLE]

    def states(number: int) -> dict[str, SiteState]:
        idle = 0 if number % 3 == 0 else 2
        return {"poitiers": SiteState(idle, 4), "rennes": SiteState(1, 1)}

    done = simulate(sites, skills=("billing", "general"), states=states)
    assert_shares(done, shares_of(sites))
