"""One telephone call as a state machine: what happened and what is asked go in, orders to the line come out. No I/O.

    inputs ──▶ step(state, input) ──▶ Step(state, orders, refused)

Three legs at most: the caller's, the bot's, and an agent's. Two bridges: the caller's *room*, made when they come and
kept to the end, and the agent's room *aside*, made when an agent answers. The bot is in one place at a time, and moves:

    CALLER   in the caller's room                          a conversation
    ASIDE    nowhere; the caller hears music, or an agent  on hold, or joined
    AGENT    in the room aside                             the whisper

What holds after every step, whatever came in and in whatever order:

- the caller's room never holds the bot and the music together, nor the agent and the music, nor the bot and the agent;
- a leg that is gone is named by no order any more;
- once the caller is gone, or is let go, every other leg has been ordered to end;
- a leg that comes up when nobody waits for it any more (the answer after the cancel) is ended, never joined.

A call ends in one of two ways: everybody is hung up, or the caller is sent to the *rescue*, a part of the dialplan that
says a sentence and brings them to a bot again. The second is for a bot leg that broke and for an order that failed: a
caller is not hung up on for a fault of ours.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal

from bot.models import RingResult

BOT_PREFIX = "bot-"
AGENT_PREFIX = "agent-"
CALLEE_PREFIX = "callee-"
ROOM_PREFIX = "room-"
ASIDE_PREFIX = "aside-"

# Q.850 causes, as Asterisk reports them (ITU-T Q.850, table 1; Asterisk maps SIP statuses to them in
# res_pjsip.c, hangup_sip2cause).
NORMAL_CLEARING = 16
USER_BUSY = 17
NO_USER_RESPONDING = 18
NO_ANSWER = 19
SUBSCRIBER_ABSENT = 20
CALL_REJECTED = 21
NETWORK_OUT_OF_ORDER = 38

_BY_CAUSE = {
    USER_BUSY: RingResult.BUSY,
    NO_USER_RESPONDING: RingResult.NO_ANSWER,
    NO_ANSWER: RingResult.NO_ANSWER,
    SUBSCRIBER_ABSENT: RingResult.NO_ANSWER,
    NORMAL_CLEARING: RingResult.NO_ANSWER,  # the ringing was cancelled
    CALL_REJECTED: RingResult.DECLINED,
}
"""Every other cause means that nobody was rung: 1 unallocated number, 3 no route, 27 destination out of order,
34 congestion, 38 network out of order, 58 and 65 no common codec, 88 incompatible destination…"""

_BY_STATUS = {
    600: RingResult.BUSY,
    603: RingResult.DECLINED,
    # Refused by a machine, not by a person, though Asterisk gives cause 21 for both.
    401: RingResult.FAILED,
    403: RingResult.FAILED,
    407: RingResult.FAILED,
}


def ring_result(cause: int, sip_status: int | None) -> RingResult:
    """How ringing ended, from the Q.850 cause and, where there is one, the SIP status."""
    if sip_status in _BY_STATUS:
        return _BY_STATUS[sip_status]
    return _BY_CAUSE.get(cause, RingResult.FAILED)


class Leg(StrEnum):
    """How far a leg is."""

    NONE = "none"
    STARTING = "starting"  # ordered; nothing heard of it yet
    RINGING = "ringing"
    UP = "up"
    GONE = "gone"


class Place(StrEnum):
    """Where the bot is, or will be once its leg is up."""

    CALLER = "caller"
    AGENT = "agent"
    ASIDE = "aside"


class Ending(StrEnum):
    """How the call ends."""

    NO = "no"
    HUNG_UP = "hung_up"
    RESCUED = "rescued"


class Refusal(StrEnum):
    """Why an order of the bot cannot be followed."""

    CALLER_GONE = "the caller is gone"
    AGENT_GONE = "no agent is there"
    NOT_NOW = "not possible now"


# --- inputs: what happened


@dataclass(frozen=True)
class LegUp:
    """The leg is in our hands: answered, or arrived."""

    leg: str


@dataclass(frozen=True)
class LegRinging:
    """The far end of the leg is being alerted."""

    leg: str


@dataclass(frozen=True)
class LegGone:
    """The leg ended. ``cause``: Q.850, 0 when unknown. ``sip_status``: where one was given."""

    leg: str
    cause: int = 0
    sip_status: int | None = None


@dataclass(frozen=True)
class LegSilent:
    """A leg that was rung has not answered in the time it had."""

    leg: str


@dataclass(frozen=True)
class Failed:
    """The line did not carry out this order, nor those that came with it after it."""

    order: Order


@dataclass(frozen=True)
class GiveUp:
    """The bot cannot serve this call any longer: the caller goes to the rescue, unless an agent has them."""


# --- inputs: what is asked


@dataclass(frozen=True)
class Dial:
    """Ring the caller ourselves (a callback). ``address``: Asterisk's dial string."""

    address: str
    ring_s: float


