"""Asterisk's media WebSocket (``chan_websocket``, JSON control, slin16) on pipecat's FastAPI transport.

Asterisk connects to us. Text messages are JSON: events from Asterisk (``{"event": …}``), commands to it
(``{"command": …}``); binary messages are signed linear audio, 16 kHz mono, any whole number of samples.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import structlog
from fastapi import WebSocket, WebSocketDisconnect
from pipecat.audio.dtmf.types import KeypadEntry
from pipecat.frames.frames import (
    CancelFrame,
    EndFrame,
    Frame,
    InputAudioRawFrame,
    InputDTMFFrame,
    InterruptionFrame,
    OutputAudioRawFrame,
)
from pipecat.serializers.base_serializer import FrameSerializer
from pipecat.transports.websocket.fastapi import FastAPIWebsocketParams, FastAPIWebsocketTransport

from bot.errors import InputError

log = structlog.get_logger(__name__)

SAMPLE_RATE = 16_000
PACKET_BYTES = 640
"""20 ms of slin16."""
MAX_BINARY_BYTES = 65_535
"""Asterisk's own limit for one binary message."""
MAX_TEXT_BYTES = 16_384
_MAX_BAD_MESSAGES = 50
"""A peer that sends this many malformed messages is not Asterisk: further ones are dropped unlogged."""
_START_WITHIN_S = 5.0


@dataclass(frozen=True)
class MediaStart:
    """What Asterisk says of a channel when its media starts. ``variables``: set on the channel by the dialplan."""

    channel_id: str
    variables: dict[str, str]


class AsteriskSerializer(FrameSerializer):
    """Frames to and from chan_websocket messages. Malformed ones are dropped and logged; the call goes on."""

    def __init__(self) -> None:
        super().__init__()
        self._bad = 0

    async def serialize(self, frame: Frame) -> str | bytes | None:
        """See pipecat."""
        match frame:
            case OutputAudioRawFrame():
                return bytes(frame.audio)
            case InterruptionFrame():
                return json.dumps({"command": "FLUSH_MEDIA"})
            case EndFrame() | CancelFrame():
                return json.dumps({"command": "HANGUP"})
        return None

    async def deserialize(self, data: str | bytes) -> Frame | None:
        """See pipecat."""
        if isinstance(data, bytes):
            if not data or len(data) % 2 or len(data) > MAX_BINARY_BYTES:
                self._refuse("audio of a wrong size")
                return None
            return InputAudioRawFrame(data, SAMPLE_RATE, 1)
        try:
            message = parse_event(data)
        except InputError as err:
            self._refuse(str(err))
            return None
        if message.get("event") == "DTMF_END":
            try:
                return InputDTMFFrame(KeypadEntry(str(message.get("digit"))))
            except ValueError:
                self._refuse("unknown key")
        return None

    def _refuse(self, why: str) -> None:
        self._bad += 1
        if self._bad <= _MAX_BAD_MESSAGES:
            log.warning("media message refused", why=why)


def parse_event(data: str) -> dict[str, Any]:
    """One text message of Asterisk.

    Raises:
        InputError: too long, not JSON, or not an object.
    """
    if len(data) > MAX_TEXT_BYTES:
        raise InputError("media message too long")
    try:
        message = json.loads(data)
    except ValueError as err:
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


def media_transport(socket: WebSocket) -> FastAPIWebsocketTransport:
    """The pipecat transport of one channel: 20 ms packets, sent at the pace they are played."""
    return FastAPIWebsocketTransport(
        socket,
        FastAPIWebsocketParams(
            serializer=AsteriskSerializer(),
            audio_in_enabled=True,
            audio_out_enabled=True,
            audio_in_sample_rate=SAMPLE_RATE,
            audio_out_sample_rate=SAMPLE_RATE,
            audio_out_10ms_chunks=2,
            audio_out_end_silence_secs=0,
            fixed_audio_packet_size=PACKET_BYTES,
        ),
    )
