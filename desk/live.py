"""One live socket of one agent: the floor's messages, the case before them, and proof that the page is still there."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any, Protocol

import structlog
from starlette.websockets import WebSocketDisconnect

from bot.errors import AccessDeniedError, CapacityError, DecrocheError, StoreError
from bot.events import ActionDone, BotInterrupted, BotSaid, CallerSaid, CallEvent, Identified, OfferTold
from bot.ports import Audit
from desk.accounts import SignedIn
from desk.floor import AgentFloor, Feed
from desk.ports import Cases

log = structlog.get_logger(__name__)

SILENT_S = 6.0
"""A page says that it is here every two seconds; one that is silent for this long is gone."""
ASK_S = 3.0
"""After this it is asked: browsers slow down the clocks of pages that nobody looks at, but not their sockets."""
SEND_S = 10.0
CHECK_S = 60.0
"""How often a session is checked while its socket is open."""
_TRIES, _TRY_AGAIN_S = 20, 0.5
_BATCH = 64

_FACTS = (ActionDone, Identified, OfferTold)
"""What changes the packet while the caller waits."""


class Socket(Protocol):
    """A WebSocket, accepted."""

    async def receive_text(self) -> str: ...

    async def send_json(self, data: Any) -> None: ...

    async def close(self, code: int = 1000) -> None: ...


class LiveSession:
    """See the module. ``check()``: raises AccessDeniedError when the session has ended; keeps it alive otherwise."""

    def __init__(
        self, socket: Socket, who: SignedIn, floor: AgentFloor, cases: Cases, audit: Audit, check: Any
    ) -> None:
        self._socket = socket
        self._who = who
        self._floor = floor
        self._cases = cases
        self._audit = audit
        self._check = check
        self._case: asyncio.Task[None] | None = None
        self._case_of = ""

    async def run(self) -> None:
        """Until the page is gone, the session has ended, or the floor closes it."""
        feed = self._floor.connect(self._who.agent, self._who.session.id)
        tasks = [
            asyncio.create_task(self._send(feed), name="desk-sender"),
            asyncio.create_task(self._receive(feed), name="desk-receiver"),
            asyncio.create_task(self._stay_allowed(feed), name="desk-session"),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._floor.disconnect(feed)
            if self._case:
                tasks.append(self._case)
            for task in tasks:
                task.cancel()
            for result in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(result, Exception) and not isinstance(result, _GONE):
                    log.error("desk socket failed", exc_info=result)
            with contextlib.suppress(*_GONE):  # the page may be gone
                await self._socket.close(1000)

    async def _send(self, feed: Feed) -> None:
        async for message in feed:
            self._follow(feed, message)
            async with asyncio.timeout(SEND_S):
                await self._socket.send_json(message)

    async def _receive(self, feed: Feed) -> None:
        """What the page says is not listened to, but that it says something."""
        while True:
            try:
                async with asyncio.timeout(ASK_S):
                    await self._socket.receive_text()
            except TimeoutError:
                feed.push({"type": "ping"})
                async with asyncio.timeout(SILENT_S - ASK_S):
                    await self._socket.receive_text()

    async def _stay_allowed(self, feed: Feed) -> None:
        while True:
            await asyncio.sleep(CHECK_S)
            try:
                await self._check()
            except AccessDeniedError:
                feed.close({"v": 1, "type": "bye", "reason": "expired"})
                await asyncio.sleep(SEND_S)  # the sender says goodbye and ends first
                return
            except StoreError as err:  # nobody is thrown out because the database is busy
                log.warning("session not checked", code=err.code)

    # --- the case

    def _follow(self, feed: Feed, message: Mapping[str, Any]) -> None:
        """Begin and end to follow a case with what the floor says."""
        match message["type"]:
            case "hello":
                case = message["offer"] or message["call"]
                if case:
                    self._begin(feed, case)
            case "offer":
                self._begin(feed, message["offer"])
            case "offer_over" if message["result"] != "accepted":
                self._end()
            case "presence" if message["presence"]["state"] in ("idle", "paused", "out"):
                self._end()

    def _begin(self, feed: Feed, case: Mapping[str, Any]) -> None:
        if self._case_of == case["call_id"]:
            return
        self._end()
        self._case_of = case["call_id"]
        self._case = asyncio.create_task(
            self._show(feed, case["call_id"], case["handoff_id"]), name="desk-case"
        )

    def _end(self) -> None:
        if self._case:
            self._case.cancel()
        self._case, self._case_of = None, ""

    async def _show(self, feed: Feed, call_id: str, handoff_id: str) -> None:
        """The packet, then what is said; the opening is in the audit before anything is shown."""
        try:
            packet = await self._open(handoff_id)
            shown = _essence(packet)
            feed.push(_packet(call_id, handoff_id, packet))
            async with self._cases.follow(call_id) as events:
                if events is None:
                    return
                async with contextlib.aclosing(_batches(events)) as batches:
                    async for batch in batches:
                        if lines := [line for seq, event in batch if (line := _line(seq, event))]:
                            feed.push({"type": "transcript", "call_id": call_id, "lines": lines})
                        if not any(isinstance(event, _FACTS) for _, event in batch):
                            continue
                        fresh = await self._cases.packet(handoff_id) or {}
                        if _essence(fresh) != shown:
                            shown = _essence(fresh)
                            feed.push(_packet(call_id, handoff_id, fresh))
        except (StoreError, CapacityError) as err:
            log.error("case not shown", call_id=call_id, code=err.code)
        except DecrocheError as err:
            log.error("case not shown", call_id=call_id, code=err.code)

    async def _open(self, handoff_id: str) -> Mapping[str, Any]:
        """The packet; a database that is busy is asked again."""
        agent = self._who.agent
        for attempt in range(_TRIES):
            try:
                await self._audit.opened(agent.id, agent.site, handoff_id)
                if packet := await self._cases.packet(handoff_id):
                    return packet
            except StoreError:
                if attempt == _TRIES - 1:
                    raise
            await asyncio.sleep(_TRY_AGAIN_S)
        raise StoreError("the packet is not there")


_GONE = (WebSocketDisconnect, TimeoutError, RuntimeError, OSError)
"""How a socket ends whose page is gone."""


async def _batches(
    events: AsyncIterator[tuple[int, CallEvent]],
) -> AsyncGenerator[list[tuple[int, CallEvent]], None]:
    """Events as they come, those that are there already together."""
    queue: asyncio.Queue[tuple[int, CallEvent] | None] = asyncio.Queue(_BATCH)

    async def pump() -> None:
        async for item in events:
            await queue.put(item)
        await queue.put(None)

    task = asyncio.create_task(pump(), name="desk-transcript")
    try:
        while True:
            batch = [await queue.get()]
            await asyncio.sleep(0)  # let the pump fill up with what is there already
            while not queue.empty():
                batch.append(queue.get_nowait())
            if whole := [item for item in batch if item is not None]:
                yield whole
            if None in batch:
                return
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _line(seq: int, event: CallEvent) -> dict[str, Any] | None:
    match event:
        case CallerSaid():
            who, text, played = "caller", event.raw, None
        case BotSaid():
            who, text, played = "bot", event.text, None
        case BotInterrupted():  # about what the bot said last
            who, text, played = "bot", "", event.heard
        case _:
            return None
    return {
        "seq": seq, "at_ms": max(0, event.at_ms), "turn": event.turn, "who": who, "text": text, "played": played,
    }  # fmt: skip


def _packet(call_id: str, handoff_id: str, packet: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "packet", "call_id": call_id, "handoff_id": handoff_id, "packet": packet}


def _essence(packet: Mapping[str, Any]) -> dict[str, Any]:
    """Without what changes with every word."""
    return {k: v for k, v in packet.items() if k not in ("created_at", "transcript", "version")}