@dataclass(frozen=True)
class Hold:
    """Music for the caller; the bot aside. An agent who is with the caller waits in the room aside."""


@dataclass(frozen=True)
class Ring:
    """Ring an agent. ``leg``: the id of the new leg, never used before. ``token``: for ``User-to-User``."""

    leg: str
    address: str
    token: str
    ring_s: float


@dataclass(frozen=True)
class Whisper:
    """The bot to the agent, alone."""


@dataclass(frozen=True)
class Join:
    """The agent to the caller."""


@dataclass(frozen=True)
class DropAgent:
    """End the agent's leg, whatever it is doing. ``leg``: that one only; empty: whichever there is."""

    leg: str = ""


@dataclass(frozen=True)
class TakeBack:
    """The bot to the caller."""


@dataclass(frozen=True)
class HangUp:
    """End it all."""


Input = (
    LegUp
    | LegRinging
    | LegGone
    | LegSilent
    | Failed
    | GiveUp
    | Dial
    | Hold
    | Ring
    | Whisper
    | Join
    | DropAgent
    | TakeBack
    | HangUp
)


# --- outputs


@dataclass(frozen=True)
class Mark:
    """Write the call's id on the caller's leg, for whoever finds it later."""

    leg: str
    call_id: str


@dataclass(frozen=True)
class Answer:
    """Pick up."""

    leg: str


@dataclass(frozen=True)
class CreateBridge:
    """Make an empty bridge."""

    bridge: str


@dataclass(frozen=True)
class DestroyBridge:
    """End a bridge."""

    bridge: str


@dataclass(frozen=True)
class AddToBridge:
    """Put a leg into a bridge. ``keys_stay_out``: the others do not hear (nor take for theirs) the keys it presses."""

    bridge: str
    leg: str
    keys_stay_out: bool = False


@dataclass(frozen=True)
class RemoveFromBridge:
    """Take a leg out of a bridge."""

    bridge: str
    leg: str


@dataclass(frozen=True)
class StartMusic:
    """Music to everybody in the bridge."""

    bridge: str


@dataclass(frozen=True)
class StopMusic:
    """The contrary."""

    bridge: str


@dataclass(frozen=True)
class StartBotLeg:
    """Connect the bot."""

    leg: str


@dataclass(frozen=True)
class Originate:
    """Ring somebody. ``role``: ``agent`` or ``callback``."""

    leg: str
    address: str
    ring_s: float
    role: Literal["agent", "callback"]
    token: str = ""


@dataclass(frozen=True)
class EndLeg:
    """End a leg."""

    leg: str


@dataclass(frozen=True)
class SendToRescue:
    """Let the leg go, into the rescue."""

    leg: str


Order = (
    Mark
    | Answer
    | CreateBridge
    | DestroyBridge
    | AddToBridge
    | RemoveFromBridge
    | StartMusic
    | StopMusic
    | StartBotLeg
    | Originate
    | EndLeg
    | SendToRescue
)

FORGIVEN = (Mark, StartMusic, EndLeg, DestroyBridge, SendToRescue)
"""Orders whose failure changes nothing: the call goes on, or was ending anyway. What then stays behind at the line is
found by ``decroche rescue`` and by the next reconciliation."""


# --- state


