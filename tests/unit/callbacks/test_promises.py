"""What the bot promised in a call becomes a callback, once, whatever fails in between."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest

from bot.callbacks.model import Callback, Kind, Outcome, State
from bot.callbacks.policy import CallbackPolicy
from bot.callbacks.promises import PromiseSink, import_promises
from bot.callbacks.service import CallbackService, Wanted
from bot.callbacks.store import CallbackFilter, CallbackStore
from bot.errors import StoreError
from bot.events import CallbackPromised, CallEnded, CallEvent, CallStarted, Identified
from bot.record.codec import Entry
from bot.record.store import CallStore

from .conftest import MONDAY, Clock

Stores = tuple[CallStore, CallbackStore]
TOMORROW = "2026-11-24T09:00:00+01:00"


def call(call_id: str, *events: CallEvent, number: str = "+33612345678") -> list[Entry]:
    start = CallStarted(0, 0, call_id, f"case-{call_id}", "phone", number, MONDAY.isoformat())
    return [Entry(call_id, seq, event) for seq, event in enumerate((start, *events), start=1)]


def promised(due_at: str = "", reason: str = "callback_request") -> CallbackPromised:
    return CallbackPromised(60_000, 3, reason, due_at)


ENDED = CallEnded(90_000, 4, "callback", "bot")
LATER = MONDAY + timedelta(minutes=2)


async def all_of(store: CallbackStore) -> list[Callback]:
    return await store.find(CallbackFilter())


async def test_a_promise_becomes_a_callback_once(record: Stores, policy: CallbackPolicy) -> None:
    calls, store = record
    await calls.write(call("c1", promised(TOMORROW), ENDED))
    for _ in range(3):
        await import_promises(store, policy, LATER)
    (made,) = await all_of(store)
    assert (made.kind, made.state, made.number) == (Kind.PROMISED, State.REQUESTED, "+33612345678")
    assert (made.case_id, made.call_id, made.reason) == ("case-c1", "c1", "callback_request")
    assert made.promised_at.isoformat() == made.due_at.isoformat() == "2026-11-24T08:00:00+00:00"
    assert made.requested_at == MONDAY + timedelta(minutes=1)


async def test_as_soon_as_open_is_at_once_when_open(record: Stores, policy: CallbackPolicy) -> None:
    calls, store = record
    await calls.write(call("c1", promised(), ENDED))
    await import_promises(store, policy, LATER)
    (made,) = await all_of(store)
    assert made.due_at == LATER
    assert made.promised_at == made.requested_at


async def test_nobody_is_rung_while_still_on_the_line(record: Stores, policy: CallbackPolicy) -> None:
    calls, store = record
    await calls.write(call("c1", promised()))
    assert await import_promises(store, policy, LATER) == 0
    assert await import_promises(store, policy, MONDAY + timedelta(hours=2)) == 1  # cut by a failure


async def test_the_last_promise_of_a_call_holds(record: Stores, policy: CallbackPolicy) -> None:
    calls, store = record
    await calls.write(call("c1", promised(), promised(TOMORROW, "fault"), ENDED))
    await import_promises(store, policy, LATER)
    (made,) = await all_of(store)
    assert (made.reason, made.due_at.isoformat()) == ("fault", "2026-11-24T08:00:00+00:00")


@pytest.mark.parametrize(
    ("number", "why"),
    [("", "no_number"), ("+32470123456", "number_foreign"), ("anonymous", "number_malformed")],
)
async def test_a_promise_that_cannot_be_kept_is_reported(
    record: Stores, policy: CallbackPolicy, number: str, why: str
) -> None:
    calls, store = record
    await calls.write(call("c1", promised(), ENDED, number=number))
    await import_promises(store, policy, LATER)
    (made,) = await all_of(store)
    assert (made.state, made.outcome, made.why, made.number) == (State.MISSED, Outcome.MISSED, why, "")
    assert await import_promises(store, policy, LATER) == 0


async def test_a_promise_to_a_number_with_an_open_callback_is_merged_and_lends_its_context(
    record: Stores, policy: CallbackPolicy, clock: Clock
) -> None:
    calls, store = record
    service = CallbackService(store, policy, now=clock)
    asked = (await service.request(Wanted("06 12 34 56 78", "rappel"))).callback
    known = Identified(1, 1, True, "caller_number+postcode", {"name": "Mme D."}, {})
    await calls.write(call("c1", known, promised(TOMORROW), ENDED))
    await import_promises(store, policy, LATER)
    merged, standing = sorted(await all_of(store), key=lambda one: one.kind)
    assert (merged.outcome, merged.merged_into) == (Outcome.MERGED, asked.callback_id)
    assert (standing.case_id, standing.state) == ("case-c1", State.REQUESTED)
    context = await service.context(asked.callback_id)
    assert context is not None
    assert (context.case_id, context.subscriber, context.reason) == ("case-c1", "Mme D.", "rappel")
    assert context.summary
    assert await import_promises(store, policy, LATER) == 0


async def test_old_promises_are_history(record: Stores, policy: CallbackPolicy) -> None:
    calls, store = record
    await calls.write(call("c1", promised(), ENDED))
    assert await import_promises(store, policy, MONDAY + timedelta(days=8)) == 0


class Broken:
    async def write(self, entries: Sequence[Entry]) -> None:
        raise StoreError("away")


async def test_the_ear_hears_of_a_promise_once_its_call_is_stored(record: Stores) -> None:
    calls, _ = record
    heard: list[str] = []
    sink = PromiseSink(calls)
    sink.on_promise = lambda: heard.append("!")
    entries = call("c1", promised(), ENDED)
    await sink.write(entries[:2])
    assert heard == []
    await sink.write(entries[2:])
    assert heard == ["!"]
    await sink.write(call("c2", ENDED))
    assert heard == ["!"]
    deaf = PromiseSink(Broken())
    deaf.on_promise = lambda: heard.append("?")
    with pytest.raises(StoreError):
        await deaf.write(entries)
    assert heard == ["!"]
