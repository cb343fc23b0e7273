"""Reading calls, wherever they are: in memory while they run and shortly after, then in the database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.errors import CapacityError
from bot.handoff.packet import packet_id
from bot.record.journal import CallJournal
from bot.record.live import Subscription
from bot.record.store import CallStore
from bot.record.view import CallView


@dataclass(frozen=True)
class CallFilter:
    """Which calls to list, newest first. ``since``: started at or after; empty words: all."""

    limit: int = 50
    since: datetime | None = None
    outcome: str | None = None
    channel: str | None = None


class RecordReader:
    """One answer from the journal's memory and the store together. Every method may raise StoreError."""

    def __init__(self, journal: CallJournal, store: CallStore) -> None:
        self._journal = journal
        self._store = store

    async def call(self, call_id: str) -> CallView | None:
        """A call, running or ended; None: no such call."""
        return self._journal.view(call_id) or await self._store.get_call(call_id)

    async def calls(self, wanted: CallFilter) -> list[dict[str, Any]]:
        """Summaries, newest first; a call in memory is told as it stands now."""
        stored = await self._store.list_calls(
            limit=wanted.limit, since=wanted.since, outcome=wanted.outcome, channel=wanted.channel
        )
        fresh = {v.call_id: v.summary() for v in self._journal.views() if v.call_id}
        found = {s["call_id"]: s for s in stored if s["call_id"] not in fresh}
        found |= {i: s for i, s in fresh.items() if _matches(s, wanted)}
        newest = sorted(found.values(), key=lambda s: (s["started_at"] or "", s["call_id"]), reverse=True)
        return newest[: wanted.limit]

    async def handoff(self, handoff_id: str) -> dict[str, Any] | None:
        """The newest context packet under an id, as JSON; None: no such packet."""
        for view in self._journal.views():
            if packet_id(view.call_id) == handoff_id and (packet := view.packet) is not None:
                return packet.model_dump(mode="json")
        return await self._store.get_handoff(handoff_id)

    @asynccontextmanager
    async def follow(self, call_id: str) -> AsyncIterator[Subscription | None]:
        """Every event of a call so far, then the next ones until it ends; None: no such call.

        Raises:
            CapacityError: too many readers follow calls already.
        """
        if self._journal.view(call_id) is None:
            yield await self._ended(call_id)
            return
        subscription = self._journal.subscribe(call_id)
        if subscription is None:
            raise CapacityError("too many readers follow calls")
        try:
            yield subscription
        finally:
            self._journal.unsubscribe(call_id, subscription)

    async def _ended(self, call_id: str) -> Subscription | None:
        view = await self._store.get_call(call_id)
        return Subscription.of_past(call_id, view.events) if view else None


def _matches(summary: dict[str, Any], wanted: CallFilter) -> bool:
    if wanted.outcome is not None and summary["outcome"] != wanted.outcome:
        return False
    if wanted.channel is not None and summary["channel"] != wanted.channel:
        return False
    started = summary["started_at"]
    return wanted.since is None or (started is not None and datetime.fromisoformat(started) >= wanted.since)
