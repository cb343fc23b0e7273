"""The subscriber's page and the way in for its calls.

``GET /`` and ``/static/…`` serve the page, ``GET /api/browser/config`` what it needs to know of the operator, and
``POST /api/browser/offer`` answers a WebRTC offer with a call. ``docs/browser.md`` describes the protocol.
"""

from __future__ import annotations

import asyncio
import hmac
import html
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.errors import CapacityError, DecrocheError, InputError, TransportError
from bot.events import CallEvent
from bot.models import CallerControl, CallRequest, Channel
from bot.ports import CallControl

log = structlog.get_logger(__name__)

STATIC: Final = Path(__file__).resolve().parent / "static"
MAX_BODY_BYTES: Final = 65_536

_CALL_END_GRACE_S: Final = 2.0  # for the last event and the last word to reach the page


class Door(Protocol):
    """One caller's WebRTC peer (``media.webrtc.door.WebRtcDoor``)."""

    transport: Any  # pipecat BaseTransport
    resume_token: str

    @property
    def answer(self) -> str:
        """The SDP answer."""
        ...

    def controls(self) -> AsyncIterator[CallerControl]:
        """Keys, mutes and, last, the hang-up; ends when the door closes."""
        ...

    def control(self, call_id: str) -> CallControl:
        """The legs under this call, for bringing an agent to the caller."""
        ...

    def send_event(self, event: Mapping[str, Any]) -> None:
        """Send one journal event to the page; never blocks."""
        ...

    async def resume(self, sdp: str, *, seen: int = 0) -> str:
        """Move the call to a new offer of the same page; its answer."""
        ...

    async def wait_closed(self) -> None:
        """Return once the peer is gone."""
        ...

    async def close(self) -> None:
        """Close the peer."""
        ...


class Accept(Protocol):
    """Opens a door to an offer (``media.webrtc.door.accept`` with its settings bound)."""

    async def __call__(self, sdp: str, kind: str) -> Door:
        """Raises InputError for an offer that cannot become a call, TransportError when set-up fails."""
        ...


class Calls(Protocol):
    """Who runs calls."""

    def capacity_left(self) -> bool:
        """Whether one more call may start."""
        ...

    async def start(
        self,
        request: CallRequest,
        transport: Any,
        *,
        controls: AsyncIterator[CallerControl],
        control: CallControl,
    ) -> str:
        """Start a call in a task of the manager's own and return its call id, without waiting for its end.

        ``transport``: a pipecat ``BaseTransport``; the peer may connect later, so greet on its
        ``on_client_connected``. ``controls``: for one reader; ``HungUp`` is the last one. ``control``: the legs.

        Raises:
            CapacityError: no call is free any more.
            DecrocheError: the call could not be started.
        """
        ...


class Events(Protocol):
    """The live journal."""

    def subscribe(self, call_id: str) -> AsyncIterator[CallEvent]:
        """The call's events from its first one on; ends after ``CallEnded``."""
        ...


@dataclass(frozen=True)
class PageConfig:
    """What the page is told. ``brand``: the operator's name.

    ``ice_servers``: as ``RTCPeerConnection`` takes them, asked for each page because their passwords expire.
    """

    brand: str
    ice_servers: Callable[[], Sequence[Mapping[str, str]]] = tuple


