"""What the bot promised in its calls becomes callbacks.

The events of the calls in the database are the truth: whatever promise in them has no callback gets one, now or at the
next start. :class:`PromiseSink` only says when it is worth looking.
"""

from __future__ import annotations

import uuid
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from bot.callbacks.model import Callback, Kind, Outcome, State
from bot.callbacks.numbers import subscriber_line
from bot.callbacks.policy import CallbackPolicy
from bot.callbacks.store import CallbackStore, Promise, promise_origin
from bot.errors import NumberRefusedError
from bot.events import CallbackPromised, CallEnded
from bot.record.codec import Entry
from bot.record.journal import EventSink

log = structlog.get_logger(__name__)

LOOK_BACK = timedelta(days=7)
"""Promises of calls older than this are history."""
STALE_AFTER = timedelta(hours=1)
"""A call that began so long ago and has no end in the record was cut by a failure."""

_REMEMBERED = 1000


class PromiseSink:
    """The journal's sink with an ear: calls ``on_promise`` once a call that holds a promise is stored to its end."""

    def __init__(self, sink: EventSink) -> None:
        self._sink = sink
        self._promising: OrderedDict[str, None] = OrderedDict()
        self.on_promise: Callable[[], None] = lambda: None

    async def write(self, entries: Sequence[Entry]) -> None:
        """See :class:`bot.record.journal.EventSink`."""
        await self._sink.write(entries)
        for entry in entries:
            if isinstance(entry.event, CallbackPromised):
                self._promising[entry.call_id] = None
                if len(self._promising) > _REMEMBERED:
                    self._promising.popitem(last=False)
            elif isinstance(entry.event, CallEnded) and entry.call_id in self._promising:
                del self._promising[entry.call_id]
                self.on_promise()


async def import_promises(store: CallbackStore, policy: CallbackPolicy, now: datetime) -> int:
    """Make a callback of every promise that has none; how many were made.

    Raises:
        StoreError: the database failed; what was made stays made.
    """
    promises = await store.promises(now - LOOK_BACK, now - STALE_AFTER)
    for promise in promises:
        await _import(store, policy, promise, now)
    return len(promises)


async def _import(store: CallbackStore, policy: CallbackPolicy, promise: Promise, now: datetime) -> None:
    new = callback_of(promise, policy, now)
    log.info("callback.promised", callback_id=new.callback_id, call_id=promise.call_id, why=new.why)
    if await store.add(new):
        return
    standing = await store.open_for(new.number)
    if standing is None:  # closed since, or the promise has its callback by now: the next look will tell
        return
    await store.add(
        replace(
            new,
            state=State.CANCELLED,
            outcome=Outcome.MERGED,
            merged_into=standing.callback_id,
            closed_at=now,
        )
    )
    if not standing.call_id:  # a request from a page gets to know what the call was about
        known = replace(standing, case_id=promise.case_id, call_id=promise.call_id)
        await store.save(standing, known)


def callback_of(promise: Promise, policy: CallbackPolicy, now: datetime) -> Callback:
    """The callback that keeps a promise: closed as missed when there is no number to ring, so that somebody sees it.

    The time that the caller was told counts as asked for: they expect us then.
    """
    new = Callback(
        callback_id=str(uuid.uuid4()), kind=Kind.PROMISED, number="", region="", zone="", reason=promise.reason,
        requested_at=promise.made_at, promised_at=promise.due_at or now, due_at=promise.due_at or now,
        case_id=promise.case_id, call_id=promise.call_id, origin=promise_origin(promise.call_id),
        asked_at=promise.due_at,
    )  # fmt: skip
    try:
        line = subscriber_line(promise.number, policy.rules.prefixes)
    except NumberRefusedError as err:
        why = f"number_{err.reason}" if promise.number else "no_number"
        return replace(new, state=State.MISSED, outcome=Outcome.MISSED, closed_at=now, why=why)
    due = policy.promise(now, line.region, line.zone, promise.due_at)
    told = promise.due_at or policy.promise(promise.made_at, line.region, line.zone)
    return replace(
        new, number=line.number, region=line.region, zone=line.zone, promised_at=told, due_at=due
    )  # fmt: skip
