"""For the partners' own systems: the exchange of a reference for its packet, and the operator's view of the audit.

A site shows its key as a bearer token, or trades it for an access token of ten minutes by OAuth 2.0 client credentials
(RFC 6749 section 4.4; client_id: the site's id).
"""

import base64
import binascii
import csv
import hmac
import io
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import HTTPConnection

from bot.audit.log import AuditLog, Line, broken_at
from bot.audit.redeem import Redeemer
from bot.errors import InputError, NotFoundError, TokenForgedError, TokenSiteError, UnauthenticatedError
from bot.handoff.packet import ContextPacket
from bot.web.access import Access, bearer_token
from bot.web.problems import responses

TOKEN_LIFE_S = 600
_MAX_FORM = 4096
_REFUSALS = (401, 403, 429, 503)
_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


class SiteAccess:
    """Which site asks. ``keys``: site id → its key, 16 characters at least; guessing is braked by :class:`Access`."""

    def __init__(self, keys: Mapping[str, str], *, clock: Callable[[], float] = time.time) -> None:
        self._keys = dict(keys)
        self._access = Access(keys)
        self._clock = clock

    def site(self, connection: HTTPConnection) -> str:
        """The site whose key or access token comes with the request.

        Raises:
            RateLimitedError: too many wrong ones from this address.
            UnauthenticatedError: none.
            AccessDeniedError: a wrong or expired one.
        """
        return self._read(bearer_token(connection) or "") or self._access.holder(connection)

    def issue(self, connection: HTTPConnection, site: str, key: str) -> str:
        """An access token for a site that knows its key.

        Raises:
            RateLimitedError, UnauthenticatedError: as for :meth:`site`.
        """
        held = self._access.holder_of(connection, key)
        if held != site:
            raise UnauthenticatedError("client_id and client_secret do not belong together")
        said = f"{site}|{int(self._clock()) + TOKEN_LIFE_S}"
        return base64.urlsafe_b64encode(said.encode() + b"|" + self._mac(said)).rstrip(b"=").decode()

    def _read(self, token: str) -> str:
        """The site of an access token of ours that is still good; empty for anything else."""
        try:
            raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
            head, mac = raw[:-33], raw[-32:]
            site, _, until = head.decode().partition("|")
        except (binascii.Error, ValueError):
            return ""
        good = site in self._keys and until.isdecimal() and hmac.compare_digest(self._mac(head.decode()), mac)
        return site if good and int(until) > self._clock() else ""

    def _mac(self, said: str) -> bytes:
        key = self._keys.get(said.partition("|")[0], "")
        return hmac.digest(key.encode(), b"decroche site " + said.encode(), "sha256")


class Shown(BaseModel):
    """``token``: what stands in ``User-to-User``, out of its hex."""

    model_config = ConfigDict(extra="forbid")

    token: str = Field(min_length=1, max_length=200)


class AccessToken(BaseModel):
    """RFC 6749 section 5.1."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"
    expires_in: int = TOKEN_LIFE_S


def redeem_router(redeemer: Redeemer, sites: SiteAccess) -> APIRouter:
    """``POST /api/handoffs/redeem`` and ``POST /oauth/token``."""
    router = APIRouter(tags=["sites"])

    async def asking(request: Request) -> str:
        return sites.site(request)

    @router.post("/oauth/token", response_model=AccessToken, responses=responses(422, *_REFUSALS))
    async def access_token(request: Request) -> JSONResponse:
        """An access token for a site: a form with grant_type, client_id and client_secret."""
        body = await request.body()
        form = dict(parse_qsl(body[:_MAX_FORM].decode("utf-8", "replace"), max_num_fields=8))
        if form.get("grant_type") != "client_credentials":
            raise InputError("grant_type: client_credentials is the one there is")
        token = sites.issue(request, form.get("client_id", ""), form.get("client_secret", ""))
        return JSONResponse(AccessToken(access_token=token).model_dump(), headers=_NO_STORE)

    @router.post("/api/handoffs/redeem", response_model=ContextPacket, responses=responses(404, *_REFUSALS))
    async def redeem(shown: Shown, site: Annotated[str, Depends(asking)]) -> JSONResponse:
        """The context packet behind a reference, once; another site's reference does not exist for this one."""
        try:
            packet = await redeemer.redeem(shown.token, site=site, who=f"site:{site}")
        except (TokenForgedError, TokenSiteError) as err:
            raise NotFoundError("no such reference") from err
        return JSONResponse(packet, headers=_NO_STORE)

    return router


class AuditLines(BaseModel):
    """``broken_at``: the first line whose seal does not hold, of a whole export; null: all hold."""

    lines: list[dict[str, Any]]
    broken_at: int | None = None


def audit_router(audit: AuditLog, access: Access) -> APIRouter:
    """``GET /api/audit``: for the operator."""
    router = APIRouter(tags=["audit"])

    async def operator(request: Request) -> str:
        return access.holder(request)

    @router.get("/api/audit", response_model=AuditLines, responses=responses(*_REFUSALS))
    async def lines(
        who: Annotated[str, Depends(operator)],
        site: Annotated[str | None, Query(max_length=24)] = None,
        packet: Annotated[str | None, Query(max_length=64)] = None,
        after: Annotated[int, Query(ge=0)] = 0,
        limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
        form: Annotated[Literal["json", "csv"], Query(alias="format")] = "json",
    ) -> Response:
        """Who opened what, when, from which site, which field and why; oldest first."""
        found = await audit.lines(site=site, packet=packet, after=after, limit=limit)
        whole = site is None and packet is None and after == 0
        if form == "csv":
            return PlainTextResponse(as_csv(found), headers=_NO_STORE, media_type="text/csv")
        return JSONResponse(
            {"lines": [_json(line) for line in found], "broken_at": broken_at(found) if whole else None},
            headers=_NO_STORE,
        )

    return router


_COLUMNS = tuple(field.name for field in fields(Line))


def as_csv(lines: Sequence[Line]) -> str:
    """RFC 4180, with a heading; a text that a spreadsheet would take for a formula is made one that it does not."""
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    writer.writerow(_COLUMNS)
    for line in lines:
        cells = (str(value) for value in _json(line).values())
        writer.writerow([f"'{cell}" if cell[:1] in "=+-@\t\r" and cell else cell for cell in cells])
    return out.getvalue()


def _json(line: Line) -> dict[str, Any]:
    return asdict(line) | {"at": line.at.isoformat()}
