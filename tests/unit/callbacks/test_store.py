"""Callbacks in SQLite: one open for a number, no change lost."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

from bot.callbacks.model import Callback, Kind, Outcome, State
from bot.callbacks.policy import CallbackPolicy
from bot.callbacks.store import CallbackFilter, CallbackStore
from bot.models import RingResult

from .conftest import MONDAY


def callback(name: str, number: str = "+33612345678", **fields: object) -> Callback:
    values: dict = {
        "callback_id": name, "kind": Kind.WEB, "number": number, "region": "FR", "zone": "Europe/Paris",
        "reason": "écran noir", "requested_at": MONDAY, "promised_at": MONDAY, "due_at": MONDAY,
    }  # fmt: skip
    return Callback(**{**values, **fields})


async def test_what_is_written_is_read_back(store: CallbackStore, policy: CallbackPolicy) -> None:
    new = callback("a", origin="key:x:1", asked_at=MONDAY + timedelta(hours=1), case_id="k", call_id="l")
    assert await store.add(new)
    assert await store.get("a") == new
    assert await store.of_origin("key:x:1") == new
    assert await store.open_for(new.number) == new
    taken = await store.save(new, policy.dial(new, MONDAY, "lease"))
    assert taken is not None
    assert await store.get("a") == taken
    over = await store.save(taken, policy.rung(taken, MONDAY, RingResult.ANSWERED))
    assert over is not None
    assert (await store.get("a")) == over
    assert over.tries[0].result == "answered"
    assert await store.open_for(new.number) is None
    assert await store.get("b") is None


async def test_a_number_has_one_open_callback(store: CallbackStore, policy: CallbackPolicy) -> None:
    first = callback("a")
    assert await store.add(first)
    assert not await store.add(callback("b"))
    assert await store.add(callback("c", "+33611223344"))
    assert await store.save(first, policy.cancel(first, MONDAY))
    assert await store.add(callback("d"))
    assert await store.add(callback("e", "", state=State.MISSED, outcome=Outcome.MISSED))
    assert await store.add(callback("f", "", state=State.MISSED, outcome=Outcome.MISSED))


async def test_many_at_once_make_one(store: CallbackStore) -> None:
    added = await asyncio.gather(*(store.add(callback(f"r{n}")) for n in range(20)))
    assert sum(added) == 1


async def test_an_origin_makes_one_callback_ever(store: CallbackStore, policy: CallbackPolicy) -> None:
    first = callback("a", origin="call:1")
    assert await store.add(first)
    await store.save(first, policy.cancel(first, MONDAY))
    assert not await store.add(callback("b", origin="call:1"))


async def test_of_two_changes_to_the_same_one_is_lost_and_told(
    store: CallbackStore, policy: CallbackPolicy
) -> None:
    new = callback("a")
    await store.add(new)
    taken = await asyncio.gather(*(store.save(new, policy.dial(new, MONDAY, f"lease{n}")) for n in range(10)))
    winners = [one for one in taken if one is not None]
    assert len(winners) == 1
    assert await store.get("a") == winners[0]


async def test_what_is_due_and_what_was_forsaken(store: CallbackStore, policy: CallbackPolicy) -> None:
    soon = MONDAY + timedelta(minutes=5)
    for name, number, due in (
        ("late", "+33611111111", MONDAY - timedelta(minutes=5)),
        ("now", "+33622222222", MONDAY),
        ("soon", "+33633333333", soon),
    ):
        await store.add(callback(name, number, due_at=due))
    assert [one.callback_id for one in await store.due(MONDAY, 10)] == ["late", "now"]
    assert [one.callback_id for one in await store.due(MONDAY, 1)] == ["late"]
    late, now = await store.due(MONDAY, 10)
    await store.save(late, policy.dial(late, MONDAY, "lease"))
    await store.save(now, policy.dial(now, MONDAY, "lease"))
    assert await store.next_due() == soon
    assert await store.forsaken(MONDAY + timedelta(seconds=60)) == []
    assert len(await store.forsaken(MONDAY + timedelta(minutes=5))) == 2


async def test_lists_are_newest_first_and_filtered(store: CallbackStore) -> None:
    for n in range(4):
        await store.add(
            callback(
                f"c{n}", f"+3361122334{n}", requested_at=MONDAY + timedelta(minutes=n), kind=list(Kind)[n % 3]
            )
        )

    async def ids(**wanted: object) -> list[str]:
        return [one.callback_id for one in await store.find(CallbackFilter(**wanted))]  # type: ignore[arg-type]

    assert await ids() == ["c3", "c2", "c1", "c0"]
    assert await ids(limit=2) == ["c3", "c2"]
    assert await ids(since=MONDAY + timedelta(minutes=2)) == ["c3", "c2"]
    assert await ids(kind=Kind.WEB) == ["c3", "c0"]
    assert await ids(states=frozenset({State.MISSED})) == []
    assert await ids(outcome=Outcome.KEPT) == []
    assert await store.count_asked(MONDAY) == 3  # one is the bot's own promise
    assert await store.count_asked(MONDAY, "+33611223340") == 1


async def test_fixed_fields_stay(store: CallbackStore) -> None:
    new = callback("a")
    await store.add(new)
    await store.save(new, replace(new, number="+33611111111", reason="autre"))
    found = await store.get("a")
    assert found is not None
    assert (found.number, found.reason) == (new.number, "autre")
