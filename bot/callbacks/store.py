"""Callbacks in the database of the call record.

Two rules are kept by the database itself, whoever writes: one open callback for a number (a unique index), and no
change over a change (``version`` is compared and set in one statement). What a writer lost is told to it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.callbacks.model import OPEN, WAITING, Callback, Kind, Outcome, State, Try
from bot.callbacks.tables import CallbackRow
from bot.events import CallbackPromised
from bot.handoff.packet import packet_id
from bot.record.store import transaction
from bot.record.tables import CallRow, EventRow, HandoffRow

_FIELDS = tuple(field.name for field in fields(Callback))
_FIXED = frozenset(
    {"callback_id", "kind", "number", "region", "zone", "requested_at", "origin", "promised_at"}
)
"""Never change once written."""

_PROMISE = "call:"


@dataclass(frozen=True)
class Promise:
    """A promise made in a call. ``due_at``: the time the caller was told; None: as soon as open. ``made_at``: aware."""

    call_id: str
    case_id: str
    number: str
    reason: str
    due_at: datetime | None
    made_at: datetime


@dataclass(frozen=True)
class CallbackFilter:
    """Which callbacks to list, newest first. ``since``: requested at or after; empty: all."""

    limit: int = 50
    since: datetime | None = None
    states: frozenset[State] = frozenset()
    kind: Kind | None = None
    outcome: Outcome | None = None


class CallbackStore:
    """Reads and writes callbacks. ``timeout_s``: bound of every operation, in seconds.

    The engine is its owner's to dispose of. Every method may raise :class:`~bot.errors.StoreError`.
    """

    def __init__(self, engine: AsyncEngine, *, timeout_s: float = 5.0) -> None:
        self._engine = engine
        self._timeout_s = timeout_s
        self._insert: Any = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert

    # --- writing

    async def add(self, callback: Callback) -> bool:
        """Write a new callback. False: its number has an open one, or its origin has been used."""
        statement = self._insert(CallbackRow).values(_to_row(callback)).on_conflict_do_nothing()
        async with transaction(self._engine, self._timeout_s) as connection:
            return bool((await connection.execute(statement)).rowcount)

    async def save(self, before: Callback, after: Callback) -> Callback | None:
        """Put ``after`` where ``before`` was read; None: somebody changed it meanwhile, and nothing was written."""
        after = replace(after, version=before.version + 1)
        values = {name: value for name, value in _to_row(after).items() if name not in _FIXED}
        statement = (
            update(CallbackRow)
            .where(CallbackRow.callback_id == before.callback_id, CallbackRow.version == before.version)
            .values(values)
        )
        async with transaction(self._engine, self._timeout_s) as connection:
            return after if (await connection.execute(statement)).rowcount else None

    # --- reading

    async def get(self, callback_id: str) -> Callback | None:
        """One callback."""
        return await self._first(CallbackRow.callback_id == callback_id)

    async def of_origin(self, origin: str) -> Callback | None:
        """The callback that was made from ``origin``."""
        return await self._first(CallbackRow.origin == origin)

    async def open_for(self, number: str) -> Callback | None:
        """The callback that is open for a number."""
        return await self._first(CallbackRow.number == number, _in(OPEN))

    async def due(self, now: datetime, limit: int) -> list[Callback]:
        """Those waiting whose time has come, the longest due first."""
        query = select(CallbackRow).where(_in(WAITING), CallbackRow.due_at <= now)
        return await self._all(query.order_by(CallbackRow.due_at).limit(limit))

    async def forsaken(self, now: datetime) -> list[Callback]:
        """Those whose ringing should long be over: whoever rang is gone."""
        return await self._all(
            select(CallbackRow).where(_in({State.DIALLING}), CallbackRow.lease_until <= now)
        )

    async def next_due(self) -> datetime | None:
        """When the next waiting one is to be rung, possibly past."""
        query = select(func.min(CallbackRow.due_at)).where(_in(WAITING))
        async with transaction(self._engine, self._timeout_s) as connection:
            return (await connection.execute(query)).scalar()

    async def find(self, wanted: CallbackFilter) -> list[Callback]:
        """Callbacks, newest first."""
        query = select(CallbackRow).order_by(CallbackRow.requested_at.desc(), CallbackRow.callback_id)
        if wanted.since is not None:
            query = query.where(CallbackRow.requested_at >= wanted.since)
        if wanted.states:
            query = query.where(_in(wanted.states))
        if wanted.kind is not None:
            query = query.where(CallbackRow.kind == wanted.kind.value)
        if wanted.outcome is not None:
            query = query.where(CallbackRow.outcome == wanted.outcome.value)
        return await self._all(query.limit(wanted.limit))

    async def count_asked(self, since: datetime, number: str | None = None) -> int:
        """Callbacks that were asked for (not promised by the bot) since a moment, for one number or in all."""
        query = (
            select(func.count())
            .select_from(CallbackRow)
            .where(CallbackRow.requested_at >= since, CallbackRow.kind != Kind.PROMISED.value)
        )
        if number is not None:
            query = query.where(CallbackRow.number == number)
        async with transaction(self._engine, self._timeout_s) as connection:
            return int((await connection.execute(query)).scalar() or 0)

    # --- what calls promised

    async def promises(self, since: datetime, stale: datetime) -> list[Promise]:
        """Promises of calls begun at or after ``since`` that no callback stands for yet, one a call, the last it made.

        A call that is still going on is left for later, unless it began before ``stale``: it will not end any more.
        """
        known = select(CallbackRow.callback_id).where(CallbackRow.origin == _PROMISE + EventRow.call_id)
        query = (
            select(
                CallRow.call_id, CallRow.case_id, CallRow.caller_number, CallRow.started_at,
                EventRow.at_ms, EventRow.data,
            )
            .join(EventRow, EventRow.call_id == CallRow.call_id)
            .where(
                CallRow.started_at >= since,
                EventRow.type == CallbackPromised.type,
                ~known.exists(),
                or_(CallRow.ended_at.is_not(None), CallRow.started_at < stale),
            )
            .order_by(EventRow.call_id, EventRow.seq)
        )  # fmt: skip
        async with transaction(self._engine, self._timeout_s) as connection:
            last = {row.call_id: row for row in await connection.execute(query)}
        return [_promise(row) for row in last.values()]

    async def packet(self, call_id: str) -> dict[str, Any] | None:
        """The newest context packet of a call."""
        query = (
            select(HandoffRow.packet)
            .where(HandoffRow.handoff_id == packet_id(call_id))
            .order_by(HandoffRow.version.desc())
            .limit(1)
        )
        async with transaction(self._engine, self._timeout_s) as connection:
            found = (await connection.execute(query)).first()
        return dict(found.packet) if found else None

    # --- inside

    async def _first(self, *conditions: ColumnElement[bool]) -> Callback | None:
        found = await self._all(select(CallbackRow).where(and_(*conditions)).limit(1))
        return found[0] if found else None

    async def _all(self, query: Any) -> list[Callback]:
        async with transaction(self._engine, self._timeout_s) as connection:
            return [_of_row(row) for row in await connection.execute(query)]


def promise_origin(call_id: str) -> str:
    """The origin of the callback that a call promised."""
    return _PROMISE + call_id


def _in(states: Collection[State]) -> ColumnElement[bool]:
    return CallbackRow.state.in_([state.value for state in states])


def _to_row(callback: Callback) -> dict[str, Any]:
    row = {name: getattr(callback, name) for name in _FIELDS}
    row["kind"], row["state"] = callback.kind.value, callback.state.value
    row["outcome"] = callback.outcome.value if callback.outcome else None
    row["tries"] = [
        {"at": one.at.isoformat(), "result": one.result, "ring_ms": one.ring_ms} for one in callback.tries
    ]
    return row


def _of_row(row: Row[Any]) -> Callback:
    values: dict[str, Any] = {name: getattr(row, name) for name in _FIELDS}
    values["kind"], values["state"] = Kind(row.kind), State(row.state)
    values["outcome"] = Outcome(row.outcome) if row.outcome else None
    values["tries"] = tuple(
        Try(datetime.fromisoformat(one["at"]), one["result"], one["ring_ms"]) for one in row.tries
    )
    return Callback(**values)


def _promise(row: Row[Any]) -> Promise:
    try:
        due_at = datetime.fromisoformat(row.data.get("due_at") or "")
    except ValueError:
        due_at = None
    return Promise(
        row.call_id,
        row.case_id,
        row.caller_number,
        str(row.data.get("reason") or ""),
        due_at if due_at and due_at.tzinfo else None,
        row.started_at + timedelta(milliseconds=max(0, row.at_ms)),
    )
