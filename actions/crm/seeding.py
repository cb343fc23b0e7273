"""Fill an empty CRM database with the fictional subscribers."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.engine import Connection

from actions.crm import effects, tables
from actions.crm.accounts import PLANS, Account
from actions.crm.database import Database
from actions.crm.planning import DAYS_AHEAD, DEFAULT_ZONE, planned_slots
from actions.crm.population import SEED, SIZE, accounts
from actions.crm.references import ALPHABET, LENGTH, PREFIXES

# The retention offers of the shipped operator.yml that change more than a price.
_OFFER_EFFECTS = (
    {"offer_id": "pause3", "new_plan": None, "pause_months": 3},
    {"offer_id": "essentiel", "new_plan": "essentiel", "pause_months": 0},
)


def ensure_seeded(
    database: Database,
    today: date,
    *,
    zone: str = DEFAULT_ZONE,
    size: int = SIZE,
    reset: bool = False,
) -> bool:
    """Create the tables and, when there is no subscriber, the fictional data set as of ``today``.

    One transaction: several processes may start at once and one seeds. ``reset`` drops everything first. Whatever
    was there, appointment slots are opened for the coming days. Returns whether subscribers were added.
    Raises CrmUnavailableError.
    """
    with database.write() as connection:
        if database.dialect == "postgresql":
            # CREATE TABLE IF NOT EXISTS still races on PostgreSQL; the number is arbitrary, ours, and constant.
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(4217031)")
        if reset:
            tables.metadata.drop_all(connection)
        tables.metadata.create_all(connection)
        empty = connection.execute(select(func.count()).select_from(tables.subscribers)).scalar_one() == 0
        if empty:
            _insert_accounts(connection, tuple(accounts(today, size)))
        _open_slots(connection, today, ZoneInfo(zone))
        if empty:
            _insert_commitments(connection, tuple(accounts(today, size)), today, ZoneInfo(zone))
        return empty


def _insert_accounts(connection: Connection, population: Iterable[Account]) -> None:
    rows: dict[Any, list[dict[str, Any]]] = {table: [] for table in tables.metadata.sorted_tables}
    rows[tables.plans] = [
        {"code": code, "name": name, "price": price} for code, (name, price) in PLANS.items()
    ]
    rows[tables.offer_effects] = list(_OFFER_EFFECTS)
    for account in population:
        owner = {"subscriber_id": account.subscriber.id}
        contract = {key: value for key, value in vars(account.contract).items() if key != "plan_name"}
        rows[tables.subscribers].append(vars(account.subscriber))
        rows[tables.contracts].append(contract | owner)
        rows[tables.boxes].append(vars(account.box) | owner)
        state = {"box_id": account.box.id, "reboot_clears": account.reboot_clears, "reboots": 0}
        rows[tables.box_states].append(vars(account.box_state) | state)
        for invoice in account.invoices:
            head = {key: value for key, value in vars(invoice).items() if key != "lines"}
            rows[tables.invoices].append(head | owner)
            rows[tables.invoice_lines].extend(
                vars(line) | {"invoice_id": invoice.id, "position": position}
                for position, line in enumerate(invoice.lines)
            )
            if invoice.status == "paid":
                rows[tables.payments].append(
                    {
                        "invoice_id": invoice.id,
                        "paid_on": invoice.due_on,
                        "amount": invoice.total,
                        "method": account.contract.payment_method,
                    }
                )
    for table, values in rows.items():  # sorted_tables: a table comes after those it refers to
        if values:
            connection.execute(table.insert(), values)


def _open_slots(connection: Connection, today: date, zone: ZoneInfo) -> None:
    """Open the days not yet open, up to :data:`DAYS_AHEAD` days after ``today``."""
    newest = connection.execute(select(func.max(tables.slots.c.starts_at))).scalar_one()
    first = today if newest is None else max(today, newest.astimezone(zone).date() + timedelta(days=1))
    values = [vars(slot) for slot in planned_slots(first, today + timedelta(days=DAYS_AHEAD), zone)]
    if values:
        connection.execute(tables.slots.insert(), values)


def _insert_commitments(
    connection: Connection, population: Iterable[Account], today: date, zone: ZoneInfo
) -> None:
    """Disputes and appointments that existed before the first call, each behind a booking like any other."""
    chance = random.Random(SEED)
    booked_at = datetime.combine(today - timedelta(days=3), time(11), zone)

    def booking(kind: str, account: Account, arguments: dict[str, Any]) -> str:
        reference = f"{PREFIXES[kind]}-" + "".join(chance.choice(ALPHABET) for _ in range(LENGTH))
        values = {
            "reference": reference,
            "key": f"seed:{kind}:{account.subscriber.id}",
            "kind": kind,
            "subscriber_id": account.subscriber.id,
            "arguments": arguments,
            "booked_at": booked_at,
        }
        connection.execute(tables.bookings.insert().values(values))
        return reference

    free = iter(
        connection.execute(
            select(tables.slots.c.id)
            .where(
                tables.slots.c.kind == "technician",
                tables.slots.c.taken < tables.slots.c.capacity,
                tables.slots.c.starts_at >= datetime.combine(today + timedelta(days=2), time(0), zone),
            )
            .order_by(tables.slots.c.starts_at)
        ).scalars()
    )
    for account in population:
        owner = account.subscriber.id
        if account.contested:
            invoice, line = account.contested
            asked = {"invoice": invoice.id, "label": line.label, "amount": str(line.amount)}
            reference = booking("dispute", account, asked)
            effects.open_dispute(connection, reference, owner, invoice.id, line.label, line.amount)
        if account.appointment:
            slot_id = next(free)
            reference = booking("appointment", account, {"kind": account.appointment, "slot_id": slot_id})
            values = {"reference": reference, "subscriber_id": owner, "slot_id": slot_id, "status": "booked"}
            connection.execute(tables.appointments.insert().values(values))
            connection.execute(
                tables.slots.update()
                .where(tables.slots.c.id == slot_id)
                .values(taken=tables.slots.c.taken + 1)
            )
