"""The tables of the SQL implementation, the same on SQLite and PostgreSQL.

Euros are stored as whole cents and times as UTC, because SQLite has neither decimals nor time zones.
"""

from __future__ import annotations

from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    DDL,
    JSON,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    event,
    text,
)
from sqlalchemy.types import Boolean, Float, TypeDecorator

CENT = Decimal("0.01")


class Euros(TypeDecorator):  # type: ignore[type-arg]
    """``Decimal`` euros kept as integer cents. A fraction of a cent is refused with ValueError."""

    impl = Integer
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Any) -> int | None:
        if value is None:
            return None
        if value != value.quantize(CENT):
            raise ValueError("an amount has at most two decimals")
        return int(value * 100)

    def process_result_value(self, value: int | None, dialect: Any) -> Decimal | None:
        return None if value is None else Decimal(value).scaleb(-2)


class UtcDateTime(TypeDecorator):  # type: ignore[type-arg]
    """An aware ``datetime``, kept in UTC and given back in UTC. A naive one is refused with ValueError."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a stored time needs an offset")
        return value.astimezone(timezone.utc).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        return None if value is None else value.replace(tzinfo=timezone.utc)


metadata = MetaData()


def _one_of(column: str, *values: str) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")


def _of_subscriber(**kwargs: Any) -> Column[Any]:
    return Column("subscriber_id", ForeignKey("subscribers.id"), nullable=False, **kwargs)


subscribers = Table(
    "subscribers",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("number", String, nullable=False, unique=True),
    Column("title", String, nullable=False),
    Column("first_name", String, nullable=False),
    Column("last_name", String, nullable=False),
    Column("phone", String, nullable=False, index=True),  # not unique: a household may share one; '' unknown
    Column("email", String, nullable=False),
    Column("postcode", String, nullable=False),
    Column("birth_date", Date, nullable=False),
)

plans = Table(
    "plans",
    metadata,
    Column("code", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("price", Euros, nullable=False),
)

contracts = Table(
    "contracts",
    metadata,
    Column("id", Integer, primary_key=True),
    _of_subscriber(unique=True),
    Column("plan", ForeignKey("plans.code"), nullable=False),
    Column("monthly_price", Euros, nullable=False),
    Column("started_on", Date, nullable=False),
    Column("committed_until", Date),
    Column("status", String, nullable=False),
    Column("ends_on", Date),  # of a cancelled contract
    Column("resumes_on", Date),  # of a paused contract
    Column("payment_method", String, nullable=False),
    Column("payment_day", Integer, nullable=False),
    Column("iban_end", String, nullable=False),
    _one_of("status", "active", "suspended", "cancelled"),
    _one_of("payment_method", "direct_debit", "card", "transfer"),
    CheckConstraint("payment_day BETWEEN 1 AND 28", name="payment_day_in_every_month"),
    CheckConstraint("monthly_price >= 0", name="price_not_negative"),
)

invoices = Table(
    "invoices",
    metadata,
    Column("id", Integer, primary_key=True),
    _of_subscriber(index=True),
    Column("number", String, nullable=False, unique=True),
    Column("issued_on", Date, nullable=False),
    Column("due_on", Date, nullable=False),
    Column("total", Euros, nullable=False),
    Column("status", String, nullable=False),
    _one_of("status", "due", "paid", "late"),
)

invoice_lines = Table(
    "invoice_lines",
    metadata,
    Column("invoice_id", ForeignKey("invoices.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("label", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("amount", Euros, nullable=False),
    _one_of("kind", "plan", "option", "purchase", "discount", "fee", "call"),
)

payments = Table(
    "payments",
    metadata,
    Column("invoice_id", ForeignKey("invoices.id"), primary_key=True),
    Column("paid_on", Date, nullable=False),
    Column("amount", Euros, nullable=False),
    Column("method", String, nullable=False),
)

boxes = Table(
    "boxes",
    metadata,
    Column("id", Integer, primary_key=True),
    _of_subscriber(unique=True),
    Column("model", String, nullable=False),
    Column("serial", String, nullable=False, unique=True),
    Column("installed_on", Date, nullable=False),
)

box_states = Table(
    "box_states",
    metadata,
    Column("box_id", ForeignKey("boxes.id"), primary_key=True),
    Column("reachable", Boolean, nullable=False),
    Column("signal_db", Float),
    Column("network_ok", Boolean, nullable=False),
    Column("fault", String, nullable=False),
    Column("error_code", String, nullable=False),
    Column("reboot_clears", Boolean, nullable=False),
    Column("reboots", Integer, nullable=False, server_default=text("0")),
    _one_of(
        "fault",
        "none",
        "no_power",
        "no_signal",
        "weak_signal",
        "hdmi",
        "network",
        "firmware",
        "disk_full",
        "remote",
    ),
)

slots = Table(
    "slots",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", String, nullable=False),
    Column("starts_at", UtcDateTime, nullable=False),
    Column("ends_at", UtcDateTime, nullable=False),
    Column("capacity", Integer, nullable=False),
    Column("taken", Integer, nullable=False, server_default=text("0")),
    UniqueConstraint("kind", "starts_at"),
    _one_of("kind", "replacement", "technician", "callback"),
    CheckConstraint("taken BETWEEN 0 AND capacity", name="never_overbooked"),
)

bookings = Table(
    "bookings",
    metadata,
    Column("reference", String, primary_key=True),
    Column("key", String, nullable=False, unique=True),
    Column("kind", String, nullable=False),
    _of_subscriber(index=True),
    Column("arguments", JSON, nullable=False),  # what was asked, to tell a repeat from a misuse of the key
    Column("booked_at", UtcDateTime, nullable=False),
)


def _of_booking() -> Column[Any]:
    return Column("reference", ForeignKey("bookings.reference"), primary_key=True)


disputes = Table(
    "disputes",
    metadata,
    _of_booking(),
    _of_subscriber(index=True),
    Column("invoice_id", ForeignKey("invoices.id"), nullable=False),
    Column("label", String, nullable=False),
    Column("amount", Euros, nullable=False),
    Column("status", String, nullable=False),
    _one_of("status", "open", "settled"),
)
Index(
    "one_open_dispute_a_charge",
    disputes.c.invoice_id,
    disputes.c.label,
    unique=True,
    sqlite_where=text("status = 'open'"),
    postgresql_where=text("status = 'open'"),
)

appointments = Table(
    "appointments",
    metadata,
    _of_booking(),
    _of_subscriber(index=True),
    Column("slot_id", ForeignKey("slots.id"), nullable=False),
    Column("status", String, nullable=False),
    _one_of("status", "booked", "moved"),
)

offer_effects = Table(  # what an offer changes beyond its discount and commitment; an unlisted offer: nothing
    "offer_effects",
    metadata,
    Column("offer_id", String, primary_key=True),
    Column("new_plan", ForeignKey("plans.code")),
    Column("pause_months", Integer, nullable=False, server_default=text("0")),
)

acceptances = Table(
    "acceptances",
    metadata,
    _of_booking(),
    _of_subscriber(index=True),
    Column("offer_id", String, nullable=False),
    Column("monthly_discount", Euros, nullable=False),
    Column("accepted_on", Date, nullable=False),
    Column("runs_until", Date, nullable=False),
)

offer_log = Table(
    "offer_log",
    metadata,
    Column("id", Integer, primary_key=True),
    _of_subscriber(index=True),
    Column("call_id", String, nullable=False),
    Column("offer_id", String, nullable=False),
    Column("answer", String, nullable=False),
    Column("logged_at", UtcDateTime, nullable=False),
    _one_of("answer", "proposed", "accepted", "refused"),
)

# The audit is append-only for every user of the database, not only for this code.
for _verb in ("UPDATE", "DELETE"):
    event.listen(
        offer_log,
        "after_create",
        DDL(
            f"CREATE TRIGGER offer_log_no_{_verb.lower()} BEFORE {_verb} ON offer_log "
            "BEGIN SELECT RAISE(ABORT, 'offer_log is append-only'); END"
        ).execute_if(dialect="sqlite"),
    )
event.listen(
    offer_log,
    "after_create",
    DDL(
        "CREATE OR REPLACE FUNCTION offer_log_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'offer_log is append-only'; END $$"
    ).execute_if(dialect="postgresql"),
)
event.listen(
    offer_log,
    "after_create",
    DDL(
        "CREATE TRIGGER offer_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON offer_log "
        "FOR EACH STATEMENT EXECUTE FUNCTION offer_log_refuse()"
    ).execute_if(dialect="postgresql"),
)
