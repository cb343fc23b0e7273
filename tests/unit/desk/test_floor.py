"""Offers and calls on the floor, with real transfers on a line in memory, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from bot.errors import NotFoundError, TooLateError
from bot.events import AgentJoined, AgentLeft, CallEvent, SiteRung
from bot.handoff.transfer import Desk, Times, Transfer, TransferEnd, Words
from bot.operator import load_operator
from bot.ports import GiveBack, HandoffOffer, OfferAnswer, OfferResult
from bot.settings import ROOT
from desk.floor import AWAY_S, FEED_SIZE, GRACE_S, RING_AT_ONCE, AgentFloor, Feed
from desk.models import Agent, Contact, Role
from desk.presence import State
from tests import fake_line
from tests.fake_line import FakeLine
from tests.virtual_time import run_virtual

SITES = {site.id: site for site in load_operator(ROOT / "operator.yml").sites}
OFFER = HandoffOffer("call-1", "handoff-1", "poitiers", "billing", "human_request")
WORDS = Words(
    wait="Un conseiller arrive.",
    news="Encore un instant.",
    whisper="Tapez un.",
    greeting="Madame D., facture.",
)


class Kept:
    def __init__(self) -> None:
        self.by_id: dict[str, Contact] = {}

    def keep(self, contact: Contact) -> None:
        self.by_id[contact.id] = contact


@dataclass
class Floor:
    """A floor with people on it. ``seen``: what each agent's page was told."""

    kept: Kept = field(default_factory=Kept)
    floor: AgentFloor = field(init=False)
    feeds: dict[str, Feed] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.floor = AgentFloor(self.kept, wall=lambda: asyncio.get_running_loop().time())

    def sign_in(
        self,
        name: str,
        *,
        site: str = "poitiers",
        skills: tuple[str, ...] = ("billing",),
        roles: tuple[Role, ...] = (Role.AGENT,),
        ready: bool = True,
    ) -> Feed:
        agent = Agent(name, name, name.title(), site, frozenset(roles), frozenset(skills))
        self.feeds[name] = self.floor.connect(agent, f"session-{name}")
        if ready:
            self.floor.ready(name)
        return self.feeds[name]

    def state(self, name: str) -> State:
        return self.floor.presence(name).state

    def told(self, name: str, kind: str) -> list[dict[str, Any]]:
        """What a page was told so far, of one type; reading does not take it away."""
        return [m for m in self.feeds[name]._queue._queue if m and m["type"] == kind]  # type: ignore[attr-defined]

    def over(self, name: str) -> list[str]:
        return [m["result"] for m in self.told(name, "offer_over")]


def play(script: Callable[[Floor], Awaitable[None]]) -> None:
    async def run() -> None:
        floor = Floor()
        await script(floor)
        await floor.floor.stop()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, left

    run_virtual(run())


async def offered(
    floor: Floor, ring_s: float = 20.0, offer: HandoffOffer = OFFER
) -> asyncio.Task[OfferAnswer]:
    task = asyncio.create_task(floor.floor.offer(offer, ring_s=ring_s))
    await asyncio.sleep(0)
    return task


def test_who_accepts_has_it_and_the_others_are_told() -> None:
    async def script(on: Floor) -> None:
        for name in ("awa", "bao"):
            on.sign_in(name)
        assert on.floor.idle("poitiers", "billing") == 2
        offer = await offered(on)
        assert on.floor.idle("poitiers", "billing") == 0
        assert len(on.told("awa", "offer")) == len(on.told("bao", "offer")) == 1
        on.floor.accept("awa", "call-1")
        with pytest.raises(TooLateError):
            on.floor.accept("bao", "call-1")
        with pytest.raises(TooLateError):
            on.floor.accept("awa", "call-1")
        assert await offer == OfferAnswer(OfferResult.ACCEPTED, "awa", "headset:awa", "poitiers")
        assert (on.over("awa"), on.over("bao")) == (["accepted"], ["taken"])
        assert (on.state("awa"), on.state("bao")) == (State.TALKING, State.IDLE)

    play(script)


