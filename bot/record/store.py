"""The call record in a database: SQLite or PostgreSQL, by URL.

Every operation ends within its timeout, and every failure of a driver becomes a
:class:`~bot.errors.StoreError` without the values that were being written.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from sqlalchemy import event as sa_event
from sqlalchemy import exc, make_url, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from bot.errors import ConfigurationError, StoreError, StoreRejectedError
from bot.events import ActionDone, CallbackPromised, CallEnded, CallEvent, HandoffRequested, OfferTold
from bot.handoff.packet import build_packet
from bot.record.codec import Entry, event_from_json
from bot.record.tables import ActionRow, Base, CallRow, EventRow, HandoffRow, OfferRow, TurnRow
from bot.record.view import CallView, TurnView

_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "postgresql": "postgresql+asyncpg",
    "postgres": "postgresql+asyncpg",
}


def make_engine(url: str) -> AsyncEngine:
    """An engine for ``url``; ``sqlite:///…`` and ``postgresql://…`` get their async driver.

    Raises:
        ConfigurationError: not a URL, or a database we do not know, or no place for a file.
    """
    try:
        parsed = make_url(url)
    except exc.ArgumentError as err:
        raise ConfigurationError("database URL: not a database URL") from err
    backend = parsed.get_backend_name()
    driver = _DRIVERS.get(backend)
    if driver is None:
        raise ConfigurationError(f"database URL: {backend} is not known; use sqlite or postgresql")
    parsed = parsed.set(drivername=driver)
    if backend == "sqlite":
        if parsed.database and parsed.database != ":memory:":
            _make_room(Path(parsed.database))
        engine = create_async_engine(parsed, hide_parameters=True)
        sa_event.listen(engine.sync_engine, "connect", _prepare_sqlite)
        return engine
    return create_async_engine(parsed, hide_parameters=True, pool_pre_ping=True, pool_size=5, max_overflow=5)


def _make_room(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise ConfigurationError(f"database URL: {path.parent} cannot be made: {err.strerror}") from err
    if path.is_dir():
        raise ConfigurationError(f"database URL: {path} is a folder")


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    """Readers beside the writer (WAL), and a lock waited for at most two seconds in the driver's thread."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA busy_timeout=2000")
    cursor.close()


@dataclass
class _Stored:
    """What the database holds of a call: the numbers of its events and their fold."""

    view: CallView
    seqs: list[int] = field(default_factory=list)

    def is_followed_by(self, entries: Sequence[Entry]) -> bool:
        last = self.seqs[-1] if self.seqs else 0
        return [e.seq for e in entries] == list(range(last + 1, last + 1 + len(entries)))

    def add(self, seq: int, event: CallEvent) -> None:
        self.seqs.append(seq)
        self.view.apply(event)


