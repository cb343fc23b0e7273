"""What the desk needs of the bot: its calls, and callbacks by the level-2 team. Implements :mod:`desk.ports`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from bot.callbacks.model import Kind
from bot.callbacks.service import CallbackService, Wanted
from bot.errors import NotFoundError, NumberRefusedError
from bot.events import CallEvent
from bot.record.live import Subscription
from bot.record.reader import RecordReader


class DeskCases:
    """Calls out of the record: :class:`desk.ports.Cases`."""

    def __init__(self, record: RecordReader) -> None:
        self._record = record

    async def packet(self, handoff_id: str) -> Mapping[str, Any] | None:
        """See :class:`desk.ports.Cases`."""
        return await self._record.handoff(handoff_id)

    async def unmasked(self, handoff_id: str, field: str) -> str | None:
        """See :class:`desk.ports.Cases`."""
        packet = await self._record.handoff(handoff_id)
        call = await self._record.call(packet["call_id"]) if packet else None
        if call is None or field != "caller.number":
            return None
        return call.caller_number

    @asynccontextmanager
    async def follow(self, call_id: str) -> AsyncIterator[AsyncIterator[tuple[int, CallEvent]] | None]:
        """See :class:`desk.ports.Cases`."""
        async with self._record.follow(call_id) as subscription:
            yield _numbered(subscription) if subscription else None


async def _numbered(subscription: Subscription) -> AsyncIterator[tuple[int, CallEvent]]:
    async for entry in subscription:
        yield entry.seq, entry.event


class Level2Callbacks:
    """Callbacks that an agent promises: :class:`desk.ports.Level2`."""

    def __init__(self, record: RecordReader, callbacks: CallbackService) -> None:
        self._record = record
        self._callbacks = callbacks

    async def schedule(self, handoff_id: str, *, reason: str, at: datetime | None, origin: str) -> datetime:
        """See :class:`desk.ports.Level2`."""
        packet = await self._record.handoff(handoff_id)
        call = await self._record.call(packet["call_id"]) if packet else None
        if call is None:
            raise NotFoundError("no such case")
        if not call.caller_number:
            raise NumberRefusedError("unknown", "number: the caller's is not known")
        requested = await self._callbacks.request(
            Wanted(
                call.caller_number, reason, asked_at=at, kind=Kind.LEVEL2, case_id=call.case_id,
                call_id=call.call_id, origin=origin,
            )
        )  # fmt: skip
        return requested.callback.promised_at
