"""The desk's tables, in the database of the call record. Times are seconds since 1970."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, Float, Index, Integer, MetaData, String, Table
from sqlalchemy.dialects.postgresql import JSONB

Json = JSON().with_variant(JSONB(), "postgresql")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

agents = Table(
    "desk_agents",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("login", String(64), nullable=False, unique=True),
    Column("name", String(100), nullable=False),
    Column("site", String(24), nullable=False),
    Column("roles", Json, nullable=False),
    Column("skills", Json, nullable=False),
    Column("sip", String(200), nullable=False),
    Column("subject", String(255), nullable=True, unique=True),
    Column("password", String(255), nullable=False),  # argon2, or empty: signs in elsewhere
    Column("disabled", Boolean, nullable=False),
    Column("created_at", Float, nullable=False),
)

sessions = Table(
    "desk_sessions",
    metadata,
    Column("id", String(64), primary_key=True),  # SHA-256 of the cookie
    Column("agent_id", String(64), nullable=False, index=True),
    Column("csrf", String(64), nullable=False),
    Column("created_at", Float, nullable=False),
    Column("seen_at", Float, nullable=False),
)

contacts = Table(
    "desk_contacts",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("call_id", String(64), nullable=False, index=True),
    Column("handoff_id", String(64), nullable=False),
    Column("site", String(24), nullable=False),
    Column("agent_id", String(64), nullable=False),
    Column("level", Integer, nullable=False),
    Column("accepted_at", Float, nullable=False),
    Column("joined_at", Float, nullable=True),
    Column("ended_at", Float, nullable=True),
    Column("given_back", String(16), nullable=False),
    Column("disposition", String(32), nullable=False),
    Column("notes", Json, nullable=False),
    Index("ix_desk_contacts_handoff_id_site", "handoff_id", "site"),
)
