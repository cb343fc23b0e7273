"""What Asterisk's media WebSocket says (``chan_websocket``, JSON control, slin16), read and checked.

Asterisk connects to us. Text messages are JSON: events from Asterisk (``{"event": …}``), commands to it
(``{"command": …}``); binary messages are signed linear audio, 16 kHz mono, any whole number of samples.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from fastapi import WebSocket, WebSocketDisconnect
from pipecat.audio.dtmf.types import KeypadEntry
from pipecat.frames.frames import CancelFrame, EndFrame, Frame, InputAudioRawFrame, InputDTMFFrame
from pipecat.serializers.base_serializer import FrameSerializer

from bot.errors import InputError
from media.telephony.playout import HANGUP, MAX_BINARY_BYTES

log = structlog.get_logger(__name__)

SAMPLE_RATE = 16_000
MAX_TEXT_BYTES = 16_384
_MAX_BAD_MESSAGES = 50
"""A peer that sends this many malformed messages is not Asterisk: further ones are dropped unlogged."""
_START_WITHIN_S = 5.0
_VOICE_EVENTS = frozenset(
    {
        "MEDIA_MARK_PROCESSED",
        "MEDIA_XOFF",
        "MEDIA_XON",
        "STATUS",
        "QUEUE_DRAINED",
        "MEDIA_BUFFERING_COMPLETED",
    }
)


@dataclass(frozen=True)
class MediaStart:
    """What Asterisk says of a channel when its media starts. ``variables``: set on the channel by the dialplan."""

    channel_id: str
    variables: dict[str, str]


class KeyFrame(InputDTMFFrame):
    """A key of the caller's. It tells its name only: pipecat traces every frame, and keys may be a date of birth."""

    def __str__(self) -> str:
        return str(self.name)

    __repr__ = __str__


class AsteriskSerializer(FrameSerializer):
    """Asterisk's messages as frames. Malformed ones are dropped and logged; the call goes on.

    ``on_voice_event(event)``: what Asterisk says of the bot's voice. The voice itself does not come through here: how
    much of it may be sent now, :class:`~media.telephony.playout.Playout` knows.
    """

    def __init__(self, on_voice_event: Callable[[Mapping[str, Any]], None]) -> None:
        super().__init__()
        self._on_voice_event = on_voice_event
        self._bad = 0

    async def serialize(self, frame: Frame) -> str | bytes | None:
        """See pipecat."""
        return HANGUP if isinstance(frame, EndFrame | CancelFrame) else None

    async def deserialize(self, data: str | bytes) -> Frame | None:
        """See pipecat."""
        try:
            return self._audio(data) if isinstance(data, bytes) else self._event(parse_event(data))
        except InputError as err:
            self._bad += 1
            if self._bad <= _MAX_BAD_MESSAGES:
                log.warning("media message refused", why=str(err))
            return None

    def _audio(self, data: bytes) -> Frame:
        if not data or len(data) % 2 or len(data) > MAX_BINARY_BYTES:
            raise InputError("audio of a wrong size")
        return InputAudioRawFrame(data, SAMPLE_RATE, 1)

    def _event(self, event: Mapping[str, Any]) -> Frame | None:
        match event.get("event"):
            case "DTMF_END":
                try:
                    return KeyFrame(KeypadEntry(event.get("digit")))
                except ValueError as err:
                    raise InputError("unknown key") from err
            case str(name) if name in _VOICE_EVENTS:
                self._on_voice_event(event)
            case "ERROR":
                raise InputError("Asterisk did not understand a command")
            case _:
                raise InputError("unknown event")
        return None


def parse_event(data: str) -> dict[str, Any]:
    """One text message of Asterisk.

    Raises:
        InputError: too long, not JSON, or not an object.
    """
    if len(data) > MAX_TEXT_BYTES:
        raise InputError("media message too long")
    try:
        message = json.loads(data)
    except (ValueError, RecursionError) as err:
        raise InputError("media message is not JSON") from err
    if not isinstance(message, dict):
        raise InputError("media message is not an object")
    return message


async def read_start(socket: WebSocket) -> MediaStart:
    """Wait for ``MEDIA_START``, the first message of every channel.

    Raises:
        InputError: nothing within 5 s, something else came first, or a format that is not slin16.
    """
    try:
        async with asyncio.timeout(_START_WITHIN_S):
            message = parse_event(await socket.receive_text())
    except (TimeoutError, WebSocketDisconnect, KeyError) as err:
        raise InputError("no MEDIA_START") from err
    if message.get("event") != "MEDIA_START":
        raise InputError("the first message is not MEDIA_START")
    if message.get("format") != "slin16":
        raise InputError("the media format is not slin16")
    variables = message.get("channel_variables")
    return MediaStart(
        channel_id=str(message.get("channel_id", "")),
        variables={str(k): str(v) for k, v in variables.items()} if isinstance(variables, dict) else {},
    )
