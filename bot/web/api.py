"""The read API: health, calls running and ended, their live events, context packets.

Everything under ``/api`` takes a bearer token. Every opening of a call or a packet is a line in the audit log.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Protocol

import structlog
from fastapi import APIRouter, Depends, Path, Query, Request, WebSocket
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from starlette.websockets import WebSocketDisconnect

from bot.errors import DecrocheError, InputError, NotFoundError
from bot.handoff.packet import ContextPacket
from bot.record.live import Subscription
from bot.record.reader import CallFilter
from bot.record.view import CallView
from bot.web.access import SUBPROTOCOL, Access
from bot.web.problems import problem, responses

log = structlog.get_logger(__name__)

SEND_TIMEOUT_S = 10.0
"""A reader of live events that takes longer to accept one message is let go."""

READY_TIMEOUT_S = 5.0


class PartState(BaseModel):
    """One part of the bot. ``detail``: why it is not ready, or what it runs on."""

    ok: bool
    detail: str = ""


class Readiness(BaseModel):
    """Whether calls can be taken, and the parts that this rests on."""

    ready: bool
    parts: dict[str, PartState]


class Liveness(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class CallHead(BaseModel):
    """What a list and a document tell of a call alike."""

    call_id: str
    case_id: str
    channel: str
    started_at: str | None
    ended_at: str | None
    running: bool
    outcome: str | None
    intents: list[str]
    verified: bool


class CallSummary(CallHead):
    """A call in a line."""

    turns: int
    handoff: str | None = Field(description="Reason of the handoff, if a person was asked for")


class CallList(BaseModel):
    """Calls, newest first."""

    calls: list[CallSummary]


class CallDocument(CallHead):
    """A whole call; every part is described in ``docs/record.md``."""

    model_config = ConfigDict(extra="allow")

    caller_number: str
    slots: dict[str, Any]
    opening: list[str]
    turns: list[dict[str, Any]]
    actions: list[dict[str, Any]]
    offers: list[dict[str, Any]]
    handoff: ContextPacket | None
    events: list[dict[str, Any]]


class Record(Protocol):
    """What the API reads (:class:`bot.record.reader.RecordReader`). Every method may raise StoreError."""

    async def call(self, call_id: str) -> CallView | None: ...

    async def calls(self, wanted: CallFilter) -> list[dict[str, Any]]: ...

    async def handoff(self, handoff_id: str) -> dict[str, Any] | None: ...

    def follow(self, call_id: str) -> AbstractAsyncContextManager[Subscription | None]: ...


@dataclass(frozen=True)
class ApiDeps:
    """What the API needs. ``parts``: the state of each part, asked on each ``/readyz``."""

    record: Record
    access: Access
    parts: Callable[[], Awaitable[Mapping[str, PartState]]]


Outcome = Literal["resolved", "handoff", "callback", "abandoned", "failed"]
ChannelName = Literal["phone", "browser", "text"]
Id = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Limit = Annotated[int, Query(ge=1, le=200)]
Since = Annotated[AwareDatetime | None, Query(description="ISO 8601 with offset")]

_bearer = HTTPBearer(auto_error=False, description="The operator's API token")
_REFUSALS = (401, 403, 422, 429, 503)


def api_router(deps: ApiDeps) -> APIRouter:
    """The routes. Errors become answers by :func:`bot.web.problems.install_problems`."""
    router = APIRouter()
    _add_health(router, deps)
    _add_calls(router, deps)
    _add_live(router, deps)
    return router


def _add_health(router: APIRouter, deps: ApiDeps) -> None:
    @router.get("/healthz", tags=["health"])
    async def healthz() -> Liveness:
        """The process is alive."""
        return Liveness()

    @router.get(
        "/readyz",
        tags=["health"],
        response_model=Readiness,
        responses={503: {"model": Readiness, "description": "Not ready"}},
    )
    async def readyz() -> JSONResponse:
        """Whether calls can be taken, part by part."""
        try:
            async with asyncio.timeout(READY_TIMEOUT_S):
                parts = dict(await deps.parts())
        except TimeoutError:
            parts = {"health": PartState(ok=False, detail=f"no answer within {READY_TIMEOUT_S} s")}
        readiness = Readiness(ready=all(p.ok for p in parts.values()), parts=parts)
        return _fresh(readiness.model_dump(mode="json"), 200 if readiness.ready else 503)


def _add_calls(router: APIRouter, deps: ApiDeps) -> None:
    def holder(request: Request, _bearer_header: Annotated[Any, Depends(_bearer)]) -> str:
        return deps.access.holder(request)

    Holder = Annotated[str, Depends(holder)]  # a type

    @router.get("/api/calls", tags=["calls"], response_model=CallList, responses=responses(*_REFUSALS))
    async def list_calls(
        who: Holder,
        limit: Limit = 50,
        since: Since = None,
        outcome: Outcome | None = None,
        channel: ChannelName | None = None,
    ) -> JSONResponse:
        """Calls running and ended, newest first."""
        found = await deps.record.calls(CallFilter(limit, since, outcome, channel))
        log.info("audit.calls_listed", who=who, calls=len(found))
        return _fresh({"calls": found})

    @router.get(
        "/api/calls/{call_id}",
        tags=["calls"],
        response_model=CallDocument,
        responses=responses(404, *_REFUSALS),
    )
    async def get_call(call_id: Id, who: Holder) -> JSONResponse:
        """One call, whole, as it stands now."""
        view = await deps.record.call(call_id)
        if view is None:
            raise NotFoundError(f"no call {call_id}")
        _audit("audit.call_opened", who, call_id=call_id)
        return _fresh(view.to_json())

    @router.get(
        "/api/handoffs/{handoff_id}",
        tags=["handoffs"],
        response_model=ContextPacket,
        responses=responses(404, *_REFUSALS),
    )
    async def get_handoff(handoff_id: Id, who: Holder) -> JSONResponse:
        """A context packet, its newest version."""
        packet = await deps.record.handoff(handoff_id)
        if packet is None:
            raise NotFoundError(f"no handoff {handoff_id}")
        _audit("audit.packet_opened", who, handoff_id=handoff_id, call_id=packet.get("call_id"))
        return _fresh(packet)


def _add_live(router: APIRouter, deps: ApiDeps) -> None:
    @router.websocket("/api/calls/{call_id}/events")
    async def events(websocket: WebSocket, call_id: str) -> None:
        """Each event of a call as JSON with its ``seq``: those so far, then live until the call ends.

        ``?after=N`` leaves out the first N, for a reader that comes back. Closed with 1000 at the end of the
        call, 1013 when the reader is too slow.
        """
        try:
            who = deps.access.holder(websocket)
            after = _after(websocket.query_params.get("after", "0"))
            async with deps.record.follow(call_id) as subscription:
                if subscription is None:
                    raise NotFoundError(f"no call {call_id[:64]}")
                _audit("audit.call_followed", who, call_id=call_id)
                offered = websocket.scope.get("subprotocols", [])
                await websocket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
                await _stream(websocket, subscription, after)
        except DecrocheError as err:  # before the socket is accepted
            await _deny(websocket, err)


def _after(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise InputError("after: a whole number, the seq of the last event that was read")
    return int(text)


async def _stream(websocket: WebSocket, subscription: Subscription, after: int) -> None:
    """Send until the call or the reader ends, whichever is first."""
    sender = asyncio.create_task(_send(websocket, subscription, after), name="live-events-sender")
    watcher = asyncio.create_task(_until_gone(websocket), name="live-events-watcher")
    try:
        await asyncio.wait({sender, watcher}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (sender, watcher):
            task.cancel()
        await asyncio.wait({sender, watcher})
    if not sender.cancelled() and sender.exception() is None:  # the reader is still there
        await websocket.close(*((1013, "too slow") if subscription.lagged else (1000, "call ended")))


async def _send(websocket: WebSocket, subscription: Subscription, after: int) -> None:
    async for entry in subscription:
        if entry.seq > after:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await websocket.send_json({"seq": entry.seq, **entry.event.to_json()})


async def _until_gone(websocket: WebSocket) -> None:
    """Until the reader hangs up; what it says is not listened to."""
    try:
        while True:
            await websocket.receive()
    except (WebSocketDisconnect, RuntimeError):  # RuntimeError: receive after the disconnect was delivered
        return


async def _deny(websocket: WebSocket, error: DecrocheError) -> None:
    """Refuse a socket with a problem document, or with a close code where the server cannot send one."""
    try:
        await websocket.send_denial_response(problem(error))
    except RuntimeError:
        await websocket.close(1008, error.code)


def _audit(event: str, who: str, **fields: Any) -> None:
    log.info(event, who=who, when=datetime.now(UTC).isoformat(timespec="seconds"), **fields)


def _fresh(body: Any, status: int = 200) -> JSONResponse:
    """JSON that nobody on the way may keep."""
    return JSONResponse(body, status, headers={"Cache-Control": "no-store"})
