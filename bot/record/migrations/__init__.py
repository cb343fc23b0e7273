"""The database schema, step by step, shipped with the package and run at start (:func:`upgrade`)."""

from __future__ import annotations

import asyncio
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, exc, text

from bot.errors import StoreError
from bot.record.store import make_engine

_LOCK = 0x0DEC0C4E  # any number of ours: two processes that start together migrate one after the other

TIMEOUT_S = 60.0
"""Longest a migration may take, with waiting for another process that migrates."""


def config(connection: Connection | None = None) -> Config:
    """Alembic's configuration, from wherever the program was started."""
    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    settings.attributes["connection"] = connection
    return settings


def upgrade(url: str, revision: str = "head") -> None:
    """Bring the database at ``url`` to ``revision``, in one transaction. Blocking: call it from a thread.

    Raises:
        ConfigurationError: not a database URL that we know.
        StoreError: the database cannot be reached or migrated, or not within :data:`TIMEOUT_S`.
    """
    asyncio.run(upgrade_async(url, revision))


async def upgrade_async(url: str, revision: str = "head") -> None:
    """As :func:`upgrade`, in the running event loop."""
    engine = make_engine(url)
    try:
        async with asyncio.timeout(TIMEOUT_S), engine.begin() as connection:
            await connection.run_sync(_upgrade, revision)
    except TimeoutError as err:
        raise StoreError(f"the database could not be prepared within {TIMEOUT_S} s") from err
    except (exc.SQLAlchemyError, OSError, CommandError) as err:
        raise StoreError(f"the database cannot be prepared: {type(err).__name__}") from err
    finally:
        await engine.dispose()


def _upgrade(connection: Connection, revision: str) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    command.upgrade(config(connection), revision)
