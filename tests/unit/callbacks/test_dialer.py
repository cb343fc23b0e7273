"""The worker over a real file and a scripted line; the clock is moved by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.callbacks.dialer import LOOK_EVERY_S, CallbackDialer
from bot.callbacks.model import Callback, Outcome, State
from bot.callbacks.policy import CallbackPolicy
from bot.callbacks.promises import PromiseSink
from bot.callbacks.service import CallbackService, Wanted
from bot.callbacks.store import CallbackStore
from bot.errors import LineError, StoreError
from bot.events import CallbackPromised, CallEnded, CallStarted
from bot.models import RingResult
from bot.record.codec import Entry
from bot.record.store import CallStore
from tests.fakes import ScriptedTelephone

from .conftest import MONDAY, Clock

NUMBER = "06 12 34 56 78"


class Rig:
    """Everything between a request and a ringing telephone."""

    def __init__(self, store: CallbackStore, policy: CallbackPolicy, clock: Clock) -> None:
        self.store = store
        self.policy = policy
        self.clock = clock
        self.telephone = ScriptedTelephone()
        self.service = CallbackService(store, policy, now=clock)
        self.dialer = self.another()

    def another(self, room: Callable[[], bool] = lambda: True) -> CallbackDialer:
        async def no_time(_seconds: float) -> None:
            await asyncio.sleep(0)

        return CallbackDialer(
            self.store, self.policy, self.telephone, room=room, now=self.clock, sleep=no_time
        )

    async def ask(self, number: str = NUMBER) -> Callback:
        return (await self.service.request(Wanted(number))).callback

    async def settle(self, dialer: CallbackDialer | None = None) -> float:
        """One step, and whatever rings rings to its end."""
        pause = await (dialer or self.dialer).step()
        async with asyncio.timeout(10):
            while (dialer or self.dialer).ringing:  # noqa: ASYNC110 - what is waited for has no event
                await asyncio.sleep(0.001)
        return pause

    async def now(self, callback: Callback) -> Callback:
        found = await self.store.get(callback.callback_id)
        assert found is not None
        return found


@pytest.fixture
def rig(store: CallbackStore, policy: CallbackPolicy, clock: Clock) -> Rig:
    return Rig(store, policy, clock)


async def ringing(dialer: CallbackDialer, count: int) -> None:
    async with asyncio.timeout(10):
        while dialer.ringing != count:  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.001)


async def test_a_request_is_rung_and_kept(rig: Rig) -> None:
    callback = await rig.ask()
    await rig.settle()
    assert rig.telephone.dialled == [("+33612345678", callback.callback_id)]
    over = await rig.now(callback)
    assert (over.state, over.outcome, over.lease) == (State.ANSWERED, Outcome.KEPT, None)
    assert await rig.settle() == LOOK_EVERY_S
    assert len(rig.telephone.dialled) == 1


async def test_busy_then_no_answer_then_answered(rig: Rig) -> None:
    rig.telephone.script = [RingResult.BUSY, RingResult.NO_ANSWER]
    callback = await rig.ask()
    assert await rig.settle() == LOOK_EVERY_S
    for lapse, tries in ((9, 1), (1, 2), (59, 2), (1, 3)):
        rig.clock.pass_(minutes=lapse)
        await rig.settle()
        assert len(rig.telephone.dialled) == tries
    over = await rig.now(callback)
    assert [one.result for one in over.tries] == ["busy", "no_answer", "answered"]
    assert over.outcome is Outcome.KEPT


@pytest.mark.parametrize("tells", [True, False])
async def test_the_ring_is_timed_where_the_line_tells_of_it(rig: Rig, tells: bool) -> None:
    rig.telephone.tells_ringing = tells
    rig.telephone.gate = asyncio.Event()
    callback = await rig.ask()
    dial = rig.telephone.dial

    async def after_a_second(*given: Any, **named: Any) -> RingResult:
        rig.clock.pass_(seconds=1)
        return await dial(*given, **named)

    rig.telephone.dial = after_a_second  # type: ignore[method-assign]
    await rig.dialer.step()
    await ringing(rig.dialer, 1)
    await asyncio.sleep(0.01)
    rig.clock.pass_(seconds=5)
    rig.telephone.gate.set()
    await rig.settle()
    over = await rig.now(callback)
    assert over.dialled_at == MONDAY
    assert over.rung_at == MONDAY + timedelta(seconds=1 if tells else 0)
    assert over.answered_at == MONDAY + timedelta(seconds=6)


async def test_given_up_after_the_last_retry(rig: Rig) -> None:
    rig.telephone.default = RingResult.NO_ANSWER
    callback = await rig.ask()
    for _ in range(5):
        await rig.settle()
        rig.clock.pass_(hours=1)
    over = await rig.now(callback)
    assert (over.state, over.why, len(rig.telephone.dialled)) == (State.MISSED, "no_answer", 3)
    assert (await rig.ask()).callback_id != callback.callback_id


@pytest.mark.parametrize("failure", [RingResult.FAILED, LineError("down"), TimeoutError()])
async def test_a_failed_line_is_tried_again_soon(rig: Rig, failure: object) -> None:
    rig.telephone.script = [failure]
    callback = await rig.ask()
    await rig.settle()
    waiting = await rig.now(callback)
    assert (waiting.state, waiting.attempts) == (State.RETRY, 0)
    rig.clock.pass_(seconds=15)
    await rig.settle()
    assert (await rig.now(callback)).outcome is Outcome.KEPT


async def test_while_the_line_is_down_nothing_is_tried_and_nothing_is_lost(rig: Rig) -> None:
    rig.telephone.up = False
    callback = await rig.ask()
    assert await rig.settle() == 1.0
    assert rig.telephone.dialled == []
    assert await rig.now(callback) == callback
    rig.telephone.up = True
    await rig.settle()
    assert (await rig.now(callback)).state is State.ANSWERED


async def test_nobody_is_rung_without_a_place_for_the_call(rig: Rig) -> None:
    full = rig.another(room=lambda: False)
    await rig.ask()
    assert await rig.settle(full) == 1.0
    assert rig.telephone.dialled == []


async def test_so_many_at_once(rig: Rig) -> None:
    rig.telephone.gate = asyncio.Event()
    for n in range(12):
        await rig.ask(f"06112233{n:02d}")
    await rig.dialer.step()
    await ringing(rig.dialer, 5)
    assert await rig.dialer.step() == 1.0
    rig.telephone.gate.set()
    for _ in range(5):
        await rig.settle()
    assert rig.telephone.most_ringing == 5
    assert len(rig.telephone.dialled) == 12


async def test_closing_time_puts_off_what_is_due(rig: Rig) -> None:
    rig.clock.now = datetime(2026, 11, 23, 18, 59, 30, tzinfo=UTC)
    callback = await rig.ask()
    rig.clock.pass_(minutes=1)
    await rig.settle()
    assert rig.telephone.dialled == []
    assert (await rig.now(callback)).due_at == datetime(2026, 11, 24, 7, 0, tzinfo=UTC)
    rig.clock.now = datetime(2026, 11, 24, 7, 0, tzinfo=UTC)
    await rig.settle()
    assert (await rig.now(callback)).state is State.ANSWERED


async def test_calling_off_ends_the_ringing(rig: Rig) -> None:
    rig.service.on_cancelled = rig.dialer.abort
    rig.telephone.gate = asyncio.Event()
    callback = await rig.ask()
    await rig.dialer.step()
    await ringing(rig.dialer, 1)
    await rig.service.cancel(callback.callback_id)
    await ringing(rig.dialer, 0)
    assert rig.telephone.ringing == set()
    assert (await rig.now(callback)).outcome is Outcome.CANCELLED


async def test_stopping_hands_back_what_rings(rig: Rig) -> None:
    rig.telephone.gate = asyncio.Event()
    callback = await rig.ask()
    rig.dialer.start()
    await ringing(rig.dialer, 1)
    await rig.dialer.stop()
    handed_back = await rig.now(callback)
    assert (handed_back.state, handed_back.attempts) == (State.RETRY, 0)
    rig.telephone.gate.set()
    rig.clock.pass_(seconds=15)
    await rig.settle(rig.another())
    assert (await rig.now(callback)).state is State.ANSWERED


async def test_a_worker_killed_in_mid_ring_is_found_by_its_lease(rig: Rig) -> None:
    callback = await rig.ask()
    taken = await rig.store.save(callback, rig.policy.dial(callback, MONDAY, "of a dead process"))
    assert taken is not None
    rig.clock.pass_(seconds=30)
    await rig.settle()
    assert rig.telephone.dialled == [], "never rung twice at the same time"
    rig.clock.pass_(seconds=90)
    await rig.settle()
    assert (await rig.now(callback)).state is State.RETRY
    rig.clock.pass_(seconds=15)
    await rig.settle()
    over = await rig.now(callback)
    assert [one.result for one in over.tries] == ["interrupted", "answered"]


async def test_the_late_word_of_a_lost_worker_changes_nothing(rig: Rig) -> None:
    rig.telephone.gate = asyncio.Event()
    callback = await rig.ask()
    await rig.dialer.step()
    await ringing(rig.dialer, 1)
    rig.clock.pass_(minutes=5)
    other = rig.another()
    await other.step()  # takes it for forsaken
    rig.telephone.script = [RingResult.NO_ANSWER]
    rig.telephone.gate.set()
    await ringing(rig.dialer, 0)
    found = await rig.now(callback)
    assert (found.state, found.attempts) == (State.RETRY, 0)


async def test_two_workers_ring_a_number_once(rig: Rig) -> None:
    for n in range(8):
        await rig.ask(f"06112233{n:02d}")
    workers = [rig.another() for _ in range(3)]
    rig.telephone.gate = asyncio.Event()
    await asyncio.gather(*(worker.step() for worker in workers))
    rig.telephone.gate.set()
    for worker in workers:
        await rig.settle(worker)
    assert sorted(number for number, _ in rig.telephone.dialled) == [f"+336112233{n:02d}" for n in range(8)]


async def test_a_result_outlives_a_database_that_is_away(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    callback = await rig.ask()
    save, fails = rig.store.save, 3

    async def flaky(before: Callback, after: Callback) -> Callback | None:
        nonlocal fails
        if after.state is State.ANSWERED and fails:
            fails -= 1
            raise StoreError("away")
        return await save(before, after)

    monkeypatch.setattr(rig.store, "save", flaky)
    await rig.settle()
    assert (await rig.now(callback)).state is State.ANSWERED
    assert fails == 0


async def test_the_worker_wakes_for_a_request_and_outlives_a_failing_database(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.service.on_new = rig.dialer.wake
    due, broken = rig.store.due, True

    async def flaky(now: datetime, limit: int) -> list[Callback]:
        if broken:
            raise StoreError("away")
        return await due(now, limit)

    monkeypatch.setattr(rig.store, "due", flaky)
    rig.dialer.start()
    try:
        await asyncio.sleep(0.05)
        broken = False
        callback = await rig.ask()
        async with asyncio.timeout(5):
            while (await rig.now(callback)).state is not State.ANSWERED:  # noqa: ASYNC110 - what is waited for has no event
                await asyncio.sleep(0.01)
    finally:
        await rig.dialer.stop()


async def test_a_promise_of_a_call_is_rung(rig: Rig, record: tuple[CallStore, CallbackStore]) -> None:
    woken: list[bool] = []
    sink = PromiseSink(record[0])
    sink.on_promise = lambda: woken.append(True)
    start = CallStarted(0, 0, "c1", "case", "phone", "+33612345678", MONDAY.isoformat())
    events = (start, CallbackPromised(5, 1, "fault"), CallEnded(9, 1, "callback", "bot"))
    await sink.write([Entry("c1", seq, event) for seq, event in enumerate(events, start=1)])
    assert woken
    assert await rig.settle() == 0.0  # imported, and due
    await rig.settle()
    assert rig.telephone.dialled[0][0] == "+33612345678"


async def test_numbers_are_in_no_log(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    rig.telephone.script = [LineError("down"), RingResult.BUSY]
    await rig.ask()
    for _ in range(3):
        await rig.settle()
        rig.clock.pass_(minutes=11)
    told = "".join(capsys.readouterr())
    assert "callback.rung" in told
    assert "612345678" not in told.replace(" ", "")


async def test_click_to_ring(rig: Rig, policy: CallbackPolicy) -> None:
    """With the real clock: from the request to the order to ring, worker, file and all."""
    service = CallbackService(rig.store, AlwaysOpen(policy))
    dialer = CallbackDialer(rig.store, AlwaysOpen(policy), rig.telephone)
    service.on_new = dialer.wake
    dialer.start()
    waits = []
    try:
        for n in range(30):
            callback = (await service.request(Wanted(f"06112233{n:02d}"))).callback
            async with asyncio.timeout(5):
                while (found := await rig.now(callback)).state is not State.ANSWERED:  # noqa: ASYNC110 - what is waited for has no event
                    await asyncio.sleep(0.002)
            assert found.rung_at is not None
            waits.append(found.rung_at - found.requested_at)
    finally:
        await dialer.stop()
    assert sorted(waits)[28] < timedelta(seconds=1)


class AlwaysOpen(CallbackPolicy):
    """The shipped rules, at any hour: for the one test that runs on the real clock."""

    def __init__(self, policy: CallbackPolicy) -> None:
        super().__init__(policy.rules, _Always())  # type: ignore[arg-type]


class _Always:
    def next_time(self, at: datetime, *_where: object) -> datetime:
        return at