@dataclass(frozen=True)
class CallState:
    """Where everybody is. ``*_id``: names of legs at the line.

    ``dialled``: we rang the caller. ``callee``: how that ended. ``rung``: how the last ringing of an agent ended, None
    while it goes on. ``music``: the caller's room has it. ``joined``: the agent is in the caller's room. ``aside``: the
    room aside exists. ``ending``: legs that were ordered to end.
    ``gone``: legs that have ended.
    """

    call_id: str
    caller_id: str
    dialled: bool = False
    caller: Leg = Leg.NONE
    callee: RingResult | None = None
    bot: Leg = Leg.NONE
    agent: Leg = Leg.NONE
    agent_id: str = ""
    rung: RingResult | None = None
    place: Place = Place.CALLER
    music: bool = False
    joined: bool = False
    room: bool = False
    aside: bool = False
    over: Ending = Ending.NO
    ending: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()

    @property
    def bot_id(self) -> str:
        """One bot leg a call, named after it: whoever sees the line's legs can tell a call that has lost its bot."""
        return BOT_PREFIX + self.call_id

    @property
    def room_id(self) -> str:
        """The caller's bridge."""
        return ROOM_PREFIX + self.call_id

    @property
    def aside_id(self) -> str:
        """The agent's bridge."""
        return ASIDE_PREFIX + self.call_id

    @property
    def legs(self) -> frozenset[str]:
        """Every leg that may exist at the line now."""
        alive = set(self.ending)
        for leg, state in (
            (self.caller_id, self.caller),
            (self.bot_id, self.bot),
            (self.agent_id, self.agent),
        ):
            if state in (Leg.STARTING, Leg.RINGING, Leg.UP):
                alive.add(leg)
        if self.over is Ending.RESCUED:
            alive.discard(self.caller_id)  # still a leg, but no longer ours
        return frozenset(alive - self.gone)

    @property
    def closed(self) -> bool:
        """Whether nothing of this call is left at the line."""
        return self.over is not Ending.NO and not self.legs


@dataclass(frozen=True)
class Step:
    """What an input led to. ``refused``: set when something was asked that cannot be; the state is then unchanged."""

    state: CallState
    orders: tuple[Order, ...] = ()
    refused: Refusal | None = None


def step(state: CallState, given: Input) -> Step:
    """Take one input."""
    turn = _Turn(state)
    refused = turn.take(given)
    return Step(state, (), refused) if refused else Step(turn.now, tuple(turn.orders))


