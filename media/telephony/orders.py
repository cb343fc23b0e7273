"""The orders of the call machine, given to Asterisk."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from media.telephony.ari import Application, AriEvent, Bridge, Channel
from media.telephony.caller import user_to_user_header
from media.telephony.callstate import (
    AddToBridge,
    Answer,
    CreateBridge,
    DestroyBridge,
    EndLeg,
    Mark,
    Order,
    Originate,
    RemoveFromBridge,
    SendToRescue,
    StartBotLeg,
    StartMusic,
    StopMusic,
)

CALL_VARIABLE = "DECROCHE_CALL"
"""On a caller's channel: the id of its call. It outlives the bot, and tells the next one which case goes on."""
UUI_VARIABLE = "DECROCHE_UUI"
"""On a caller's channel, set by the dialplan: the ``User-to-User`` that came with the call."""
RESCUE_CONTEXT = "decroche-rescue"
"""In the dialplan: a sentence, music, and a bot again."""
TOKEN_PARAMETER = "token"
"""In the query of the bot's media URL: opens one call, once."""

BRIDGE_KIND = "mixing,dtmf_events,video_sfu"
"""No video is meant: ``video_sfu`` is what makes Asterisk *mix* two parties as it mixes three. A bridge that only
passes sound on sends nothing while the bot is silent; a mixed one sends silence, 50 packets a second, and carriers and
gateways that hang up dead lines are content."""

HEADSET_PREFIX = "headset:"
"""Before an agent's id, in the address of a site's line: the headset of their browser, instead of a SIP URI."""

_GRACE_S = 2.0
"""Asterisk's own limit on ringing comes after ours: it is there for the case that we are not."""


class Ari(Protocol):
    """What the line asks of :class:`media.telephony.ari.AriClient`; its errors are ``LineError``."""

    @property
    def up(self) -> bool: ...

    def listen(
        self,
        *,
        on_event: Callable[[AriEvent], None],
        on_up: Callable[[], Awaitable[None]],
        on_down: Callable[[], None],
    ) -> None: ...

    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    async def list_channels(self) -> tuple[Channel, ...]: ...
    async def list_bridges(self) -> tuple[Bridge, ...]: ...
    async def application(self, name: str) -> Application | None: ...
    async def answer(self, channel_id: str) -> None: ...
    async def hangup(self, channel_id: str) -> None: ...
    async def originate(
        self,
        channel_id: str,
        endpoint: str,
        *,
        app_args: str = "",
        caller_id: str = "",
        timeout_s: float = 30.0,
        variables: Mapping[str, str] | None = None,
    ) -> Channel: ...
    async def external_media(
        self, channel_id: str, connection: str, uri_params: Mapping[str, str]
    ) -> Channel: ...
    async def set_variable(self, channel_id: str, name: str, value: str) -> None: ...
    async def get_global(self, name: str) -> str: ...
    async def continue_in_dialplan(self, channel_id: str, context: str) -> None: ...
    async def create_bridge(self, bridge_id: str, *, name: str = "", kind: str = BRIDGE_KIND) -> None: ...
    async def destroy_bridge(self, bridge_id: str) -> None: ...
    async def add_channel(self, bridge_id: str, channel_id: str, *, absorb_keys: bool = False) -> None: ...
    async def remove_channel(self, bridge_id: str, channel_id: str) -> None: ...
    async def start_bridge_moh(self, bridge_id: str, music_class: str) -> None: ...
    async def stop_bridge_moh(self, bridge_id: str) -> None: ...


@dataclass(frozen=True)
class LineSettings:
    """``number``: ours, E.164, shown to whoever we ring. ``trunk_host``: the carrier, host or host:port.

    ``app``: our Stasis application. ``connection``: the ``websocket_client`` that leads to the bot's media door.
    ``rescue_context``: where in the dialplan callers without a bot go; ``busy_context``: those who come while every
    line of the bot is taken. ``music``: class of the hold music.
    ``rehearsal``: a simulated caller may choose the call's id and what time it is.
    """

    number: str
    trunk_host: str
    app: str = "decroche"
    connection: str = "bot"
    rescue_context: str = RESCUE_CONTEXT
    busy_context: str = "decroche-busy"
    music: str = "decroche"
    rehearsal: bool = False


async def carry_out(
    order: Order,
    ari: Ari,
    settings: LineSettings,
    call_id: str,
    new_token: Callable[[], str],
    new_headset_token: Callable[[str], str],
) -> None:
    """Give one order.

    ``new_token``: makes the single-use token of the bot's leg. ``new_headset_token``: that of the leg of an agent's
    headset, from the agent's id; it raises LineError where the headset cannot be had.

    Raises:
        LineError: Asterisk refused, or did not answer.
    """
    match order:
        case Mark(leg, value):
            await ari.set_variable(leg, CALL_VARIABLE, value)
        case Answer(leg):
            await ari.answer(leg)
        case CreateBridge(bridge):
            await ari.create_bridge(bridge, name=bridge, kind=BRIDGE_KIND)
        case DestroyBridge(bridge):
            await ari.destroy_bridge(bridge)
        case AddToBridge(bridge, leg, keys_stay_out):
            await ari.add_channel(bridge, leg, absorb_keys=keys_stay_out)
        case RemoveFromBridge(bridge, leg):
            await ari.remove_channel(bridge, leg)
        case StartMusic(bridge):
            await ari.start_bridge_moh(bridge, settings.music)
        case StopMusic(bridge):
            await ari.stop_bridge_moh(bridge)
        case StartBotLeg(leg):
            await ari.external_media(leg, settings.connection, {TOKEN_PARAMETER: new_token()})
        case Originate(leg, address) if address.startswith(HEADSET_PREFIX):
            token = new_headset_token(address.removeprefix(HEADSET_PREFIX))
            await ari.external_media(leg, settings.connection, {TOKEN_PARAMETER: token})
        case Originate(leg, address, ring_s, role, token):
            if role == "agent":
                variables = {"PJSIP_HEADER(add,X-Call-Id)": call_id}
                if token:
                    variables["PJSIP_HEADER(add,User-to-User)"] = user_to_user_header(token)
            else:
                variables = {CALL_VARIABLE: call_id}
            await ari.originate(
                leg,
                address,
                app_args=role,
                caller_id=settings.number,
                timeout_s=ring_s + _GRACE_S,
                variables=variables,
            )
        case EndLeg(leg):
            await ari.hangup(leg)
        case SendToRescue(leg):
            await ari.continue_in_dialplan(leg, settings.rescue_context)