def test_only_who_is_idle_able_and_of_the_site_is_rung() -> None:
    async def script(on: Floor) -> None:
        on.sign_in("pausing", ready=False)
        on.sign_in("elsewhere", site="rennes")
        on.sign_in("unable", skills=("technical",))
        on.sign_in("boss", roles=(Role.SUPERVISOR,))
        assert on.floor.idle("poitiers", "billing") == 0
        assert (await on.floor.offer(OFFER, ring_s=20)).result is OfferResult.NOBODY
        assert not any(on.told(name, "offer") for name in on.feeds)

    play(script)


def test_those_who_waited_longest_are_rung_first_and_a_refusal_rings_the_next() -> None:
    async def script(on: Floor) -> None:
        names = [f"a{n}" for n in range(RING_AT_ONCE + 1)]
        for name in names:
            on.sign_in(name)
            await asyncio.sleep(1)
        offer = await offered(on)
        assert not on.told(names[-1], "offer")
        on.floor.decline("a0", "call-1")
        assert on.told(names[-1], "offer")
        assert not on.told("a0", "offer")[1:], "asked again after a refusal"
        for name in names[1:]:
            on.floor.decline(name, "call-1")
        assert (await offer).result is OfferResult.DECLINED
        assert all(on.state(name) is State.IDLE for name in names)

    play(script)


def test_who_lets_it_ring_is_not_rung_again() -> None:
    async def script(on: Floor) -> None:
        on.sign_in("awa")
        offer = await offered(on)
        assert (await offer).result is OfferResult.NO_ANSWER
        assert asyncio.get_running_loop().time() == pytest.approx(20, abs=0.1)
        assert (on.state("awa"), on.floor.presence("awa").reason) == (State.PAUSED, "missed")
        assert on.over("awa") == ["no_answer"]

    play(script)


def test_a_short_loss_of_the_network_is_not_noticed() -> None:
    async def script(on: Floor) -> None:
        feed = on.sign_in("awa")
        offer = await offered(on)
        on.floor.disconnect(feed)
        await asyncio.sleep(5)
        again = on.sign_in("awa", ready=False)
        hello = await anext(again)
        assert hello["offer"]["call_id"] == "call-1" and hello["presence"]["state"] == "offered"
        await asyncio.sleep(GRACE_S)
        on.floor.accept("awa", "call-1")
        assert (await offer).agent == "awa"

    play(script)


def test_a_page_that_is_gone_lets_the_call_ring_elsewhere() -> None:
    async def script(on: Floor) -> None:
        for n in range(RING_AT_ONCE + 1):
            on.sign_in(f"a{n}")
        offer = await offered(on)
        on.floor.disconnect(on.feeds["a0"])
        await asyncio.sleep(GRACE_S + 0.1)
        assert on.state("a0") is State.IDLE and not on.floor.presence("a0").free
        assert on.told(f"a{RING_AT_ONCE}", "offer")
        on.floor.accept(f"a{RING_AT_ONCE}", "call-1")
        assert (await offer).agent == f"a{RING_AT_ONCE}"
        await asyncio.sleep(AWAY_S)
        assert on.state("a0") is State.OUT

    play(script)


def test_a_call_survives_a_page_that_is_gone_for_a_minute() -> None:
    async def script(on: Floor) -> None:
        feed = on.sign_in("awa")
        offer = await offered(on)
        on.floor.accept("awa", "call-1")
        await offer
        on.floor.disconnect(feed)
        await asyncio.sleep(AWAY_S + 5)
        hello = await anext(on.sign_in("awa", ready=False))
        assert (hello["call"]["call_id"], hello["presence"]["state"]) == ("call-1", "talking")

    play(script)


@pytest.mark.parametrize("how", ["sign_out", "pause"])
def test_leaving_while_it_rings_leaves_it_to_the_others(how: str) -> None:
    async def script(on: Floor) -> None:
        on.sign_in("awa")
        on.sign_in("bao")
        offer = await offered(on)
        on.floor.sign_out("awa") if how == "sign_out" else on.floor.pause("awa", "lunch")
        assert on.state("bao") is State.OFFERED
        on.floor.accept("bao", "call-1")
        assert (await offer).agent == "bao"

    play(script)


