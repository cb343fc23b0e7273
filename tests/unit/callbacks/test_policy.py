"""What follows from each thing that happens to a callback, in every order."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.callbacks.model import OPEN, Callback, Kind, Outcome, State
from bot.callbacks.policy import KEPT_TRIES, CallbackPolicy
from bot.models import RingResult

from .conftest import MONDAY

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def requested(policy: CallbackPolicy, now: datetime = MONDAY, asked_at: datetime | None = None) -> Callback:
    promised = policy.promise(now, "FR", "Europe/Paris", asked_at)
    return Callback(
        callback_id="c", kind=Kind.WEB, number="+33612345678", region="FR", zone="Europe/Paris", reason="",
        requested_at=now, promised_at=promised, due_at=promised, asked_at=asked_at,
    )  # fmt: skip


def dialling(policy: CallbackPolicy, now: datetime = MONDAY) -> Callback:
    return policy.dial(requested(policy, now), now, "lease")


def test_answered_at_once_is_kept(policy: CallbackPolicy) -> None:
    taken = dialling(policy)
    assert (taken.state, taken.lease, taken.dialled_at) == (State.DIALLING, "lease", MONDAY)
    assert taken.lease_until is not None
    assert taken.lease_until - MONDAY > timedelta(seconds=policy.dial_limit_s)
    ringing = policy.ringing(taken, MONDAY + SECOND)
    over = policy.rung(ringing, MONDAY + 5 * SECOND, RingResult.ANSWERED)
    assert (over.state, over.outcome, over.lease) == (State.ANSWERED, Outcome.KEPT, None)
    assert (over.rung_at, over.answered_at) == (MONDAY + SECOND, MONDAY + 5 * SECOND)
    assert [(one.result, one.ring_ms) for one in over.tries] == [("answered", 5000)]


def test_where_the_line_does_not_tell_the_ring_began_with_the_order(policy: CallbackPolicy) -> None:
    over = policy.rung(dialling(policy), MONDAY + 5 * SECOND, RingResult.ANSWERED)
    assert over.rung_at == MONDAY


@pytest.mark.parametrize("result", [RingResult.BUSY, RingResult.NO_ANSWER, RingResult.DECLINED])
def test_nobody_there_is_rung_again_as_the_operator_says_then_missed(
    policy: CallbackPolicy, result: RingResult
) -> None:
    now, callback = MONDAY, requested(policy)
    waits = []
    while callback.state in OPEN:
        waits.append(callback.due_at - now)
        now = callback.due_at
        callback = policy.rung(policy.dial(callback, now, "lease"), now, result)
    assert waits == [timedelta(0), 10 * MINUTE, 60 * MINUTE]
    assert (callback.state, callback.outcome, callback.why) == (State.MISSED, Outcome.MISSED, result.value)
    assert callback.attempts == 3


def test_answered_at_a_retry_is_kept_for_the_first_ring_was_in_time(policy: CallbackPolicy) -> None:
    callback = policy.rung(dialling(policy), MONDAY, RingResult.NO_ANSWER)
    later = callback.due_at
    over = policy.rung(policy.dial(callback, later, "again"), later, RingResult.ANSWERED)
    assert over.outcome is Outcome.KEPT


def test_a_line_that_fails_costs_the_subscriber_nothing(policy: CallbackPolicy) -> None:
    callback, now = requested(policy), MONDAY
    pauses = []
    for _ in range(9):
        callback = policy.rung(policy.dial(callback, now, "lease"), now, RingResult.FAILED)
        pauses.append((callback.due_at - now).total_seconds())
        now = callback.due_at
    assert pauses == [15, 30, 60, 120, 240, 480, 900, 900, 900]
    assert (callback.attempts, callback.failures, callback.rung_at) == (0, 9, None)
    over = policy.rung(policy.dial(callback, now, "lease"), now, RingResult.ANSWERED)
    assert over.outcome is Outcome.LATE  # an hour after it was promised
    busy = policy.rung(policy.dial(callback, now, "lease"), now, RingResult.BUSY)
    assert (busy.attempts, busy.failures) == (1, 0)


def test_a_line_that_never_works_is_given_up_and_rows_stay_small(policy: CallbackPolicy) -> None:
    callback, now = requested(policy), MONDAY
    for _ in range(1000):
        if callback.state not in OPEN:
            break
        now = max(now, callback.due_at)
        callback = policy.rung(policy.dial(callback, now, "lease"), now, RingResult.FAILED)
    assert (callback.state, callback.why) == (State.MISSED, "line")
    assert now - MONDAY <= timedelta(hours=policy.rules.give_up_after_h)
    assert len(callback.tries) == KEPT_TRIES


def test_a_retry_after_closing_waits_for_the_morning(policy: CallbackPolicy) -> None:
    evening = datetime(2026, 11, 23, 18, 55, tzinfo=UTC)  # 19:55 in Paris
    callback = policy.rung(dialling(policy, evening), evening + 30 * SECOND, RingResult.NO_ANSWER)
    assert callback.due_at == datetime(2026, 11, 24, 7, 0, tzinfo=UTC)


def test_closing_time_before_the_ring_puts_it_off_without_an_attempt(policy: CallbackPolicy) -> None:
    evening = datetime(2026, 11, 23, 18, 59, tzinfo=UTC)
    callback = requested(policy, evening)
    put_off = policy.dial(callback, evening + 2 * MINUTE, "lease")
    assert (put_off.state, put_off.attempts, put_off.lease) == (State.REQUESTED, 0, None)
    assert put_off.due_at == datetime(2026, 11, 24, 7, 0, tzinfo=UTC)
    over = policy.rung(policy.dial(put_off, put_off.due_at, "l"), put_off.due_at, RingResult.ANSWERED)
    assert over.outcome is Outcome.LATE


def test_nobody_is_rung_days_after_the_promise(policy: CallbackPolicy) -> None:
    late = policy.dial(requested(policy), MONDAY + timedelta(days=4), "lease")
    assert (late.state, late.why) == (State.MISSED, "too_late")


def test_what_was_interrupted_is_rung_again_soon(policy: CallbackPolicy) -> None:
    stopped = policy.interrupted(dialling(policy), MONDAY + 20 * SECOND)
    assert (stopped.state, stopped.attempts, stopped.lease) == (State.RETRY, 0, None)
    assert stopped.due_at == MONDAY + 35 * SECOND
    assert stopped.tries[-1].result == "interrupted"


def test_a_named_time_is_promised(policy: CallbackPolicy) -> None:
    named = MONDAY + 5 * HOUR
    callback = requested(policy, asked_at=named)
    assert callback.due_at == callback.promised_at == named
    assert policy.dial(callback, MONDAY, "lease") is callback  # not due
    past = requested(policy, asked_at=MONDAY - HOUR)
    assert past.due_at == MONDAY


@pytest.mark.parametrize("state", list(State))
def test_what_does_not_apply_changes_nothing(policy: CallbackPolicy, state: State) -> None:
    callback = replace(requested(policy), state=state)
    changes = {
        "dial": policy.dial(callback, MONDAY, "lease"),
        "ringing": policy.ringing(callback, MONDAY),
        "rung": policy.rung(callback, MONDAY, RingResult.ANSWERED),
        "interrupted": policy.interrupted(callback, MONDAY),
        "cancel": policy.cancel(callback, MONDAY),
    }
    applied = {name for name, after in changes.items() if after is not callback}
    assert applied == {
        State.REQUESTED: {"dial", "cancel"},
        State.RETRY: {"dial", "cancel"},
        State.DIALLING: {"ringing", "rung", "interrupted", "cancel"},
    }.get(state, set())


EVENTS = st.one_of(
    st.just("dial"),
    st.just("ringing"),
    st.just("interrupted"),
    st.just("cancel"),
    st.sampled_from(list(RingResult)),
)


@settings(max_examples=300)
@given(
    start=st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),
    orders=st.lists(st.tuples(EVENTS, st.integers(0, 7200)), max_size=40),
)
def test_in_any_order_of_things(policy: CallbackPolicy, start: datetime, orders: list) -> None:
    callback, now, tried = requested(policy, start), start, 0
    for what, lapse in orders:
        now += lapse * SECOND
        before = callback
        match what:
            case "dial":
                callback = policy.dial(callback, now, "lease")
            case "ringing":
                callback = policy.ringing(callback, now)
            case "interrupted":
                callback = policy.interrupted(callback, now)
            case "cancel":
                callback = policy.cancel(callback, now)
            case RingResult() as result:
                callback = policy.rung(callback, now, result)
        if before.state not in OPEN:
            assert callback is before, "what is over stays over"
        dials = callback.state is State.DIALLING
        assert (callback.lease is not None) is dials
        assert (callback.lease_until is not None) is dials
        assert (callback.dialling_since is not None) is dials
        assert (callback.closed_at is not None) is (callback.state not in OPEN)
        assert (callback.outcome is not None) is (callback.state not in OPEN)
        assert callback.attempts <= len(policy.rules.retries) + 1
        assert callback.due_at >= callback.promised_at
        if callback.state is State.DIALLING and before.state is not State.DIALLING:
            tried += 1
            assert policy.promise(now, "FR", "Europe/Paris") == now, "rung while nobody may be"
        if callback.state in (State.REQUESTED, State.RETRY) and callback is not before:
            assert policy.promise(callback.due_at, "FR", "Europe/Paris") == callback.due_at
        assert len(callback.tries) <= min(tried, KEPT_TRIES)
