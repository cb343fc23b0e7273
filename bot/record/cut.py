"""Calls that the last run of this program left without an end, because it was killed in the middle of them."""

from __future__ import annotations

import structlog

from bot.errors import StoreError
from bot.events import CallEnded, Fault
from bot.record.codec import Entry
from bot.record.store import CallStore

log = structlog.get_logger(__name__)

GONE = "bot.gone"
"""The fault that such a call ends with."""


async def close_cut_calls(store: CallStore) -> int:
    """End every call that has no end; how many there were. To be called before the first call of this run.

    They end at their last event: when the line really went dead is not known. A store that is down is left for the next
    start.
    """
    closed = 0
    try:
        for view, seq in await store.unended():
            last = view.events[-1]
            await store.write(
                [
                    Entry(view.call_id, seq + 1, Fault(last.at_ms, last.turn, "bot", GONE)),
                    Entry(view.call_id, seq + 2, CallEnded(last.at_ms, last.turn, "failed", "bot")),
                ]
            )
            closed += 1
    except StoreError as err:
        log.warning("cut calls left open", code=err.code)
    if closed:
        log.warning("calls of the last run were cut", calls=closed)
    return closed
