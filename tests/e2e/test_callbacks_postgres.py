"""Callbacks over a real PostgreSQL: what the unit tests hold of SQLite holds here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from bot.callbacks.model import State
from bot.callbacks.policy import CallbackPolicy
from bot.callbacks.promises import import_promises
from bot.callbacks.service import CallbackService, Wanted
from bot.callbacks.store import CallbackFilter, CallbackStore
from bot.events import CallbackPromised, CallEnded, CallStarted
from bot.models import RingResult
from bot.operator import load_operator
from bot.record.codec import Entry
from bot.record.migrations import upgrade_async
from bot.record.store import CallStore, make_engine
from bot.settings import ROOT
from tests.e2e.test_record_postgres import server, url  # noqa: F401  # fixtures

MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def new_number() -> str:
    """One that an earlier run over the same database has not used up."""
    return f"0611{uuid4().int % 1_000_000:06d}"


@pytest.fixture
def policy() -> CallbackPolicy:
    return CallbackPolicy.of(load_operator(ROOT / "operator.yml"))


@pytest.fixture
async def stores(url: str) -> AsyncIterator[tuple[CallStore, CallbackStore]]:  # noqa: F811
    await upgrade_async(url)
    engine = make_engine(url)
    calls = CallStore(engine)
    yield calls, CallbackStore(engine)
    await calls.close()


async def test_many_requests_and_many_workers_make_one_ring(
    stores: tuple[CallStore, CallbackStore], policy: CallbackPolicy
) -> None:
    _calls, store = stores
    service, number = CallbackService(store, policy, now=lambda: MONDAY), new_number()
    made = await asyncio.gather(*(service.request(Wanted(number)) for _ in range(8)))
    assert sum(one.created for one in made) == 1
    (due,) = [one for one in await store.due(MONDAY, 100) if one == made[0].callback]
    taken = await asyncio.gather(*(store.save(due, policy.dial(due, MONDAY, f"l{n}")) for n in range(8)))
    (winner,) = [one for one in taken if one is not None]
    over = await store.save(winner, policy.rung(winner, MONDAY + timedelta(seconds=3), RingResult.BUSY))
    assert over is not None
    assert await store.get(over.callback_id) == over
    assert over.due_at == MONDAY + timedelta(minutes=10, seconds=3)
    assert await store.next_due() is not None
    assert (await service.cancel(over.callback_id)).state is State.CANCELLED
    assert (await service.request(Wanted(number))).created


async def test_a_promise_becomes_a_callback_once(
    stores: tuple[CallStore, CallbackStore], policy: CallbackPolicy
) -> None:
    calls, store = stores
    call_id = str(uuid4())
    events = (
        CallStarted(0, 0, call_id, "case", "phone", "+33" + new_number()[1:], MONDAY.isoformat()),
        CallbackPromised(5, 1, "fault", "2026-11-24T09:00:00+01:00"),
        CallEnded(9, 1, "callback", "bot"),
    )
    await calls.write([Entry(call_id, seq, event) for seq, event in enumerate(events, start=1)])
    for _ in range(2):
        await import_promises(store, policy, MONDAY + timedelta(minutes=1))
    made = [one for one in await store.find(CallbackFilter()) if one.call_id == call_id]
    assert len(made) == 1
    context = await CallbackService(store, policy).context(made[0].callback_id)
    assert context is not None
    assert context.summary
