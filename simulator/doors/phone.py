"""The phone door: the media WebSocket, connected to as Asterisk connects to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from types import TracebackType
from uuid import uuid4

import numpy as np
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.typing import Subprotocol

from bot.errors import TransportError
from bot.models import Pcm
from media.audio import from_bytes, to_bytes
from simulator.api import Server
from simulator.doors.asterisk import Event, MediaChannel
from simulator.line import FRAME

_OPEN_TIMEOUT_S = 5.0
_STALL_S = 5.0
"""Asterisk gives a bot up that no longer reads; so does this."""

_KEY_MS = 120


class PhoneDoor:
    """One call through ``/media``. ``call_id``: chosen here, as the dialplan does."""

    def __init__(self, server: Server, caller_number: str, now: str | None = None) -> None:
        self._address = server.websocket("/media")
        self.call_id = str(uuid4())
        self._variables = {"DECROCHE_CALL": self.call_id, "DECROCHE_FROM": caller_number}
        if now is not None:
            self._variables["DECROCHE_NOW"] = now
        self._channel = MediaChannel(channel_id=f"sim-{self.call_id[:8]}")
        self._socket: ClientConnection | None = None
        self._reader: asyncio.Task[None] | None = None
        self.ended = False

    async def __aenter__(self) -> PhoneDoor:
        try:
            self._socket = await connect(
                self._address,
                subprotocols=[Subprotocol("media")],
                compression=None,
                ping_interval=None,  # Asterisk does not ping
                open_timeout=_OPEN_TIMEOUT_S,
                close_timeout=1,
                max_size=2**20,  # what is too long for Asterisk is for MediaChannel to judge
                proxy=None,
            )
        except (OSError, WebSocketException) as err:
            raise TransportError(f"{self._address}: {str(err) or type(err).__name__}") from err
        if self._socket.subprotocol != "media":
            await self._socket.close()
            raise TransportError(f"{self._address}: the server does not speak the media subprotocol")
        await self._send_events([self._channel.start_event(str(uuid4()), self._variables)])
        self._reader = asyncio.create_task(self._read(), name=f"phone-door-{self.call_id[:8]}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.hang_up()
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)

    @property
    def faults(self) -> Sequence[str]:
        """What the bot sent that Asterisk would drop or end the call for."""
        return self._channel.faults

    async def exchange(self, sent: Pcm) -> tuple[Pcm, Pcm]:
        """One tick of 20 ms: send the caller's frame; it, and what the caller hears.

        Raises:
            TransportError: the bot no longer reads.
        """
        frame, events = self._channel.tick()
        await self._send(to_bytes(sent))
        await self._send_events(events)
        return sent, np.zeros(FRAME, dtype=np.int16) if frame is None else from_bytes(frame)

    async def key(self, digit: str) -> None:
        """Press one key."""
        await self._send_events([self._channel.key_event(digit, _KEY_MS)])

    async def hang_up(self) -> None:
        """Close the connection, as Asterisk does when the caller hangs up."""
        self.ended = True
        if self._socket is not None:
            await self._socket.close()

    async def _read(self) -> None:
        assert self._socket is not None
        try:
            async for message in self._socket:
                events = (
                    self._channel.text(message) if isinstance(message, str) else self._channel.binary(message)
                )
                await self._send_events(events)
                if self._channel.hung_up:
                    break
        except (ConnectionClosed, TransportError):
            pass  # the bot is gone or stalls: for the caller the call is over either way
        finally:
            self.ended = True

    async def _send_events(self, events: Sequence[Event]) -> None:
        for event in events:
            await self._send(json.dumps(event))

    async def _send(self, message: str | bytes) -> None:
        assert self._socket is not None
        try:
            await asyncio.wait_for(self._socket.send(message), _STALL_S)
        except ConnectionClosed:
            self.ended = True
        except TimeoutError as err:
            self.ended = True
            raise TransportError(f"the bot has read nothing for {_STALL_S:g} s") from err