def test_a_caller_who_leaves_takes_the_offer_off_every_screen() -> None:
    async def script(on: Floor) -> None:
        for name in ("awa", "bao"):
            on.sign_in(name)
        offer = await offered(on)
        offer.cancel()
        await asyncio.gather(offer, return_exceptions=True)
        assert on.over("awa") == on.over("bao") == ["caller_gone"]
        assert on.floor.idle("poitiers", "billing") == 2

    play(script)


def test_accepted_in_the_moment_the_caller_leaves() -> None:
    async def script(on: Floor) -> None:
        on.sign_in("awa")
        offer = await offered(on)
        on.floor.accept("awa", "call-1")
        offer.cancel()
        await asyncio.gather(offer, return_exceptions=True)
        assert on.state("awa") is State.IDLE
        assert all(contact.ended_at is not None for contact in on.kept.by_id.values())

    play(script)


def test_who_becomes_free_is_offered_what_rings() -> None:
    async def script(on: Floor) -> None:
        on.sign_in("awa")
        on.sign_in("bao", ready=False)
        offer = await offered(on)
        on.floor.ready("bao")
        assert on.state("bao") is State.OFFERED
        on.floor.accept("bao", "call-1")
        assert (await offer).agent == "bao"

    play(script)


def test_two_calls_at_once_ring_at_different_people() -> None:
    async def script(on: Floor) -> None:
        on.sign_in("awa")
        on.sign_in("bao")
        first = await offered(on)
        other = HandoffOffer("call-2", "handoff-2", "poitiers", "billing", "human_request")
        assert (await on.floor.offer(other, ring_s=20)).result is OfferResult.NOBODY
        on.floor.accept("awa", "call-1")
        await first
        second = await offered(on, offer=other)
        assert on.state("bao") is State.OFFERED and on.state("awa") is State.TALKING
        on.floor.accept("bao", "call-2")
        assert (await second).agent == "bao"

    play(script)


def test_a_page_that_does_not_read_is_closed_and_finds_everything_again() -> None:
    async def script(on: Floor) -> None:
        feed = on.sign_in("awa")
        for _ in range(FEED_SIZE + 5):
            feed.push({"type": "x"})
        assert feed.closed
        assert (await anext(on.sign_in("awa", ready=False)))["presence"]["state"] == "idle"

    play(script)


# --- with a transfer


@dataclass
class Transferred:
    on: Floor
    line: FakeLine
    transfer: Transfer
    task: asyncio.Task[TransferEnd]
    events: list[CallEvent]

    def of(self, kind: type) -> list[Any]:
        return [e for e in self.events if isinstance(e, kind)]

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(200):
            while not true():  # noqa: ASYNC110  # on the virtual clock, which costs nothing
                await asyncio.sleep(0.05)

    async def talking(self, name: str = "awa") -> None:
        await self.until(lambda: self.on.state(name) is State.OFFERED)
        self.on.floor.accept(name, "call-1")
        await self.until(lambda: self.line.caller == "agent")
        await asyncio.sleep(1)


def transferring(on: Floor, **agents: fake_line.Agent) -> Transferred:
    loop = asyncio.get_running_loop()
    line, events = FakeLine(agents or {"poitiers": fake_line.Agent(rings_s=1, talks_s=None)}), []
    transfer = Transfer(
        line, line, sites=(SITES["poitiers"], SITES["marrakech"]), token_of=lambda site: f"token-{site}",
        words=WORDS, times=Times(20, 15, 25), note=events.append, turn=3,
        now_ms=lambda: round(loop.time() * 1000),
        desk=Desk(on.floor, "call-1", "handoff-1", "billing", "human_request"),
    )  # fmt: skip
    return Transferred(on, line, transfer, asyncio.create_task(transfer.run()), events)


def test_who_accepted_is_rung_greeted_and_joined_without_a_key() -> None:
    async def script(on: Floor) -> None:
        on.sign_in("awa")
        call = transferring(on, poitiers=fake_line.Agent(rings_s=1, talks_s=60))
        await call.talking()
        assert call.line.words("agent") == WORDS.greeting
        assert await call.task is TransferEnd.AGENT_LEFT
        (joined,), (left,) = call.of(AgentJoined), call.of(AgentLeft)
        assert (joined.agent, left.agent, left.then) == ("awa", "awa", "")
        assert on.state("awa") is State.WRAP_UP
        on.floor.dispose("awa", "call-1", "solved", "tout va bien")
        assert on.state("awa") is State.IDLE
        (contact,) = on.kept.by_id.values()
        assert (contact.disposition, contact.notes[0].text) == ("solved", "tout va bien")
        assert contact.joined_at is not None and contact.ended_at is not None

    play(script)


