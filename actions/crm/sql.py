"""``SqlCrm``: the :class:`~actions.crm.port.Crm` over SQLite or PostgreSQL."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import fields
from datetime import datetime, timezone
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.engine import Row

from actions.crm import tables as t
from actions.crm.database import Database
from actions.crm.port import (
    Box,
    Contract,
    Invoice,
    InvoiceLine,
    NotFoundError,
    Slot,
    Subscriber,
)
from actions.crm.references import new_reference


def _utc_now() -> datetime:
    return datetime.now(timezone.utc)


class SqlCrm:
    """The operator's subscriber system in a SQL database. Safe to share between threads.

    ``url``: SQLAlchemy URL, ``sqlite:///file`` or ``postgresql://…``. ``timeout_s``: see
    :class:`~actions.crm.database.Database`. ``zone``: in which slots are told and dates are counted.
    ``clock``: the present, aware. ``reference``: kind → a candidate reference, asked again when it is taken.

    Errors: those of the port. Nothing is written by a method that raises, except that after CrmUnavailableError
    nothing is known; calling again with the same key is then safe.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout_s: float = 3.0,
        zone: str = "Europe/Paris",
        clock: Callable[[], datetime] = _utc_now,
        reference: Callable[[str], str] = new_reference,
    ) -> None:
        self._database = Database(url, timeout_s)
        self._zone = ZoneInfo(zone)
        self._clock = clock
        self._reference = reference

    def close(self) -> None:
        """Close idle connections."""
        self._database.dispose()

    # --- who

    def find_by_phone(self, phone: str) -> Subscriber | None:
        """The one subscriber with this number (E.164); None when nobody has it, or several do."""
        if not phone:
            return None
        with self._database.read() as connection:
            rows = connection.execute(
                select(t.subscribers).where(t.subscribers.c.phone == phone).limit(2)
            ).all()
        return _as(Subscriber, rows[0]) if len(rows) == 1 else None

    def find_by_number(self, number: str) -> Subscriber | None:
        """The subscriber with this subscriber number (eight digits)."""
        with self._database.read() as connection:
            row = connection.execute(select(t.subscribers).where(t.subscribers.c.number == number)).first()
        return _as(Subscriber, row) if row else None

    # --- what they have

    def contract(self, subscriber_id: int) -> Contract:
        """Raises NotFoundError."""
        statement = (
            select(t.contracts, t.plans.c.name.label("plan_name"))
            .join_from(t.contracts, t.plans)
            .where(t.contracts.c.subscriber_id == subscriber_id)
        )
        with self._database.read() as connection:
            return _as(Contract, _found(connection.execute(statement).first(), "contract"))

    def invoices(self, subscriber_id: int, limit: int = 3) -> tuple[Invoice, ...]:
        """Newest first, with lines."""
        invoices, lines = t.invoices, t.invoice_lines
        newest = (
            select(invoices)
            .where(invoices.c.subscriber_id == subscriber_id)
            .order_by(invoices.c.issued_on.desc(), invoices.c.id.desc())
            .limit(max(limit, 0))
        )
        with self._database.read() as connection:
            heads = connection.execute(newest).all()
            of_invoice: dict[int, list[InvoiceLine]] = defaultdict(list)
            for row in connection.execute(
                select(lines)
                .where(lines.c.invoice_id.in_([head.id for head in heads]))
                .order_by(lines.c.position)
            ):
                of_invoice[row.invoice_id].append(_as(InvoiceLine, row))
        return tuple(_as(Invoice, head, lines=tuple(of_invoice[head.id])) for head in heads)

    def box(self, subscriber_id: int) -> Box:
        """Raises NotFoundError."""
        with self._database.read() as connection:
            row = connection.execute(select(t.boxes).where(t.boxes.c.subscriber_id == subscriber_id)).first()
        return _as(Box, _found(row, "box"))

    def slots(self, subscriber_id: int, kind: str, after: datetime, limit: int = 3) -> tuple[Slot, ...]:
        """Free slots, soonest first, that start after ``after`` (aware, or taken as local)."""
        slots = t.slots
        statement = (
            select(slots)
            .where(
                slots.c.kind == kind, slots.c.starts_at > self._aware(after), slots.c.taken < slots.c.capacity
            )
            .order_by(slots.c.starts_at)
            .limit(max(limit, 0))
        )
        with self._database.read() as connection:
            return tuple(self._slot(row) for row in connection.execute(statement))

    def _slot(self, row: Row) -> Slot:  # type: ignore[type-arg]
        return Slot(row.id, row.starts_at.astimezone(self._zone), row.ends_at.astimezone(self._zone))

    def _aware(self, moment: datetime) -> datetime:
        return moment if moment.tzinfo else moment.replace(tzinfo=self._zone)


def _as(kind: Any, row: Row, **more: Any) -> Any:  # type: ignore[type-arg]
    """A row as one of the port's dataclasses, by the names of its fields."""
    values = row._mapping
    return kind(**{f.name: more[f.name] if f.name in more else values[f.name] for f in fields(kind)})


def _found(row: Row | None, what: str) -> Row:  # type: ignore[type-arg]
    if row is None:
        raise NotFoundError(f"no such {what}")
    return row
