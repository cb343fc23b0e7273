"""Callbacks for the operator's own systems: ask for one, follow it, call it off. Takes the API's bearer token."""

from datetime import datetime
from typing import Annotated, Any, Literal

import structlog
from fastapi import APIRouter, Depends, Header, Path, Query, Request
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from bot.callbacks.french import promise
from bot.callbacks.model import OPEN, Callback, Kind, Outcome, State
from bot.callbacks.numbers import MAX_LENGTH
from bot.callbacks.report import Report, clock, immediate, report
from bot.callbacks.service import CallbackService, Wanted
from bot.callbacks.store import CallbackFilter
from bot.handoff.packet import mask_number
from bot.web.access import Access
from bot.web.problems import responses

log = structlog.get_logger(__name__)

MAX_REASON = 500

Reference = Annotated[str, Field(max_length=64, pattern=r"^[A-Za-z0-9_-]*$")]


class CallbackRequest(BaseModel):
    """Body of ``POST /api/callbacks``."""

    model_config = ConfigDict(extra="forbid")

    number: str = Field(
        min_length=1,
        max_length=MAX_LENGTH,
        description="French landline, mobile or box line, as people write it",
    )
    reason: str = Field("", max_length=MAX_REASON, description="Why, in the subscriber's words")
    kind: Literal["web", "level2"] = "web"
    at: AwareDatetime | None = Field(
        None, description="A time that the subscriber named, ISO 8601 with offset; else as soon as possible"
    )
    case_id: Reference = ""
    call_id: Reference = Field(
        "", description="The call that it continues: its context is there on the callback"
    )


class TryDocument(BaseModel):
    """One ringing. ``result``: answered, busy, no_answer, declined, failed (the line) or interrupted (we stopped)."""

    at: datetime
    result: str
    ring_ms: int


class ClockDocument(BaseModel):
    """Milliseconds; null: has not happened."""

    click_to_ring_ms: int | None
    ring_to_answer_ms: int | None
    click_to_answer_ms: int | None
    late_ms: int | None = Field(description="From the promised time to the first ring; 0 when before it")


class CallbackDocument(BaseModel):
    """A callback as it stands."""

    callback_id: str
    kind: Kind
    state: State
    outcome: Outcome | None = Field(description="What became of the promise; null while it is open")
    why: str = Field(description="What it was missed for")
    number_masked: str
    zone: str = Field(description="The subscriber's time zone")
    reason: str
    case_id: str
    call_id: str
    requested_at: datetime
    asked_at: datetime | None
    promised_at: datetime
    immediate: bool = Field(description="Promised to be rung at once")
    due_at: datetime | None = Field(description="Rung next; null once it is over")
    closed_at: datetime | None
    attempts: int = Field(description="Ringings that reached nobody")
    tries: list[TryDocument]
    clock: ClockDocument
    merged_into: str | None
    message: str = Field(description="French, to be told to the subscriber")


class ReportDocument(BaseModel):
    """The callbacks listed, together. ``at_once``: how many of those promised at once have been rung."""

    outcomes: dict[str, int]
    at_once: int
    ring_p50_ms: int | None
    ring_p95_ms: int | None


class CallbackList(BaseModel):
    """Callbacks, newest first."""

    callbacks: list[CallbackDocument]
    report: ReportDocument


Id = Annotated[str, Path(pattern=r"^[A-Za-z0-9-]{1,64}$")]
Limit = Annotated[int, Query(ge=1, le=500)]
Since = Annotated[AwareDatetime | None, Query(description="Requested at or after; ISO 8601 with offset")]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[A-Za-z0-9_.:-]{1,100}$",
        description="Sent again, it makes no second callback",
    ),
]

_bearer = HTTPBearer(auto_error=False, description="The operator's API token")
_REFUSALS = (401, 403, 422, 429, 503)