class CallStore:
    """Reads and writes the record. ``timeout_s``: bound of every operation, in seconds."""

    def __init__(self, engine: AsyncEngine, *, timeout_s: float = 5.0, cached_calls: int = 256) -> None:
        self._engine = engine
        self._timeout_s = timeout_s
        self._insert: Any = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert
        self._cached_calls = cached_calls
        self._stored: OrderedDict[str, _Stored] = OrderedDict()  # calls being written

    async def close(self) -> None:
        """Close the connections."""
        await self._engine.dispose()

    async def ping(self) -> None:
        """Ask the database for nothing.

        Raises:
            StoreError: it did not answer.
        """
        async with self._connection() as connection:
            await connection.execute(select(1))

    # --- writing

    async def write(self, entries: Sequence[Entry]) -> None:
        """Store entries and what follows from them in one transaction; those already stored change nothing.

        Raises:
            StoreRejectedError: the data itself is refused.
            StoreError: the database did not take it, or not in time.
        """
        calls = sorted({e.call_id for e in entries})
        try:
            async with self._connection() as connection:
                ordered = sorted(entries, key=lambda e: (e.call_id, e.seq))
                for call_id, group in groupby(ordered, key=lambda e: e.call_id):
                    await self._write_call(connection, call_id, list(group))
        except BaseException:
            for call_id in calls:  # what they hold may not be what is stored
                self._stored.pop(call_id, None)
            raise

    async def _write_call(self, connection: AsyncConnection, call_id: str, entries: list[Entry]) -> None:
        rows = [_event_row(e) for e in entries]
        await connection.execute(self._insert(EventRow).values(rows).on_conflict_do_nothing())
        stored = await self._fold(connection, call_id, entries)
        view = stored.view
        await self._upsert(connection, CallRow, ["call_id"], [_call_row(call_id, view)])
        touched = sorted({e.event.turn for e in entries} & view.turns.keys())
        await self._upsert(
            connection, TurnRow, ["call_id", "turn"], [_turn_row(call_id, view.turns[n]) for n in touched]
        )
        await self._append(connection, ActionRow, _action_rows(entries))
        await self._append(connection, OfferRow, _offer_rows(entries))
        packets = _packet_rows(call_id, stored, since=entries[0].seq)
        await self._upsert(connection, HandoffRow, ["handoff_id", "version"], packets)

    async def _fold(self, connection: AsyncConnection, call_id: str, entries: Sequence[Entry]) -> _Stored:
        """The call as stored with ``entries``: kept from the last write, or read again when they do not follow."""
        stored = self._stored.pop(call_id, None)
        if stored is not None and stored.is_followed_by(entries):
            for entry in entries:
                stored.add(entry.seq, entry.event)
        else:
            stored = _Stored(CallView(call_id=call_id))
            for seq, event in await _events(connection, call_id):
                stored.add(seq, event)
        if not stored.view.ended:
            self._stored[call_id] = stored
            while len(self._stored) > self._cached_calls:
                self._stored.popitem(last=False)
        return stored

    async def _append(
        self, connection: AsyncConnection, table: type[Base], rows: list[dict[str, Any]]
    ) -> None:
        if rows:
            await connection.execute(self._insert(table).values(rows).on_conflict_do_nothing())

    async def _upsert(
        self, connection: AsyncConnection, table: type[Base], keys: list[str], rows: list[dict[str, Any]]
    ) -> None:
        if rows:
            statement = self._insert(table).values(rows)
            changed = {name: statement.excluded[name] for name in rows[0] if name not in keys}
            await connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed))

    # --- reading

    async def get_call(self, call_id: str) -> CallView | None:
        """A call folded from its stored events; None: no such call.

        Raises:
            StoreError: the database did not answer.
        """
        async with self._connection() as connection:
            events = await _events(connection, call_id)
        return CallView.of((event for _, event in events), call_id) if events else None

    async def list_calls(
        self,
        *,
        limit: int = 50,
        since: datetime | None = None,
        outcome: str | None = None,
        channel: str | None = None,
    ) -> list[dict[str, Any]]:
        """Summaries of calls, newest first. ``since``: started at or after this instant.

        Raises:
            StoreError: the database did not answer.
        """
        query = select(CallRow.summary).order_by(CallRow.started_at.desc(), CallRow.call_id).limit(limit)
        if since is not None:
            query = query.where(CallRow.started_at >= since)
        if outcome is not None:
            query = query.where(CallRow.outcome == outcome)
        if channel is not None:
            query = query.where(CallRow.channel == channel)
        async with self._connection() as connection:
            return [dict(row.summary) for row in await connection.execute(query)]

    async def unended(self) -> list[tuple[CallView, int]]:
        """Every call without an end, oldest first, each with the number of its last event.

        Raises:
            StoreError: the database did not answer.
        """
        query = select(CallRow.call_id).where(CallRow.duration_ms.is_(None)).order_by(CallRow.started_at)
        async with self._connection() as connection:
            found = []
            for row in await connection.execute(query):
                events = await _events(connection, row.call_id)
                view = CallView.of((event for _, event in events), row.call_id)
                if events and not view.ended:
                    found.append((view, events[-1][0]))
        return found

    async def get_handoff(self, handoff_id: str) -> dict[str, Any] | None:
        """The newest version of a context packet, as JSON; None: no such packet.

        Raises:
            StoreError: the database did not answer.
        """
        query = (
            select(HandoffRow.packet)
            .where(HandoffRow.handoff_id == handoff_id)
            .order_by(HandoffRow.version.desc())
            .limit(1)
        )
        async with self._connection() as connection:
            row = (await connection.execute(query)).first()
        return dict(row.packet) if row else None

    def _connection(self) -> AbstractAsyncContextManager[AsyncConnection]:
        return transaction(self._engine, self._timeout_s)


@asynccontextmanager
async def transaction(engine: AsyncEngine, timeout_s: float) -> AsyncIterator[AsyncConnection]:
    """A connection in a transaction, its failures and its delay translated.

    Raises:
        StoreRejectedError: the data itself is refused.
        StoreError: the database failed, or did not answer within ``timeout_s`` seconds.
    """
    try:
        async with asyncio.timeout(timeout_s), engine.begin() as connection:
            yield connection
    except TimeoutError as err:
        raise StoreError(f"the database did not answer within {timeout_s} s") from err
    except exc.SQLAlchemyError as err:
        if _is_refusal(err):
            raise StoreRejectedError("the database refuses the data") from err
        raise StoreError(f"the database failed: {type(err).__name__}") from err
    except (OverflowError, ValueError, TypeError) as err:  # aiosqlite lets a value it cannot carry through
        raise StoreRejectedError(f"the database refuses the data: {type(err).__name__}") from err
    except OSError as err:  # asyncpg lets connection errors through
        raise StoreError("the database cannot be reached") from err


