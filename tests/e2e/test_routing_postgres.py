"""What sites got lately, read back from a real PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from bot.events import AgentJoined, CallEnded, CallEvent, CallStarted, SiteRung
from bot.operator import load_operator
from bot.record.codec import Entry
from bot.record.migrations import upgrade_async
from bot.record.store import CallStore, make_engine
from bot.routing.codec import site_chosen
from bot.routing.ledger import CallLedger
from bot.routing.past import recall
from bot.routing.replay import replay_events
from bot.routing.service import SiteRouter
from bot.settings import ROOT
from tests.e2e.test_record_postgres import server, url  # noqa: F401  # fixtures

# A year of its own: other tests may share the database.
NOW = datetime(2031, 6, 3, 9, 0, tzinfo=UTC)


async def test_the_ledger_is_the_same_after_a_restart(url: str) -> None:  # noqa: F811
    await upgrade_async(url)
    store = CallStore(make_engine(url))
    live = CallLedger(lambda: NOW)
    router = SiteRouter(load_operator(ROOT / "operator.yml"), live)
    for number in range(12):
        call_id, at = str(uuid4()), NOW - timedelta(minutes=20 - number)
        case, choice = router.choose("billing", call_id, NOW)
        events: list[CallEvent] = [
            CallStarted(0, 0, call_id, "case", "phone", "", at.isoformat()),
            site_chosen(0, 1, case, choice),
            SiteRung(10, 1, choice.order[0], "answered", 10),
            AgentJoined(30, 1, choice.order[0], 12_000),
            CallEnded(60, 1, "handoff", "caller"),
        ]
        for event in events:
            live.observe(call_id, event, at + timedelta(milliseconds=event.at_ms))
        await store.write([Entry(call_id, seq, event) for seq, event in enumerate(events, start=1)])
    view = await store.get_call(call_id)
    assert view is not None
    (again,) = replay_events(view.events)
    assert again.same
    ledger = CallLedger(lambda: NOW)
    await recall(store._engine, ledger, NOW)
    assert ledger.lately("billing") == live.lately("billing")
    assert ledger.lately("billing").waits == (12.0,) * 12
    await store.close()
