"""The audit: one line for every opening of a packet, each sealed onto the one before.

Nothing of it is ever changed or deleted by the product; that nobody else did is told by :func:`broken_at`: a line holds
a SHA-256 over its own fields and the digest of the line before, so that a line altered, left out or put in breaks every
seal after it. (It does not tell of lines cut off at the end: keep the last digest elsewhere, the export prints it.)
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.audit.tables import AuditRow, UsedReferenceRow
from bot.errors import StoreError, StoreRejectedError, TokenUsedError
from bot.handoff.token import Reference
from bot.record.redact import Level, redact
from bot.record.store import transaction

FIRST = "0" * 64
"""What the first line is sealed onto."""
_TRIES = 5
"""Writers of other processes that may come between reading the last line and following it."""


@dataclass(frozen=True)
class Line:
    """One opening. ``seq``: from 1. ``at``: aware. ``who``: an agent's id or a client's name. ``site``: theirs.

    ``act``: opened | unmasked | redeemed. ``packet``: handoff id. ``field``, ``reason``: of an unmasking.
    """

    seq: int
    at: datetime
    who: str
    site: str
    act: str
    packet: str
    field: str
    reason: str
    previous: str
    digest: str


def sealed(
    last: Line | None, at: datetime, who: str, site: str, act: str, packet: str, field: str, reason: str
) -> Line:
    """The line that follows ``last``."""
    seq, previous = (last.seq + 1, last.digest) if last else (1, FIRST)
    line = Line(seq, at, who, site, act, packet, field, reason, previous, "")
    return replace(line, digest=_digest(line))


def broken_at(lines: Iterable[Line]) -> int | None:
    """``seq`` of the first line that does not hold, oldest first; None: all do."""
    last: Line | None = None
    for line in lines:
        expected = (last.seq + 1, last.digest) if last else (1, FIRST)
        if (line.seq, line.previous) != expected or line.digest != _digest(line):
            return line.seq
        last = line
    return None


def _digest(line: Line) -> str:
    said = {**asdict(line), "at": line.at.astimezone(UTC).isoformat(timespec="microseconds")}
    del said["digest"]
    return hashlib.sha256(json.dumps(said, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


class AuditLog:
    """Implements :class:`bot.ports.Audit`. ``timeout_s``: bound of every operation. The engine is its owner's."""

    def __init__(
        self,
        engine: AsyncEngine,
        *,
        timeout_s: float = 5.0,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._engine = engine
        self._timeout_s = timeout_s
        self._now = now
        self._turn = asyncio.Lock()

    async def opened(
        self, who: str, site: str, packet: str, *, field: str | None = None, reason: str | None = None
    ) -> None:
        """See :meth:`bot.ports.Audit.opened`. A reason is redacted as all text is."""
        await self._write(who, site, "unmasked" if field else "opened", packet, field or "", reason or "")

    async def redeemed(self, who: str, site: str, reference: Reference) -> None:
        """Keep that a reference was exchanged, once and for all; both or neither.

        Raises:
            TokenUsedError: it had been.
            StoreError: it could not be kept; the reference is still good.
        """
        await self._write(who, site, "redeemed", reference.handoff_id, "", "", used=reference)

    async def lines(
        self, *, site: str | None = None, packet: str | None = None, after: int = 0, limit: int = 1000
    ) -> Sequence[Line]:
        """Lines with a ``seq`` over ``after``, oldest first. ``site``, ``packet``: of these only.

        Raises:
            StoreError: they cannot be read.
        """
        wanted = select(AuditRow).where(AuditRow.seq > after).order_by(AuditRow.seq).limit(limit)
        if site is not None:
            wanted = wanted.where(AuditRow.site == site)
        if packet is not None:
            wanted = wanted.where(AuditRow.packet == packet)
        async with transaction(self._engine, self._timeout_s) as connection:
            return [_line(row) for row in await connection.execute(wanted)]

    async def _write(
        self,
        who: str,
        site: str,
        act: str,
        packet: str,
        field: str,
        reason: str,
        *,
        used: Reference | None = None,
    ) -> None:
        for left in reversed(range(_TRIES)):
            try:
                async with self._turn, transaction(self._engine, self._timeout_s) as connection:
                    if used is not None:
                        await self._use(connection, used)
                    last = await self._last(connection)
                    line = sealed(
                        last, self._now(), who, site, act, packet, field, redact(reason, Level.STORE)
                    )
                    await connection.execute(insert(AuditRow).values(**asdict(line)))
                return
            except StoreRejectedError as err:  # somebody else followed the same line first
                if not left:
                    raise StoreError("the audit could not be written") from err

    async def _use(self, connection: AsyncConnection, reference: Reference) -> None:
        known = select(UsedReferenceRow.nonce).where(UsedReferenceRow.nonce == reference.nonce)
        if (await connection.execute(known)).first() is not None:
            raise TokenUsedError("the reference has been exchanged already")
        await connection.execute(delete(UsedReferenceRow).where(UsedReferenceRow.expires_at < self._now()))
        # Two at once: the key lets one in; the other tries again and finds it used.
        await connection.execute(
            insert(UsedReferenceRow).values(nonce=reference.nonce, expires_at=reference.expires_at)
        )

    async def _last(self, connection: AsyncConnection) -> Line | None:
        row = (await connection.execute(select(AuditRow).order_by(AuditRow.seq.desc()).limit(1))).first()
        return _line(row) if row is not None else None


_FIELDS = tuple(field.name for field in fields(Line))


def _line(row: object) -> Line:
    return Line(**{name: getattr(row, name) for name in _FIELDS})
