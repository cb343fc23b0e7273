"""What happens to a callback next: pure, a callback and what happened in, the callback that follows out.

    requested ──┐                ┌─▶ answered   (kept, or late)
                ├─▶ dialling ────┼─▶ missed     (attempts used up, or too late)
    retry ──────┘      │         └─▶ cancelled
      ▲                │ busy, no answer, declined: one attempt less
      └────────────────┘ the line failed, we were stopped: soon again, no attempt less

A callback is *due* when it waits (requested or retry) and its time has come. What does not apply to the state that a
callback is in changes nothing: the same object comes back.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from bot.callbacks.calendar import CallCalendar
from bot.callbacks.model import OPEN, WAITING, Callback, Outcome, State, Try
from bot.models import RingResult
from bot.operator import CallbackRules, Operator

KEPT_TRIES = 20
"""Tries remembered; a dead trunk must not make a row grow."""

_LONGEST_LINE_PAUSE_S = 900.0
_LEASE_MARGIN_S = 30.0
"""Beyond the ringing: for the line to obey, and for the result to be written."""


class CallbackPolicy:
    """The operator's rules on callbacks. Times given are aware."""

    def __init__(self, rules: CallbackRules, calendar: CallCalendar) -> None:
        self._rules = rules
        self._calendar = calendar

    @classmethod
    def of(cls, operator: Operator) -> CallbackPolicy:
        """As ``operator.yml`` says."""
        rules = operator.callbacks
        calendar = CallCalendar(
            operator.hours, operator.zone, rules.ring_hours, public_holidays=rules.public_holidays
        )
        return cls(rules, calendar)

    @property
    def rules(self) -> CallbackRules:
        """The operator's."""
        return self._rules

    def promise(self, now: datetime, region: str, zone: str, asked_at: datetime | None = None) -> datetime:
        """When a subscriber who asks ``now`` will be rung: ``now`` when open."""
        wanted = max(now, asked_at) if asked_at else now
        return self._calendar.next_time(wanted, region, zone, asked_at)

    def is_due(self, callback: Callback, now: datetime) -> bool:
        """Whether its time to be rung has come."""
        return callback.state in WAITING and callback.due_at <= now

    def dial(self, callback: Callback, now: datetime, lease: str) -> Callback:
        """A due callback is taken to be rung; put off when subscribers are not rung now, missed when it is too late.

        ``lease``: names whoever rings; good until the ringing must be over.
        """
        if not self.is_due(callback, now):
            return callback
        if now > self._last_moment(callback):
            return self._missed(callback, now, "too_late")
        due = self._calendar.next_time(now, callback.region, callback.zone, callback.asked_at)
        if due > now:
            return self._later(callback, due, now, "too_late")
        return replace(
            callback,
            state=State.DIALLING,
            lease=lease,
            lease_until=now + timedelta(seconds=self.dial_limit_s + _LEASE_MARGIN_S),
            dialling_since=now,
            dialled_at=callback.dialled_at or now,
        )

    @property
    def dial_limit_s(self) -> float:
        """Seconds within which the line must have said how a ringing ended."""
        return self._rules.ring_s + _LEASE_MARGIN_S

    def ringing(self, callback: Callback, now: datetime) -> Callback:
        """The subscriber's telephone rings."""
        if callback.state is not State.DIALLING or callback.rung_at is not None:
            return callback
        return replace(callback, rung_at=now)

    def rung(self, callback: Callback, now: datetime, result: RingResult) -> Callback:
        """The ringing has ended."""
        if callback.state is not State.DIALLING:
            return callback
        over = self._tried(callback, now, result.value)
        if result is RingResult.FAILED:
            pause = min(self._rules.line_retry_s * 2.0 ** min(over.failures, 16), _LONGEST_LINE_PAUSE_S)
            over = replace(over, failures=over.failures + 1)
            return self._later(over, now + timedelta(seconds=pause), now, "line")
        rung_at = over.rung_at or callback.dialling_since or now
        over = replace(over, rung_at=rung_at, failures=0)
        if result is RingResult.ANSWERED:
            outcome = Outcome.KEPT if rung_at <= self._latest_kept(over) else Outcome.LATE
            return replace(over, state=State.ANSWERED, answered_at=now, closed_at=now, outcome=outcome)
        over = replace(over, attempts=over.attempts + 1)
        if over.attempts > len(self._rules.retries):
            return self._missed(over, now, result.value)
        wait = timedelta(minutes=self._rules.retries[over.attempts - 1].after_min)
        return self._later(over, now + wait, now, result.value)

    def interrupted(self, callback: Callback, now: datetime) -> Callback:
        """Whoever rang was stopped, or has not been heard of until the lease ran out: soon again, no attempt less.

        After a lease no telephone rings any more: it outlasts the longest ringing.
        """
        if callback.state is not State.DIALLING:
            return callback
        over = self._tried(callback, now, "interrupted")
        return self._later(over, now + timedelta(seconds=self._rules.line_retry_s), now, "too_late")

    def cancel(self, callback: Callback, now: datetime) -> Callback:
        """Nobody wants it any more."""
        if callback.state not in OPEN:
            return callback
        return replace(
            callback, state=State.CANCELLED, closed_at=now, outcome=Outcome.CANCELLED,
            lease=None, lease_until=None, dialling_since=None,
        )  # fmt: skip

    # --- inside

    def _tried(self, callback: Callback, now: datetime, result: str) -> Callback:
        since = callback.dialling_since or now
        done = Try(since, result, max(0, round((now - since).total_seconds() * 1000)))
        return replace(
            callback, lease=None, lease_until=None, dialling_since=None,
            tries=(*callback.tries, done)[-KEPT_TRIES:],
        )  # fmt: skip

    def _later(self, callback: Callback, at: datetime, now: datetime, why: str) -> Callback:
        due = self._calendar.next_time(at, callback.region, callback.zone, callback.asked_at)
        if due > self._last_moment(callback):
            return self._missed(callback, now, why)
        state = State.RETRY if callback.tries else callback.state
        return replace(callback, state=state, due_at=due)

    def _missed(self, callback: Callback, now: datetime, why: str) -> Callback:
        return replace(callback, state=State.MISSED, closed_at=now, outcome=Outcome.MISSED, why=why)

    def _latest_kept(self, callback: Callback) -> datetime:
        return callback.promised_at + timedelta(minutes=self._rules.late_after_min)

    def _last_moment(self, callback: Callback) -> datetime:
        return callback.promised_at + timedelta(hours=self._rules.give_up_after_h)
