"""What the ledger counts, and what it remembers across a restart."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.errors import StoreError
from bot.events import AgentJoined, CallEnded, CallEvent, CallStarted, HandoffRequested, SiteChosen, SiteRung
from bot.record.codec import Entry
from bot.record.migrations import upgrade
from bot.record.store import CallStore, make_engine
from bot.routing.codec import site_chosen
from bot.routing.ledger import CATCH_UP, LINE_FAILURES, CallLedger, LedgerJournal
from bot.routing.past import recall
from bot.routing.service import SiteRouter
from tests.fakes import MemoryJournal
from tests.unit.routing.worlds import MONDAY, OPERATOR

DUE = {"a": 0.5, "b": 0.5}
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def chosen(*order: str, due: dict[str, float] | None = None) -> SiteChosen:
    return SiteChosen(0, 1, "billing", order, DUE if due is None else due, {}, {})


def rung(site: str, result: str) -> SiteRung:
    return SiteRung(0, 1, site, result, 5000)


def told(*events: CallEvent, clock: Callable[[], datetime] = lambda: NOW) -> CallLedger:
    ledger = CallLedger(clock)
    for event in events:
        ledger.observe("c1", event)
    return ledger


def figures(ledger: CallLedger) -> dict[str, tuple[int, int, float]]:
    tallies = ledger.lately("billing").tallies
    return {site: (tally.offered, tally.answered, tally.owed) for site, tally in tallies.items()}


def test_an_answered_call_is_paid_by_the_first() -> None:
    ledger = told(chosen("a", "b"), rung("a", "answered"), AgentJoined(0, 1, "a", 21_000))
    assert figures(ledger) == {"a": (1, 1, -0.5), "b": (0, 0, 0.5)}
    assert ledger.lately("billing").waits == (21.0,)
    assert ledger.lately("technical").waits == ()


def test_overflow_counts_for_whoever_gets_it() -> None:
    ledger = told(
        chosen("a", "b"), rung("a", "no_answer"), rung("b", "answered"), AgentJoined(0, 1, "b", 41_000)
    )
    assert figures(ledger) == {"a": (1, 0, 0.0), "b": (1, 1, 0.0)}


def test_a_dead_line_is_no_call() -> None:
    ledger = told(chosen("a", "b"), rung("a", "failed"), rung("b", "failed"))
    assert figures(ledger) == {"a": (0, 0, 0.0), "b": (0, 0, 0.0)}
    assert ledger.lately("billing").waits == (None,)


def test_overflow_to_a_site_without_a_share_touches_no_share() -> None:
    ledger = told(chosen("a", "spare", due={"a": 1.0}), rung("a", "busy"), rung("spare", "answered"))
    assert figures(ledger) == {"a": (1, 0, 0.0), "spare": (1, 0, 0.0)}


def test_what_is_owed_is_bounded() -> None:
    ledger = CallLedger(lambda: NOW)
    for number in range(200):
        ledger.observe(str(number), chosen("a"))
    assert figures(ledger) == {"a": (200, 0, -CATCH_UP), "b": (0, 0, CATCH_UP)}


def test_a_caller_who_gave_up_on_hold_counts_as_a_wait_without_end() -> None:
    assert told(chosen("a"), CallEnded(9, 1, "abandoned", "caller")).lately("billing").waits == (None,)
    assert told(chosen("a"), CallEnded(9, 1, "handoff", "bot")).lately("billing").waits == ()
    assert told(chosen(), CallEnded(9, 1, "callback", "bot")).lately("billing").waits == ()


def test_a_call_that_never_rang_does_not_count() -> None:
    """One at a text door, or one that a failure cut: the call that resumes it chooses again."""
    ledger = told(chosen("a", "b"), CallEnded(9, 1, "failed", "bot"))
    assert figures(ledger) == {"a": (0, 0, 0.0), "b": (0, 0, 0.0)}
    ledger = told(chosen("a", "b"), CallEnded(9, 1, "abandoned", "caller"))
    assert figures(ledger)["a"] == (1, 0, -0.5), "the caller left while it rang"


def test_old_waits_and_old_calls_are_forgotten() -> None:
    clock = Clock()
    ledger = told(chosen("a"), AgentJoined(0, 1, "a", 1000), clock=clock)
    clock.now += timedelta(minutes=31)
    assert ledger.lately("billing").waits == ()
    assert figures(ledger)["a"][:2] == (1, 1)
    clock.now += timedelta(days=8)
    assert figures(ledger)["a"][:2] == (0, 0)


def test_a_line_that_keeps_failing_is_down_for_a_minute() -> None:
    clock = Clock()
    ledger = CallLedger(clock)
    for number in range(LINE_FAILURES):
        assert ledger.line_up("a")
        ledger.observe(str(number), rung("a", "failed"))
    assert not ledger.line_up("a")
    assert ledger.line_up("b")
    clock.now += timedelta(seconds=61)
    assert ledger.line_up("a"), "tried again"
    ledger.observe("again", rung("a", "failed"))
    assert not ledger.line_up("a")
    ledger.observe("then", rung("a", "busy"))
    assert ledger.line_up("a"), "somebody was there"


def test_the_journal_with_an_ear_passes_every_event_on() -> None:
    journal, ledger = MemoryJournal(), CallLedger(lambda: NOW)
    ear = LedgerJournal(journal, ledger)
    events: list[CallEvent] = [
        HandoffRequested(0, 1, "human_request", "billing"),
        chosen("a", "b"),
        rung("a", "busy"),
    ]
    for event in events:
        ear.append("c1", event)
    assert journal.events == events
    assert figures(ledger)["a"][0] == 1


def test_the_calls_in_memory_are_bounded() -> None:
    ledger = CallLedger(lambda: NOW)
    for number in range(5000):
        ledger.observe(str(number), chosen("a"))
    assert len(ledger._calls) <= 2000


@pytest.fixture
async def store(tmp_path: Path) -> CallStore:
    url = f"sqlite:///{tmp_path / 'calls.db'}"
    await asyncio.to_thread(upgrade, url)
    return CallStore(make_engine(url))


async def test_a_restart_forgets_nothing(store: CallStore) -> None:
    """The ledger told live, and the one read back from the record, give the same choice and the same figures."""
    clock = Clock()
    live = CallLedger(clock)
    router = SiteRouter(OPERATOR, live)
    for number in range(40):
        call_id = f"call-{number}"
        clock.now = NOW + timedelta(minutes=number)
        case, choice = router.choose("billing", call_id, MONDAY)
        site = choice.order[number % 2]
        events: list[CallEvent] = [
            CallStarted(0, 0, call_id, "case", "phone", "", clock.now.isoformat()),
            site_chosen(0, 1, case, choice),
            *(SiteRung(10, 1, one, "no_answer", 10) for one in choice.order[: number % 2]),
            SiteRung(20, 1, site, "answered", 10),
            AgentJoined(30, 1, site, 12_000 + number),
            CallEnded(60, 1, "handoff", "caller"),
        ]
        for event in events:
            live.observe(call_id, event, clock.now + timedelta(milliseconds=event.at_ms))
        await store.write([Entry(call_id, seq, event) for seq, event in enumerate(events, start=1)])
    again = CallLedger(clock)
    assert await recall(store._engine, again, clock.now) == 40 * 4 + 20
    assert again.lately("billing") == live.lately("billing")
    assert len(again.lately("billing").waits) > 5
    assert SiteRouter(OPERATOR, again).choose("billing", "x", MONDAY) == router.choose("billing", "x", MONDAY)
    late = CallLedger(clock)
    assert await recall(store._engine, late, clock.now + timedelta(days=8)) == 0
    await store.close()


async def test_a_record_that_cannot_be_read_leaves_the_ledger_as_it_was(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path / 'empty.db'}")
    ledger = told(chosen("a", "b"))
    before = figures(ledger)
    with pytest.raises(StoreError):
        await recall(engine, ledger, NOW)
    assert figures(ledger) == before
    await engine.dispose()
