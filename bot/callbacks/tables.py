"""The table of callbacks, in the database of the call record."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, Integer, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from bot.record.tables import Base, Json, UtcDateTime

_IS_OPEN = text("state IN ('requested', 'retry', 'dialling')")


class CallbackRow(Base):
    """One callback; the fields of :class:`bot.callbacks.model.Callback`, under the same names.

    The unique index on ``number`` is what keeps two callbacks from being open for one number, whoever writes.
    """

    __tablename__ = "callbacks"
    __table_args__ = (
        Index(
            "uq_callbacks_open_number", "number", unique=True,
            sqlite_where=_IS_OPEN, postgresql_where=_IS_OPEN,
        ),
        Index("ix_callbacks_state_due_at", "state", "due_at"),
        Index("ix_callbacks_number_requested_at", "number", "requested_at"),
    )  # fmt: skip

    callback_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    number: Mapped[str] = mapped_column(String(20))
    region: Mapped[str] = mapped_column(String(4))
    zone: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(Text)
    case_id: Mapped[str] = mapped_column(String(64))
    call_id: Mapped[str] = mapped_column(String(64), index=True)
    origin: Mapped[str | None] = mapped_column(String(200), unique=True)
    requested_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    asked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    promised_at: Mapped[datetime] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    state: Mapped[str] = mapped_column(String(16))
    attempts: Mapped[int] = mapped_column(Integer)
    failures: Mapped[int] = mapped_column(Integer)
    tries: Mapped[list[dict[str, Any]]] = mapped_column(Json)
    dialled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    rung_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    answered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    dialling_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    lease: Mapped[str | None] = mapped_column(String(64))
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    outcome: Mapped[str | None] = mapped_column(String(16))
    why: Mapped[str] = mapped_column(String(32))
    merged_into: Mapped[str | None] = mapped_column(String(64), index=True)
    version: Mapped[int] = mapped_column(Integer)
