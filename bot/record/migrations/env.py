"""Run by Alembic for each command, on the connection that :func:`bot.record.migrations.upgrade` gives it."""

from typing import Any, Literal

from alembic import context

import bot.audit.tables
import bot.callbacks.tables  # noqa: F401  # their tables live in the same database
from bot.record.tables import Base, UtcDateTime
from desk.tables import metadata as desk_metadata


def _render(kind: str, item: Any, _autogen: Any) -> str | Literal[False]:
    """Our column types by what they are in the database: migrations must not change with our classes."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UtcDateTime) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=[Base.metadata, desk_metadata],
    compare_type=True,
    render_as_batch=True,
    render_item=_render,
)
with context.begin_transaction():
    context.run_migrations()