class Offer(BaseModel):
    """Body of ``POST /api/browser/offer``. ``call_id``, ``resume`` and ``seen`` belong to a resumed call.

    ``caller_number`` and ``now`` are believed in a rehearsal only.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    sdp: str = Field(min_length=1, max_length=MAX_BODY_BYTES)
    type: str = Field(max_length=16)
    caller_number: str = Field(default="", pattern=r"^(\+[1-9][0-9]{6,14})?$")
    now: AwareDatetime | None = None
    call_id: str = Field(default="", max_length=64)
    resume: str = Field(default="", max_length=64)
    seen: int = Field(default=0, ge=0)


class Refusal(Exception):
    """An answer other than 200: HTTP ``status``, stable ``code`` and a ``message`` for whoever wrote the client."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class BrowserCalls:
    """The browser calls in progress: who holds which door, and who forwards its events."""

    def __init__(self, calls: Calls, events: Events, accept: Accept, *, rehearsal: bool) -> None:
        self._calls = calls
        self._events = events
        self._accept = accept
        self._rehearsal = rehearsal
        self._doors: dict[str, Door] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, offer: Offer) -> dict[str, str]:
        """Begin a call; the JSON answer.

        Raises:
            Refusal: as the endpoint answers.
        """
        if not self._calls.capacity_left():
            raise Refusal(503, CapacityError.code, "all lines are busy, try again in a moment")
        door = await self._accept(offer.sdp, offer.type)
        try:
            request = CallRequest(
                channel=Channel.BROWSER,
                caller_number=offer.caller_number if self._rehearsal else "",
                call_id=str(uuid.uuid4()),
                now=offer.now if self._rehearsal else None,
            )
            call_id = await self._calls.start(
                request, door.transport, controls=door.controls(), control=door.control(request.call_id)
            )
        except BaseException:  # whatever it was, the peer must not be left behind
            await door.close()
            raise
        self._doors[call_id] = door
        task = asyncio.create_task(self._serve(call_id, door), name=f"browser-call-{call_id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return {"sdp": door.answer, "type": "answer", "call_id": call_id, "resume": door.resume_token}

    async def resume(self, offer: Offer) -> dict[str, str]:
        """Bring a page back into its call; the JSON answer.

        Raises:
            Refusal: as the endpoint answers.
        """
        door = self._doors.get(offer.call_id)
        # One answer for an unknown call and a wrong token: neither says which calls exist.
        token = door.resume_token if door is not None else "-"
        if not hmac.compare_digest(token.encode(), offer.resume.encode()) or door is None:
            raise Refusal(410, "call.gone", "this call is over")
        try:
            answer = await door.resume(offer.sdp, seen=offer.seen)
        except TransportError as err:
            raise Refusal(410, "call.gone", "this call is over") from err
        return {"sdp": answer, "type": "answer", "call_id": offer.call_id, "resume": door.resume_token}

    async def close(self) -> None:
        """Close every door and wait for what was forwarding events. For the server's shutdown."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        # A task cancelled before its first step closed nothing.
        await asyncio.gather(*(door.close() for door in self._doors.values()), return_exceptions=True)
        self._doors.clear()

    async def _serve(self, call_id: str, door: Door) -> None:
        """Forward the call's events until it ends or the caller leaves, then close the door."""
        forward = asyncio.create_task(self._forward(call_id, door), name=f"browser-events-{call_id}")
        closed = asyncio.create_task(door.wait_closed(), name=f"browser-closed-{call_id}")
        try:
            await asyncio.wait({forward, closed}, return_when=asyncio.FIRST_COMPLETED)
            if not closed.done():  # the call ended by itself: let the page hear and read the end
                await asyncio.wait({closed}, timeout=_CALL_END_GRACE_S)
        finally:
            forward.cancel()
            closed.cancel()
            await asyncio.gather(forward, closed, return_exceptions=True)
            self._doors.pop(call_id, None)
            await door.close()

    async def _forward(self, call_id: str, door: Door) -> None:
        try:
            async for event in self._events.subscribe(call_id):
                door.send_event(event.to_json())
        except DecrocheError as err:
            log.error("events of a browser call stopped", call_id=call_id, code=err.code)
            await door.wait_closed()  # the call itself goes on without captions


def browser_router(calls: BrowserCalls, page_config: PageConfig) -> APIRouter:
    """The page, its files, its configuration and its way in. Call ``calls.close()`` at shutdown."""
    router = APIRouter()
    index = (STATIC / "index.html").read_text("utf-8").replace("{{brand}}", html.escape(page_config.brand))
    files = {path.name: path for path in STATIC.iterdir() if path.suffix in _MEDIA_TYPES}

    @router.get("/", include_in_schema=False)
    async def page() -> Response:
        return Response(index, media_type="text/html; charset=utf-8", headers={"Cache-Control": "no-cache"})

    @router.get("/static/{name}", include_in_schema=False)
    async def static(name: str) -> Response:
        path = files.get(name)
        if path is None:
            return _refused(Refusal(404, "page.unknown", "no such file"))
        return FileResponse(path, media_type=_MEDIA_TYPES[path.suffix], headers={"Cache-Control": "no-cache"})

    @router.get("/api/browser/config")
    async def config(response: Response) -> dict[str, Any]:
        """The operator's name and the ICE servers a page should use."""
        response.headers["Cache-Control"] = "no-store"  # TURN passwords expire
        return {"brand": page_config.brand, "ice_servers": [dict(s) for s in page_config.ice_servers()]}

    @router.post(
        "/api/browser/offer",
        responses={
            410: {"description": "the call to resume is over"},
            413: {"description": "body over 64 kB"},
            415: {"description": "not application/json"},
            422: {"description": "malformed body or SDP"},
            503: {"description": "all lines busy"},
        },
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": Offer.model_json_schema()}},
            }
        },
    )
    async def offer(request: Request) -> JSONResponse:
        """Answer a WebRTC offer: a new call, or a running one whose page lost its connection."""
        try:
            body = await _read_offer(request)
            return JSONResponse(await (calls.resume(body) if body.call_id else calls.start(body)))
        except Refusal as err:
            return _refused(err)
        except InputError as err:
            return _refused(Refusal(422, err.code, str(err)))
        except CapacityError as err:
            return _refused(Refusal(503, err.code, str(err)))
        except DecrocheError as err:
            log.error("browser call could not start", code=err.code)
            return _refused(Refusal(503, err.code, "the call could not be started"))

    return router


_MEDIA_TYPES: Final = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}


async def _read_offer(request: Request) -> Offer:
    # A form or a plain-text post needs no CORS preflight: any website could place calls from its visitors' browsers.
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Refusal(415, "input.media_type", "application/json is expected")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise Refusal(413, "input.too_large", f"longer than {MAX_BODY_BYTES} bytes")
    try:
        return Offer.model_validate_json(bytes(body))
    except ValidationError as err:
        first = err.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "body"
        raise InputError(f"{where}: {first['msg']}") from err


def _refused(refusal: Refusal) -> JSONResponse:
    headers = {"Retry-After": "10"} if refusal.status == 503 else None
    return JSONResponse({"code": refusal.code, "message": str(refusal)}, refusal.status, headers)


CONTENT_SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "media-src 'self' blob:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)

_PAGE_HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Permissions-Policy": "microphone=(self), camera=(self), geolocation=(), payment=(), usb=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class SecurityHeaders:
    """ASGI middleware: the headers above on every answer that does not set them itself; HSTS over https."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, completing the answer's headers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(_PAGE_HEADERS)
        if scope.get("scheme") == "https":
            headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *(
                        (name.lower().encode(), value.encode())
                        for name, value in headers.items()
                        if name.lower().encode() not in present
                    ),
                ]
            await send(message)

        await self._app(scope, receive, send_with_headers)
