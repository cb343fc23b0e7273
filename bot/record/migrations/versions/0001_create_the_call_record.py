"""Create the call record"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

Json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "actions",
        sa.Column("call_id", sa.String(length=64), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("at_ms", sa.Integer(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("ok", sa.Boolean(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("call_id", "seq", name=op.f("pk_actions")),
    )
    op.create_index("ix_actions_action", "actions", ["action"])

    op.create_table(
        "calls",
        sa.Column("call_id", sa.String(length=64), nullable=False),
        sa.Column("case_id", sa.String(length=64), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("caller_number", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("duration_ms", sa.Integer(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("verified", sa.Boolean(), nullable=False),
        sa.Column("identified_how", sa.Text(), nullable=True),
        sa.Column(
            "summary",
            Json,
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("call_id", name=op.f("pk_calls")),
    )
    op.create_index("ix_calls_case_id", "calls", ["case_id"])
    op.create_index("ix_calls_outcome", "calls", ["outcome"])
    op.create_index("ix_calls_started_at_call_id", "calls", ["started_at", "call_id"])

    op.create_table(
        "events",
        sa.Column("call_id", sa.String(length=64), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("type", sa.String(length=32), nullable=False),
        sa.Column("at_ms", sa.Integer(), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("data", Json, nullable=False),
        sa.PrimaryKeyConstraint("call_id", "seq", name=op.f("pk_events")),
    )
    op.create_index("ix_events_type", "events", ["type"])

    op.create_table(
        "handoffs",
        sa.Column("handoff_id", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("call_id", sa.String(length=64), nullable=False),
        sa.Column("schema_version", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("skill", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "packet",
            Json,
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("handoff_id", "version", name=op.f("pk_handoffs")),
    )
    op.create_index("ix_handoffs_call_id", "handoffs", ["call_id"])

    op.create_table(
        "offers",
        sa.Column("call_id", sa.String(length=64), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("at_ms", sa.Integer(), nullable=False),
        sa.Column("offer", sa.Text(), nullable=False),
        sa.Column("terms", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("call_id", "seq", name=op.f("pk_offers")),
    )
    op.create_index("ix_offers_offer", "offers", ["offer"])

    op.create_table(
        "turns",
        sa.Column("call_id", sa.String(length=64), nullable=False),
        sa.Column("turn", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("heard", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("recognition_confidence", sa.Float(), nullable=True),
        sa.Column("said", Json, nullable=False),
        sa.Column("interrupted", sa.Boolean(), nullable=False),
        sa.Column("played", sa.Text(), nullable=True),
        sa.Column("started_ms", sa.Integer(), nullable=False),
        sa.Column("ended_ms", sa.Integer(), nullable=False),
        sa.Column("intent", sa.Text(), nullable=True),
        sa.Column("confidence", sa.Float(), nullable=True),
        sa.Column("voice_to_voice_ms", sa.Integer(), nullable=True),
        sa.Column(
            "timings",
            Json,
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("call_id", "turn", name=op.f("pk_turns")),
    )
    op.create_index("ix_turns_intent", "turns", ["intent"])


def downgrade() -> None:

    op.drop_table("turns")

    op.drop_table("offers")

    op.drop_table("handoffs")

    op.drop_table("events")

    op.drop_table("calls")

    op.drop_table("actions")
