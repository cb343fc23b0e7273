"""What each booking changes. Functions of an open transaction in which the subscriber is locked.

All raise NotFoundError for what does not exist or belongs to another subscriber, and ConflictError for what
contradicts the state of things.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from dateutil.relativedelta import relativedelta
from sqlalchemy import select
from sqlalchemy.engine import Connection, Row

from actions.crm import tables as t
from actions.crm.bookings import AlreadyBookedError
from actions.crm.port import ConflictError, NotFoundError


def open_dispute(
    connection: Connection, reference: str, subscriber_id: int, invoice_id: int, label: str, amount: Decimal
) -> None:
    """A charge has at most one open dispute: contesting it again finds the first."""
    own_invoice(connection, subscriber_id, invoice_id)
    disputes = t.disputes
    existing = connection.execute(
        select(disputes.c.reference).where(
            disputes.c.invoice_id == invoice_id, disputes.c.label == label, disputes.c.status == "open"
        )
    ).first()
    if existing is not None:
        raise AlreadyBookedError(existing.reference)
    connection.execute(
        disputes.insert().values(
            reference=reference,
            subscriber_id=subscriber_id,
            invoice_id=invoice_id,
            label=label,
            amount=amount,
            status="open",
        )
    )


def change_payment_day(connection: Connection, subscriber_id: int, day: int) -> None:
    """Refused for a cancelled contract."""
    _require_not_cancelled(_contract(connection, subscriber_id))
    _update_contract(connection, subscriber_id, payment_day=day)


def require_invoice_copy(connection: Connection, subscriber_id: int, invoice_id: int, by: str) -> None:
    """Nothing changes but the booking; refused when there is no address to send to."""
    own_invoice(connection, subscriber_id, invoice_id)
    column = {"email": t.subscribers.c.email, "sms": t.subscribers.c.phone}[by]
    if not connection.execute(select(column).where(t.subscribers.c.id == subscriber_id)).scalar_one():
        raise ConflictError(f"no address known for {by}")


def cancel_contract(connection: Connection, subscriber_id: int, ends_on: date) -> None:
    """The contract is cancelled from now on and runs until ``ends_on``."""
    contract = _contract(connection, subscriber_id)
    _require_not_cancelled(contract)
    if ends_on < contract.started_on:
        raise ConflictError("a contract cannot end before it started")
    _update_contract(connection, subscriber_id, status="cancelled", ends_on=ends_on, resumes_on=None)


def accept_offer(
    connection: Connection,
    reference: str,
    subscriber_id: int,
    offer_id: str,
    commitment_months: int,
    monthly_discount: Decimal,
    today: date,
) -> None:
    """Apply the discount, the commitment and what ``offer_effects`` says of this offer.

    A commitment never becomes shorter. Refused unless the contract is active, while the same offer still runs,
    for the plan the subscriber already has, and for a discount above the price.
    """
    contract = _contract(connection, subscriber_id)
    if contract.status != "active":
        raise ConflictError(f"the contract is {contract.status}")
    if _still_runs(connection, subscriber_id, offer_id, today):
        raise ConflictError("this offer was accepted and still runs")
    effect = connection.execute(
        select(t.offer_effects, t.plans.c.price)
        .join_from(t.offer_effects, t.plans, isouter=True)
        .where(t.offer_effects.c.offer_id == offer_id)
    ).first()
    changes: dict[str, object] = {}
    price, pause_months = contract.monthly_price, 0
    if effect is not None:
        pause_months = effect.pause_months
        if effect.new_plan == contract.plan:
            raise ConflictError("the subscriber has this plan already")
        if effect.new_plan is not None:
            changes["plan"], price = effect.new_plan, effect.price
    if monthly_discount > price:
        raise ConflictError("the discount is above the price")
    changes["monthly_price"] = price - monthly_discount
    if commitment_months:
        until = today + relativedelta(months=commitment_months)
        changes["committed_until"] = max(until, contract.committed_until or until)
    if pause_months:
        changes |= {"status": "suspended", "resumes_on": today + relativedelta(months=pause_months)}
    _update_contract(connection, subscriber_id, **changes)
    connection.execute(
        t.acceptances.insert().values(
            reference=reference,
            subscriber_id=subscriber_id,
            offer_id=offer_id,
            monthly_discount=monthly_discount,
            accepted_on=today,
            runs_until=today + relativedelta(months=max(commitment_months, pause_months)),
        )
    )


def book_slot(
    connection: Connection, reference: str, subscriber_id: int, kind: str, slot_id: int, now: datetime
) -> None:
    """Take a place in the slot. A coming appointment of the same kind is moved: its place becomes free again."""
    slots, appointments = t.slots, t.appointments
    coming = connection.execute(
        select(appointments.c.reference, appointments.c.slot_id)
        .join_from(appointments, slots)
        .where(
            appointments.c.subscriber_id == subscriber_id,
            appointments.c.status == "booked",
            slots.c.kind == kind,
            slots.c.starts_at > now,
        )
    ).all()
    for row in coming:
        if row.slot_id == slot_id:
            raise AlreadyBookedError(row.reference)
    # Locked in the order of ids: two subscribers who exchange their slots must not wait for each other.
    wanted = {slot_id, *(row.slot_id for row in coming)}
    locked = connection.execute(
        select(slots).where(slots.c.id.in_(wanted)).order_by(slots.c.id).with_for_update()
    )
    slot = {row.id: row for row in locked}.get(slot_id)
    if slot is None or slot.kind != kind:
        raise NotFoundError("no such slot")
    if slot.starts_at <= now:
        raise ConflictError("the slot is past")
    if slot.taken >= slot.capacity:
        raise ConflictError("the slot is taken")
    for row in coming:
        _add_taken(connection, row.slot_id, -1)
        connection.execute(
            appointments.update().where(appointments.c.reference == row.reference).values(status="moved")
        )
    _add_taken(connection, slot_id, 1)
    connection.execute(
        appointments.insert().values(
            reference=reference, subscriber_id=subscriber_id, slot_id=slot_id, status="booked"
        )
    )


def own_invoice(connection: Connection, subscriber_id: int, invoice_id: int) -> None:
    """Raises NotFoundError unless the invoice is this subscriber's."""
    statement = select(t.invoices.c.id).where(
        t.invoices.c.id == invoice_id, t.invoices.c.subscriber_id == subscriber_id
    )
    if connection.execute(statement).first() is None:
        raise NotFoundError("no such invoice")


def _contract(connection: Connection, subscriber_id: int) -> Row[Any]:
    row = connection.execute(select(t.contracts).where(t.contracts.c.subscriber_id == subscriber_id)).first()
    if row is None:
        raise NotFoundError("no such contract")
    return row


def _update_contract(connection: Connection, subscriber_id: int, **changes: object) -> None:
    connection.execute(
        t.contracts.update().where(t.contracts.c.subscriber_id == subscriber_id).values(changes)
    )


def _require_not_cancelled(contract: Row[Any]) -> None:
    if contract.status == "cancelled":
        raise ConflictError("the contract is cancelled already")


def _still_runs(connection: Connection, subscriber_id: int, offer_id: str, today: date) -> bool:
    acceptances = t.acceptances
    statement = select(acceptances.c.reference).where(
        acceptances.c.subscriber_id == subscriber_id,
        acceptances.c.offer_id == offer_id,
        acceptances.c.runs_until > today,
    )
    return connection.execute(statement).first() is not None


def _add_taken(connection: Connection, slot_id: int, places: int) -> None:
    connection.execute(t.slots.update().where(t.slots.c.id == slot_id).values(taken=t.slots.c.taken + places))
