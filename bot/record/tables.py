"""The tables of the call record.

``events`` is the truth, append only; the others are projections of it that make questions in SQL easy
(``actions`` and ``offers`` are append only too: they are audits).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, Boolean, DateTime, Dialect, Float, Index, Integer, MetaData, String, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

Json = JSON().with_variant(JSONB(), "postgresql")


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: aware in Python, UTC in the database, also where it knows no time zones (SQLite)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To UTC; naive values are a defect of the caller."""
        if value is not None and value.tzinfo is None:
            raise ValueError("a naive datetime cannot be stored")
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Aware, UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Names of constraints are fixed, so that migrations can name them on every database."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class CallRow(Base):
    """One call as it stands. ``summary``: what lists show (:meth:`bot.record.view.CallView.summary`)."""

    __tablename__ = "calls"
    __table_args__ = (Index("ix_calls_started_at_call_id", "started_at", "call_id"),)

    call_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    case_id: Mapped[str] = mapped_column(String(64), index=True)
    channel: Mapped[str] = mapped_column(Text)
    caller_number: Mapped[str] = mapped_column(Text)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    duration_ms: Mapped[int | None] = mapped_column(Integer)
    outcome: Mapped[str | None] = mapped_column(Text, index=True)
    ended_by: Mapped[str | None] = mapped_column(Text)
    verified: Mapped[bool] = mapped_column(Boolean)
    identified_how: Mapped[str | None] = mapped_column(Text)
    summary: Mapped[dict[str, Any]] = mapped_column(Json)


class EventRow(Base):
    """One journal entry. ``data``: the event without ``type``, ``at_ms`` and ``turn``."""

    __tablename__ = "events"

    call_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    seq: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    type: Mapped[str] = mapped_column(String(32), index=True)
    at_ms: Mapped[int] = mapped_column(Integer)
    turn: Mapped[int] = mapped_column(Integer)
    data: Mapped[dict[str, Any]] = mapped_column(Json)


class TurnRow(Base):
    """One exchange. ``heard``: as recognised; ``said``: the bot's replies; times in ms since the answer."""

    __tablename__ = "turns"

    call_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    turn: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    heard: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    mode: Mapped[str] = mapped_column(Text)
    recognition_confidence: Mapped[float | None] = mapped_column(Float)
    said: Mapped[list[str]] = mapped_column(Json)
    interrupted: Mapped[bool] = mapped_column(Boolean)
    played: Mapped[str | None] = mapped_column(Text)
    started_ms: Mapped[int] = mapped_column(Integer)
    ended_ms: Mapped[int] = mapped_column(Integer)
    intent: Mapped[str | None] = mapped_column(Text, index=True)
    confidence: Mapped[float | None] = mapped_column(Float)
    voice_to_voice_ms: Mapped[int | None] = mapped_column(Integer)
    timings: Mapped[dict[str, int]] = mapped_column(Json)


class ActionRow(Base):
    """Something tried or done, as it happened."""

    __tablename__ = "actions"

    call_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    seq: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    turn: Mapped[int] = mapped_column(Integer)
    at_ms: Mapped[int] = mapped_column(Integer)
    action: Mapped[str] = mapped_column(Text, index=True)
    ok: Mapped[bool] = mapped_column(Boolean)
    reference: Mapped[str] = mapped_column(Text)
    result: Mapped[str] = mapped_column(Text)


class OfferRow(Base):
    """The offers audit: each offer told and each answer, as they happened."""

    __tablename__ = "offers"

    call_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    seq: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    turn: Mapped[int] = mapped_column(Integer)
    at_ms: Mapped[int] = mapped_column(Integer)
    offer: Mapped[str] = mapped_column(Text, index=True)
    terms: Mapped[str] = mapped_column(Text)
    answer: Mapped[str] = mapped_column(Text)


class HandoffRow(Base):
    """One version of a context packet."""

    __tablename__ = "handoffs"

    handoff_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    call_id: Mapped[str] = mapped_column(String(64), index=True)
    schema_version: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str | None] = mapped_column(Text)
    skill: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    packet: Mapped[dict[str, Any]] = mapped_column(Json)
