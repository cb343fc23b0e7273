"""Callers without a bot: who they are, and the watch that sends them where a sentence waits for them.

A bot process that is killed closes its sockets, so its legs at the line end within milliseconds; its callers stay, in
silence, in an application that nobody serves. This watch runs in a process of its own (``decroche rescue``). It looks
at the line a few times a second and needs no memory but that of its last looks: nothing is lost when it is restarted,
and it cannot miss an event.

It never touches a call whose bot is alive: a call's bot leg is named after the call, so the line itself shows which
calls have lost theirs. One that has lost its bot while the bot process lives is the line's own business first
(:mod:`media.telephony.callstate` sends the caller to the same place at once); only when that has not happened after a
moment does the watch act.

:func:`orphans` and :class:`Watch` are pure; :func:`watch_over` does the looking and the acting.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import NoReturn, Protocol

import structlog

from bot.errors import LineError
from media.telephony.ari import Application, Bridge, Channel
from media.telephony.callstate import AGENT_PREFIX, ASIDE_PREFIX, BOT_PREFIX, CALLEE_PREFIX, ROOM_PREFIX
from media.telephony.orders import CALL_VARIABLE

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 0.3
LOST_S = 0.4
"""A caller who had a bot or an agent and has none: longer than the line needs to do the same by itself."""
UNSERVED_S = 6.0
"""A caller who has not had a bot yet: the line is busy with them, unless it is dead."""
STRAY_S = 2.0
"""Legs and bridges without a caller."""


@dataclass(frozen=True)
class Scene:
    """The line at one moment. ``held``: ids of the channels in the bot's application.

    Read in this order, ``channels`` before ``held``: a caller is older than the legs made for them.
    """

    channels: tuple[Channel, ...]
    held: frozenset[str]
    bridges: tuple[Bridge, ...]


@dataclass(frozen=True)
class Orphans:
    """``callers``: with neither bot nor agent. ``legs``: bots and agents with nobody to serve. ``bridges``: empty."""

    callers: frozenset[str] = frozenset()
    legs: frozenset[str] = frozenset()
    bridges: frozenset[str] = frozenset()

    def __or__(self, other: Orphans) -> Orphans:
        return Orphans(self.callers | other.callers, self.legs | other.legs, self.bridges | other.bridges)


def call_of(leg: str) -> str:
    """The call that a bot's or an agent's leg, or a bridge of ours, is named after; empty for others."""
    for prefix in (BOT_PREFIX, ROOM_PREFIX, ASIDE_PREFIX):
        if leg.startswith(prefix):
            return leg.removeprefix(prefix)
    if leg.startswith(AGENT_PREFIX):
        return leg.removeprefix(AGENT_PREFIX).rpartition("-")[0]
    return ""


def is_caller(leg: str) -> bool:
    """Whether a channel of the application is a caller's: it is none of those that the line makes for callers."""
    return not leg.startswith((BOT_PREFIX, AGENT_PREFIX))


def orphans(scene: Scene, kept: Iterable[str] = ()) -> Orphans:
    """Who is alone in ``scene``. ``kept``: ids of calls that somebody looks after: nothing of theirs is."""
    kept = frozenset(kept)
    alive = {channel.id for channel in scene.channels}
    bridge_of = {leg: bridge for bridge in scene.bridges for leg in bridge.channels}
    callers, attended, served = set[str](), set[str](), set[str]()
    for channel in scene.channels:
        if not is_caller(channel.id) or channel.id not in scene.held:
            continue
        if channel.id.startswith(CALLEE_PREFIX) and channel.state != "Up":
            served.add(channel.id.removeprefix(CALLEE_PREFIX))
            continue  # being rung: no bot yet, and Asterisk itself ends the ringing in time
        bridge = bridge_of.get(channel.id)
        call = (call_of(bridge.id) if bridge else "") or channel.variables.get(CALL_VARIABLE, "")
        company = {leg for leg in (bridge.channels if bridge else ()) if leg.startswith(AGENT_PREFIX)} & alive
        attended |= company
        if call in kept or company or BOT_PREFIX + call in alive:
            served.add(call)
        else:
            callers.add(channel.id)
    legs = {
        leg
        for leg in alive
        if leg.startswith((BOT_PREFIX, AGENT_PREFIX))
        and leg not in attended
        and call_of(leg) not in kept
        and (call_of(leg) not in served or BOT_PREFIX + call_of(leg) not in alive)
    }
    bridges = {
        bridge.id
        for bridge in scene.bridges
        if bridge.id.startswith((ROOM_PREFIX, ASIDE_PREFIX))
        and not bridge.channels
        and call_of(bridge.id) not in kept | served
    }
    return Orphans(frozenset(callers), frozenset(legs), frozenset(bridges))


