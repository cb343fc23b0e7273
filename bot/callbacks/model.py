"""What a callback is. No logic, no I/O. Every time is aware and in UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Kind(StrEnum):
    """Who wants it."""

    WEB = "web"  # the subscriber, on a page or through the operator's systems
    PROMISED = "promised"  # the bot, in a call
    LEVEL2 = "level2"  # an agent, for the level-2 team


class State(StrEnum):
    """Where it stands."""

    REQUESTED = "requested"  # to be rung when due
    RETRY = "retry"  # was rung or could not be, to be rung again when due
    DIALLING = "dialling"  # being rung now, by whoever holds the lease
    ANSWERED = "answered"
    MISSED = "missed"  # given up
    CANCELLED = "cancelled"


WAITING = frozenset({State.REQUESTED, State.RETRY})
OPEN = WAITING | {State.DIALLING}


class Outcome(StrEnum):
    """What became of the promise."""

    KEPT = "kept"
    LATE = "late"  # answered, but first rung too long after the promised time
    MISSED = "missed"
    CANCELLED = "cancelled"
    MERGED = "merged"  # another callback to the same number stood for it


@dataclass(frozen=True)
class Try:
    """One ringing. ``result``: a :class:`bot.models.RingResult`, or ``interrupted`` when we stopped in the middle.

    ``at``: when the order to ring was given. ``ring_ms``: until the result.
    """

    at: datetime
    result: str
    ring_ms: int


@dataclass(frozen=True)
class Callback:
    """A call that a subscriber was promised.

    ``number``: E.164; empty when a promise was made to a caller whose number is not known or not rung (closed at once
    as missed). ``region``, ``zone``: where that is. ``reason``: the subscriber's words, or the code of a promise.
    ``case_id``, ``call_id``: what it continues. ``origin``: what it may be made from once only (an idempotency key, a
    call).

    ``asked_at``: the time that the subscriber named. ``promised_at``: the time they were told. ``due_at``: when it is
    rung next. ``attempts``: ringings that reached nobody. ``failures``: times in a row that the line could not ring.
    ``tries``: the last of all of them. ``dialled_at``: when ringing was first ordered. ``rung_at``: when it first
    began, or was ordered where the line does not tell. ``answered_at``, ``closed_at``: the end.

    ``lease``, ``lease_until``, ``dialling_since``: while dialling. ``why``: what it was missed for. ``merged_into``:
    the id of the callback that stands for it. ``version``: grows with every change.
    """

    callback_id: str
    kind: Kind
    number: str
    region: str
    zone: str
    reason: str
    requested_at: datetime
    promised_at: datetime
    due_at: datetime
    case_id: str = ""
    call_id: str = ""
    origin: str | None = None
    asked_at: datetime | None = None
    state: State = State.REQUESTED
    attempts: int = 0
    failures: int = 0
    tries: tuple[Try, ...] = ()
    dialled_at: datetime | None = None
    rung_at: datetime | None = None
    answered_at: datetime | None = None
    closed_at: datetime | None = None
    dialling_since: datetime | None = None
    lease: str | None = None
    lease_until: datetime | None = None
    outcome: Outcome | None = None
    why: str = ""
    merged_into: str | None = None
    version: int = 1
