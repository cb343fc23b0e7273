"""Transactions on SQLite or PostgreSQL that end within a bounded time, with the library's errors turned into ours."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.engine.url import URL, make_url
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

from actions.crm.port import ConflictError, CrmUnavailableError

DEFAULT_URL = "sqlite:///var/crm.db"
_IMMEDIATE = "sqlite_immediate"


class ConstraintError(ConflictError):
    """A constraint of the database refused the write: somebody else was first, or it breaks a rule of the tables."""


class Database:
    """An engine with timeouts.

    ``timeout_s``: seconds given to each of: waiting for a free connection, connecting, one statement, one lock.
    A transaction therefore ends, well or with CrmUnavailableError, within a small multiple of it.
    Safe to share between threads. Not across ``fork``: build one after it.
    """

    def __init__(self, url: str, timeout_s: float = 3.0) -> None:
        parsed = make_url(url)
        self.dialect = parsed.get_backend_name()
        if self.dialect == "sqlite":
            self._engine = _sqlite(parsed, timeout_s)
        elif self.dialect == "postgresql":
            self._engine = _postgresql(parsed, timeout_s)
        else:
            raise ValueError(f"neither SQLite nor PostgreSQL: {self.dialect}")

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A read-only transaction: what it sees is of one moment. Raises CrmUnavailableError."""
        with _translated(), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction, committed at the end of the block and rolled back by any exception.

        Raises CrmUnavailableError, and ConstraintError when a constraint refuses the write.
        """
        with _translated(), self._engine.connect() as plain:
            connection = plain.execution_options(**{_IMMEDIATE: True})
            with connection.begin():
                yield connection

    def dispose(self) -> None:
        """Close idle connections."""
        self._engine.dispose()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except IntegrityError as err:
        raise ConstraintError("the database refused the write") from err
    except SQLAlchemyError as err:  # its own base: connection, timeout, missing table…
        raise CrmUnavailableError("the subscriber database did not answer") from err


def _sqlite(url: URL, timeout_s: float) -> Engine:
    if not url.database or url.database == ":memory:":
        raise ValueError("SQLite needs a file: each connection to memory would see its own database")
    Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        url,
        future=True,
        hide_parameters=True,  # they hold personal data and would land in messages and logs
        poolclass=QueuePool,
        pool_timeout=timeout_s,
        connect_args={"timeout": timeout_s, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # sqlite3 would begin transactions behind our back
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A writer takes its lock at the start: one that reads first and upgrades later fails at once when
        # another wrote in between, instead of waiting its turn.
        immediate = connection.get_execution_options().get(_IMMEDIATE, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    return engine


def _postgresql(url: URL, timeout_s: float) -> Engine:
    milliseconds = math.ceil(timeout_s * 1000)
    server_side = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
    return create_engine(
        url,
        future=True,
        hide_parameters=True,
        pool_timeout=timeout_s,
        pool_pre_ping=True,  # a server restarted between two calls is not an error
        connect_args={
            "connect_timeout": max(2, math.ceil(timeout_s)),  # libpq takes whole seconds, two at least
            "tcp_user_timeout": milliseconds,
            "options": " ".join(f"-c {name}={milliseconds}" for name in server_side),
            "application_name": "decroche-crm",
        },
    )
