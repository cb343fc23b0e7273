"""The tables of the audit, in the database of the call record."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from bot.record.tables import Base, UtcDateTime


class AuditRow(Base):
    """One line: the fields of :class:`bot.audit.log.Line`. Only ever inserted.

    ``digest`` seals the line and the one before it; ``previous`` is unique, so that of two writers who would both
    follow the same line one fails and follows the other.
    """

    __tablename__ = "audit"

    seq: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    who: Mapped[str] = mapped_column(String(64))
    site: Mapped[str] = mapped_column(String(24), index=True)
    act: Mapped[str] = mapped_column(String(16))
    packet: Mapped[str] = mapped_column(String(64), index=True)
    field: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(Text)
    previous: Mapped[str] = mapped_column(String(64), unique=True)
    digest: Mapped[str] = mapped_column(String(64))


class UsedReferenceRow(Base):
    """A reference that has been exchanged. ``expires_at``: after that it would be refused anyway."""

    __tablename__ = "used_references"

    nonce: Mapped[str] = mapped_column(String(32), primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
