"""The shipped operator, a clock that stands still until it is moved, and a real SQLite file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.callbacks.policy import CallbackPolicy
from bot.callbacks.store import CallbackStore
from bot.operator import Operator, load_operator
from bot.record.migrations import upgrade_async
from bot.record.store import CallStore, make_engine
from bot.settings import ROOT

MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
"""10:00 in Paris: people answer."""


class Clock:
    """A time that only tests move."""

    def __init__(self, now: datetime = MONDAY) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **lapse: float) -> None:
        self.now += timedelta(**lapse)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def operator() -> Operator:
    return load_operator(ROOT / "operator.yml")


@pytest.fixture(scope="session")
def policy(operator: Operator) -> CallbackPolicy:
    return CallbackPolicy.of(operator)


@pytest.fixture
async def record(tmp_path: Path) -> AsyncIterator[tuple[CallStore, CallbackStore]]:
    """The two stores over one database."""
    url = f"sqlite:///{tmp_path / 'calls.db'}"
    await upgrade_async(url)
    engine = make_engine(url)
    calls = CallStore(engine)
    yield calls, CallbackStore(engine)
    await calls.close()


@pytest.fixture
def store(record: tuple[CallStore, CallbackStore]) -> CallbackStore:
    return record[1]
