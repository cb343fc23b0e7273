"""Everybody who is signed in, what is offered to whom, and who talks to whom: :class:`bot.ports.Agents`.

All of it lives on one event loop and changes without awaiting, so that of two who accept at once exactly one is first.
Pages are told through feeds: bounded queues, one a live socket; one that does not keep up is closed, and the page
connects again to the state as it then is.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from bot.errors import CallerGoneError, DecrocheError, LineError, NotFoundError, TooLateError
from bot.ports import GiveBack, HandoffOffer, OfferAnswer, OfferResult, Talk
from desk.models import Agent, Contact, Note, Role
from desk.ports import Contacts
from desk.presence import (
    Accept,
    Away,
    Connected,
    Decline,
    Event,
    Lost,
    Miss,
    Offer,
    Over,
    Pause,
    Presence,
    Ready,
    SignOut,
    State,
    Withdraw,
    WrapUpOver,
    step,
)

log = structlog.get_logger(__name__)

V = 1
"""Version of the messages (``docs/desk.md``)."""
FEED_SIZE = 256
GRACE_S = 8.0
"""A network that is gone for less is not noticed."""
AWAY_S = 60.0
RING_AT_ONCE = 3
"""Screens that ring for one call: those who waited longest. The case is opened on each of them."""
MAX_NOTES = 50


class Feed:
    """What one live socket is to be told, in order; iterate over it. Ends when it is closed."""

    def __init__(self, agent_id: str, session: str) -> None:
        self.agent_id = agent_id
        self.session = session
        self._queue: asyncio.Queue[Mapping[str, Any] | None] = asyncio.Queue(FEED_SIZE + 1)
        self.closed = False

    def push(self, message: Mapping[str, Any]) -> None:
        """Give one message; closes a feed that is full."""
        if self.closed:
            return
        if self._queue.qsize() >= FEED_SIZE:
            self.close()
        else:
            self._queue.put_nowait({"v": V, **message})

    def close(self, message: Mapping[str, Any] | None = None) -> None:
        """No more messages, but a last one where there is room for it."""
        if self.closed:
            return
        if message and self._queue.qsize() < FEED_SIZE:
            self._queue.put_nowait({"v": V, **message})
        self.closed = True
        self._queue.put_nowait(None)

    def __aiter__(self) -> Feed:
        return self

    async def __anext__(self) -> Mapping[str, Any]:
        message = await self._queue.get()
        if message is None:
            raise StopAsyncIteration
        return message


@dataclass
class _Seat:
    """One agent on the floor."""

    agent: Agent
    presence: Presence
    feeds: set[Feed] = field(default_factory=set)
    timer: asyncio.TimerHandle | None = None  # the wrap-up's, or the pause of the page
    away: asyncio.TimerHandle | None = None


@dataclass
class _Open:
    """An offer that rings."""

    offer: HandoffOffer
    since: float
    until: float
    answer: asyncio.Future[OfferAnswer]
    name: str = ""  # of the colleague who hands the call over
    ringing: list[str] = field(default_factory=list)
    declined: int = 0
    asked: set[str] = field(default_factory=set)


@dataclass
class _Call:
    """A call that somebody accepted, until their wrap-up is over."""

    offer: HandoffOffer
    agent_id: str
    contact: Contact
    state: str = "connecting"
    since: float = 0.0
    talk: Talk | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "call_id": self.offer.call_id,
            "handoff_id": self.offer.handoff_id,
            "state": self.state,
            "since": self.since,
            "notes": [{"at": note.at, "text": note.text} for note in self.contact.notes],
        }


class AgentFloor:
    """See the module. ``wrap_up_s``: how long an agent may take to close a call. ``wall``: seconds since 1970."""

    def __init__(
        self, contacts: Contacts, *, wrap_up_s: float = 60.0, wall: Callable[[], float] = time.time
    ) -> None:
        self._contacts = contacts
        self._wrap_up_s = wrap_up_s
        self._wall = wall
        self._seats: dict[str, _Seat] = {}
        self._offers: dict[str, _Open] = {}  # by call
        self._calls: dict[str, _Call] = {}  # by agent
        self._talking: dict[str, str] = {}  # call → the agent who has it
        self._consults: dict[str, asyncio.Task[None]] = {}  # by call

    async def stop(self) -> None:
        """Nobody is told anything any more; offers end with nobody."""
        for consult in tuple(self._consults.values()):
            consult.cancel()
        await asyncio.gather(*self._consults.values(), return_exceptions=True)
        for open_ in tuple(self._offers.values()):
            self._answer(open_, OfferAnswer(OfferResult.NOBODY))
        for seat in self._seats.values():
            _cancel(seat.timer)
            _cancel(seat.away)
            for feed in tuple(seat.feeds):
                feed.close()
        self._seats.clear()

    # --- what the transfer asks (bot.ports.Agents)

    def idle(self, site: str, skill: str) -> int:
        """See :class:`bot.ports.Agents`."""
        return len(self._free(site, skill, level=1))

    def signed_in(self, site: str, skill: str) -> int:
        """People with the skill on the floor of a site, idle or not."""
        return sum(skill in agent.skills and Role.AGENT in agent.roles for agent, _ in self.presences(site))

    async def offer(self, offer: HandoffOffer, *, ring_s: float) -> OfferAnswer:
        """See :class:`bot.ports.Agents`."""
        return await self._offer(offer, ring_s)

    def joined(self, call_id: str, talk: Talk) -> None:
        """See :class:`bot.ports.Agents`."""
        if call := self._call_of(call_id):
            call.talk = talk
            call.contact = replace(call.contact, joined_at=self._wall())
            self._call_is(call, "talking")

    def left(self, call_id: str) -> None:
        """See :class:`bot.ports.Agents`."""
        self._end_offer(call_id, "withdrawn")  # a colleague is being rung for a talk that is over
        if call := self._call_of(call_id):
            self._over(call, unreachable=call.contact.joined_at is None)

    def gone(self, call_id: str) -> None:
        """See :class:`bot.ports.Agents`."""
        self._end_offer(call_id, "caller_gone")
        if call := self._call_of(call_id):
            self._over(call)

    # --- pages

    def connect(self, agent: Agent, session: str = "") -> Feed:
        """A page was opened: a feed that begins with the whole state. Close it with :meth:`disconnect`."""
        seat = self._seats.get(agent.id)
        if seat is None:
            seat = self._seats[agent.id] = _Seat(agent, Presence(since=self._wall()))
        seat.agent = agent
        _cancel(seat.away)
        seat.away = None
        self._step(seat, Connected())
        feed = Feed(agent.id, session)
        seat.feeds.add(feed)
        open_ = self._offers.get(seat.presence.call_id) if seat.presence.state is State.OFFERED else None
        call = self._calls.get(agent.id)
        feed.push(
            {
                "type": "hello",
                "presence": _presence(seat.presence),
                "offer": self._offer_json(open_) if open_ else None,
                "call": call.to_json() if call else None,
            }
        )
        self._refill()
        return feed

    def disconnect(self, feed: Feed) -> None:
        """A page is gone, by whatever way: grace begins when it was the last one."""
        feed.close()
        seat = self._seats.get(feed.agent_id)
        if seat is None or feed not in seat.feeds:
            return
        seat.feeds.discard(feed)
        if not seat.feeds:
            _cancel(seat.away)
            seat.away = asyncio.get_running_loop().call_later(GRACE_S, self._lost, seat)

    def presence(self, agent_id: str) -> Presence:
        """What somebody is doing."""
        seat = self._seats.get(agent_id)
        return seat.presence if seat else Presence()

    def presences(self, site: str = "") -> list[tuple[Agent, Presence]]:
        """Everybody of a site who is on the floor; empty: of all sites."""
        return [
            (seat.agent, seat.presence)
            for seat in self._seats.values()
            if seat.presence.state is not State.OUT and site in ("", seat.agent.site)
        ]

    def level2_sites(self) -> list[str]:
        """Sites where a level-2 colleague could be rung now."""
        return sorted(
            {
                seat.agent.site
                for seat in self._seats.values()
                if seat.presence.free and Role.LEVEL2 in seat.agent.roles
            }
        )

    def level2_site(self, asking: Agent) -> str:
        """Whose level-2 colleagues to ring: those of the agent's own site if one is free, else of another."""
        free = self.level2_sites()
        return asking.site if asking.site in free or not free else free[0]

    # --- what agents do

    def ready(self, agent_id: str) -> Presence:
        """Calls may come.

        Raises:
            ConflictError: not now.
        """
        return self._ask(agent_id, Ready())

    def pause(self, agent_id: str, reason: str) -> Presence:
        """No calls; one that rings goes to the others.

        Raises:
            ConflictError: not now.
        """
        return self._ask(agent_id, Pause(reason))

    def accept(self, agent_id: str, call_id: str) -> Presence:
        """Take a call that is offered.

        Raises:
            TooLateError: a colleague was faster, or the offer is over.
        """
        open_ = self._offers.get(call_id)
        seat = self._seats.get(agent_id)
        if open_ is None or seat is None or agent_id not in open_.ringing or open_.answer.done():
            raise TooLateError(
                "Cet appel n'est plus proposé : un collègue l'a pris, ou l'appelant est parti."
            )
        if (before := self._call_of(call_id)) and open_.offer.level == 1:
            self._over(before)  # left over from an offer that came to nothing
        open_.ringing.remove(agent_id)
        self._step(seat, Accept(call_id))
        earlier = self._call_of(call_id)
        offer, now = open_.offer, self._wall()
        contact = Contact(
            str(uuid.uuid4()), call_id, offer.handoff_id, offer.site, agent_id, offer.level, now,
            notes=earlier.contact.notes if earlier else (),
        )  # fmt: skip
        call = self._calls[agent_id] = _Call(offer, agent_id, contact, since=now)
        if earlier is None:
            self._talking[call_id] = agent_id
        self._contacts.keep(contact)
        self._push(seat, {"type": "offer_over", "call_id": call_id, "result": "accepted"})
        self._push(seat, {"type": "call", "call": call.to_json()})
        self._withdraw(open_, "taken")
        self._answer(open_, OfferAnswer(OfferResult.ACCEPTED, agent_id, seat.agent.address, offer.site))
        return seat.presence

    def decline(self, agent_id: str, call_id: str) -> Presence:
        """Leave a call to the others.

        Raises:
            TooLateError: it is not offered any more.
        """
        open_ = self._offers.get(call_id)
        if open_ is None or agent_id not in open_.ringing:
            raise TooLateError("Cet appel n'est plus proposé.")
        return self._ask(agent_id, Decline(call_id))

    def sign_out(self, agent_id: str) -> None:
        """Gone: what rings goes to the others; a caller they talk to is back with the bot."""
        seat = self._seats.get(agent_id)
        if seat is None:
            return
        call = self._calls.get(agent_id)
        self._step(seat, SignOut())
        for feed in tuple(seat.feeds):
            feed.close({"type": "bye", "reason": "signed_out"})
        seat.feeds.clear()
        _cancel(seat.away)
        if call:
            self._end_offer(call.offer.call_id, "withdrawn")
            has_it = self._talking.get(call.offer.call_id) == agent_id
            self._close(call)
            if call.talk and has_it:
                self._own(call.offer.call_id, self._let_go(call.talk))

    def close_session(self, agent_id: str, session: str, reason: str) -> None:
        """End the sockets of one session; empty: of all of them."""
        seat = self._seats.get(agent_id)
        for feed in tuple(seat.feeds) if seat else ():
            if session in ("", feed.session):
                feed.close({"type": "bye", "reason": reason})

    def note(self, agent_id: str, call_id: str, text: str) -> Presence:
        """Write something down.

        Raises:
            NotFoundError: not their call.
            TooLateError: too many of them.
        """
        call = self._mine(agent_id, call_id)
        if len(call.contact.notes) >= MAX_NOTES:
            raise TooLateError("Trop de notes pour cet appel.")
        call.contact = replace(call.contact, notes=(*call.contact.notes, Note(self._wall(), text)))
        self._contacts.keep(call.contact)
        self._tell_call(call)
        return self.presence(agent_id)

    async def hold(self, agent_id: str, call_id: str, *, on: bool) -> Presence:
        """Music for the caller, or the two together again.

        Raises:
            NotFoundError: not their call.
            TooLateError: not in a talk, or one of the two has left.
        """
        call, talk = self._in_talk(agent_id, call_id)
        await _obeyed(talk.hold() if on else talk.unhold())
        if call.state in ("talking", "held"):
            self._call_is(call, "held" if on else "talking")
        return self.presence(agent_id)

    async def give_back(self, agent_id: str, call_id: str, then: GiveBack) -> Presence:
        """The caller goes back to the bot.

        Raises:
            NotFoundError: not their call.
            TooLateError: not in a talk, or one of the two has left.
        """
        call, talk = self._in_talk(agent_id, call_id)
        call.contact = replace(call.contact, then=then.value)
        await _obeyed(talk.give_back(then))
        return self.presence(agent_id)

    def consult(
        self, agent_id: str, call_id: str, site: str, reason: str, *, ring_s: float = 30.0
    ) -> Presence:
        """Ring the level-2 colleagues of a site; who accepts takes the call over. What comes of it is pushed.

        Raises:
            NotFoundError: not their call.
            TooLateError: not in a talk, or colleagues are being rung already.
        """
        call, talk = self._in_talk(agent_id, call_id)
        if call_id in self._consults or call_id in self._offers:
            raise TooLateError("Un collègue est déjà appelé.")
        offer = HandoffOffer(call_id, call.offer.handoff_id, site, call.offer.skill, reason, level=2)
        self._own(call_id, self._consult(call, talk, offer, ring_s))
        return self.presence(agent_id)

    def dispose(self, agent_id: str, call_id: str, disposition: str, note: str = "") -> Presence:
        """Close a call that is over; ends the wrap-up.

        Raises:
            NotFoundError: not their call.
            TooLateError: they are still in it.
        """
        call = self._mine(agent_id, call_id)
        seat = self._seats[agent_id]
        if seat.presence.state is not State.WRAP_UP:
            raise TooLateError("L'appel n'est pas terminé.")
        if note:
            self.note(agent_id, call_id, note)
        call.contact = replace(call.contact, disposition=disposition)
        self._contacts.keep(call.contact)
        self._step(seat, WrapUpOver())
        return seat.presence

    def site_has(self, site: str, handoff_id: str) -> bool:
        """Whether a case is before the people of a site now: it rings there, or somebody there has it."""
        return any(
            o.offer.site == site and o.offer.handoff_id == handoff_id and o.ringing
            for o in self._offers.values()
        ) or any(c.offer.site == site and c.offer.handoff_id == handoff_id for c in self._calls.values())

    def has(self, agent_id: str, call_id: str) -> bool:
        """Whether a call is before this agent: it rings there, or they have it."""
        open_, call = self._offers.get(call_id), self._calls.get(agent_id)
        return bool((open_ and agent_id in open_.ringing) or (call and call.offer.call_id == call_id))

    def contact(self, agent_id: str, call_id: str) -> Contact:
        """The agent's part in their call.

        Raises:
            NotFoundError: not their call.
        """
        return self._mine(agent_id, call_id).contact

    # --- offers

    async def _offer(self, offer: HandoffOffer, ring_s: float, name: str = "") -> OfferAnswer:
        loop = asyncio.get_running_loop()
        if offer.call_id in self._offers:
            raise LineError("this call is being offered already")
        now = self._wall()
        open_ = _Open(offer, now, now + ring_s, loop.create_future(), name)
        self._offers[offer.call_id] = open_
        try:
            self._ring(open_)
            if not open_.ringing:
                return OfferAnswer(OfferResult.NOBODY)
            await asyncio.wait({open_.answer}, timeout=ring_s)
            if open_.answer.done():
                return open_.answer.result()
            for agent_id in tuple(open_.ringing):
                open_.ringing.remove(agent_id)
                seat = self._seats[agent_id]
                self._step(seat, Miss(offer.call_id))
                self._push(seat, {"type": "offer_over", "call_id": offer.call_id, "result": "no_answer"})
            return OfferAnswer(OfferResult.NO_ANSWER)
        except asyncio.CancelledError:
            accepted = open_.answer.done() and self._calls.get(open_.answer.result().agent)
            if accepted:  # in the same moment
                self._over(accepted)
            self._withdraw(open_, "caller_gone")
            raise
        finally:
            del self._offers[offer.call_id]
            self._refill()

    def _ring(self, open_: _Open) -> None:
        """Ring more screens for an offer, up to the limit, each once."""
        offer = open_.offer
        for seat in self._free(offer.site, offer.skill, offer.level):
            if len(open_.ringing) >= RING_AT_ONCE or open_.answer.done():
                break
            if seat.agent.id in open_.asked:
                continue
            open_.asked.add(seat.agent.id)
            open_.ringing.append(seat.agent.id)
            self._step(seat, Offer(offer.call_id))
            self._push(seat, {"type": "offer", "offer": self._offer_json(open_)})

    def _refill(self) -> None:
        """Somebody became free: what rings may ring there too, oldest first."""
        for open_ in sorted(self._offers.values(), key=lambda o: o.since):
            if open_.ringing:  # else its end is under way
                self._ring(open_)

    def _free(self, site: str, skill: str, level: int) -> list[_Seat]:
        """Who may be offered such a call, who has waited longest first."""
        role = Role.LEVEL2 if level == 2 else Role.AGENT
        found = [
            seat
            for seat in self._seats.values()
            if seat.presence.free
            and seat.agent.site == site
            and role in seat.agent.roles
            and (level == 2 or skill in seat.agent.skills)
        ]
        return sorted(found, key=lambda seat: (seat.presence.since, seat.agent.id))

    def _unring(self, open_: _Open, seat: _Seat, *, declined: bool) -> None:
        """One screen fell silent: the next one rings, or the offer is over."""
        open_.ringing.remove(seat.agent.id)
        open_.declined += declined
        self._push(
            seat,
            {
                "type": "offer_over",
                "call_id": open_.offer.call_id,
                "result": "declined" if declined else "withdrawn",
            },
        )
        self._ring(open_)
        if not open_.ringing:
            all_declined = open_.declined == len(open_.asked)
            result = OfferResult.DECLINED if all_declined else OfferResult.NO_ANSWER
            self._answer(open_, OfferAnswer(result))

    def _withdraw(self, open_: _Open, result: str) -> None:
        for agent_id in tuple(open_.ringing):
            open_.ringing.remove(agent_id)
            seat = self._seats.get(agent_id)
            if seat:
                self._step(seat, Withdraw(open_.offer.call_id))
                self._push(seat, {"type": "offer_over", "call_id": open_.offer.call_id, "result": result})

    def _end_offer(self, call_id: str, result: str) -> None:
        if open_ := self._offers.get(call_id):
            self._withdraw(open_, result)
            self._answer(open_, OfferAnswer(OfferResult.NO_ANSWER))

    @staticmethod
    def _answer(open_: _Open, answer: OfferAnswer) -> None:
        if not open_.answer.done():
            open_.answer.set_result(answer)

    def _offer_json(self, open_: _Open) -> dict[str, Any]:
        offer = open_.offer
        return {
            "call_id": offer.call_id, "handoff_id": offer.handoff_id, "site": offer.site, "skill": offer.skill,
            "reason": offer.reason, "level": offer.level, "since": open_.since, "until": open_.until,
            "from": open_.name,
        }  # fmt: skip

    # --- calls

    async def _consult(self, call: _Call, talk: Talk, offer: HandoffOffer, ring_s: float) -> None:
        first = self._seats[call.agent_id]

        def tell(state: str) -> None:
            self._push(first, {"type": "consult", "call_id": offer.call_id, "state": state})

        tell("ringing")
        try:
            answer = await self._offer(offer, ring_s, first.agent.name)
        except LineError:
            tell("nobody")
            return
        tell(answer.result.value)
        if answer.result is not OfferResult.ACCEPTED:
            return
        second = self._calls[answer.agent]
        if self._calls.get(call.agent_id) is not call or call.talk is None:  # the talk ended meanwhile
            self._over(second)
            return
        self._talking[offer.call_id] = answer.agent
        self._call_is(call, "handing_over")
        try:
            await talk.hand_over(answer)
        except DecrocheError as err:
            log.warning("call not handed over", call_id=offer.call_id, code=err.code)
            self._talking[offer.call_id] = call.agent_id
            self._over(second)
            if isinstance(err, CallerGoneError):
                self._over(call)
            else:
                self._call_is(call, "talking")
                tell("no_answer")
            return
        self._over(call)

    def _own(self, call_id: str, work: Any) -> None:
        if earlier := self._consults.get(call_id):
            earlier.cancel()
        task = asyncio.create_task(work, name=f"desk:{call_id}")
        self._consults[call_id] = task
        task.add_done_callback(lambda done: self._owned_over(call_id, done))

    def _owned_over(self, call_id: str, task: asyncio.Task[None]) -> None:
        if self._consults.get(call_id) is task:
            del self._consults[call_id]
        if not task.cancelled() and (err := task.exception()):
            log.error("desk task failed", call_id=call_id, exc_info=err)

    @staticmethod
    async def _let_go(talk: Talk) -> None:
        try:
            await talk.give_back(GiveBack.CONTINUE)
        except DecrocheError as err:  # the talk ended by itself
            log.debug("caller not given back", code=err.code)

    def _over(self, call: _Call, *, unreachable: bool = False) -> None:
        """The call is over for whoever had it."""
        seat = self._seats.get(call.agent_id)
        if self._calls.get(call.agent_id) is not call or call.state == "over":
            return
        was_joined = call.contact.joined_at is not None
        self._close(call, keep=was_joined)
        if seat:
            self._tell_call(call)
            wrap_up = self._wrap_up_s if was_joined else 0.0
            self._step(seat, Over(call.offer.call_id, wrap_up, unreachable))

    def _close(self, call: _Call, *, keep: bool = False) -> None:
        """``keep``: the agent may still write to it, in the wrap-up."""
        call.contact = replace(call.contact, ended_at=self._wall())
        call.state, call.since = "over", self._wall()
        talk_ended = self._talking.get(call.offer.call_id) == call.agent_id
        if talk_ended:
            del self._talking[call.offer.call_id]
        self._contacts.keep(call.contact)
        if not keep:
            self._calls.pop(call.agent_id, None)

    def _call_of(self, call_id: str) -> _Call | None:
        """The call, with the agent who has it now."""
        agent_id = self._talking.get(call_id)
        return self._calls.get(agent_id) if agent_id else None

    def _mine(self, agent_id: str, call_id: str) -> _Call:
        call = self._calls.get(agent_id)
        if call is None or call.offer.call_id != call_id:
            raise NotFoundError("no such call")
        return call

    def _in_talk(self, agent_id: str, call_id: str) -> tuple[_Call, Talk]:
        call = self._mine(agent_id, call_id)
        if call.talk is None or call.state not in ("talking", "held"):
            raise TooLateError("Vous n'êtes pas en communication.")
        return call, call.talk

    def _call_is(self, call: _Call, state: str) -> None:
        call.state, call.since = state, self._wall()
        self._contacts.keep(call.contact)
        self._tell_call(call)

    def _tell_call(self, call: _Call) -> None:
        if seat := self._seats.get(call.agent_id):
            self._push(seat, {"type": "call", "call": call.to_json()})

    # --- presence

    def _ask(self, agent_id: str, event: Event) -> Presence:
        seat = self._seats.get(agent_id)
        if seat is None:
            raise TooLateError("La page n'est pas connectée.")
        self._step(seat, event)
        return seat.presence

    def _step(self, seat: _Seat, event: Event) -> None:
        """Take an event, and do what a change of state brings with it."""
        before = seat.presence
        seat.presence = after = step(before, event, self._wall())
        if after == before:
            return
        if before.state is not after.state:
            _cancel(seat.timer)
            seat.timer = None
            if after.state is State.WRAP_UP and after.until is not None:
                seat.timer = asyncio.get_running_loop().call_later(
                    after.until - after.since, self._step, seat, WrapUpOver()
                )
            if before.state is State.WRAP_UP:
                self._calls.pop(seat.agent.id, None)
        self._push(seat, {"type": "presence", "presence": _presence(after)})
        if before.state is State.OFFERED and after.state is not State.OFFERED:
            open_ = self._offers.get(before.call_id)
            if open_ and seat.agent.id in open_.ringing:  # by their doing, or their page is gone
                self._unring(open_, seat, declined=isinstance(event, (Decline, Pause)))
        if after.free and not isinstance(event, (Connected, Withdraw)):
            self._refill()

    def _lost(self, seat: _Seat) -> None:
        self._step(seat, Lost())
        seat.away = asyncio.get_running_loop().call_later(AWAY_S - GRACE_S, self._away, seat)

    def _away(self, seat: _Seat) -> None:
        seat.away = None
        self._step(seat, Away())

    @staticmethod
    def _push(seat: _Seat, message: Mapping[str, Any]) -> None:
        for feed in tuple(seat.feeds):
            feed.push(message)


def _presence(presence: Presence) -> dict[str, Any]:
    return {
        "state": presence.state.value, "reason": presence.reason or presence.pause_next, "since": presence.since,
        "until": presence.until,
    }  # fmt: skip


presence_json = _presence


async def _obeyed(order: Any) -> None:
    """Wait for an order to the line; a talk that is over is something the agent is told of."""
    try:
        await order
    except LineError as err:
        raise TooLateError("La ligne n'a pas obéi : l'appel est peut-être terminé.") from err


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer:
        timer.cancel()
