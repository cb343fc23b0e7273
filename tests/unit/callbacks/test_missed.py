"""Callers whom Asterisk told "we ring you back" are rung back, once."""

from __future__ import annotations

import asyncio

import pytest

from bot.callbacks.missed import REASON, MissedCallWatch
from bot.callbacks.model import Kind
from bot.callbacks.policy import CallbackPolicy
from bot.callbacks.service import CallbackService, Requested, Wanted
from bot.callbacks.store import CallbackFilter, CallbackStore
from bot.errors import LineError, RateLimitedError, StoreError
from bot.models import MissedCall

from .conftest import MONDAY, Clock

ONE = MissedCall("17.0", "+33612345678", MONDAY)
TWO = MissedCall("17.4", "+33698765432", MONDAY)


class Line:
    up = True

    def __init__(self, *missed: MissedCall) -> None:
        self.missed = missed
        self.failing = 0
        self.asked = 0

    async def missed_calls(self) -> tuple[MissedCall, ...]:
        self.asked += 1
        if self.failing:
            self.failing -= 1
            raise LineError("no answer")
        return self.missed


@pytest.fixture
def service(store: CallbackStore, policy: CallbackPolicy, clock: Clock) -> CallbackService:
    return CallbackService(store, policy, now=clock)


async def test_each_becomes_a_promised_callback_once(service: CallbackService) -> None:
    watch = MissedCallWatch(Line(ONE, TWO), service)
    assert await watch.look() == 2
    assert await watch.look() == 0
    found = await service.find(CallbackFilter())
    assert {one.number for one in found} == {ONE.number, TWO.number}
    assert all((one.kind, one.reason) == (Kind.PROMISED, REASON) for one in found)


async def test_a_bot_that_starts_again_makes_no_second_one(service: CallbackService) -> None:
    await MissedCallWatch(Line(ONE), service).look()
    await service.cancel((await service.find(CallbackFilter()))[0].callback_id)
    assert await MissedCallWatch(Line(ONE), service).look() == 0
    assert len(await service.find(CallbackFilter())) == 1


async def test_a_number_that_is_never_rung_is_passed_over(service: CallbackService) -> None:
    watch = MissedCallWatch(Line(MissedCall("16.0", "+33899123456", MONDAY), ONE), service)
    assert await watch.look() == 1


@pytest.mark.parametrize("error", [RateLimitedError("too many"), StoreError("away")])
async def test_what_cannot_be_taken_now_is_tried_again(service: CallbackService, error: Exception) -> None:
    class Refusing(CallbackService):
        refusals = 1

        async def request(self, wanted: Wanted) -> Requested:
            if self.refusals:
                self.refusals -= 1
                raise error
            return await service.request(wanted)

    watch = MissedCallWatch(Line(ONE), Refusing(service._store, service._policy))
    assert await watch.look() == 0
    assert await watch.look() == 1


async def test_the_watch_outlives_a_line_that_does_not_answer(service: CallbackService) -> None:
    line, looked = Line(ONE), asyncio.Event()
    line.failing = 1

    async def sleep(_: float) -> None:
        if line.asked >= 3:
            looked.set()
            await asyncio.Event().wait()

    watch = MissedCallWatch(line, service, sleep=sleep)
    watch.start()
    await asyncio.wait_for(looked.wait(), 5)
    await watch.stop()
    assert len(await service.find(CallbackFilter())) == 1


async def test_a_line_that_is_down_is_not_asked(service: CallbackService) -> None:
    line, slept = Line(ONE), asyncio.Event()
    line.up = False

    async def sleep(_: float) -> None:
        slept.set()
        await asyncio.Event().wait()

    watch = MissedCallWatch(line, service, sleep=sleep)
    watch.start()
    await asyncio.wait_for(slept.wait(), 5)
    await watch.stop()
    assert line.asked == 0
