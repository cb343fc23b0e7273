"""Who hears whom in a browser caller's call: the rooms that the call machine's orders make, and what follows. Pure.

The machine (:mod:`media.telephony.callstate`) is the telephone line's own; at Asterisk its orders move channels between
bridges, here they move names between rooms. The :class:`Patch` that follows is what the sound obeys.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from media.telephony.callstate import (
    AGENT_PREFIX,
    AddToBridge,
    CallState,
    DestroyBridge,
    EndLeg,
    Order,
    RemoveFromBridge,
    StartMusic,
    StopMusic,
)


class Source(StrEnum):
    """Where what somebody hears comes from."""

    NOBODY = "nobody"
    BOT = "bot"
    MUSIC = "music"
    CALLER = "caller"
    AGENT = "agent"


@dataclass(frozen=True)
class Patch:
    """What each of the three hears. One source each: the machine never puts three together.

    The bot listens to the caller or to nobody: an agent decides at the desk, not by speaking to the bot.
    """

    caller_hears: Source = Source.BOT
    agent_hears: Source = Source.NOBODY
    bot_hears: Source = Source.CALLER


@dataclass(frozen=True)
class Rooms:
    """Which leg is in which room (a leg is in one at most), and the rooms with music."""

    places: Mapping[str, str] = field(default_factory=dict)
    music: frozenset[str] = frozenset()

    @classmethod
    def of(cls, state: CallState) -> Rooms:
        """A caller who is with the bot."""
        return cls({state.caller_id: state.room_id, state.bot_id: state.room_id})

    def after(self, order: Order) -> Rooms:
        """The rooms once this order has been carried out; most change nothing here."""
        match order:
            case AddToBridge(bridge, leg):
                return Rooms({**self.places, leg: bridge}, self.music)
            case RemoveFromBridge(bridge, leg) if self.places.get(leg) == bridge:
                return self._without({leg})
            case EndLeg(leg):
                return self._without({leg})
            case DestroyBridge(bridge):
                empty = self._without({leg for leg, room in self.places.items() if room == bridge})
                return Rooms(empty.places, self.music - {bridge})
            case StartMusic(bridge):
                return Rooms(self.places, self.music | {bridge})
            case StopMusic(bridge):
                return Rooms(self.places, self.music - {bridge})
        return self

    def patch(self, state: CallState) -> Patch:
        """Who hears whom, given the names of the legs."""
        agents = {leg for leg in self.places if leg.startswith(AGENT_PREFIX)}
        caller, bot = self._room({state.caller_id}), self._room({state.bot_id})
        agent = self._room(agents)
        with_caller = caller is not None and bot == caller
        together = caller is not None and agent == caller
        briefed = bot is not None and agent == bot and not together
        if caller in self.music:
            return Patch(Source.MUSIC, Source.BOT if briefed else Source.NOBODY, Source.NOBODY)
        if with_caller:
            return Patch(Source.BOT, Source.NOBODY, Source.CALLER)
        return Patch(
            Source.AGENT if together else Source.NOBODY,
            Source.CALLER if together else Source.BOT if briefed else Source.NOBODY,
            Source.NOBODY,
        )

    def _room(self, legs: set[str]) -> str | None:
        return next((room for leg, room in self.places.items() if leg in legs), None)

    def _without(self, legs: set[str]) -> Rooms:
        return Rooms({leg: room for leg, room in self.places.items() if leg not in legs}, self.music)
