"""The text door: the same dialogue without sound, typed turns on a virtual clock."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from bot.errors import TransportError
from simulator.api import Server

_OPEN_TIMEOUT_S = 5.0
ANSWER_TIMEOUT_S = 60.0
"""Real seconds the bot may take over one input; it answers a turn in well under one."""


@dataclass(frozen=True)
class Answer:
    """What the bot answered to one input. ``ended``: it then ended the call."""

    said: tuple[str, ...]
    ended: bool = False


class TextDoor:
    """One call typed through ``/api/text``."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._socket: ClientConnection | None = None
        self.call_id = ""

    async def __aenter__(self) -> TextDoor:
        address = self._server.websocket("/api/text")
        try:
            self._socket = await connect(
                address,
                additional_headers=self._server.headers,
                open_timeout=_OPEN_TIMEOUT_S,
                close_timeout=1,
                proxy=None,
            )
        except (OSError, WebSocketException) as err:
            raise TransportError(f"{address}: {str(err) or type(err).__name__}") from err
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._socket is not None:
            await self._socket.close()

    async def start(self, caller_number: str, now: str | None) -> str:
        """Place the call; its id. The welcome is then read with :meth:`answer`.

        Raises:
            TransportError: the server refused, or answered something else.
        """
        await self._send({"type": "start", "caller_number": caller_number, "now": now})
        started = await self._receive()
        if started.get("type") != "started" or not isinstance(started.get("call_id"), str):
            raise TransportError(f"the text door answered {started} to a start")
        self.call_id = started["call_id"]
        return self.call_id

    async def say(self, text: str, *, interrupts: bool = False) -> Answer:
        """Type a turn. ``interrupts``: as if into the bot's speech."""
        await self._send({"type": "say", "text": text, **({"interrupts": True} if interrupts else {})})
        return await self.answer()

    async def keys(self, digits: str) -> Answer:
        """Press keys."""
        await self._send({"type": "keys", "digits": digits})
        return await self.answer()

    async def silence(self, seconds: float) -> Answer:
        """Stay silent: the server acts as if so many seconds had passed."""
        await self._send({"type": "silence", "seconds": seconds})
        return await self.answer()

    async def hang_up(self) -> None:
        """Hang up and wait for the server to close the call. A server already gone is no fault."""
        try:
            await self._send({"type": "hang_up"})
            while not (await self.answer()).ended:
                pass
        except TransportError:
            return

    async def answer(self) -> Answer:
        """Everything the bot says until it waits for the caller or ends the call.

        Raises:
            TransportError: the connection broke, or nothing came for :data:`ANSWER_TIMEOUT_S`.
        """
        said: list[str] = []
        while True:
            message = await self._receive()
            match message.get("type"):
                case "said":
                    said.append(str(message.get("text", "")))
                case "ready":
                    return Answer(tuple(said))
                case "ended":
                    return Answer(tuple(said), ended=True)
                case "error":
                    raise TransportError(f"the text door refused: {message.get('reason') or message}")
                case _:  # a newer server may say more; what is not known is not needed
                    pass

    async def _send(self, message: Mapping[str, Any]) -> None:
        assert self._socket is not None
        try:
            await self._socket.send(json.dumps(message, ensure_ascii=False))
        except ConnectionClosed as err:
            raise TransportError(f"the text door closed: {err}") from err

    async def _receive(self) -> dict[str, Any]:
        assert self._socket is not None
        try:
            message = json.loads(await asyncio.wait_for(self._socket.recv(), ANSWER_TIMEOUT_S))
        except ConnectionClosed as err:
            raise TransportError(f"the text door closed: {err}") from err
        except TimeoutError as err:
            raise TransportError(f"the text door said nothing for {ANSWER_TIMEOUT_S:g} s") from err
        except ValueError as err:
            raise TransportError("the text door sent something that is not JSON") from err
        if not isinstance(message, dict):
            raise TransportError("the text door sent something that is not a JSON object")
        return message
