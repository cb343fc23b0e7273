"""Asking for a callback."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from bot.callbacks.french import promise, when
from bot.callbacks.model import Kind, Outcome, State
from bot.callbacks.policy import CallbackPolicy
from bot.callbacks.service import CallbackService, Wanted
from bot.callbacks.store import CallbackFilter, CallbackStore
from bot.errors import CapacityError, InputError, NotFoundError, NumberRefusedError, RateLimitedError
from bot.models import RingResult

from .conftest import MONDAY, Clock

NUMBER = "06 12 34 56 78"


@pytest.fixture
def service(store: CallbackStore, policy: CallbackPolicy, clock: Clock) -> CallbackService:
    return CallbackService(store, policy, now=clock)


async def test_a_request_in_opening_hours_is_due_at_once(service: CallbackService) -> None:
    woken = []
    service.on_new = lambda: woken.append(True)
    requested = await service.request(Wanted(NUMBER, "  écran \n noir\x00 "))
    assert requested.created
    assert requested.callback.number == "+33612345678"
    assert requested.callback.due_at == requested.callback.promised_at == MONDAY
    assert requested.callback.reason == "écran noir"
    assert woken == [True]
    assert promise(requested.callback, MONDAY) == "Votre téléphone va sonner d’ici quelques secondes."


async def test_a_request_at_night_is_promised_for_the_morning(service: CallbackService, clock: Clock) -> None:
    clock.now = datetime(2026, 11, 21, 21, 0, tzinfo=UTC)  # Saturday
    callback = (await service.request(Wanted(NUMBER))).callback
    assert callback.promised_at == datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
    assert promise(callback, clock.now) == "Nous vous rappelons lundi 23 novembre à partir de 8\u00a0h."
    clock.now = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
    assert (
        promise(callback, clock.now) == "Nous vous rappelons demain lundi 23 novembre à partir de 8\u00a0h."
    )


def test_times_are_told_where_the_subscriber_is() -> None:
    at = datetime(2026, 12, 1, 13, 30, tzinfo=UTC)
    assert when(at, "Europe/Paris", at) == "aujourd’hui à partir de 14\u00a0h\u00a030"
    told = when(at, "Indian/Reunion", at - timedelta(days=3))
    assert told == "mardi 1er décembre à partir de 17\u00a0h\u00a030, heure de chez vous"


async def test_secrets_in_the_reason_are_not_kept(service: CallbackService) -> None:
    reason = "prélèvement sur FR76 3000 6000 0112 3456 7890 189"
    callback = (await service.request(Wanted(NUMBER, reason))).callback
    assert "3000" not in callback.reason
    assert callback.reason.startswith("prélèvement")


async def test_the_second_request_is_answered_with_the_first(service: CallbackService, clock: Clock) -> None:
    first = await service.request(Wanted(NUMBER))
    clock.pass_(minutes=1)
    second = await service.request(Wanted("+33 (0)6 12 34 56 78", "autre chose"))
    assert not second.created
    assert second.callback == first.callback


async def test_many_requests_at_once_make_one_callback(service: CallbackService) -> None:
    made = await asyncio.gather(*(service.request(Wanted(NUMBER)) for _ in range(10)))
    assert sum(one.created for one in made) == 1
    assert len({one.callback.callback_id for one in made}) == 1


async def test_a_key_makes_one_callback_even_when_that_is_over(service: CallbackService) -> None:
    first = await service.request(Wanted(NUMBER, origin="key:desk:1"))
    await service.cancel(first.callback.callback_id)
    again = await service.request(Wanted(NUMBER, origin="key:desk:1"))
    assert not again.created
    assert again.callback.state is State.CANCELLED
    assert (await service.request(Wanted(NUMBER, origin="key:desk:2"))).created
    with pytest.raises(InputError, match="Idempotency-Key"):
        await service.request(Wanted("06 11 22 33 44", origin="key:desk:1"))


async def test_a_number_is_rung_for_so_many_requests_a_day(service: CallbackService, clock: Clock) -> None:
    for _ in range(3):
        await service.cancel((await service.request(Wanted(NUMBER))).callback.callback_id)
        clock.pass_(minutes=5)
    with pytest.raises(RateLimitedError):
        await service.request(Wanted(NUMBER))
    assert (await service.request(Wanted("06 11 22 33 44"))).created
    clock.pass_(hours=24)
    assert (await service.request(Wanted(NUMBER))).created


async def test_so_many_callbacks_an_hour_in_all(service: CallbackService, clock: Clock) -> None:
    for n in range(200):
        assert (await service.request(Wanted(f"061122{n:04d}"))).created
    with pytest.raises(RateLimitedError):
        await service.request(Wanted("06 12 34 56 78"))
    assert not (
        await service.request(Wanted("06 11 22 00 00"))
    ).created  # what stands is told, whatever the limits
    clock.pass_(hours=1, seconds=1)
    assert (await service.request(Wanted("06 12 34 56 78"))).created


async def test_what_is_refused(
    service: CallbackService, store: CallbackStore, policy: CallbackPolicy
) -> None:
    with pytest.raises(NumberRefusedError):
        await service.request(Wanted("0899 12 34 56"))
    with pytest.raises(InputError, match="days ahead"):
        await service.request(Wanted(NUMBER, asked_at=MONDAY + timedelta(days=31)))
    with pytest.raises(NotFoundError):
        await service.get("nothing")
    with pytest.raises(CapacityError):
        await CallbackService(store, policy, line=False).request(Wanted(NUMBER))
    assert await service.find(CallbackFilter()) == []


async def test_calling_off_what_rings_stops_the_ringing(
    service: CallbackService, store: CallbackStore, policy: CallbackPolicy
) -> None:
    stopped: list[str] = []
    service.on_cancelled = stopped.append
    callback = (await service.request(Wanted(NUMBER))).callback
    taken = await store.save(callback, policy.dial(callback, MONDAY, "lease"))
    assert taken is not None
    assert (await service.cancel(callback.callback_id)).outcome is Outcome.CANCELLED
    assert stopped == [callback.callback_id]
    assert await store.save(taken, policy.rung(taken, MONDAY, RingResult.ANSWERED)) is None
    assert (await service.cancel(callback.callback_id)).state is State.CANCELLED


async def test_the_context_of_a_request_without_a_call(service: CallbackService) -> None:
    callback = (await service.request(Wanted(NUMBER, "écran noir", Kind.LEVEL2, case_id="case-1"))).callback
    context = await service.context(callback.callback_id)
    assert context is not None
    assert (context.kind, context.reason, context.case_id) == ("level2", "écran noir", "case-1")
    assert (context.subscriber, context.summary) == ("", "")
    assert await service.context("nothing") is None