def callbacks_router(callbacks: CallbackService, access: Access) -> APIRouter:
    """The routes. Errors become answers by :func:`bot.web.problems.install_problems`."""
    router = APIRouter(tags=["callbacks"])

    def holder(request: Request, _bearer_header: Annotated[Any, Depends(_bearer)]) -> str:
        return access.holder(request)

    Holder = Annotated[str, Depends(holder)]  # a type

    @router.post(
        "/api/callbacks",
        status_code=201,
        response_model=CallbackDocument,
        responses={
            200: {
                "model": CallbackDocument,
                "description": "One was open for that number, or of that key: this one",
            },
            **responses(*_REFUSALS),
        },
    )
    async def request_callback(body: CallbackRequest, who: Holder, key: Key = None) -> JSONResponse:
        """Ring a subscriber as soon as that may be; ``message`` says when."""
        requested = await callbacks.request(
            Wanted(
                body.number, body.reason, Kind(body.kind), body.at, body.case_id, body.call_id,
                origin=f"key:{who}:{key}" if key else None,
            )
        )  # fmt: skip
        _audit("audit.callback_requested", who, requested.callback)
        return _answer(_document(requested.callback, callbacks.now()), 201 if requested.created else 200)

    @router.get("/api/callbacks", response_model=CallbackList, responses=responses(*_REFUSALS))
    async def list_callbacks(
        who: Holder,
        limit: Limit = 50,
        since: Since = None,
        state: State | Literal["open"] | None = None,
        kind: Kind | None = None,
        outcome: Outcome | None = None,
    ) -> JSONResponse:
        """Callbacks, newest first, and a report on those listed."""
        states = OPEN if state == "open" else frozenset({State(state)} if state else ())
        found = await callbacks.find(CallbackFilter(limit, since, states, kind, outcome))
        log.info("audit.callbacks_listed", who=who, callbacks=len(found))
        body = {
            "callbacks": [_document(one, callbacks.now()) for one in found],
            "report": _report(report(found)),
        }
        return _answer(body)

    @router.get(
        "/api/callbacks/{callback_id}", response_model=CallbackDocument, responses=responses(404, *_REFUSALS)
    )
    async def get_callback(callback_id: Id, who: Holder) -> JSONResponse:
        """One callback, its tries and its clock."""
        found = await callbacks.get(callback_id)
        _audit("audit.callback_opened", who, found)
        return _answer(_document(found, callbacks.now()))

    @router.delete(
        "/api/callbacks/{callback_id}", response_model=CallbackDocument, responses=responses(404, *_REFUSALS)
    )
    async def cancel_callback(callback_id: Id, who: Holder) -> JSONResponse:
        """Call it off, also while it rings. What is over already comes back as it is."""
        found = await callbacks.cancel(callback_id)
        _audit("audit.callback_cancelled", who, found)
        return _answer(_document(found, callbacks.now()))

    return router


def _document(callback: Callback, now: datetime) -> dict[str, Any]:
    ticks = clock(callback)
    return CallbackDocument(
        callback_id=callback.callback_id,
        kind=callback.kind,
        state=callback.state,
        outcome=callback.outcome,
        why=callback.why,
        number_masked=mask_number(callback.number),
        zone=callback.zone,
        reason=callback.reason,
        case_id=callback.case_id,
        call_id=callback.call_id,
        requested_at=callback.requested_at,
        asked_at=callback.asked_at,
        promised_at=callback.promised_at,
        immediate=immediate(callback),
        due_at=callback.due_at if callback.state in OPEN else None,
        closed_at=callback.closed_at,
        attempts=callback.attempts,
        tries=[TryDocument(at=one.at, result=one.result, ring_ms=one.ring_ms) for one in callback.tries],
        clock=ClockDocument(
            click_to_ring_ms=ticks.click_to_ring_ms,
            ring_to_answer_ms=ticks.ring_to_answer_ms,
            click_to_answer_ms=ticks.click_to_answer_ms,
            late_ms=ticks.late_ms,
        ),
        merged_into=callback.merged_into,
        message=promise(callback, now),
    ).model_dump(mode="json")


def _report(found: Report) -> dict[str, Any]:
    return ReportDocument(
        outcomes=found.outcomes,
        at_once=found.at_once,
        ring_p50_ms=found.ring_p50_ms,
        ring_p95_ms=found.ring_p95_ms,
    ).model_dump(mode="json")


def _answer(body: dict[str, Any], status: int = 200) -> JSONResponse:
    return JSONResponse(body, status, headers={"Cache-Control": "no-store"})


def _audit(event: str, who: str, callback: Callback) -> None:
    log.info(event, who=who, callback_id=callback.callback_id, state=callback.state.value)
