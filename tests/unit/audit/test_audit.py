"""The audit and the exchange of references, on a real database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.requests import Request

from bot.audit.log import AuditLog, broken_at
from bot.audit.redeem import Redeemer
from bot.errors import (
    AccessDeniedError,
    NotFoundError,
    TokenExpiredError,
    TokenForgedError,
    TokenSiteError,
    TokenUsedError,
)
from bot.handoff.token import HandoffTokens
from bot.record.migrations import upgrade
from bot.record.store import make_engine
from bot.web.access import Access
from bot.web.problems import install_problems
from bot.web.redeem import TOKEN_LIFE_S, SiteAccess, as_csv, audit_router, redeem_router

HANDOFF = "8a9f2f3c-0f6d-4f0b-9a52-1d3a4b5c6d7e"
PACKET = {"handoff_id": HANDOFF, "summary": "Madame D. appelle."}
KEYS = {"poitiers": "key-of-poitiers-000", "marrakech": "key-of-marrakech-00"}


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


class Packets:
    def __init__(self) -> None:
        self.found: dict[str, Any] | None = PACKET

    async def handoff(self, handoff_id: str) -> dict[str, Any] | None:
        return self.found if handoff_id == HANDOFF else None


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    url = f"sqlite+aiosqlite:///{tmp_path / 'audit.db'}"
    await asyncio.to_thread(upgrade, url)
    made = make_engine(url)
    yield made
    await made.dispose()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def audit(engine: AsyncEngine, clock: Clock) -> AuditLog:
    return AuditLog(engine, now=clock)


@pytest.fixture
def tokens(clock: Clock) -> HandoffTokens:
    return HandoffTokens(b"k" * 32, now=clock)


async def test_every_opening_is_kept_in_order_and_sealed(audit: AuditLog) -> None:
    await audit.opened("awa", "poitiers", HANDOFF)
    await audit.opened("awa", "poitiers", HANDOFF, field="caller.number", reason="rappeler la cliente")
    lines = await audit.lines()
    assert [(line.seq, line.act, line.field) for line in lines] == [
        (1, "opened", ""),
        (2, "unmasked", "caller.number"),
    ]
    assert lines[1].reason == "rappeler la cliente"
    assert broken_at(lines) is None


async def test_writers_at_once_make_one_chain(audit: AuditLog) -> None:
    await asyncio.gather(*(audit.opened(f"agent{n}", "poitiers", HANDOFF) for n in range(12)))
    lines = await audit.lines()
    assert len(lines) == 12
    assert broken_at(lines) is None


async def test_a_line_altered_left_out_or_moved_breaks_the_chain(audit: AuditLog) -> None:
    for n in range(4):
        await audit.opened(f"agent{n}", "poitiers", HANDOFF)
    lines = list(await audit.lines())
    assert broken_at([lines[0], replace(lines[1], who="nobody"), *lines[2:]]) == 2
    assert broken_at([lines[0], *lines[2:]]) == 3
    assert broken_at([lines[1], lines[0], *lines[2:]]) == 2


async def test_a_reason_is_redacted(audit: AuditLog) -> None:
    await audit.opened("awa", "poitiers", HANDOFF, field="caller.number", reason="carte 4970101234567893")
    assert "4970101234567893" not in (await audit.lines())[0].reason


async def test_a_reference_is_exchanged_once(audit: AuditLog, tokens: HandoffTokens) -> None:
    redeemer = Redeemer(tokens, Packets(), audit)
    token = tokens.issue(HANDOFF, "poitiers")
    assert await redeemer.redeem(token, site="poitiers", who="site:poitiers") == PACKET
    with pytest.raises(TokenUsedError):
        await redeemer.redeem(token, site="poitiers", who="site:poitiers")
    assert [line.act for line in await audit.lines()] == ["redeemed"]


async def test_of_two_who_exchange_it_at_once_one_has_it(audit: AuditLog, tokens: HandoffTokens) -> None:
    redeemer = Redeemer(tokens, Packets(), audit)
    token = tokens.issue(HANDOFF, "poitiers")
    results = await asyncio.gather(
        *(redeemer.redeem(token, site="poitiers", who="x") for _ in range(5)), return_exceptions=True
    )
    assert [result for result in results if result == PACKET] == [PACKET]
    assert all(isinstance(result, TokenUsedError) for result in results if result != PACKET)


async def test_a_bad_reference_costs_nothing_and_opens_nothing(
    audit: AuditLog, tokens: HandoffTokens, clock: Clock
) -> None:
    redeemer = Redeemer(tokens, Packets(), audit)
    token = tokens.issue(HANDOFF, "poitiers")
    with pytest.raises(TokenSiteError):
        await redeemer.redeem(token, site="marrakech", who="x")
    with pytest.raises(TokenForgedError):
        await redeemer.redeem(token[:-2] + "AA", site="poitiers", who="x")
    clock.now += timedelta(minutes=16)
    with pytest.raises(TokenExpiredError):
        await redeemer.redeem(token, site="poitiers", who="x")
    assert await audit.lines() == []


async def test_a_packet_that_is_not_there_yet_does_not_use_the_reference_up(
    audit: AuditLog, tokens: HandoffTokens
) -> None:
    packets = Packets()
    packets.found = None
    redeemer = Redeemer(tokens, packets, audit)
    token = tokens.issue(HANDOFF, "poitiers")
    with pytest.raises(NotFoundError):
        await redeemer.redeem(token, site="poitiers", who="x")
    packets.found = PACKET
    assert await redeemer.redeem(token, site="poitiers", who="x") == PACKET


# --- over HTTP


@pytest.fixture
async def http(audit: AuditLog, tokens: HandoffTokens) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    install_problems(app)
    app.include_router(redeem_router(Redeemer(tokens, Packets(), audit), SiteAccess(KEYS)))
    app.include_router(audit_router(audit, Access({"operator": "the-operator"})))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://bot") as client:
        yield client


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def test_a_site_exchanges_its_reference_with_its_key(
    http: httpx.AsyncClient, tokens: HandoffTokens
) -> None:
    shown = {"token": tokens.issue(HANDOFF, "poitiers")}
    answer = await http.post("/api/handoffs/redeem", json=shown, headers=bearer(KEYS["poitiers"]))
    assert (answer.status_code, answer.json()["handoff_id"]) == (200, HANDOFF)
    again = await http.post("/api/handoffs/redeem", json=shown, headers=bearer(KEYS["poitiers"]))
    assert (again.status_code, again.json()["code"]) == (403, "handoff.token_used")


async def test_another_sites_reference_does_not_exist(http: httpx.AsyncClient, tokens: HandoffTokens) -> None:
    shown = {"token": tokens.issue(HANDOFF, "poitiers")}
    theirs = await http.post("/api/handoffs/redeem", json=shown, headers=bearer(KEYS["marrakech"]))
    forged = await http.post(
        "/api/handoffs/redeem", json={"token": "AAAA"}, headers=bearer(KEYS["marrakech"])
    )
    assert theirs.status_code == forged.status_code == 404
    assert theirs.json() == forged.json()


@pytest.mark.parametrize(("headers", "status"), [({}, 401), (bearer("wrong"), 403), (bearer("é"), 403)])
async def test_nobody_else_may_ask(http: httpx.AsyncClient, headers: dict[str, str], status: int) -> None:
    raw = {name: value.encode() for name, value in headers.items()}
    answer = await http.post("/api/handoffs/redeem", json={"token": "AAAA"}, headers=raw)
    assert answer.status_code == status


async def test_client_credentials_give_an_access_token(
    http: httpx.AsyncClient, tokens: HandoffTokens
) -> None:
    form = {
        "grant_type": "client_credentials",
        "client_id": "poitiers",
        "client_secret": KEYS["poitiers"],
    }
    granted = (await http.post("/oauth/token", data=form)).json()
    assert (granted["token_type"], granted["expires_in"]) == ("Bearer", TOKEN_LIFE_S)
    shown = {"token": tokens.issue(HANDOFF, "poitiers")}
    answer = await http.post("/api/handoffs/redeem", json=shown, headers=bearer(granted["access_token"]))
    assert answer.status_code == 200
    other = form | {"client_id": "marrakech"}
    assert (await http.post("/oauth/token", data=other)).status_code == 401


async def test_guessing_keys_is_braked(http: httpx.AsyncClient) -> None:
    for _ in range(20):
        await http.post("/api/handoffs/redeem", json={"token": "AAAA"}, headers=bearer("wrong"))
    answer = await http.post("/api/handoffs/redeem", json={"token": "AAAA"}, headers=bearer(KEYS["poitiers"]))
    assert answer.status_code in (404, 429)
    assert (
        await http.post("/api/handoffs/redeem", json={"token": "AAAA"}, headers=bearer("wrong"))
    ).status_code == 429


def test_an_access_token_expires_and_cannot_be_altered() -> None:
    now = [1000.0]
    access = SiteAccess(KEYS, clock=lambda: now[0])
    request = _request()
    token = access.issue(request, "poitiers", KEYS["poitiers"])
    assert access.site(_request(token)) == "poitiers"
    for altered in (token[:-3] + "AAA", "A" + token[1:], token.swapcase()):
        with pytest.raises(AccessDeniedError):
            access.site(_request(altered))
    now[0] += TOKEN_LIFE_S
    with pytest.raises(AccessDeniedError):
        access.site(_request(token))


def _request(token: str = "") -> Any:
    headers = [(b"authorization", f"Bearer {token}".encode())] if token else []
    return Request({"type": "http", "headers": headers, "client": ("192.0.2.1", 1)})


async def test_the_operator_reads_and_exports_the_audit(http: httpx.AsyncClient, audit: AuditLog) -> None:
    await audit.opened("=cmd()", "poitiers", HANDOFF)
    answer = await http.get("/api/audit", headers=bearer("the-operator"))
    assert answer.json()["broken_at"] is None
    assert answer.json()["lines"][0]["packet"] == HANDOFF
    assert (await http.get("/api/audit")).status_code == 401
    exported = await http.get("/api/audit?format=csv", headers=bearer("the-operator"))
    assert '"\'=cmd()"' in exported.text
    assert as_csv([]).startswith('"seq"')