def test_nobody_at_the_desk_is_the_sites_own_telephone() -> None:
    async def script(on: Floor) -> None:
        call = transferring(on, poitiers=fake_line.Agent(rings_s=1, key="1", key_s=2, talks_s=10))
        assert await call.task is TransferEnd.AGENT_LEFT
        assert call.of(AgentJoined)[0].agent == ""

    play(script)


def test_a_desk_that_does_not_answer_is_followed_by_the_next_site() -> None:
    async def script(on: Floor) -> None:
        on.sign_in("awa")
        call = transferring(on, marrakech=fake_line.Agent(rings_s=1, key="1", key_s=2, talks_s=10))
        assert await call.task is TransferEnd.AGENT_LEFT
        assert [(e.site, e.result) for e in call.of(SiteRung)] == [
            ("poitiers", "no_answer"),
            ("marrakech", "answered"),
        ]

    play(script)


def test_an_agent_whose_telephone_does_not_answer_is_not_rung_again() -> None:
    async def script(on: Floor) -> None:
        on.sign_in("awa")
        call = transferring(on, poitiers=fake_line.Agent(rings_s=99))
        await call.until(lambda: on.state("awa") is State.OFFERED)
        on.floor.accept("awa", "call-1")
        assert await call.task is TransferEnd.NOBODY
        assert (on.state("awa"), on.floor.presence("awa").reason) == (State.PAUSED, "unreachable")

    play(script)


@pytest.mark.parametrize("then", list(GiveBack))
def test_giving_back_tells_the_bot_what_to_go_on_with(then: GiveBack) -> None:
    async def script(on: Floor) -> None:
        on.sign_in("awa")
        call = transferring(on)
        await call.talking()
        await on.floor.give_back("awa", "call-1", then)
        assert await call.task is TransferEnd.AGENT_LEFT
        assert (call.transfer.then, call.of(AgentLeft)[0].then, call.line.caller) == (then, then.value, "bot")
        assert on.state("awa") is State.WRAP_UP
        with pytest.raises(TooLateError):
            await on.floor.give_back("awa", "call-1", then)

    play(script)


def test_hold_and_together_again() -> None:
    async def script(on: Floor) -> None:
        on.sign_in("awa")
        call = transferring(on)
        await call.talking()
        await on.floor.hold("awa", "call-1", on=True)
        assert call.line.caller == "hold"
        await asyncio.sleep(30)
        await on.floor.hold("awa", "call-1", on=False)
        assert call.line.caller == "agent"
        assert [m["call"]["state"] for m in on.told("awa", "call")] == [
            "connecting",
            "talking",
            "held",
            "talking",
        ]
        with pytest.raises(NotFoundError):
            await on.floor.hold("awa", "call-2", on=True)
        with pytest.raises(NotFoundError):
            await on.floor.hold("bao", "call-1", on=True)
        await on.floor.give_back("awa", "call-1", GiveBack.CONTINUE)
        await call.task

    play(script)


@pytest.mark.parametrize("when", ["ringing", "connecting", "greeting", "talking"])
def test_a_caller_who_hangs_up_frees_the_agent_at_once(when: str) -> None:
    async def script(on: Floor) -> None:
        on.sign_in("awa")
        call = transferring(on, poitiers=fake_line.Agent(rings_s=3, talks_s=None))
        await call.until(lambda: on.state("awa") is State.OFFERED)
        if when == "ringing":
            call.task.cancel()  # as the conversation does when the caller leaves
        else:
            on.floor.accept("awa", "call-1")
            await asyncio.sleep({"connecting": 1.0, "greeting": 3.5, "talking": 20.0}[when])
            call.line.caller_hangs_up()
        await asyncio.gather(call.task, return_exceptions=True)
        assert on.state("awa") is (State.WRAP_UP if when == "talking" else State.IDLE)
        assert not call.line.agent

    play(script)


