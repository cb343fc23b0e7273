"""What a caller hears of the choice of a site, and what the record keeps of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from bot.events import AgentJoined, CallbackPromised, SiteChosen, SiteRung
from bot.models import RingResult
from bot.operator import Operator
from bot.routing.ledger import CallLedger
from bot.routing.service import SiteRouter
from tests.fake_line import Agent
from tests.unit.conversation.test_person import ACCEPTS, NOBODY, OPERATOR, PARIS, SAY, Call, scripted

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def with_router(call: Call, ledger: CallLedger | None = None, **changes: object) -> None:
    call.conversation._router = SiteRouter(_operator(**changes), ledger)


def _operator(**changes: object) -> Operator:
    sites = [site.model_copy(update=changes) for site in OPERATOR.sites]
    return OPERATOR.model_copy(update={"sites": tuple(sites)})


def waited(*seconds: float) -> CallLedger:
    ledger = CallLedger(lambda: NOW)
    for number, wait in enumerate(seconds):
        ledger.observe(str(number), SiteChosen(0, 0, "billing", ("rennes",), {"rennes": 1.0}, {}, {}))
        ledger.observe(str(number), AgentJoined(0, 0, "rennes", round(wait * 1000)))
    return ledger


@scripted
async def test_the_wait_is_told_in_minutes_when_it_is_known() -> None:
    async with Call({"poitiers": ACCEPTS}) as call:
        with_router(call, waited(100, 130, 200, 90, 80))
        await call.asks_for_a_person()
        await call.until_back()
        assert SAY.handoff_wait_known.format(wait="d'environ 3 minutes") in call.said
        assert SAY.handoff_wait not in call.said


@scripted
async def test_no_wait_is_told_when_it_is_not_known() -> None:
    async with Call({"poitiers": ACCEPTS}) as call:
        with_router(call, waited(100, 130, 200))
        await call.asks_for_a_person()
        await call.until_back()
        assert SAY.handoff_wait in call.said


@scripted
async def test_sites_are_rung_in_the_order_chosen_until_one_answers() -> None:
    agents = NOBODY | {"antananarivo": Agent(key="1", key_s=6)}
    async with Call(agents) as call:
        await call.asks_for_a_person()
        await call.until_back()
        (chosen,) = call.journal.of(SiteChosen)
        rung = [event.site for event in call.journal.of(SiteRung)]
        assert rung == list(chosen.order)[: len(rung)]
        assert rung[-1] == "antananarivo"
        assert call.journal.of(SiteRung)[-1].result == RingResult.ANSWERED
        kept = call.journal.events
        assert kept.index(chosen) < kept.index(call.journal.of(SiteRung)[0])


@scripted
async def test_when_all_are_full_nobody_is_rung_and_a_callback_is_offered() -> None:
    async with Call({}) as call:
        operator = _operator(line_when_busy=False)
        call.conversation._router = SiteRouter(
            operator, idle=lambda site, skill: 0, signed_in=lambda site, skill: 3
        )
        await call.asks_for_a_person()
        assert call.said[-1] == SAY.callback_offer
        assert not call.journal.of(SiteRung)
        (chosen,) = call.journal.of(SiteChosen)
        assert {one["why"] for one in chosen.choice["left_out"]} == {"full"}
        await call.keys("1")
        (promised,) = call.journal.of(CallbackPromised)
        assert promised.due_at == "2026-11-23T10:45:00+01:00"


@scripted
async def test_a_promise_skips_the_hours_in_which_nobody_has_the_skill() -> None:
    """At 17:45 only Rennes would know, and it closes at 18:00: half an hour later is tomorrow at nine."""
    late = datetime(2026, 11, 23, 17, 45, tzinfo=PARIS)
    handoff = [{"custom": {"handoff": {"reason": "human_request", "skill": "retention"}}}]
    async with Call(NOBODY, {"un conseiller": handoff}, wall=late) as call:
        sites = tuple(
            site if site.id == "rennes" else site.model_copy(update={"skills": ("billing",)})
            for site in OPERATOR.sites
        )
        call.conversation._router = SiteRouter(OPERATOR.model_copy(update={"sites": sites}))
        await call.asks_for_a_person()
        await call.until_back()
        assert [event.site for event in call.journal.of(SiteRung)] == ["rennes"]
        await call.keys("1")
        await call.over()
        assert call.said[-1] == SAY.callback_promised.format(when="demain à partir de 9 h")


@scripted
async def test_closed_sites_are_told_with_the_time_of_the_promise() -> None:
    christmas = datetime(2026, 12, 24, 20, 30, tzinfo=PARIS)
    async with Call(NOBODY, wall=christmas) as call:
        await call.asks_for_a_person()
        await call.over()
        assert call.said[-1] == SAY.handoff_closed.format(when="samedi à partir de 8 h")
        (promised,) = call.journal.of(CallbackPromised)
        assert datetime.fromisoformat(promised.due_at) - christmas == timedelta(hours=35, minutes=30)


@scripted
async def test_a_site_that_has_closed_by_the_time_its_turn_comes_is_not_rung() -> None:
    closing = datetime(2026, 11, 23, 19, 59, 45, tzinfo=PARIS)
    async with Call(NOBODY | {"poitiers": Agent(RingResult.BUSY, 18)}, wall=closing) as call:
        await call.asks_for_a_person()
        await call.until_back()
        (chosen,) = call.journal.of(SiteChosen)
        assert chosen.order[:2] == ("poitiers", "marrakech")
        assert [event.site for event in call.journal.of(SiteRung)] == ["poitiers"]
        assert call.said[-1] == SAY.callback_offer


@scripted
async def test_nobody_is_promised_a_call_who_left_no_number() -> None:
    christmas = datetime(2026, 12, 24, 20, 30, tzinfo=PARIS)
    async with Call(NOBODY, wall=christmas, number="") as call:
        await call.asks_for_a_person()
        assert call.said[-1] == SAY.callback_impossible
        assert not call.journal.of(CallbackPromised)
        assert not call.conversation.ended
        await call.says("Non merci c'est tout")
        await call.over()
        assert call.outcome == "resolved"
