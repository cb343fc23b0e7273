"""Asterisk at the ARI client's seam, in memory: channels, bridges, events; and far ends that a test moves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from functools import wraps
from typing import Any

from bot.errors import LineError
from bot.models import CallRequest
from bot.ports import CallControl
from media.telephony.ari import (
    Application,
    AriEvent,
    Bridge,
    Channel,
    ChannelDestroyed,
    ChannelDtmfReceived,
    ChannelStateChange,
    RefusedError,
    StasisEnd,
    StasisStart,
)
from media.telephony.line import AsteriskLine
from media.telephony.orders import LineSettings
from tests.virtual_time import run_virtual

SETTINGS = LineSettings("+33180880000", "carrier.example:5060")
REST_S = 0.005


@dataclass
class FakeAsterisk:
    """``bot``: what the bot's media door does: ``answers`` or ``refuses``. ``failing``: methods that do."""

    bot: str = "answers"
    failing: set[str] = field(default_factory=set)
    orders: list[tuple[str, ...]] = field(default_factory=list)
    originated: dict[str, dict[str, Any]] = field(default_factory=dict)
    tokens: list[str] = field(default_factory=list)
    channels: dict[str, Channel] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)
    bridges: dict[str, list[str]] = field(default_factory=dict)
    kinds: set[str] = field(default_factory=set)
    music: set[str] = field(default_factory=set)
    rescued: list[str] = field(default_factory=list)
    busy: list[str] = field(default_factory=list)
    absorbed: set[str] = field(default_factory=set)
    up: bool = False

    def listen(
        self,
        *,
        on_event: Callable[[AriEvent], None],
        on_up: Callable[[], Awaitable[None]],
        on_down: Callable[[], None],
    ) -> None:
        self._on_event, self._on_up, self._on_down = on_event, on_up, on_down

    async def start(self) -> None:
        await self.link_up()

    async def stop(self) -> None:
        self.up = False

    # --- the link

    async def link_up(self) -> None:
        await self._on_up()
        self.up = True

    def link_down(self) -> None:
        """Events are lost from now on."""
        self.up = False
        self._on_down()

    def tell(self, event: AriEvent) -> None:
        if self.up:
            asyncio.get_running_loop().call_soon(self._on_event, event)

    # --- far ends

    def call_in(self, leg: str, number: str = "0612345678", args: str = "inbound", **variables: str) -> None:
        known = self.channels.get(leg)
        variables = {**(known.variables if known else {}), **variables}
        self.channels[leg] = Channel(leg, "PJSIP/trunk", "Ring", caller_number=number, variables=variables)
        self.held.add(leg)
        self.tell(StasisStart(self.channels[leg], (args,)))

    def rings(self, leg: str) -> None:
        self._state(leg, "Ringing")
        self.tell(ChannelStateChange(self.channels[leg]))

    def answers(self, leg: str) -> None:
        self._state(leg, "Up")
        self.held.add(leg)
        self.tell(StasisStart(self.channels[leg], (self.originated.get(leg, {}).get("app_args", ""),)))

    def ends(self, leg: str, cause: int = 16, status: int | None = None) -> None:
        """The far end hangs up, refuses, or breaks."""
        channel = self.channels.pop(leg, None)
        if channel is None:
            return
        in_app = leg in self.held
        self.held.discard(leg)
        for members in self.bridges.values():
            if leg in members:
                members.remove(leg)
        if in_app:
            self.tell(StasisEnd(channel))
        if leg.startswith(("bot-", "agent-", "callee-")):
            self.tell(ChannelDestroyed(channel, cause, tech_cause=status))

    def presses(self, leg: str, digit: str) -> None:
        self.tell(ChannelDtmfReceived(self.channels[leg], digit))

    def with_(self, leg: str) -> set[str]:
        """Who shares a bridge with a leg, ``music`` for music."""
        for bridge, members in self.bridges.items():
            if leg in members:
                return (set(members) - {leg}) | ({"music"} if bridge in self.music else set())
        return set()

    def only(self, prefix: str) -> str:
        (leg,) = [leg for leg in self.channels if leg.startswith(prefix)]
        return leg

    def _state(self, leg: str, state: str) -> None:
        self.channels[leg] = replace(self.channels[leg], state=state)

    # --- orders

    async def _order(self, *order: str, needs: str = "") -> None:
        self.orders.append(order)
        await asyncio.sleep(REST_S)
        if order[0] in self.failing:
            raise LineError(f"{order[0]}: no answer")
        if needs and needs not in self.channels:
            raise RefusedError(f"{order[0]}: refused", 404)

    async def list_channels(self) -> tuple[Channel, ...]:
        await self._order("list_channels")
        return tuple(self.channels.values())

    async def list_bridges(self) -> tuple[Bridge, ...]:
        await self._order("list_bridges")
        return tuple(Bridge(name, name, "mixing", tuple(legs)) for name, legs in self.bridges.items())

    async def application(self, name: str) -> Application | None:
        await self._order("application")
        return Application(name, tuple(self.held))

    async def answer(self, channel_id: str) -> None:
        await self._order("answer", channel_id, needs=channel_id)
        self._state(channel_id, "Up")

    async def hangup(self, channel_id: str) -> None:
        await self._order("hangup", channel_id)
        self.ends(channel_id)

    async def originate(
        self,
        channel_id: str,
        endpoint: str,
        *,
        app_args: str = "",
        caller_id: str = "",
        timeout_s: float = 30.0,
        variables: Mapping[str, str] | None = None,
    ) -> Channel:
        await self._order("originate", channel_id)
        self.originated[channel_id] = {
            "endpoint": endpoint, "app_args": app_args, "caller_id": caller_id, "variables": dict(variables or {}),
        }  # fmt: skip
        self.channels[channel_id] = Channel(channel_id, endpoint, "Down", variables=dict(variables or {}))
        return self.channels[channel_id]

    async def external_media(
        self, channel_id: str, connection: str, uri_params: Mapping[str, str]
    ) -> Channel:
        await self._order("external_media", channel_id)
        self.tokens.append(uri_params["token"])
        channel = self.channels[channel_id] = Channel(channel_id, "WebSocket/bot", "Up")
        if self.bot == "answers":
            self.answers(channel_id)
        elif self.bot == "refuses":
            self.ends(channel_id, 3)
        return channel

    async def set_variable(self, channel_id: str, name: str, value: str) -> None:
        await self._order("set_variable", channel_id, needs=channel_id)
        channel = self.channels[channel_id]
        self.channels[channel_id] = replace(channel, variables={**channel.variables, name: value})

    async def get_global(self, name: str) -> str:
        return ""

    async def continue_in_dialplan(self, channel_id: str, context: str) -> None:
        await self._order("continue", channel_id, needs=channel_id)
        assert context in ("decroche-rescue", "decroche-busy")
        self.held.discard(channel_id)
        for members in self.bridges.values():
            if channel_id in members:
                members.remove(channel_id)
        (self.busy if context == "decroche-busy" else self.rescued).append(channel_id)
        self.tell(StasisEnd(self.channels[channel_id]))

    async def create_bridge(self, bridge_id: str, *, name: str = "", kind: str = "") -> None:
        await self._order("create_bridge", bridge_id)
        self.kinds.add(kind)
        self.bridges[bridge_id] = []

    async def destroy_bridge(self, bridge_id: str) -> None:
        await self._order("destroy_bridge", bridge_id)
        self.bridges.pop(bridge_id, None)
        self.music.discard(bridge_id)

    async def add_channel(self, bridge_id: str, channel_id: str, *, absorb_keys: bool = False) -> None:
        await self._order("add_channel", bridge_id, channel_id, needs=channel_id)
        for members in self.bridges.values():
            if channel_id in members:
                members.remove(channel_id)
        self.bridges[bridge_id].append(channel_id)
        (self.absorbed.add if absorb_keys else self.absorbed.discard)(channel_id)

    async def remove_channel(self, bridge_id: str, channel_id: str) -> None:
        await self._order("remove_channel", bridge_id, channel_id)
        if channel_id in self.bridges.get(bridge_id, ()):
            self.bridges[bridge_id].remove(channel_id)

    async def start_bridge_moh(self, bridge_id: str, music_class: str) -> None:
        await self._order("start_bridge_moh", bridge_id)
        self.music.add(bridge_id)

    async def stop_bridge_moh(self, bridge_id: str) -> None:
        await self._order("stop_bridge_moh", bridge_id)
        self.music.discard(bridge_id)


