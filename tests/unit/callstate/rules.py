"""What must hold after every step of a call: the line's view of it, folded from the orders, and the rules."""

from __future__ import annotations

from dataclasses import dataclass, replace

from media.telephony.callstate import (
    AddToBridge,
    Answer,
    CallState,
    CreateBridge,
    DestroyBridge,
    Ending,
    EndLeg,
    Failed,
    Input,
    Leg,
    Mark,
    Order,
    Originate,
    RemoveFromBridge,
    SendToRescue,
    StartBotLeg,
    StartMusic,
    Step,
    StopMusic,
    step,
)

CALL = "c"
CALLER = "caller"
BOT = "bot-c"
ROOM = "room-c"
ASIDE = "aside-c"


def inbound() -> CallState:
    return CallState(CALL, CALLER)


def outbound() -> CallState:
    return CallState(CALL, CALLER, dialled=True)


@dataclass(frozen=True)
class View:
    """The bridges as ordered. ``told_to_end``: legs that were ordered to end or let go."""

    room: frozenset[str] = frozenset()
    aside: frozenset[str] = frozenset()
    bridges: frozenset[str] = frozenset()
    music: bool = False
    told_to_end: frozenset[str] = frozenset()

    def after(self, order: Order, state: CallState) -> View:
        """The view once ``order`` is carried out, and what must hold at that moment."""
        match order:
            case CreateBridge(bridge):
                assert bridge not in self.bridges, f"{bridge} made twice"
                view = replace(self, bridges=self.bridges | {bridge})
            case DestroyBridge(bridge):
                view = replace(self, bridges=self.bridges - {bridge}).without_all(bridge)
            case AddToBridge(bridge, leg):
                assert bridge in self.bridges, f"{leg} into {bridge}, which does not exist"
                view = self.without(leg).with_(bridge, leg)
            case RemoveFromBridge(_, leg):
                view = self.without(leg)
            case StartMusic():
                assert not self.music
                view = replace(self, music=True)
            case StopMusic():
                assert self.music
                view = replace(self, music=False)
            case EndLeg(leg) | SendToRescue(leg):
                view = replace(self.without(leg), told_to_end=self.told_to_end | {leg})
            case Mark() | Answer() | StartBotLeg() | Originate():
                view = self
        if state.over is Ending.NO:
            view.check()
        return view

    def with_(self, bridge: str, leg: str) -> View:
        if bridge == ROOM:
            return replace(self, room=self.room | {leg})
        return replace(self, aside=self.aside | {leg})

    def without(self, leg: str) -> View:
        return replace(self, room=self.room - {leg}, aside=self.aside - {leg})

    def without_all(self, bridge: str) -> View:
        if bridge == ROOM:
            return replace(self, room=frozenset(), music=False)
        return replace(self, aside=frozenset())

    def check(self) -> None:
        agents = {leg for leg in self.room if leg.startswith("agent-")}
        assert not (BOT in self.room and self.music), "the bot and the music are both with the caller"
        assert not (agents and self.music), "an agent hears the hold music"
        assert not (agents and BOT in self.room), "the bot is with the caller and the agent"
        assert len(agents) <= 1, "two agents with the caller"
        assert CALLER not in self.aside, "the caller hears the whisper"


def leg_of(order: Order) -> str | None:
    return getattr(order, "leg", None)


def checked(state: CallState, view: View, given: Input) -> tuple[Step, View]:
    """Take a step and hold it to the rules."""
    made = step(state, given)
    now = made.state
    if made.refused:
        assert now == state
        assert not made.orders
        return made, view
    named = [leg for order in made.orders if (leg := leg_of(order))]
    assert not set(named) & now.gone, "an order names a leg that is gone"
    ended = [order for order in made.orders if isinstance(order, EndLeg)]
    assert len(ended) == len(set(ended)), "a leg is ended twice in one step"
    assert state.gone <= now.gone
    assert state.over is Ending.NO or now.over is state.over, "a call that is over stays so"
    for leg in now.gone:  # the line takes them out by itself
        view = view.without(leg)
    if not isinstance(given, Failed) or isinstance(given.order, Originate | StartBotLeg):
        for order in made.orders:
            view = view.after(order, now)
    else:  # what the view holds of a bridge is not known any more: only that it is left
        view = replace(view, told_to_end=view.told_to_end | set(named))
    if now.over is not Ending.NO:
        alive = now.legs | ({now.caller_id} if now.caller is Leg.UP else set())
        assert alive <= view.told_to_end | set(named), "a leg is left behind"
        assert now.over is Ending.RESCUED or now.caller in (Leg.NONE, Leg.GONE) or now.caller_id in now.ending
    else:
        if now.caller is Leg.UP:
            assert CALLER in view.room
        assert now.joined == any(leg.startswith("agent-") for leg in view.room)
        assert now.music == view.music
        if now.caller is Leg.UP and now.bot is Leg.UP and not now.joined:
            assert view.music or BOT in view.room, "the caller hears nothing"
    return made, view