def _is_refusal(err: exc.SQLAlchemyError) -> bool:
    """Whether writing the same again would fail again: SQLSTATE class 22 (data) or 23 (integrity)."""
    if isinstance(err, exc.DBAPIError):
        state = str(getattr(err.orig, "sqlstate", "") or "")
        return isinstance(err, (exc.DataError, exc.IntegrityError)) or state[:2] in ("22", "23")
    return isinstance(err, exc.StatementError)  # a value that the driver cannot carry


async def _events(connection: AsyncConnection, call_id: str) -> list[tuple[int, CallEvent]]:
    query = (
        select(EventRow.seq, EventRow.type, EventRow.at_ms, EventRow.turn, EventRow.data)
        .where(EventRow.call_id == call_id)
        .order_by(EventRow.seq)
    )
    rows = await connection.execute(query)
    return [
        (r.seq, event_from_json({**r.data, "type": r.type, "at_ms": r.at_ms, "turn": r.turn})) for r in rows
    ]


# --- rows ---------------------------------------------------------------------------------------


def _event_row(entry: Entry) -> dict[str, Any]:
    data = entry.event.to_json()
    kind = data.pop("type", entry.event.type)
    data.pop("at_ms", None)
    data.pop("turn", None)
    return {
        "call_id": entry.call_id,
        "seq": entry.seq,
        "type": kind,
        "at_ms": entry.event.at_ms,
        "turn": entry.event.turn,
        "data": data,
    }


def _call_row(call_id: str, view: CallView) -> dict[str, Any]:
    return {
        "call_id": call_id,
        "case_id": view.case_id,
        "channel": view.channel,
        "caller_number": view.caller_number,
        "started_at": _instant(view.started_at),
        "ended_at": _instant(view.ended_at),
        "duration_ms": view.ended_ms,
        "outcome": view.outcome or None,
        "ended_by": view.ended_by or None,
        "verified": bool(view.identity and view.identity.verified),
        "identified_how": view.identity.how if view.identity else None,
        "summary": view.summary(),
    }


def _instant(text: str) -> datetime | None:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    return instant if instant.tzinfo else None


def _turn_row(call_id: str, turn: TurnView) -> dict[str, Any]:
    return {
        "call_id": call_id,
        "turn": turn.turn,
        "heard": turn.heard,
        "text": turn.text,
        "mode": turn.mode,
        "recognition_confidence": turn.recognition_confidence,
        "said": list(turn.replies),
        "interrupted": turn.interrupted,
        "played": turn.played,
        "started_ms": turn.started_ms,
        "ended_ms": turn.ended_ms,
        "intent": turn.intent or None,
        "confidence": turn.confidence,
        "voice_to_voice_ms": turn.voice_to_voice_ms,
        "timings": dict(turn.timings),
    }


def _action_rows(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    return [
        {
            "call_id": e.call_id,
            "seq": e.seq,
            "turn": e.event.turn,
            "at_ms": e.event.at_ms,
            "action": e.event.action,
            "ok": e.event.ok,
            "reference": e.event.reference,
            "result": e.event.result,
        }
        for e in entries
        if isinstance(e.event, ActionDone)
    ]


def _offer_rows(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    return [
        {
            "call_id": e.call_id,
            "seq": e.seq,
            "turn": e.event.turn,
            "at_ms": e.event.at_ms,
            "offer": e.event.offer,
            "terms": e.event.terms,
            "answer": e.event.answer,
        }
        for e in entries
        if isinstance(e.event, OfferTold)
    ]


def _packet_rows(call_id: str, stored: _Stored, *, since: int) -> list[dict[str, Any]]:
    """The versions of the packet from event ``since`` on: each tells the call up to its own event."""
    rows: list[dict[str, Any]] = []
    for position, (seq, event) in enumerate(zip(stored.seqs, stored.view.events, strict=True), start=1):
        if seq < since or not isinstance(event, (HandoffRequested, CallbackPromised, CallEnded)):
            continue
        so_far = stored.view.events[:position]
        if not any(isinstance(e, (HandoffRequested, CallbackPromised)) for e in so_far):
            continue
        packet = build_packet(so_far, call_id=call_id)
        rows.append(
            {
                "handoff_id": packet.handoff_id,
                "version": packet.version,
                "call_id": call_id,
                "schema_version": packet.schema_version,
                "reason": packet.handoff.reason if packet.handoff else None,
                "skill": packet.handoff.skill if packet.handoff else None,
                "created_at": _instant(packet.created_at),
                "packet": packet.model_dump(mode="json"),
            }
        )
    return rows
