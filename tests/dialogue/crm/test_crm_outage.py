"""The database is down, locked, silent or not ours: CrmUnavailableError, soon, and nothing personal in its message."""

from __future__ import annotations

import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from actions.crm.box import SimulatedBox
from actions.crm.port import CrmUnavailableError
from actions.crm.sql import SqlCrm

from .conftest import NOW, TODAY, crm_at, named

TIMEOUT_S = 0.4
SLACK = 5


@contextmanager
def soon(promised_s: float) -> Iterator[None]:
    """The block raises CrmUnavailableError within the promise, with slack for a busy machine."""
    began = time.monotonic()
    with pytest.raises(CrmUnavailableError):
        yield
    assert time.monotonic() - began < promised_s * SLACK


@contextmanager
def written_by_another(url: str, statement: str) -> Iterator[None]:
    engine = create_engine(url, future=True)
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)
        yield
        connection.rollback()
    engine.dispose()


def test_a_locked_sqlite_refuses_writes_soon_and_still_reads(fresh_sqlite: Callable[[], str]) -> None:
    url = fresh_sqlite()
    crm = crm_at(url, timeout_s=TIMEOUT_S)
    crm.contract(1)
    other = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with soon(TIMEOUT_S):
        crm.cancel_contract(1, TODAY + timedelta(days=30), "", "k1")
    assert crm.contract(1).status == "active"
    other.execute("ROLLBACK")
    other.close()
    assert not crm.cancel_contract(
        1, TODAY + timedelta(days=30), "", "k1"
    ).repeated  # the same key, later, is safe


def test_a_locked_row_on_postgresql_refuses_writes_soon(fresh_postgresql: Callable[[], str]) -> None:
    url = fresh_postgresql()
    crm = crm_at(url, timeout_s=TIMEOUT_S)
    with written_by_another(url, "SELECT * FROM subscribers WHERE id = 1 FOR UPDATE"), soon(TIMEOUT_S):
        crm.change_payment_day(1, 20, "k1")
    assert not crm.change_payment_day(1, 20, "k1").repeated


def test_a_locked_table_on_postgresql_refuses_reads_soon(fresh_postgresql: Callable[[], str]) -> None:
    url = fresh_postgresql()
    crm = crm_at(url, timeout_s=TIMEOUT_S)
    with written_by_another(url, "LOCK TABLE subscribers IN ACCESS EXCLUSIVE MODE"), soon(TIMEOUT_S):
        crm.find_by_number("12345674")
    assert crm.find_by_number("12345674") is not None


def test_connections_all_in_use_are_waited_for_a_bounded_time(fresh_sqlite: Callable[[], str]) -> None:
    crm = crm_at(fresh_sqlite(), timeout_s=TIMEOUT_S)
    held = [crm._database._engine.connect() for _ in range(15)]  # the pool's default: 5 and 10 more
    with soon(TIMEOUT_S):
        crm.contract(1)
    for connection in held:
        connection.close()
    assert crm.contract(1)


def test_a_server_that_refuses_connections_is_unavailable() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound and not listening: nobody else can take the port meanwhile
        url = f"postgresql://postgres@127.0.0.1:{unused.getsockname()[1]}/crm"
        with soon(2.0):
            SqlCrm(url).find_by_phone("+33611223344")
        with soon(2.0):
            SqlCrm(url).change_payment_day(1, 20, "k1")


def test_a_server_that_accepts_and_stays_silent_is_unavailable() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"postgresql://postgres@127.0.0.1:{silent.getsockname()[1]}/crm"
        with soon(2.0):  # the shortest that libpq knows
            SqlCrm(url, timeout_s=TIMEOUT_S).find_by_phone("+33611223344")


def test_a_server_that_comes_back_is_used_again(fresh_postgresql: Callable[[], str]) -> None:
    url = fresh_postgresql()
    crm = crm_at(url)
    crm.contract(1)
    with written_by_another(
        url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'decroche-crm'"
    ):
        assert crm.contract(1)


@pytest.mark.parametrize("content", [b"", b"this is not a database" * 100], ids=["empty", "garbage"])
def test_a_file_that_is_no_crm_is_unavailable(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.db"
    path.write_bytes(content)
    with pytest.raises(CrmUnavailableError):
        SqlCrm(f"sqlite:///{path}").find_by_number("12345674")


def test_the_box_platform_goes_down_with_its_database(fresh_sqlite: Callable[[], str]) -> None:
    url = fresh_sqlite()
    box = crm_at(url).box(named("no_signal_reboot"))
    with written_by_another(url, "BEGIN EXCLUSIVE"), soon(TIMEOUT_S):
        SimulatedBox(url, timeout_s=TIMEOUT_S).reboot(box)


def test_errors_tell_no_personal_data(tmp_path: Path) -> None:
    with pytest.raises(CrmUnavailableError) as caught:
        SqlCrm(f"sqlite:///{tmp_path}/none.db").find_by_phone("+33611223344")
    assert "611223344" not in f"{caught.value} {caught.value.__cause__}"


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://localhost/crm"])
def test_a_url_that_cannot_work_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="SQLite"):
        SqlCrm(url, clock=lambda: NOW)
