"""The call record over a real PostgreSQL: the same promises as over SQLite.

A throw-away cluster is made with the server's own programs, or ``DECROCHE_TEST_POSTGRES_URL`` names a
database that may be written to.
"""

from __future__ import annotations

import asyncio
import json
import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import text

from bot.errors import StoreError, StoreRejectedError
from bot.events import BotSaid, CallEvent, CallStarted, Understood
from bot.handoff.packet import packet_id
from bot.record.codec import Entry, event_from_json
from bot.record.journal import CallJournal, JournalLimits
from bot.record.migrations import upgrade, upgrade_async
from bot.record.spool import Spool
from bot.record.store import CallStore, make_engine
from bot.record.view import CallView

SAMPLE = Path(__file__).parents[1] / "unit" / "record" / "data" / "billing_handoff.jsonl"


class Server:
    """A PostgreSQL cluster in a folder. The server refuses to run as root, so root lends it to ``postgres``."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs = programs
        self._data = folder / "data"
        self._folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._as: list[str] = []
        if os.geteuid() == 0:
            account = pwd.getpwnam("postgres")
            os.chown(folder, account.pw_uid, account.pw_gid)
            self._as = ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
        self._run("initdb", "-D", str(self._data), "-U", "decroche", "-A", "trust", "--no-sync", "-E", "UTF8")

    @property
    def url(self) -> str:
        return f"postgresql://decroche@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        options = f"-c listen_addresses=127.0.0.1 -p {self.port} -k {self._folder} -c fsync=off"
        self._run(
            "pg_ctl", "-D", str(self._data), "-w", "-l", str(self._folder / "log"), "-o", options, "start"
        )

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self._data), "-w", "-m", "immediate", "stop")

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._as, str(self._programs / program), *arguments]
        subprocess.run(command, check=True, capture_output=True, timeout=60, cwd=self._folder)


def programs() -> Path | None:
    """Where ``initdb`` and ``pg_ctl`` are: on the path, or where Debian puts them."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return places[-1].parent if places else None


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    where = programs()
    if where is None:
        if os.environ.get("CI"):
            pytest.fail("PostgreSQL is not installed")
        pytest.skip("PostgreSQL is not installed")
    folder = Path("/tmp") / f"decroche-pg-{uuid4().hex[:8]}"  # a short path: it holds a Unix socket
    folder.mkdir(mode=0o755)
    server = Server(where, folder)
    server.start()
    yield server
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def url(request: pytest.FixtureRequest) -> str:
    given = os.environ.get("DECROCHE_TEST_POSTGRES_URL")
    return given or request.getfixturevalue("server").url


@pytest.fixture
async def store(url: str) -> AsyncIterator[CallStore]:
    await upgrade_async(url)
    store = CallStore(make_engine(url), timeout_s=5.0)
    yield store
    await store.close()


def sample(call_id: str) -> list[CallEvent]:
    events = [event_from_json(json.loads(line)) for line in SAMPLE.read_text(encoding="utf-8").splitlines()]
    return [replace(e, call_id=call_id) if isinstance(e, CallStarted) else e for e in events]


def entries(call_id: str, events: Sequence[CallEvent]) -> list[Entry]:
    return [Entry(call_id, seq, event) for seq, event in enumerate(events, start=1)]


def document(view: CallView) -> object:
    """The call as JSON, whatever the order of its keys."""
    return json.loads(json.dumps(view.to_json()))


def new_id() -> str:
    return str(uuid4())


async def test_a_call_is_stored_once_and_read_back_whole(store: CallStore) -> None:
    call_id = new_id()
    whole = entries(call_id, sample(call_id))
    for batch in (whole[10:], whole[:10], whole, whole[5:15]):
        await store.write(batch)
    view = await store.get_call(call_id)
    assert view is not None
    assert document(view) == document(CallView.of(sample(call_id)))
    packet = await store.get_handoff(packet_id(call_id))
    assert packet is not None
    assert packet["version"] == 2
    listed = await store.list_calls(outcome="handoff", limit=200)
    assert call_id in [summary["call_id"] for summary in listed]
    async with store._engine.connect() as connection:
        query = text("select count(*), count(distinct answer) from offers where call_id = :id")
        assert tuple((await connection.execute(query, {"id": call_id})).one()) == (2, 2)


async def test_processes_that_start_together_migrate_one_after_the_other(url: str) -> None:
    await asyncio.gather(*(asyncio.to_thread(upgrade, url) for _ in range(3)))


async def test_only_what_is_refused_is_set_aside(store: CallStore, tmp_path: Path) -> None:
    call_id = new_id()
    with pytest.raises(StoreRejectedError):
        await store.write([Entry(call_id, 1, BotSaid(10**12, 0, "trop tard", False))])
    journal = CallJournal(store, Spool(tmp_path))
    await journal.start()
    journal.append(call_id, BotSaid(1, 0, "bonjour \x00 \ud800", False))
    journal.append(call_id, BotSaid(10**12, 0, "trop tard", False))
    journal.append(call_id, Understood(2, 1, "greet", float("nan")))
    assert await journal.flush(call_id, timeout=10)
    view = await store.get_call(call_id)
    assert view is not None
    assert [e.type for e in view.events] == ["bot_said", "understood"]
    assert not journal.state.spooling
    await journal.stop()


async def test_a_server_that_dies_and_comes_back_loses_nothing(server: Server, tmp_path: Path) -> None:
    await upgrade_async(server.url)
    store = CallStore(make_engine(server.url), timeout_s=5.0)
    journal = CallJournal(store, Spool(tmp_path), limits=JournalLimits(retry_s=0.3, probe_s=0.2))
    await journal.start()
    call_id = new_id()
    events = sample(call_id)
    for event in events[:8]:
        journal.append(call_id, event)
    await journal.flush(call_id)
    await asyncio.to_thread(server.stop)
    with pytest.raises(StoreError):
        await store.ping()
    for event in events[8:14]:
        journal.append(call_id, event)
    assert await journal.flush(call_id, timeout=10)
    assert journal.state.spooling
    await asyncio.to_thread(server.start)
    for event in events[14:]:
        journal.append(call_id, event)
    async with asyncio.timeout(20):
        while journal.state.spooling or journal.state.pending:  # noqa: ASYNC110  # nobody else waits for it
            await asyncio.sleep(0.05)
    view = await store.get_call(call_id)
    assert view is not None
    assert document(view) == document(CallView.of(events))
    await journal.stop()
    await store.close()
