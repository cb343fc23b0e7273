"""What one agent is doing, as a state machine. Pure.

                 ready                 offered            accepted           over              time, ready
    paused ◀────────────▶ idle ─────────────────▶ offered ─────────▶ talking ─────▶ wrap_up ─────────────▶ idle
       ▲                    ▲                        │                                                  or paused
       └───── missed ───────┴── declined, withdrawn ─┘

Signing in leads to ``paused`` (arrival): nobody is rung who has not said that they are ready. Signing out leads to
``out`` from anywhere. Only who is idle and has a page open is offered a call, and so at most one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from bot.errors import ConflictError

ARRIVAL = "arrival"
MISSED = "missed"
UNREACHABLE = "unreachable"


class State(StrEnum):
    """What an agent is doing."""

    OUT = "out"
    IDLE = "idle"
    OFFERED = "offered"
    TALKING = "talking"
    WRAP_UP = "wrap_up"
    PAUSED = "paused"


@dataclass(frozen=True)
class Presence:
    """``since``, ``until``: seconds since 1970; ``until``: when a wrap-up ends by itself. ``reason``: of a pause.

    ``call_id``: the call that is offered, talked in or wrapped up. ``connected``: a page is open. ``pause_next``: the
    pause asked for during a call, taken after it.
    """

    state: State = State.OUT
    since: float = 0.0
    reason: str = ""
    until: float | None = None
    call_id: str = ""
    connected: bool = False
    pause_next: str = ""

    @property
    def free(self) -> bool:
        """Whether a call may be offered."""
        return self.state is State.IDLE and self.connected


# --- what the agent does


@dataclass(frozen=True)
class Ready:
    """Calls may come; ends a pause or a wrap-up."""


@dataclass(frozen=True)
class Pause:
    """No calls; during a call: after it."""

    reason: str


@dataclass(frozen=True)
class Accept:
    """Take the call that is offered."""

    call_id: str


@dataclass(frozen=True)
class Decline:
    """Leave the call that is offered to others."""

    call_id: str


@dataclass(frozen=True)
class SignOut:
    """Gone home."""


# --- what happens to them


@dataclass(frozen=True)
class Connected:
    """A page was opened, or is back."""


@dataclass(frozen=True)
class Lost:
    """No page has been open for a moment."""


@dataclass(frozen=True)
class Away:
    """No page has been open for long."""


@dataclass(frozen=True)
class Offer:
    """A call is offered. Only to who is :attr:`Presence.free`."""

    call_id: str


@dataclass(frozen=True)
class Withdraw:
    """The offer is over without their doing: a colleague has it, or the caller left."""

    call_id: str


@dataclass(frozen=True)
class Miss:
    """The offer rang to its end."""

    call_id: str


@dataclass(frozen=True)
class Over:
    """The call is over for them. ``wrap_up_s``: 0: never with the caller. ``unreachable``: their leg failed."""

    call_id: str
    wrap_up_s: float = 0.0
    unreachable: bool = False


@dataclass(frozen=True)
class WrapUpOver:
    """The time for it is over."""


Event = (
    Ready
    | Pause
    | Accept
    | Decline
    | SignOut
    | Connected
    | Lost
    | Away
    | Offer
    | Withdraw
    | Miss
    | Over
    | WrapUpOver
)

_ASKED = (Ready, Pause, Accept, Decline)
_REFUSALS = {
    Ready: "Impossible pendant un appel.",
    Pause: "Impossible maintenant.",
    Accept: "Cet appel n'est plus proposé.",
    Decline: "Cet appel n'est plus proposé.",
}


def step(now: Presence, event: Event, at: float) -> Presence:
    """What follows at ``at`` (seconds since 1970). What comes too late for what it is about changes nothing.

    Raises:
        ConflictError: the agent asked for what is not possible now; the message is French.
    """
    after = _step(now, event, at)
    if after is None:
        if isinstance(event, _ASKED):
            raise ConflictError(_REFUSALS[type(event)])
        return now
    return after


def _step(now: Presence, event: Event, at: float) -> Presence | None:
    state = now.state
    match event:
        case Connected() if state is State.OUT:
            return Presence(State.PAUSED, at, ARRIVAL, connected=True)
        case Connected():
            return replace(now, connected=True)
        case Lost() if state is State.OFFERED:
            return replace(_idle(now, at), connected=False)
        case Lost():
            return replace(now, connected=False)
        case Away() if state in (State.IDLE, State.PAUSED, State.WRAP_UP) and not now.connected:
            return Presence(State.OUT, at)
        case SignOut():
            return Presence(State.OUT, at)
        case Ready() if state in (State.PAUSED, State.WRAP_UP):
            return _idle(now, at)
        case Ready() if state in (State.IDLE, State.OFFERED):
            return now
        case Ready() if state is State.TALKING:
            return replace(now, pause_next="")
        case Pause(reason) if state in (State.IDLE, State.OFFERED, State.PAUSED, State.WRAP_UP):
            return _paused(now, at, reason)
        case Pause(reason) if state is State.TALKING:
            return replace(now, pause_next=reason)
        case Offer(call_id) if now.free:
            return replace(now, state=State.OFFERED, since=at, call_id=call_id)
        case Accept(call_id) if state is State.OFFERED and call_id == now.call_id:
            return replace(now, state=State.TALKING, since=at)
        case Decline(call_id) | Withdraw(call_id) if state is State.OFFERED and call_id == now.call_id:
            return _idle(now, at)
        case Miss(call_id) if state is State.OFFERED and call_id == now.call_id:
            return _paused(now, at, MISSED)
        case Over(call_id) if state is State.TALKING and call_id == now.call_id:
            return _after_call(now, event, at)
        case WrapUpOver() if state is State.WRAP_UP:
            return _paused(now, at, now.pause_next) if now.pause_next else _idle(now, at)
    return None


def _after_call(now: Presence, event: Over, at: float) -> Presence:
    if event.wrap_up_s > 0:
        return replace(now, state=State.WRAP_UP, since=at, until=at + event.wrap_up_s)
    if event.unreachable:
        return _paused(now, at, UNREACHABLE)
    return _paused(now, at, now.pause_next) if now.pause_next else _idle(now, at)


def _idle(now: Presence, at: float) -> Presence:
    return Presence(State.IDLE, at, connected=now.connected)


def _paused(now: Presence, at: float, reason: str) -> Presence:
    return Presence(State.PAUSED, at, reason, connected=now.connected)
