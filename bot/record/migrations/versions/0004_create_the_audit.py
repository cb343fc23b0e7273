"""Create the audit and the references that have been used"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("who", sa.String(length=64), nullable=False),
        sa.Column("site", sa.String(length=24), nullable=False),
        sa.Column("act", sa.String(length=16), nullable=False),
        sa.Column("packet", sa.String(length=64), nullable=False),
        sa.Column("field", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit")),
        sa.UniqueConstraint("previous", name=op.f("uq_audit_previous")),
    )
    op.create_index("ix_audit_at", "audit", ["at"])
    op.create_index("ix_audit_site", "audit", ["site"])
    op.create_index("ix_audit_packet", "audit", ["packet"])
    op.create_table(
        "used_references",
        sa.Column("nonce", sa.String(length=32), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("nonce", name=op.f("pk_used_references")),
    )
    op.create_index("ix_used_references_expires_at", "used_references", ["expires_at"])


def downgrade() -> None:
    op.drop_table("used_references")
    op.drop_table("audit")