def test_signing_out_in_a_call_brings_the_caller_back_to_the_bot() -> None:
    async def script(on: Floor) -> None:
        on.sign_in("awa")
        call = transferring(on)
        await call.talking()
        on.floor.sign_out("awa")
        assert await call.task is TransferEnd.AGENT_LEFT
        assert (on.state("awa"), call.line.caller) == (State.OUT, "bot")

    play(script)


def test_a_level_2_colleague_takes_the_call_over_with_its_notes() -> None:
    async def script(on: Floor) -> None:
        on.sign_in("awa")
        on.sign_in("zoe", site="rennes", roles=(Role.LEVEL2,), skills=())
        call = transferring(
            on,
            poitiers=fake_line.Agent(rings_s=1, talks_s=None),
            rennes=fake_line.Agent(rings_s=1, talks_s=30),
        )
        await call.talking()
        on.floor.note("awa", "call-1", "déjà vérifié : le câble")
        assert on.floor.level2_sites() == ["rennes"]
        on.floor.consult("awa", "call-1", "rennes", "litige")
        await asyncio.sleep(2)
        (offer,) = on.told("zoe", "offer")
        assert (offer["offer"]["level"], offer["offer"]["from"]) == (2, "Awa")
        assert call.line.caller == "agent", "the first agent stays until somebody accepts"
        assert not on.floor.site_has("marrakech", "handoff-1") and on.floor.site_has("rennes", "handoff-1")
        on.floor.accept("zoe", "call-1")
        await call.until(lambda: on.state("awa") is State.WRAP_UP)
        await call.until(lambda: call.line.caller == "agent")
        assert on.told("zoe", "call")[0]["call"]["notes"][0]["text"] == "déjà vérifié : le câble"
        assert await call.task is TransferEnd.AGENT_LEFT
        assert [(e.agent, e.site) for e in call.of(AgentJoined)] == [("awa", "poitiers"), ("zoe", "rennes")]
        assert on.state("zoe") is State.WRAP_UP
        assert [m["state"] for m in on.told("awa", "consult")] == ["ringing", "accepted"]

    play(script)


def test_a_colleague_who_cannot_be_connected_leaves_the_caller_with_the_bot() -> None:
    async def script(on: Floor) -> None:
        on.sign_in("awa")
        on.sign_in("zoe", site="rennes", roles=(Role.LEVEL2,), skills=())
        call = transferring(on)  # nobody at rennes picks up
        await call.talking()
        on.floor.consult("awa", "call-1", "rennes", "litige")
        await asyncio.sleep(1)
        on.floor.accept("zoe", "call-1")
        assert await call.task is TransferEnd.NOBODY
        assert call.line.caller == "bot"
        assert (on.state("awa"), on.state("zoe")) == (State.WRAP_UP, State.PAUSED)

    play(script)


def test_nobody_of_level_2_leaves_the_two_together() -> None:
    async def script(on: Floor) -> None:
        on.sign_in("awa")
        call = transferring(on)
        await call.talking()
        on.floor.consult("awa", "call-1", "rennes", "litige")
        await asyncio.sleep(1)
        assert [m["state"] for m in on.told("awa", "consult")] == ["ringing", "nobody"]
        assert (call.line.caller, on.state("awa")) == ("agent", State.TALKING)
        await on.floor.give_back("awa", "call-1", GiveBack.CONTINUE)
        await call.task

    play(script)


@pytest.mark.parametrize("how", ["leaves", "signs out", "caller hangs up"])
def test_a_talk_that_ends_takes_the_call_off_the_colleagues_screen(how: str) -> None:
    async def script(on: Floor) -> None:
        on.sign_in("awa")
        on.sign_in("zoe", site="rennes", roles=(Role.LEVEL2,), skills=())
        call = transferring(on)
        await call.talking()
        on.floor.consult("awa", "call-1", "rennes", "litige")
        await asyncio.sleep(1)
        assert on.state("zoe") is State.OFFERED
        match how:
            case "leaves":
                await call.line.drop_agent()
            case "signs out":
                on.floor.sign_out("awa")
            case _:
                call.line.caller_hangs_up()
        await asyncio.gather(call.task, return_exceptions=True)
        await asyncio.sleep(0.1)
        assert on.state("zoe") is State.IDLE
        assert len(on.over("zoe")) == 1

    play(script)