@dataclass
class Desk:
    """A started line on a fake Asterisk."""

    asterisk: FakeAsterisk
    line: AsteriskLine

    async def call_in(self, leg: str = "caller-1", **how: str) -> tuple[CallRequest, CallControl]:
        """A caller arrives; their call is claimed."""
        before = len(self.asterisk.tokens)
        self.asterisk.call_in(leg, **how)
        await settle()
        (token,) = self.asterisk.tokens[before:]
        claimed = self.line.claim(token)
        assert claimed
        return claimed.request, claimed.control

    def idle(self) -> bool:
        """Whether nothing is left, here or at Asterisk."""
        return not (self.line.calls or self.asterisk.channels or self.asterisk.bridges)


async def settle(seconds: float = 0.2) -> None:
    """Let everything that is under way happen."""
    await asyncio.sleep(seconds)


def on_a_line(test: Callable[[Desk], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Run a test with a started line, on a virtual clock."""

    async def run() -> None:
        asterisk = FakeAsterisk()
        line = AsteriskLine(asterisk, SETTINGS, clock=asyncio.get_running_loop().time)
        await line.start()
        try:
            await test(Desk(asterisk, line))
        finally:
            await line.stop()

    @wraps(test)
    def wrapped() -> None:
        run_virtual(run())

    del wrapped.__wrapped__  # pytest would look for a fixture named as the test's argument
    return wrapped
