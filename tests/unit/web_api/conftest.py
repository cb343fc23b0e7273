"""The API over a real journal and a real SQLite file, called in process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from bot.record.journal import CallJournal
from bot.record.migrations import upgrade_async
from bot.record.reader import RecordReader
from bot.record.spool import Spool
from bot.record.store import CallStore, make_engine
from bot.web.access import Access
from bot.web.api import ApiDeps, PartState, api_router
from bot.web.problems import install_problems

TOKENS = {"desk": "desk-token", "board": "board-token"}


@dataclass
class Api:
    """The application and what stands behind it."""

    app: FastAPI
    client: httpx.AsyncClient
    journal: CallJournal
    store: CallStore
    parts: dict[str, PartState]


def build_app(reader: RecordReader, parts: Callable[[], dict[str, PartState]]) -> FastAPI:
    """The routes as the composition root puts them together."""

    async def states() -> dict[str, PartState]:
        return parts()

    app = FastAPI()
    app.include_router(api_router(ApiDeps(reader, Access(TOKENS), states)))
    install_problems(app)
    return app


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    """Journal, store and client, with the desk's token."""
    url = f"sqlite:///{tmp_path / 'calls.db'}"
    await upgrade_async(url)
    store = CallStore(make_engine(url))
    journal = CallJournal(store, Spool(tmp_path / "spool"))
    await journal.start()
    parts = {"record": PartState(ok=True)}
    app = build_app(RecordReader(journal, store), lambda: parts)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    headers = {"Authorization": "Bearer desk-token"}
    async with httpx.AsyncClient(transport=transport, base_url="http://bot", headers=headers) as client:
        yield Api(app, client, journal, store, parts)
    await journal.stop()
    await store.close()
