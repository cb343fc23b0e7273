"""A small real server with the bot's doors, for the simulator to call: answers are scripted, sound is a tone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.server import Request, Response, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from bot.models import Pcm
from media.audio import from_bytes, from_float, rms_dbfs, to_bytes
from simulator import script
from simulator.api import Server
from simulator.call import Options, place
from simulator.observer import Observer, Unobserved
from simulator.result import CallResult
from simulator.voices import Voices

TOKEN = "let-me-in"
RATE = 16_000


def tone(seconds: float, hertz: float = 440.0) -> Pcm:
    """The bot's voice."""
    t = np.arange(round(seconds * RATE)) / RATE
    return from_float(0.2 * np.sin(2 * np.pi * hertz * t))


@dataclass
class FakeBot:
    """What it heard and what it says. ``replies``: one list of sentences an input, the welcome first."""

    replies: list[list[str]]
    outcome: str = "resolved"
    speech_s: float = 0.4
    pause_s: float = 0.3  # of quiet before a voice turn is taken as over
    ends: bool = False  # hangs up after the last reply
    received: list[Any] = field(default_factory=list)
    starts: list[dict[str, Any]] = field(default_factory=list)
    audio: list[Pcm] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    call_id: str = "fake-call"
    turn: int = 0
    _waiting: list[asyncio.Queue[dict[str, Any] | None]] = field(default_factory=list)
    port: int = 0

    @property
    def address(self) -> Server:
        return Server(f"http://127.0.0.1:{self.port}", TOKEN)

    # --- the journal

    def note(self, kind: str, **fields: Any) -> None:
        event = {"type": kind, "at_ms": 0, "turn": self.turn, **fields}
        self.events.append(event)
        for queue in self._waiting:
            queue.put_nowait(event)

    def take(self, raw: str, mode: str) -> list[str]:
        """A caller's turn; the sentences of the reply."""
        self.turn += 1
        self.received.append(raw)
        self.note("caller_said", raw=raw, text=raw, mode=mode, confidence=1.0, started_ms=0, ended_ms=0)
        self.note("understood", intent="greet", confidence=0.9, entities=[], slots={"heard": raw})
        return self.next_reply()

    def next_reply(self) -> list[str]:
        return self.replies.pop(0) if self.replies else []

    def end(self, by: str) -> None:
        if not any(event["type"] == "call_ended" for event in self.events):
            self.note("call_ended", outcome=self.outcome, by=by)
        for queue in self._waiting:
            queue.put_nowait(None)

    @property
    def record(self) -> dict[str, Any]:
        ended = any(event["type"] == "call_ended" for event in self.events)
        return {"outcome": self.outcome if ended else None, "events": self.events, "handoff": None}

    # --- the doors

    async def handle(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        path = socket.request.path
        try:
            if path == "/api/text":
                await self._text(socket)
            elif path == "/media":
                await self._media(socket)
            else:
                await self._events(socket)
        except ConnectionClosed:
            self.end("caller")

    async def _text(self, socket: ServerConnection) -> None:
        async def send(**message: Any) -> None:
            await socket.send(json.dumps(message))

        self.starts.append(json.loads(await socket.recv()))
        await send(type="started", call_id=self.call_id)
        reply = self.next_reply()
        while True:
            for text in reply:
                self.note("bot_said", text=text, private=False)
                await send(type="said", text=text)
            if self.ends and not self.replies:
                self.end("bot")
                await send(type="ended", outcome=self.outcome)
                return
            await send(type="ready")
            match json.loads(await socket.recv()):
                case {"type": "say", "text": text, **rest}:
                    reply = self.take(text, "text")
                    self.received[-1] = (text, rest.get("interrupts", False))
                case {"type": "keys", "digits": digits}:
                    reply = self.take(digits, "keypad")
                case {"type": "silence", "seconds": seconds}:
                    self.received.append(seconds)
                    reply = self.next_reply()
                case {"type": "hang_up"}:
                    self.end("caller")
                    await send(type="ended", outcome=self.outcome)
                    return

    async def _media(self, socket: ServerConnection) -> None:
        """Listens for a pause, then speaks; everything said is sent at once, as a bot that buffers does."""
        self.starts.append(json.loads(await socket.recv()))
        self.call_id = self.starts[0]["channel_variables"]["DECROCHE_CALL"]

        async def speak(sentences: list[str]) -> None:
            for text in sentences:
                self.note("bot_said", text=text, private=False)
                await socket.send(json.dumps({"command": "START_MEDIA_BUFFERING"}))
                await socket.send(to_bytes(tone(self.speech_s)))
                await socket.send(json.dumps({"command": "STOP_MEDIA_BUFFERING", "correlation_id": "u"}))

        await speak(self.next_reply())
        spoke, quiet = False, 0.0
        async for message in socket:
            if isinstance(message, str):
                event = json.loads(message)
                self.received.append(event)
                if event["event"] == "DTMF_END" and event["digit"] == "#":
                    await speak(self.take("keyed", "keypad"))
                continue
            frame = from_bytes(message)
            self.audio.append(frame)
            loud = rms_dbfs(frame) > -45
            spoke, quiet = spoke or loud, 0.0 if loud else quiet + 0.02
            if spoke and quiet >= self.pause_s:
                spoke = False
                await socket.send(json.dumps({"command": "FLUSH_MEDIA"}))
                await asyncio.sleep(0.2)  # thinks
                await speak(self.take("quelque chose", "voice"))
                if self.ends and not self.replies:
                    await asyncio.sleep(self.speech_s + 0.2)
                    self.end("bot")
                    await socket.send(json.dumps({"command": "HANGUP"}))
        self.end("caller")

    async def _events(self, socket: ServerConnection) -> None:
        queue: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        for event in self.events:
            queue.put_nowait(event)
        self._waiting.append(queue)
        while (event := await queue.get()) is not None:
            await socket.send(json.dumps(event))

    def respond(self, socket: ServerConnection, request: Request) -> Response | None:
        """Plain HTTP, and who may open which door."""
        allowed = request.headers.get("Authorization") == f"Bearer {TOKEN}"
        if request.path != "/media" and not allowed:
            return socket.respond(HTTPStatus.UNAUTHORIZED, "no token\n")
        if request.path.startswith("/api/calls/") and not request.path.endswith("/events"):
            body = json.dumps(self.record).encode()
            return Response(200, "OK", Headers({"Content-Type": "application/json"}), body)
        return None


@pytest.fixture
async def fake_bot() -> AsyncIterator[Callable[..., Awaitable[FakeBot]]]:
    """Starts fake bots. ``handle``: a connection handler instead of the bot's own."""
    async with AsyncExitStack() as running:

        async def start(replies: list[list[str]], handle: Any = None, **settings: Any) -> FakeBot:
            bot = FakeBot(replies, **settings)
            server = await running.enter_async_context(
                serve(
                    handle or bot.handle,
                    "127.0.0.1",
                    0,
                    process_request=bot.respond,
                    subprotocols=[Subprotocol("media")],
                    select_subprotocol=_media_only,
                )
            )
            bot.port = server.sockets[0].getsockname()[1]
            return bot

        yield start


@pytest.fixture
def place_call(tmp_path: Path) -> Callable[..., Awaitable[CallResult]]:
    """Write the script, place the call, return its result."""

    async def placed(
        source: str, options: Options, observer: Observer | None = None, wav: Path | None = None
    ) -> CallResult:
        path = tmp_path / "script.yml"
        path.write_text(source, encoding="utf-8")
        return await place(path, script.load(path), options, observer or Unobserved(), Voices(), wav)

    return placed


def _media_only(_: ServerConnection, offered: Any) -> Any:
    return "media" if "media" in offered else None
