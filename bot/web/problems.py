"""Errors as HTTP answers: ``{"code", "message"}`` with the status that the error's class stands for."""

from __future__ import annotations

from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from bot.errors import (
    AccessDeniedError,
    CapacityError,
    ConflictError,
    DecrocheError,
    InputError,
    NotFoundError,
    RateLimitedError,
    StoreError,
    TransportError,
    UnauthenticatedError,
)

log = structlog.get_logger(__name__)

_STATUSES: tuple[tuple[type[DecrocheError], int], ...] = (
    (UnauthenticatedError, 401),
    (RateLimitedError, 429),
    (AccessDeniedError, 403),
    (NotFoundError, 404),
    (ConflictError, 409),
    (InputError, 422),
    (CapacityError, 503),
    (StoreError, 503),
    (TransportError, 503),
)
"""The most particular class first; what is not named is a failure of ours, 500."""

_HTTP_CODES = {
    400: "input.invalid",
    401: "access.unauthenticated",
    403: "access.denied",
    404: "input.not_found",
}
_RETRY_AFTER_S = {429: "60", 503: "5"}


class Problem(BaseModel):
    """What every refusal and failure answers."""

    code: str = Field(examples=["input.invalid"])
    message: str = Field(examples=["limit: Input should be less than or equal to 200"])


def status_of(error: DecrocheError) -> int:
    """The HTTP status for an error."""
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)


def problem(error: DecrocheError) -> JSONResponse:
    """The answer for an error."""
    return _answer(status_of(error), error.code, str(error) or error.code)


def install_problems(app: FastAPI) -> None:
    """Make every error of the application answer a :class:`Problem`."""
    app.add_exception_handler(DecrocheError, _on_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(Exception, _on_defect)


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problems a route may answer, for its OpenAPI description."""
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        status: {"model": Problem, "description": _TITLES[status], "content": content} for status in statuses
    }


_TITLES = {
    401: "No bearer token",
    403: "The token gives no right to this",
    404: "No such thing",
    422: "Malformed; the message says what and why",
    429: "Too many refused attempts",
    503: "The record cannot be read now",
}


def _answer(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    extra = dict(headers or {})
    if status == 401:
        extra["WWW-Authenticate"] = "Bearer"
    if status in _RETRY_AFTER_S:
        extra["Retry-After"] = _RETRY_AFTER_S[status]
    extra["Cache-Control"] = "no-store"
    body = {"code": code, "message": message}
    return JSONResponse(body, status, headers=extra, media_type="application/problem+json")


async def _on_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, DecrocheError)
    status = status_of(error)
    if status >= 500:
        log.error("request.failed", path=request.url.path, code=error.code, status=status)
    return problem(error)


async def _on_invalid(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"][1:]) or "body"
    return _answer(422, InputError.code, f"{where}: {first['msg']}")


async def _on_http(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    code = _HTTP_CODES.get(
        error.status_code, "input.invalid" if error.status_code < 500 else "decroche.error"
    )
    return _answer(error.status_code, code, str(error.detail), dict(error.headers or {}))


async def _on_defect(request: Request, error: Exception) -> JSONResponse:
    log.error("request.defect", path=request.url.path, error=type(error).__name__, exc_info=error)
    return _answer(500, DecrocheError.code, "internal error")
