"""The callback API and page over a real SQLite file, called in process, on a Monday morning."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from bot.callbacks.policy import CallbackPolicy
from bot.callbacks.service import CallbackService
from bot.callbacks.store import CallbackStore
from bot.operator import load_operator
from bot.record.migrations import upgrade_async
from bot.record.store import make_engine
from bot.settings import ROOT
from bot.web.access import Access
from bot.web.browser import SecurityHeaders
from bot.web.callback_page import PageTexts, callback_page_router
from bot.web.callbacks import callbacks_router
from bot.web.guard import AddressLimit, FormGuard
from bot.web.problems import install_problems

MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
OPERATOR = load_operator(ROOT / "operator.yml")
SECRET = b"a secret of the tests"


@dataclass
class Now:
    """The time, where tests want it."""

    at: datetime = MONDAY

    def __call__(self) -> datetime:
        return self.at


@dataclass
class Site:
    """The application and what stands behind it. ``client``: a browser; ``desk``: the operator's system."""

    app: FastAPI
    client: httpx.AsyncClient
    desk: httpx.AsyncClient
    store: CallbackStore
    policy: CallbackPolicy
    service: CallbackService
    now: Now


def build_app(
    store: CallbackStore, now: Callable[[], datetime], *, line: bool = True
) -> tuple[FastAPI, CallbackService]:
    """The routes as the composition root puts them together."""
    policy = CallbackPolicy.of(OPERATOR)
    service = CallbackService(store, policy, line=line, now=now)
    app = FastAPI()
    app.add_middleware(SecurityHeaders)
    app.include_router(callbacks_router(service, Access({"desk": "desk-token"})))
    app.include_router(
        callback_page_router(
            service, PageTexts(OPERATOR.brand.name, OPERATOR.telephony.number), FormGuard(SECRET),
            AddressLimit(OPERATOR.callbacks.limits.per_address_hour),
        )
    )  # fmt: skip
    install_problems(app)
    return app, service


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    url = f"sqlite:///{tmp_path / 'calls.db'}"
    await upgrade_async(url)
    engine = make_engine(url)
    store, now = CallbackStore(engine), Now()
    app, service = build_app(store, now)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    headers = {"Authorization": "Bearer desk-token"}
    async with (
        httpx.AsyncClient(transport=transport, base_url="http://bot") as client,
        httpx.AsyncClient(transport=transport, base_url="http://bot", headers=headers) as desk,
    ):
        yield Site(app, client, desk, store, CallbackPolicy.of(OPERATOR), service, now)
    await engine.dispose()
