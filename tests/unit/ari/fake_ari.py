"""A local HTTP and WebSocket server that speaks like Asterisk's REST interface, and misbehaves on demand.

It stands at the network seam: requests come over real sockets, and the events socket is driven below the level where
libraries check what is sent (text that is not UTF-8, a peer that no longer answers).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.frames import CloseCode
from websockets.http11 import Request as UpgradeRequest
from websockets.server import ServerProtocol


@dataclass(frozen=True)
class Order:
    """One request as it was received."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    headers: dict[str, str] = field(repr=False)


@dataclass(frozen=True)
class Answer:
    """How to answer an order. ``after``: wait for it first; ``raw``: bytes for JSON; ``cut``: close unanswered."""

    status: int = 200
    data: Any = None
    raw: bytes | None = None
    after: asyncio.Event | None = None
    cut: bool = False


class Events:
    """One events socket, from the server's side."""

    def __init__(self, protocol: ServerProtocol, writer: asyncio.StreamWriter, order: Order) -> None:
        self._protocol = protocol
        self._writer = writer
        self.order = order
        self.frozen = False
        self.closed = asyncio.Event()

    def send(self, event: Mapping[str, Any]) -> None:
        """One event."""
        self.send_raw(json.dumps(event).encode())

    def send_raw(self, data: bytes, *, binary: bool = False) -> None:
        """One message, whatever it holds."""
        (self._protocol.send_binary if binary else self._protocol.send_text)(data)
        self.flush()

    def close(self) -> None:
        """As Asterisk does when it shuts down."""
        self._protocol.send_close(CloseCode.GOING_AWAY)
        self.flush()

    def abort(self) -> None:
        """As the network does."""
        self._writer.transport.abort()

    def flush(self) -> None:
        """Send what the protocol wants sent; nothing at all once frozen."""
        for data in self._protocol.data_to_send():
            if data and not self.frozen:
                self._writer.write(data)
            elif not data:
                self._writer.close()


class FakeAri:
    """The server. ``answers``: by method and path; anything else gets 200 and an empty object,
    and the events socket is opened."""

    def __init__(self) -> None:
        self.url = ""
        self.orders: list[Order] = []
        self.answers: dict[tuple[str, str], Answer] = {}
        self.sockets: list[Events] = []
        self._news = asyncio.Condition()

    async def socket(self, number: int) -> Events:
        """The ``number``-th events socket (from 1), once it is there."""
        async with self._news, asyncio.timeout(5):
            await self._news.wait_for(lambda: len(self.sockets) >= number)
        return self.sockets[number - 1]

    async def ordered(self, done: Callable[[list[Order]], bool]) -> None:
        """Return once the orders received satisfy ``done``."""
        async with self._news, asyncio.timeout(5):
            await self._news.wait_for(lambda: done(self.orders))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            while await self._one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines if x)}
        content = await reader.readexactly(int(headers.get("content-length", 0)))
        url = urlsplit(target)
        order = Order(
            method=method,
            path=url.path.removeprefix("/ari/"),
            query={key: values[0] for key, values in parse_qs(url.query).items()},
            body=json.loads(content) if content else None,
            headers=headers,
        )
        async with self._news:
            self.orders.append(order)
            self._news.notify_all()
        if order.path == "events" and (method, "events") not in self.answers:
            await self._events(head, order, reader, writer)
            return False
        answer = self.answers.get((method, order.path), Answer(data={}))
        if answer.after is not None:
            await answer.after.wait()
        if answer.cut:
            return False
        payload = answer.raw
        if payload is None:
            payload = b"" if answer.data is None else json.dumps(answer.data).encode()
        writer.write(
            f"HTTP/1.1 {answer.status} X\r\nContent-Length: {len(payload)}\r\n\r\n".encode() + payload
        )
        await writer.drain()
        return True

    async def _events(
        self, head: bytes, order: Order, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        protocol = ServerProtocol()
        events = Events(protocol, writer, order)
        protocol.receive_data(head)
        for received in protocol.events_received():
            assert isinstance(received, UpgradeRequest)
            protocol.send_response(protocol.accept(received))
        events.flush()
        async with self._news:
            self.sockets.append(events)
            self._news.notify_all()
        try:
            while data := await reader.read(65_536):
                protocol.receive_data(data)
                events.flush()
        finally:
            events.closed.set()


@asynccontextmanager
async def fake_ari() -> AsyncIterator[FakeAri]:
    """A server on a free port of the loopback."""
    fake = FakeAri()
    connections: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        try:
            await fake.serve(reader, writer)
        finally:
            connections.discard(task)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    fake.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/ari"
    try:
        yield fake
    finally:
        server.close()
        for task in list(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
