"""The floor under whatever people do, in any order: every rule of it holds after every step."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import ConflictError, NotFoundError
from bot.ports import HandoffOffer, OfferAnswer, OfferResult
from desk.floor import RING_AT_ONCE, AgentFloor, Feed
from desk.models import Agent, Contact
from desk.presence import State
from tests.unit.desk.conftest import FakeTalk
from tests.virtual_time import run_virtual

PEOPLE, CALLS = ("a0", "a1", "a2", "a3", "a4"), ("c0", "c1", "c2")
STEPS = st.one_of(
    st.tuples(
        st.sampled_from(("connect", "disconnect", "ready", "pause", "sign_out", "dispose")),
        st.sampled_from(PEOPLE),
    ),
    st.tuples(st.sampled_from(("accept", "decline")), st.sampled_from(PEOPLE), st.sampled_from(CALLS)),
    st.tuples(st.sampled_from(("offer", "joined", "left", "gone", "cancel")), st.sampled_from(CALLS)),
    st.tuples(st.sampled_from(("take", "begin", "finish", "connect", "ready")), st.sampled_from(PEOPLE)),
    st.tuples(st.just("offer"), st.sampled_from(CALLS)),
    st.tuples(st.just("wait"), st.sampled_from((0.0, 0.0, 3.0, 9.0, 61.0))),
)


class World:
    """A floor, what was done to it, and what must hold."""

    def __init__(self) -> None:
        self.kept: dict[str, Contact] = {}
        self.floor = AgentFloor(self, wall=lambda: asyncio.get_running_loop().time())
        self.feeds: dict[str, list[Feed]] = {name: [] for name in PEOPLE}
        self.offers: dict[str, asyncio.Task[OfferAnswer]] = {}
        self.accepted: dict[str, int] = dict.fromkeys(CALLS, 0)
        self.offered = 0

    def keep(self, contact: Contact) -> None:
        self.kept[contact.id] = contact

    async def do(self, step: tuple[Any, ...]) -> None:
        name, *rest = step
        with suppress(ConflictError, NotFoundError):  # what cannot be now is refused, and changes nothing
            await getattr(self, name)(*rest)
        await asyncio.sleep(0)

    async def connect(self, who: str) -> None:
        self.feeds[who].append(
            self.floor.connect(Agent(who, who, who, "poitiers", skills=frozenset({"billing"})))
        )

    async def disconnect(self, who: str) -> None:
        if self.feeds[who]:
            self.floor.disconnect(self.feeds[who].pop())

    async def ready(self, who: str) -> None:
        self.floor.ready(who)

    async def pause(self, who: str) -> None:
        self.floor.pause(who, "break")

    async def sign_out(self, who: str) -> None:
        self.floor.sign_out(who)
        self.feeds[who].clear()

    async def dispose(self, who: str) -> None:
        self.floor.dispose(who, self.floor.presence(who).call_id, "solved")

    async def accept(self, who: str, call: str) -> None:
        self.floor.accept(who, call)
        self.accepted[call] += 1

    async def take(self, who: str) -> None:
        """Accept what rings here, if anything does."""
        if call := self.floor.presence(who).call_id:
            await self.accept(who, call)

    async def begin(self, who: str) -> None:
        self.floor.joined(self.floor.presence(who).call_id, FakeTalk())

    async def finish(self, who: str) -> None:
        self.floor.left(self.floor.presence(who).call_id)

    async def decline(self, who: str, call: str) -> None:
        self.floor.decline(who, call)

    async def offer(self, call: str) -> None:
        task = self.offers.get(call)
        with_agent = any(p.call_id == call and p.state is State.TALKING for _, p in self.floor.presences())
        if (task is None or task.done()) and not with_agent:
            self.accepted[call] = 0
            offer = HandoffOffer(call, f"h-{call}", "poitiers", "billing", "human_request")
            self.offers[call] = asyncio.create_task(self.floor.offer(offer, ring_s=20))

    async def cancel(self, call: str) -> None:
        if task := self.offers.get(call):
            task.cancel()

    async def joined(self, call: str) -> None:
        self.floor.joined(call, FakeTalk())

    async def left(self, call: str) -> None:
        self.floor.left(call)

    async def gone(self, call: str) -> None:
        self.floor.gone(call)

    async def wait(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def check(self) -> None:
        ringing: dict[str, int] = {}
        talking: dict[str, int] = {}
        for _, presence in self.floor.presences():
            if presence.state is State.OFFERED:
                ringing[presence.call_id] = ringing.get(presence.call_id, 0) + 1
                task = self.offers[presence.call_id]
                assert not task.done(), "a screen rings for an offer that is over"
            if presence.state is State.TALKING:
                talking[presence.call_id] = talking.get(presence.call_id, 0) + 1
        assert all(count <= RING_AT_ONCE for count in ringing.values())
        assert all(count == 1 for count in talking.values()), "two agents have one call"
        assert not ringing.keys() & talking.keys(), "a call rings that somebody has"
        assert all(count <= 1 for count in self.accepted.values()), "accepted twice"

    async def end(self) -> None:
        for call in CALLS:
            self.floor.gone(call)
        await asyncio.sleep(100)
        self.check()
        for task in self.offers.values():
            assert task.done(), "an offer that never ends"
        for _, presence in self.floor.presences():
            assert presence.state in (State.IDLE, State.PAUSED), (
                "somebody is left behind in a call that is over"
            )
        assert all(contact.ended_at is not None for contact in self.kept.values()), "a part without an end"
        await self.floor.stop()


@settings(max_examples=200, deadline=None)
@given(st.lists(STEPS, max_size=40))
def test_whatever_people_do_in_any_order(steps: list[tuple[Any, ...]]) -> None:
    async def script() -> None:
        world = World()
        for who in PEOPLE[:3]:
            await world.do(("connect", who))
            await world.do(("ready", who))
        await world.do(("offer", "c0"))
        for step in steps:
            await world.do(step)
            world.check()
        await world.end()
        for task in world.offers.values():
            if not task.cancelled():
                assert task.result().result in OfferResult

    run_virtual(script())
