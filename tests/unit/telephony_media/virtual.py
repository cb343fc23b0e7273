"""A clock that jumps to the next thing due, and Asterisk as a socket on it: calls of minutes take no time."""

from __future__ import annotations

import asyncio
import json
import selectors
from collections.abc import Callable, Coroutine
from typing import Any

from starlette.websockets import WebSocketState

from simulator.doors.asterisk import MediaChannel

PACKET_S = 0.02


class _Selector(selectors.DefaultSelector):
    def __init__(self) -> None:
        super().__init__()
        self.passed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if ready := super().select(0):
            return ready
        if timeout is None:
            return super().select(1.0)  # only a thread can wake us
        self.passed += timeout
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time passes only when nothing is left to do."""

    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.passed


def run_virtual(work: Coroutine[Any, Any, Any]) -> None:
    """Run to the end in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(work)


class AsteriskSocket:
    """Asterisk's end of a media WebSocket in place of Starlette's: plays, answers, and keeps what the caller hears.

    ``heard``: one entry every 20 ms, None for silence. ``caller``: gives the caller's frame of each tick, or nothing.
    """

    def __init__(self, caller: Callable[[int], bytes | None] = lambda _: None) -> None:
        self.channel = MediaChannel("c")
        self.sent: list[tuple[float, str | bytes]] = []
        self.heard: list[bytes | None] = []
        self.client_state = self.application_state = WebSocketState.CONNECTED
        self.closed = asyncio.Event()
        self.reads = asyncio.Event()
        self.reads.set()
        self._caller = caller
        self._inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    @property
    def commands(self) -> list[str]:
        return [json.loads(message)["command"] for _, message in self.sent if isinstance(message, str)]

    def sent_at(self, name: str) -> float:
        """When the first such command came."""
        return next(
            at
            for at, message in self.sent
            if isinstance(message, str) and json.loads(message)["command"] == name
        )

    async def play(self) -> None:
        """Asterisk's timer; a task that ends with the socket."""
        while not self.closed.is_set():
            frame, events = self.channel.tick()
            self.heard.append(frame)
            for event in events:
                self.text(json.dumps(event))
            if caller := self._caller(len(self.heard)):
                self._inbox.put_nowait({"type": "websocket.receive", "bytes": caller})
            await asyncio.sleep(PACKET_S)

    def text(self, message: str) -> None:
        """A text message to the bot."""
        self._inbox.put_nowait({"type": "websocket.receive", "text": message})

    def binary(self, message: bytes) -> None:
        """A binary message to the bot."""
        self._inbox.put_nowait({"type": "websocket.receive", "bytes": message})

    def go(self) -> None:
        """The caller hangs up: Asterisk closes."""
        self._inbox.put_nowait({"type": "websocket.disconnect"})

    # --- what pipecat calls

    async def receive(self) -> dict[str, Any]:
        message = await self._inbox.get()
        if message["type"] == "websocket.disconnect":
            self.client_state = WebSocketState.DISCONNECTED
            self.closed.set()
        return message

    async def send_text(self, message: str) -> None:
        await self._take(message)
        for event in self.channel.text(message):
            self.text(json.dumps(event))

    async def send_bytes(self, message: bytes) -> None:
        await self._take(message)
        for event in self.channel.binary(message):
            self.text(json.dumps(event))

    async def close(self, code: int = 1000) -> None:
        self.application_state = WebSocketState.DISCONNECTED
        self.closed.set()

    async def _take(self, message: str | bytes) -> None:
        await self.reads.wait()
        self.sent.append((asyncio.get_running_loop().time(), message))
