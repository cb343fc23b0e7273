"""The CRM on both databases it promises to run on: every test that takes ``crm_url`` runs on each."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from itertools import count
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import settings
from sqlalchemy import create_engine
from sqlalchemy.engine.url import make_url

from actions.crm.database import Database
from actions.crm.fixtures import NAMED
from actions.crm.seeding import ensure_seeded
from actions.crm.sql import SqlCrm

settings.register_profile("crm", deadline=None)  # a busy machine is not a failing property
settings.load_profile("crm")

PARIS = ZoneInfo("Europe/Paris")
TODAY = date(2027, 3, 15)
NOW = datetime.combine(TODAY, time(9), PARIS)
SIZE = 60  # the named subscribers and some others


def named(name: str) -> int:
    """Id of a named subscriber."""
    return 1 + [subscriber.name for subscriber in NAMED].index(name)


def crm_at(url: str, **kwargs: object) -> SqlCrm:
    """The CRM with its clock stopped at NOW."""
    return SqlCrm(url, **{"clock": lambda: NOW, **kwargs})  # type: ignore[arg-type]


def seeded(url: str) -> str:
    database = Database(url, timeout_s=20)
    ensure_seeded(database, TODAY, size=SIZE)
    database.dispose()
    return url


@dataclass(frozen=True)
class Cluster:
    """A PostgreSQL server of our own, on a socket in a folder."""

    folder: Path

    def url(self, database: str) -> str:
        return f"postgresql://postgres@/{database}?host={self.folder}"

    def execute(self, statement: str) -> None:
        engine = create_engine(self.url("postgres"), isolation_level="AUTOCOMMIT", future=True)
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)
        engine.dispose()


def _postgresql_tool(name: str) -> str | None:
    packaged = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(packaged[-1]) if packaged else shutil.which(name)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A temporary server, gone at the end. It refuses to run as root, so root becomes ``postgres`` for it."""
    initdb, pg_ctl = _postgresql_tool("initdb"), _postgresql_tool("pg_ctl")
    if not (initdb and pg_ctl):
        if os.environ.get("CI"):
            pytest.fail("PostgreSQL is not installed, and CI skips nothing")
        pytest.skip("PostgreSQL is not installed")
    as_owner = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    # In memory where it can be: each test copies a database of some megabytes. And a short name, because a
    # socket's path has at most 107 bytes.
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > 2**29
    folder = Path(tempfile.mkdtemp(prefix="crm-pg-", dir=memory if roomy else None))
    if as_owner:
        shutil.chown(folder, "postgres")

    def run(*command: str) -> None:
        # A file, not a pipe, takes the output: the server inherits it and would keep a pipe open for ever.
        with (folder / "tools.log").open("a") as log:
            subprocess.run([*as_owner, *command], check=True, timeout=60, cwd="/", stdout=log, stderr=log)

    data = str(folder / "data")
    try:
        run(initdb, "--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "-D", data)
        options = (
            f"-k {folder} -c listen_addresses='' -c fsync=off -c shared_buffers=32MB -c max_connections=60"
        )
        run(pg_ctl, "-D", data, "-l", str(folder / "server.log"), "-w", "-o", options, "start")
        try:
            yield Cluster(folder)
        finally:
            run(pg_ctl, "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


_numbers = count(1)


@pytest.fixture(scope="session")
def fresh_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], str]:
    """Makes a new seeded SQLite database and gives its URL."""
    folder = tmp_path_factory.mktemp("crm")
    seeded(f"sqlite:///{folder}/template.db")

    def make() -> str:
        path = folder / f"crm{next(_numbers)}.db"
        shutil.copyfile(folder / "template.db", path)
        return f"sqlite:///{path}"

    return make


@pytest.fixture(scope="session")
def fresh_postgresql(cluster: Cluster) -> Callable[[], str]:
    """Makes a new seeded PostgreSQL database and gives its URL."""
    cluster.execute("CREATE DATABASE template_crm")
    seeded(cluster.url("template_crm"))

    def make() -> str:
        name = f"crm{next(_numbers)}"
        cluster.execute(f"CREATE DATABASE {name} TEMPLATE template_crm")
        return cluster.url(name)

    return make


@pytest.fixture(params=["sqlite", "postgresql"])
def crm_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """URL of a seeded database of the test's own."""
    make: Callable[[], str] = request.getfixturevalue(f"fresh_{request.param}")
    url = make()
    yield url
    if request.param == "postgresql":  # seven megabytes each
        name = make_url(url).database
        request.getfixturevalue("cluster").execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def crm(crm_url: str) -> Iterator[SqlCrm]:
    crm = crm_at(crm_url)
    yield crm
    crm.close()
