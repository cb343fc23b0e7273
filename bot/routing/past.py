"""The ledger's memory across restarts: the calls of the last days, read from the record."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.events import AgentJoined, CallEnded, CallEvent, SiteChosen, SiteRung
from bot.record.store import transaction
from bot.record.tables import CallRow, EventRow
from bot.routing.ledger import REACH, CallLedger

log = structlog.get_logger(__name__)

_MOST = 200_000
"""Events read at most, the newest: memory and the time to start stay bounded."""
_WITHIN_S = 30.0
_TYPES = (SiteChosen.type, SiteRung.type, AgentJoined.type, CallEnded.type)


async def recall(engine: AsyncEngine, ledger: CallLedger, now: datetime) -> int:
    """Tell the ledger the calls of the last seven days; how many events were read. ``now``: aware.

    Raises:
        StoreError: the database failed; the ledger is as it was.
    """
    columns = (EventRow.call_id, EventRow.type, EventRow.at_ms, CallRow.started_at)
    # Not the whole of an event: what a choice rested on is long, and no part of this.
    facts = [EventRow.data[name].label(name) for name in _FACTS]
    query = (
        select(*columns, *facts)
        .join(CallRow, CallRow.call_id == EventRow.call_id)
        .where(EventRow.type.in_(_TYPES), CallRow.started_at >= now - REACH)
        .where(EventRow.call_id.in_(select(EventRow.call_id).where(EventRow.type == SiteChosen.type)))
        .order_by(CallRow.started_at.desc(), EventRow.call_id, EventRow.seq.desc())
        .limit(_MOST)
    )
    async with transaction(engine, _WITHIN_S) as connection:
        rows = (await connection.execute(query)).all()
    told = [(_moment(row), place, row) for place, row in enumerate(reversed(rows))]
    for at, _, row in sorted(told, key=lambda one: one[:2]):
        if event := _event(row):
            ledger.observe(row.call_id, event, at)
    log.info("calls of the last days counted", events=len(rows))
    return len(rows)


_FACTS = ("skill", "order", "due", "site", "result", "waited_ms", "outcome")


def _moment(row: Any) -> datetime:
    started: datetime = row.started_at
    return started.astimezone(UTC) + timedelta(milliseconds=row.at_ms)


def _event(row: Any) -> CallEvent | None:
    match row.type:
        case SiteChosen.type:
            return SiteChosen(
                row.at_ms, 0, row.skill or "", tuple(row.order or ()), dict(row.due or {}), {}, {}
            )
        case SiteRung.type:
            return SiteRung(row.at_ms, 0, row.site or "", row.result or "", 0)
        case AgentJoined.type:
            return AgentJoined(row.at_ms, 0, row.site or "", int(row.waited_ms or 0))
        case CallEnded.type:
            return CallEnded(row.at_ms, 0, row.outcome or "", "")
    return None