@dataclass
class Watch:
    """Decides who has been alone for long enough. Give it every look, with a clock in seconds."""

    _alone_since: dict[str, float] = field(default_factory=dict)
    _had_company: set[str] = field(default_factory=set)

    def look(self, scene: Scene, now_s: float) -> Orphans:
        """Who is to be helped now."""
        alone = orphans(scene)
        held_callers = {c.id for c in scene.channels if c.id in scene.held and is_caller(c.id)}
        everybody = alone.callers | alone.legs | alone.bridges
        self._alone_since = {one: self._alone_since.get(one, now_s) for one in everybody}
        # Who has left the application starts anew when they come back: they wait for a bot of another call then.
        self._had_company = (self._had_company | (held_callers - alone.callers)) & held_callers
        return Orphans(
            frozenset(
                one
                for one in alone.callers
                if now_s - self._alone_since[one] >= (LOST_S if one in self._had_company else UNSERVED_S)
            ),
            frozenset(one for one in alone.legs if now_s - self._alone_since[one] >= STRAY_S),
            frozenset(one for one in alone.bridges if now_s - self._alone_since[one] >= STRAY_S),
        )


class LineView(Protocol):
    """What the watch asks of :class:`media.telephony.ari.AriClient`; its errors are ``LineError``."""

    async def list_channels(self) -> tuple[Channel, ...]: ...
    async def list_bridges(self) -> tuple[Bridge, ...]: ...
    async def application(self, name: str) -> Application | None: ...
    async def hangup(self, channel_id: str) -> None: ...
    async def continue_in_dialplan(self, channel_id: str, context: str) -> None: ...
    async def destroy_bridge(self, bridge_id: str) -> None: ...


async def scene_of(line: LineView, app: str) -> Scene:
    """Look at the line.

    Raises:
        LineError: it does not answer.
    """
    channels = await line.list_channels()
    application = await line.application(app)
    return Scene(channels, frozenset(application.channels if application else ()), await line.list_bridges())


async def help_out(line: LineView, whom: Orphans, context: str) -> None:
    """Send callers to the dialplan, end legs, destroy bridges; those that have gone meanwhile are passed over."""

    async def one(order: Awaitable[None], what: str) -> None:
        try:
            await order
        except LineError as err:
            log.info("not helped", what=what, why=str(err))

    # The callers first, all at once: they are in silence.
    await asyncio.gather(*(one(line.continue_in_dialplan(leg, context), "caller") for leg in whom.callers))
    await asyncio.gather(*(one(line.hangup(leg), "leg") for leg in whom.legs))
    await asyncio.gather(*(one(line.destroy_bridge(bridge), "bridge") for bridge in whom.bridges))


async def watch_over(
    line: LineView,
    app: str,
    context: str,
    *,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    clock: Callable[[], float] | None = None,
) -> NoReturn:
    """Watch until cancelled. ``app``: the bot's application. ``context``: the rescue's, in the dialplan."""
    now = clock or asyncio.get_running_loop().time
    watch = Watch()
    reachable: bool | None = None
    while True:
        try:
            whom = watch.look(await scene_of(line, app), now())
            if not reachable:
                log.info("line in sight", app=app)
            reachable = True
        except LineError as err:
            if reachable is not False:
                log.warning("line out of sight", why=str(err))
            reachable = False
            watch = Watch()  # what was seen before is too old to judge by
        else:
            if whom != Orphans():
                log.warning(
                    "rescued", callers=len(whom.callers), legs=len(whom.legs), bridges=len(whom.bridges)
                )
                await help_out(line, whom, context)
        await sleep(LOOK_EVERY_S)