class _Turn:
    """One step in the making: the state as it becomes, the orders so far."""

    def __init__(self, state: CallState) -> None:
        self.now = state
        self.orders: list[Order] = []

    def take(self, given: Input) -> Refusal | None:
        match given:
            case LegUp(leg):
                self._up(leg)
            case LegRinging(leg):
                self._ringing(leg)
            case LegGone(leg):
                self._gone(leg, given)
            case LegSilent(leg):
                self._silent(leg)
            case Failed(order):
                self._failed(order)
            case GiveUp():
                if not self.now.joined:
                    self._finish(Ending.RESCUED)
            case HangUp():
                self._finish(Ending.HUNG_UP)
            case Dial():
                return self._dial(given)
            case DropAgent(leg):
                if not leg or leg == self.now.agent_id:
                    self._drop_agent(RingResult.NO_ANSWER)
            case Hold() | Ring() | Whisper() | Join() | TakeBack():
                return self._obey(given)
        return None

    # --- what happened

    def _up(self, leg: str) -> None:
        now = self.now
        if leg in now.gone:
            return  # its end overtook its beginning
        waited_for = now.over is Ending.NO and leg not in now.ending
        if leg == now.caller_id:
            if now.over is Ending.HUNG_UP:
                self._end_again(leg)
            elif now.over is Ending.NO and now.caller in (Leg.NONE, Leg.STARTING, Leg.RINGING):
                self._receive()
        elif leg == now.bot_id and waited_for and now.bot in (Leg.STARTING, Leg.UP):
            if now.bot is Leg.STARTING:
                self._set(bot=Leg.UP)
                self._bot_enters()
        elif leg == now.agent_id and waited_for and now.agent in (Leg.STARTING, Leg.RINGING, Leg.UP):
            if now.agent is not Leg.UP:
                self._set(agent=Leg.UP, rung=RingResult.ANSWERED, aside=True)
                # Into a bridge at once: a leg in none is sent no sound at all, not even silence, and far ends take
                # that for a dead line.
                self._order(CreateBridge(now.aside_id), AddToBridge(now.aside_id, leg, keys_stay_out=True))
        else:
            self._end_again(leg)

    def _receive(self) -> None:
        now = self.now
        self._set(
            caller=Leg.UP, callee=RingResult.ANSWERED if now.dialled else None, room=True, bot=Leg.STARTING
        )
        if not now.dialled:
            self._order(Mark(now.caller_id, now.call_id), Answer(now.caller_id))
        self._order(
            CreateBridge(now.room_id), AddToBridge(now.room_id, now.caller_id), StartBotLeg(now.bot_id)
        )

    def _ringing(self, leg: str) -> None:
        now = self.now
        if leg == now.agent_id and now.agent is Leg.STARTING:
            self._set(agent=Leg.RINGING)
        elif leg == now.caller_id and now.dialled and now.caller is Leg.STARTING:
            self._set(caller=Leg.RINGING)

    def _silent(self, leg: str) -> None:
        now = self.now
        if leg == now.agent_id and now.agent in (Leg.STARTING, Leg.RINGING):
            self._drop_agent(RingResult.NO_ANSWER if now.agent is Leg.RINGING else RingResult.FAILED)
        elif leg == now.caller_id and now.dialled and now.caller in (Leg.STARTING, Leg.RINGING):
            self._set(callee=RingResult.NO_ANSWER if now.caller is Leg.RINGING else RingResult.FAILED)
            self._finish(Ending.HUNG_UP)

    def _gone(self, leg: str, end: LegGone) -> None:
        now = self.now
        if leg in now.gone:
            return
        self._set(gone=now.gone | {leg}, ending=now.ending - {leg})
        if leg == now.caller_id:
            if now.dialled and now.callee is None:
                self._set(callee=ring_result(end.cause, end.sip_status))
            self._set(caller=Leg.GONE)
            self._finish(Ending.HUNG_UP)
        elif leg == now.bot_id:
            # However it ended: a bot that is done with a call says so with ``HangUp``.
            self._set(bot=Leg.GONE)
            if not now.joined:
                self._finish(Ending.RESCUED)
        elif leg == now.agent_id and now.agent in (Leg.STARTING, Leg.RINGING, Leg.UP):
            if now.agent is not Leg.UP:
                self._set(rung=ring_result(end.cause, end.sip_status))
            self._without_agent()

    def _failed(self, order: Order) -> None:
        now = self.now
        if now.over is not Ending.NO:
            return
        match order:
            case Originate(leg=leg) if leg == now.caller_id:
                self._set(callee=RingResult.FAILED)
                self._finish(Ending.HUNG_UP)
            case StartBotLeg():
                self._finish(Ending.RESCUED)
            case Originate(leg=leg) | AddToBridge(leg=leg) if leg not in (now.caller_id, now.bot_id):
                if leg == now.agent_id:
                    self._agent_failed()
            case CreateBridge(bridge) | AddToBridge(bridge=bridge) if bridge == now.aside_id:
                self._agent_failed()
            case _ if not isinstance(order, FORGIVEN):
                self._finish(Ending.RESCUED)

    def _agent_failed(self) -> None:
        self._drop_agent(RingResult.FAILED)
        # Whatever this step says: the failure may have come between the making of the bridge and its end.
        self._order(DestroyBridge(self.now.aside_id))

    # --- what is asked

    def _dial(self, given: Dial) -> Refusal | None:
        now = self.now
        if not now.dialled or now.caller is not Leg.NONE or now.over is not Ending.NO:
            return Refusal.NOT_NOW
        self._set(caller=Leg.STARTING)
        self._order(Originate(now.caller_id, given.address, given.ring_s, "callback"))
        return None

    def _obey(self, given: Hold | Ring | Whisper | Join | TakeBack) -> Refusal | None:
        now = self.now
        if now.over is not Ending.NO:
            return Refusal.CALLER_GONE
        if now.caller is not Leg.UP:
            return Refusal.NOT_NOW
        match given:
            case Hold():
                return self._hold()
            case Ring():
                return self._ring(given)
            case Whisper():
                return self._whisper()
            case Join():
                return self._join()
            case TakeBack():
                return self._take_back()

    def _hold(self) -> Refusal | None:
        if self.now.joined:
            self._agent_waits()  # the agent would hear the music
        self._bot_goes(Place.ASIDE)
        self._music()
        return None

    def _agent_waits(self) -> None:
        now = self.now
        self._set(joined=False, aside=True)
        self._order(CreateBridge(now.aside_id), AddToBridge(now.aside_id, now.agent_id, keys_stay_out=True))

    def _ring(self, given: Ring) -> Refusal | None:
        now = self.now
        used = now.gone | now.ending | {now.caller_id, now.bot_id, now.agent_id}
        if now.agent not in (Leg.NONE, Leg.GONE) or given.leg in used:
            return Refusal.NOT_NOW
        self._set(agent=Leg.STARTING, agent_id=given.leg, rung=None)
        self._order(Originate(given.leg, given.address, given.ring_s, "agent", given.token))
        return None

    def _whisper(self) -> Refusal | None:
        now = self.now
        if now.agent is not Leg.UP:
            return Refusal.AGENT_GONE
        if now.joined:
            return Refusal.NOT_NOW
        if now.place is Place.CALLER:
            self._bot_goes(Place.ASIDE)
        self._music()
        self._bot_goes(Place.AGENT)
        return None

    def _join(self) -> Refusal | None:
        now = self.now
        if now.agent is not Leg.UP:
            return Refusal.AGENT_GONE
        if now.joined:
            return None
        self._bot_goes(Place.ASIDE)
        self._no_music()
        self._set(joined=True)
        # Out of the one before into the other: of a room that a leg was moved out of directly, Asterisk 22.10 keeps the
        # name, and refuses (409) to make it again when the caller is held.
        self._order(RemoveFromBridge(now.aside_id, now.agent_id), AddToBridge(now.room_id, now.agent_id))
        self._no_aside()
        return None

    def _take_back(self) -> Refusal | None:
        if self.now.joined:
            self._drop_agent(RingResult.ANSWERED)
            if self.now.over is not Ending.NO:  # there was no bot left to take the caller back
                return None
        self._no_music()
        self._bot_goes(Place.CALLER)
        return None

    # --- what both lead to

    def _drop_agent(self, result: RingResult) -> None:
        now = self.now
        if now.agent not in (Leg.STARTING, Leg.RINGING, Leg.UP):
            return
        if now.agent is not Leg.UP:
            self._set(rung=result)
        self._end(now.agent_id)
        self._without_agent()

    def _without_agent(self) -> None:
        """The agent's leg is gone, or as good as gone."""
        was_joined = self.now.joined
        self._set(agent=Leg.GONE, joined=False)
        if self.now.over is not Ending.NO:
            return
        if self.now.place is Place.AGENT:
            self._bot_goes(Place.ASIDE)
        self._no_aside()
        if self.now.bot is Leg.GONE:
            self._finish(Ending.RESCUED)
        elif was_joined:
            self._music()

    def _bot_goes(self, place: Place) -> None:
        """Move the bot's leg, if it is up already; otherwise it goes there when it comes up."""
        now = self.now
        if now.place is place:
            return
        if now.bot is Leg.UP and now.place is Place.CALLER:
            self._order(RemoveFromBridge(now.room_id, now.bot_id))
        if now.bot is Leg.UP and now.place is Place.AGENT:
            self._order(RemoveFromBridge(now.aside_id, now.bot_id))
        self._set(place=place)
        self._bot_enters()

    def _bot_enters(self) -> None:
        now = self.now
        if now.bot is Leg.UP and now.place is Place.CALLER:
            self._order(AddToBridge(now.room_id, now.bot_id))
        if now.bot is Leg.UP and now.place is Place.AGENT:
            self._order(AddToBridge(now.aside_id, now.bot_id))

    def _music(self) -> None:
        if not self.now.music:
            self._set(music=True)
            self._order(StartMusic(self.now.room_id))

    def _no_music(self) -> None:
        if self.now.music:
            self._set(music=False)
            self._order(StopMusic(self.now.room_id))

    def _no_aside(self) -> None:
        if self.now.aside:
            self._set(aside=False)
            self._order(DestroyBridge(self.now.aside_id))

    def _finish(self, how: Ending) -> None:
        """The call is over for us; whoever rings stops ringing first."""
        now = self.now
        if now.over is not Ending.NO:
            return
        if how is Ending.RESCUED and now.caller is not Leg.UP:
            how = Ending.HUNG_UP  # nobody is there to be rescued
        self._set(over=how)
        if how is Ending.RESCUED:
            self._order(SendToRescue(now.caller_id))
        if now.agent in (Leg.STARTING, Leg.RINGING, Leg.UP):
            self._end(now.agent_id)
            if now.agent is not Leg.UP:
                self._set(rung=RingResult.NO_ANSWER)
            self._set(agent=Leg.GONE, joined=False)
        if how is Ending.HUNG_UP and now.caller in (Leg.STARTING, Leg.RINGING, Leg.UP):
            self._end(now.caller_id)
        if now.bot in (Leg.STARTING, Leg.UP):
            self._end(now.bot_id)
        if now.room:
            self._order(DestroyBridge(now.room_id))
        if now.agent_id:
            self._order(DestroyBridge(now.aside_id))
        self._set(music=False, room=False, aside=False)

    def _end(self, leg: str) -> None:
        if leg not in self.now.gone and leg not in self.now.ending:
            self._end_again(leg)

    def _end_again(self, leg: str) -> None:
        """End a leg though it may have been ordered before: it shows that it is alive."""
        self._set(ending=self.now.ending | {leg})
        self._order(EndLeg(leg))

    def _order(self, *orders: Order) -> None:
        self.orders += orders

    def _set(self, **changes: object) -> None:
        self.now = replace(self.now, **changes)  # type: ignore[arg-type]
