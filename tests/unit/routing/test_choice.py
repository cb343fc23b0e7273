"""What is chosen and why, and what never is."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.routing.hours import holiday, opening_at
from bot.routing.model import Ledger, RouteCase, SiteState, Tally
from bot.routing.router import callback_time, choose
from bot.routing.wait import expected_wait
from tests.unit.routing.worlds import MONDAY, SERVICE, SITES, case, cases, paris, site


def reasons(one: RouteCase) -> dict[str, str]:
    choice = choose(one)
    return {r.site: r.reason for r in (*choice.ranked, *choice.left_out)}


def test_the_one_with_the_largest_share_comes_first_when_nothing_is_known() -> None:
    choice = choose(case("billing"))
    assert choice.order == ("poitiers", "marrakech", "antananarivo", "rennes")
    assert choice.left_out == ()
    assert choice.callback_at is None
    assert choice.wait_s is None


def test_reasons_are_told_to_a_supervisor() -> None:
    ledger = Ledger({"marrakech": Tally(10, 9, 3.2), "poitiers": Tally(20, 18, -1.7)})
    states = {"marrakech": SiteState(idle=2, signed_in=5), "rennes": SiteState(line_up=False)}
    told = reasons(case("technical", states=states, ledger=ledger))
    assert told["marrakech"] == (
        "Marrakech : 2 libres, compétence box, ouvert jusqu'à 20 h 00, part convenue 30 %, 3 appels de retard"
    )
    assert told["poitiers"] == (
        "Poitiers : par la ligne du site, compétence box, ouvert jusqu'à 20 h 00, part convenue 40 %, 2 appels d'avance"
    )
    assert told["rennes"].endswith("ligne en panne, essayée en dernier")
    assert told["antananarivo"] == "Antananarivo : n'a pas la compétence box"


@pytest.mark.parametrize(
    ("who", "at", "told"),
    [
        ("poitiers", "2026-11-23 20:30", "Poitiers : fermé depuis 20 h 00, ouvre demain à 8 h 00"),
        ("poitiers", "2026-11-23 07:30", "Poitiers : fermé, ouvre à 8 h 00"),
        ("poitiers", "2026-11-21 20:30", "Poitiers : fermé depuis 20 h 00, ouvre lundi à 8 h 00"),
        ("rennes", "2026-11-21 10:00", "Rennes : fermé, ouvre lundi à 9 h 00"),
        ("poitiers", "2026-07-14 10:00", "Poitiers : fermé, jour férié (Fête nationale), ouvre demain à 8 h 00"),
        ("antananarivo", "2026-06-26 10:00", "Antananarivo : fermé, jour férié, ouvre lundi à 9 h 00"),
        ("antananarivo", "2026-11-23 18:30", "Antananarivo : fermé depuis 20 h 00, ouvre demain à 10 h 00"),
    ],
)  # fmt: skip
def test_why_a_site_is_closed(who: str, at: str, told: str) -> None:
    assert reasons(case("general", paris(at)))[who] == told


def test_people_who_are_busy_are_full_unless_their_site_has_a_line() -> None:
    busy = {site: SiteState(idle=0, signed_in=3) for site in SITES}
    assert len(choose(case(states=busy)).order) == 4
    deskbound = tuple(replace(site, line_when_busy=False) for site in SITES.values())
    full = choose(case(sites=deskbound, states=busy))
    assert full.order == ()
    assert full.full
    assert full.callback_at == MONDAY + timedelta(minutes=30)
    assert full.left_out[0].reason == "Rennes : complet, 3 conseillers, aucun libre"
    one_free = busy | {"rennes": SiteState(idle=1, signed_in=3)}
    assert choose(case(sites=deskbound, states=one_free)).order == ("rennes",)


def test_a_share_of_the_open_sites_is_told_beside_the_agreed_one() -> None:
    told = reasons(case("billing", paris("2026-07-14 08:30")))
    assert told["marrakech"].endswith("ouvert jusqu'à 19 h 00, part convenue 30 % (60 % des sites ouverts)")


def test_a_dead_line_comes_last_but_people_at_the_desk_need_none() -> None:
    down = {"poitiers": SiteState(line_up=False)}
    assert choose(case(states=down)).order[-1] == "poitiers"
    at_desk = {"poitiers": SiteState(idle=1, signed_in=1, line_up=False)}
    assert choose(case(states=at_desk)).order[0] == "poitiers"


def test_a_site_without_a_share_takes_overflow_in_the_order_of_the_file() -> None:
    sites = (site("spare", 0), site("main", 100), site("other", 0))
    ledger = Ledger({"main": Tally(owed=-25.0)})
    choice = choose(case(sites=sites, ledger=ledger))
    assert choice.order == ("main", "spare", "other")
    assert "en débordement seulement" in choice.ranked[1].reason


@pytest.mark.parametrize(
    ("skill", "at", "promised"),
    [
        ("billing", "2026-11-22 10:00", "2026-11-23 08:00"),
        ("billing", "2026-11-23 20:30", "2026-11-24 08:00"),
        ("billing", "2026-11-23 07:00", "2026-11-23 08:00"),
        # Marrakech answers at Christmas, and nobody in France is rung then.
        ("billing", "2026-12-24 20:30", "2026-12-26 08:00"),
        ("retention", "2026-07-14 10:00", "2026-07-15 08:00"),
    ],
)
def test_when_all_are_closed_the_first_able_opening_is_promised(skill: str, at: str, promised: str) -> None:
    choice = choose(case(skill, paris(at)))  # type: ignore[arg-type]
    assert choice.order == ()
    assert not choice.full
    assert choice.callback_at == paris(promised)
    assert choice.callback_at.utcoffset() == paris(promised).utcoffset()


def test_a_skill_that_nobody_has_is_promised_for_the_opening_of_the_service() -> None:
    sites = (replace(SITES["antananarivo"], skills=("general",)),)
    assert choose(case("retention", sites=sites)).order == ()
    assert callback_time(sites, SERVICE, "retention", paris("2026-11-22 10:00")) == paris("2026-11-23 08:00")


def test_quality_decides_between_equals_only() -> None:
    sites = (site("good", 50, quality=0.9), site("bad", 50, quality=0.4), site("new", 0))
    weighted = replace(SERVICE, quality_weight=2.0)
    for call in range(20):
        assert choose(case(sites=sites, service=weighted, call_id=str(call))).order[0] == "good"
    behind = Ledger({"bad": Tally(owed=1.5), "good": Tally(owed=-1.5)})
    assert choose(case(sites=sites, service=weighted, ledger=behind)).order[0] == "bad"
    first = {choose(case(sites=sites[:2], call_id=str(c), service=replace(SERVICE, quality_weight=0))).order[0]
             for c in range(20)}  # fmt: skip
    assert first == {"good", "bad"}, "without a weight, the lot decides"


@settings(deadline=None)  # the first choice loads calendars
@given(cases())
def test_what_holds_of_every_choice(one: RouteCase) -> None:
    choice = choose(one)
    sites = {site.id: site for site in one.sites}
    at, skill = one.request.at, one.request.skill
    # Never a closed site, never one without the skill, each told once.
    for site_id in choice.order:
        assert skill in sites[site_id].skills
        assert opening_at(sites[site_id], one.service, at) is not None
    told = [*choice.order, *(out.site for out in choice.left_out)]
    assert sorted(told) == sorted(sites)
    # Only what has a reason is left out.
    for out in choice.left_out:
        state = one.states.get(out.site, SiteState())
        opening = opening_at(sites[out.site], one.service, at)
        assert {
            "skill": skill not in sites[out.site].skills,
            "closed": opening is None,
            "full": not state.idle and bool(state.signed_in) and not sites[out.site].line_when_busy,
        }[out.why]
        assert out.opens_at is None or out.opens_at > at
    # A site with a share and a way in comes before those that have none.
    tiers = [_tier(one, site_id) for site_id in choice.order]
    assert tiers == sorted(tiers)
    # Somebody is rung, or a time is promised, never both; the time is one when somebody able answers.
    assert (choice.callback_at is None) is bool(choice.order)
    if choice.callback_at:
        assert choice.callback_at >= at
        able = [s for s in one.sites if skill in s.skills]
        answering = [s for s in able if opening_at(s, one.service, choice.callback_at)]
        quiet = not holiday(
            one.service.country, choice.callback_at.astimezone(ZoneInfo("Europe/Paris")).date()
        )
        assert (answering and quiet) or one.service.hours.is_open(choice.callback_at)
    assert not choice.due or abs(sum(choice.due.values()) - 1) < 1e-9
    for reason in (*choice.ranked, *choice.left_out):
        assert reason.reason.startswith(f"{reason.name} : ")
    assert choose(one) == choice, "the same case, the same choice"


@settings(deadline=None)  # the first choice loads calendars
@given(cases(), st.randoms(use_true_random=False))
def test_the_order_of_the_file_does_not_matter_to_sites_with_a_share(one: RouteCase, lot: object) -> None:
    sites = [replace(site, share=max(1.0, site.share)) for site in one.sites]
    shuffled = list(sites)
    lot.shuffle(shuffled)  # type: ignore[attr-defined]
    up = {site.id: replace(one.states.get(site.id, SiteState()), line_up=True) for site in sites}
    straight = choose(replace(one, sites=tuple(sites), states=up))
    other = choose(replace(one, sites=tuple(shuffled), states=up))
    assert straight.order == other.order


def _tier(one: RouteCase, site_id: str) -> int:
    site = next(s for s in one.sites if s.id == site_id)
    state = one.states.get(site_id, SiteState())
    if not state.line_up and not state.idle:
        return 2
    return 1 if site.share == 0 else 0


@pytest.mark.parametrize(
    ("waits", "told"),
    [
        ((), None),
        ((10.0, 20.0, 30.0, 40.0), None),
        ((10.0, 20.0, 30.0, 40.0, 50.0), 40.0),
        ((10.0, 20.0, 30.0, 40.0, None), 40.0),
        ((10.0, 20.0, 30.0, None, None), None),
        ((90.0,) * 50, 90.0),
    ],
)
def test_the_wait_is_told_only_when_it_is_known(waits: tuple[float | None, ...], told: float | None) -> None:
    assert expected_wait(waits) == told
    assert choose(case(ledger=Ledger(waits=waits))).wait_s == told


@settings(deadline=None)  # the first choice loads calendars
@given(st.lists(st.none() | st.floats(0, 3600), max_size=60))
def test_four_callers_in_five_waited_no_longer_than_what_is_told(waits: list[float | None]) -> None:
    told = expected_wait(waits)
    if told is not None:
        assert sum(w is not None and w <= told for w in waits) >= 0.8 * len(waits)


def test_nothing_reads_the_clock() -> None:
    assert choose(case(at=datetime(2031, 5, 6, 12, tzinfo=ZoneInfo("Indian/Reunion")))).order
