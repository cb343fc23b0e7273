"""``SqlCrm``: the :class:`~actions.crm.port.Crm` over SQLite or PostgreSQL."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import fields
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.engine import Row

from actions.crm import effects
from actions.crm import tables as t
from actions.crm.bookings import BookingDesk, Request, lock_subscriber
from actions.crm.database import Database
from actions.crm.planning import DEFAULT_ZONE
from actions.crm.port import (
    Appointment,
    Booking,
    Box,
    ConflictError,
    Contract,
    Dispute,
    Invoice,
    InvoiceLine,
    NotFoundError,
    Slot,
    Subscriber,
)
from actions.crm.references import new_reference

_LARGEST = Decimal("1000000.00")  # euros; keeps nonsense out: what a person must decide is policy, not this

T = TypeVar("T")


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
        zone: str = DEFAULT_ZONE,
        clock: Callable[[], datetime] = _utc_now,
        reference: Callable[[str], str] = new_reference,
    ) -> None:
        self._database = Database(url, timeout_s)
        self._zone = ZoneInfo(zone)
        self._clock = clock
        self._desk = BookingDesk(self._database, clock, reference)

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

    def disputes(self, subscriber_id: int) -> tuple[Dispute, ...]:
        """Newest first."""
        statement = (
            select(t.disputes)
            .join_from(t.disputes, t.bookings)
            .where(t.disputes.c.subscriber_id == subscriber_id)
            .order_by(t.bookings.c.booked_at.desc())
        )
        with self._database.read() as connection:
            return tuple(_as(Dispute, row) for row in connection.execute(statement))

    def appointments(self, subscriber_id: int) -> tuple[Appointment, ...]:
        """Those to come, soonest first."""
        slots, appointments = t.slots, t.appointments
        statement = (
            select(appointments.c.reference, slots.c.kind, slots.c.starts_at, slots.c.ends_at)
            .join_from(appointments, slots)
            .where(
                appointments.c.subscriber_id == subscriber_id,
                appointments.c.status == "booked",
                slots.c.ends_at > self._clock(),
            )
            .order_by(slots.c.starts_at)
        )
        with self._database.read() as connection:
            return tuple(
                Appointment(row.reference, row.kind, self._local(row.starts_at), self._local(row.ends_at))
                for row in connection.execute(statement)
            )

    # --- what they ask for

    def open_dispute(
        self, subscriber_id: int, invoice_id: int, label: str, amount: Decimal, key: str
    ) -> Booking:
        """Contest ``amount`` euros of the charge called ``label``; a charge contested already gives that dispute.

        Raises NotFoundError for an invoice that is not the subscriber's, ConflictError for a senseless amount.
        """
        euros = _whole_cents(amount)
        if euros <= 0:
            raise ConflictError("not an amount to dispute")
        return self._desk.book(
            Request(
                "dispute", key, subscriber_id, {"invoice": invoice_id, "label": label, "amount": str(euros)}
            ),
            lambda connection, reference: effects.open_dispute(
                connection, reference, subscriber_id, invoice_id, label, euros
            ),
        )

    def change_payment_day(self, subscriber_id: int, day: int, key: str) -> Booking:
        """``day`` of the month, 1 to 28, which every month has. Raises NotFoundError, ConflictError."""
        if not 1 <= day <= 28:
            raise ConflictError("not a day of every month")
        return self._desk.book(
            Request("payment_day", key, subscriber_id, {"day": day}),
            lambda connection, _: effects.change_payment_day(connection, subscriber_id, day),
        )

    def send_invoice(self, subscriber_id: int, invoice_id: int, by: str, key: str) -> Booking:
        """``by``: email | sms. Raises NotFoundError; ConflictError without an address of that kind."""
        if by not in ("email", "sms"):
            raise ConflictError("an invoice goes by email or sms")
        return self._desk.book(
            Request("invoice_copy", key, subscriber_id, {"invoice": invoice_id, "by": by}),
            lambda connection, _: effects.require_invoice_copy(connection, subscriber_id, invoice_id, by),
        )

    def cancel_contract(self, subscriber_id: int, ends_on: date, reason: str, key: str) -> Booking:
        """Raises NotFoundError; ConflictError when already cancelled."""
        return self._desk.book(
            Request("cancellation", key, subscriber_id, {"ends_on": ends_on.isoformat(), "reason": reason}),
            lambda connection, _: effects.cancel_contract(connection, subscriber_id, ends_on),
        )

    def accept_offer(
        self, subscriber_id: int, offer_id: str, commitment_months: int, monthly_discount: Decimal, key: str
    ) -> Booking:
        """Change the contract as the offer says, from today. Raises NotFoundError, ConflictError."""
        discount = _whole_cents(monthly_discount)
        if commitment_months < 0 or discount < 0:
            raise ConflictError("an offer neither shortens a commitment nor raises a price")
        asked: dict[str, str | int] = {
            "offer": offer_id,
            "months": commitment_months,
            "discount": str(discount),
        }
        today = self._local(self._clock()).date()
        return self._desk.book(
            Request("offer", key, subscriber_id, asked),
            lambda connection, reference: effects.accept_offer(
                connection, reference, subscriber_id, offer_id, commitment_months, discount, today
            ),
        )

    def book(self, subscriber_id: int, kind: str, slot_id: int, key: str) -> Booking:
        """Take a slot, moving the coming appointment of this kind if there is one.

        Raises NotFoundError for an unknown slot or one of another kind, ConflictError when it is taken or past.
        """
        return self._desk.book(
            Request("appointment", key, subscriber_id, {"kind": kind, "slot": slot_id}),
            lambda connection, reference: effects.book_slot(
                connection, reference, subscriber_id, kind, slot_id, self._clock()
            ),
        )

    def log_offer(self, subscriber_id: int, call_id: str, offer_id: str, answer: str) -> None:
        """Raises NotFoundError; ConflictError for an unknown ``answer``."""
        with self._database.write() as connection:
            lock_subscriber(connection, subscriber_id)
            connection.execute(
                t.offer_log.insert().values(
                    subscriber_id=subscriber_id,
                    call_id=call_id,
                    offer_id=offer_id,
                    answer=answer,
                    logged_at=self._clock(),
                )
            )

    # ---

    def _slot(self, row: Row[Any]) -> Slot:
        return Slot(row.id, self._local(row.starts_at), self._local(row.ends_at))

    def _local(self, moment: datetime) -> datetime:
        return moment.astimezone(self._zone)

    def _aware(self, moment: datetime) -> datetime:
        return moment if moment.tzinfo else moment.replace(tzinfo=self._zone)


def _whole_cents(amount: Decimal) -> Decimal:
    if not amount.is_finite() or abs(amount) > _LARGEST or amount != amount.quantize(t.CENT):
        raise ConflictError("not an amount of euros and cents")
    return amount.quantize(t.CENT)


def _as(kind: type[T], row: Row[Any], **more: Any) -> T:
    """A row as one of the port's dataclasses, by the names of its fields."""
    values = row._mapping
    names = [f.name for f in fields(kind)]  # type: ignore[arg-type]  # T is one of the port's dataclasses
    return kind(**{name: more[name] if name in more else values[name] for name in names})


def _found(row: Row[Any] | None, what: str) -> Row[Any]:
    if row is None:
        raise NotFoundError(f"no such {what}")
    return row
