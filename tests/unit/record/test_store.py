"""The record in SQLite: what was written is read back, once, whole, and failures are ours."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from bot.errors import ConfigurationError, StoreError, StoreRejectedError
from bot.events import BotSaid, CallEnded, CallEvent, CallStarted
from bot.handoff.packet import build_packet, packet_id
from bot.record.codec import Entry
from bot.record.journal import CallJournal, JournalLimits
from bot.record.migrations import upgrade, upgrade_async
from bot.record.reader import CallFilter, RecordReader
from bot.record.spool import Spool
from bot.record.store import CallStore, make_engine
from bot.record.tables import Base
from bot.record.view import CallView
from desk.tables import metadata as desk_metadata

Sample = Callable[[str], list[CallEvent]]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[CallStore]:
    url = f"sqlite:///{tmp_path / 'calls.db'}"
    await upgrade_async(url)
    store = CallStore(make_engine(url), timeout_s=3.0)
    yield store
    await store.close()


def entries(call_id: str, events: list[CallEvent]) -> list[Entry]:
    return [Entry(call_id, seq, event) for seq, event in enumerate(events, start=1)]


async def dump(store: CallStore) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table."""
    async with store._engine.connect() as connection:
        return {
            table.name: [
                tuple(r) for r in await connection.execute(table.select().order_by(*table.primary_key))
            ]
            for table in Base.metadata.sorted_tables
        }


async def test_a_call_is_read_back_as_it_was_told(store: CallStore, sample_call: Sample) -> None:
    events = sample_call("c1")
    await store.write(entries("c1", events))
    view = await store.get_call("c1")
    assert view is not None
    assert view.to_json() == CallView.of(events).to_json()
    assert await store.get_call("unknown") is None


async def test_the_tables_answer_questions_in_sql(store: CallStore, sample_call: Sample) -> None:
    await store.write(entries("c1", sample_call("c1")))
    async with store._engine.connect() as connection:

        async def ask(question: str) -> list[tuple[object, ...]]:
            return [tuple(row) for row in await connection.execute(text(question))]

        assert await ask("select outcome, verified, duration_ms from calls") == [("handoff", 1, 15000)]
        assert await ask("select turn, intent, voice_to_voice_ms, interrupted from turns order by turn") == [
            (0, None, None, 0),
            (1, "billing_increase", 740, 0),
            (2, "inform_number", 690, 1),
            (3, "human_request", None, 0),
        ]
        assert await ask("select action, ok, result from actions") == [
            ("explain_invoice", 1, "trois achats de films, 14,97 euros")
        ]
        assert await ask("select offer, answer from offers order by seq") == [
            ("fidelity12", "proposed"),
            ("fidelity12", "refused"),
        ]
        assert await ask("select version, reason, skill from handoffs order by version") == [
            (1, "human_request", "billing"),
            (2, "human_request", "billing"),
        ]


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_batches_in_any_cut_order_and_repetition_leave_the_same_rows(
    tmp_path_factory: pytest.TempPathFactory, sample_call: Sample, data: st.DataObject
) -> None:
    whole = entries("c1", sample_call("c1"))
    cuts = sorted(data.draw(st.sets(st.integers(1, len(whole) - 1), max_size=4)))
    batches = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    batches = data.draw(st.permutations(batches)) + data.draw(st.lists(st.sampled_from(batches), max_size=2))

    rows = []
    for written in ([whole], batches):
        engine = make_engine(f"sqlite:///{tmp_path_factory.mktemp('db') / 'calls.db'}")
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        store = CallStore(engine)
        for batch in written:
            await store.write(batch)
        rows.append(await dump(store))
        await store.close()
    assert rows[0] == rows[1]


async def test_several_calls_share_a_batch(store: CallStore, sample_call: Sample) -> None:
    mixed = [
        e
        for pair in zip(entries("a", sample_call("a")), entries("b", sample_call("b")), strict=True)
        for e in pair
    ]
    await store.write(mixed[:17])
    await store.write(mixed[17:])
    for call_id in ("a", "b"):
        view = await store.get_call(call_id)
        assert view is not None
        assert view.events == sample_call(call_id)


async def test_the_newest_packet_is_given(store: CallStore, sample_call: Sample) -> None:
    events = sample_call("c1")
    await store.write(entries("c1", events[:18]))
    first = await store.get_handoff(packet_id("c1"))
    await store.write(entries("c1", events)[18:])
    last = await store.get_handoff(packet_id("c1"))
    assert first is not None
    assert last is not None
    assert (first["version"], last["version"]) == (1, 2)
    assert last == build_packet(events).model_dump(mode="json")
    assert await store.get_handoff("unknown") is None


async def test_calls_are_listed_newest_first_and_filtered(store: CallStore) -> None:
    start = datetime(2027, 3, 15, 9, tzinfo=UTC)
    for n in range(6):
        at = (start + timedelta(hours=n)).isoformat()
        channel = "phone" if n % 2 else "browser"
        events: list[CallEvent] = [CallStarted(0, 0, f"c{n}", "k", channel, "", at)]
        if n < 4:
            events.append(CallEnded(1000, 0, "resolved" if n < 2 else "callback", "bot"))
        await store.write(entries(f"c{n}", events))

    async def ids(**filters: object) -> list[str]:
        return [s["call_id"] for s in await store.list_calls(**filters)]  # type: ignore[arg-type]

    assert await ids() == ["c5", "c4", "c3", "c2", "c1", "c0"]
    assert await ids(limit=2) == ["c5", "c4"]
    assert await ids(since=start + timedelta(hours=4)) == ["c5", "c4"]
    assert await ids(outcome="callback") == ["c3", "c2"]
    assert await ids(channel="browser", outcome="resolved") == ["c0"]


async def test_a_lock_is_a_store_error_in_time_and_leaves_nothing_half_written(
    store: CallStore, sample_call: Sample, tmp_path: Path
) -> None:
    events = entries("c1", sample_call("c1"))
    await store.write(events[:5])
    before = await dump(store)
    lock = sqlite3.connect(tmp_path / "calls.db", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError) as caught:
        await store.write(events[5:])
    assert not isinstance(caught.value, StoreRejectedError)
    lock.execute("ROLLBACK")
    lock.close()
    assert await dump(store) == before
    await store.write(events[5:])
    view = await store.get_call("c1")
    assert view is not None
    assert view.events == sample_call("c1")


async def test_a_value_that_cannot_be_stored_is_rejected_without_being_told(store: CallStore) -> None:
    with pytest.raises(StoreRejectedError) as caught:
        await store.write([Entry("c1", 10**30, BotSaid(0, 0, "mot secret", False))])
    assert "mot secret" not in str(caught.value) + str(caught.value.__cause__)


async def test_a_journal_over_a_locked_file_loses_nothing(
    store: CallStore, sample_call: Sample, tmp_path: Path
) -> None:
    journal = CallJournal(store, Spool(tmp_path / "spool"), limits=JournalLimits(retry_s=0.1, probe_s=0.3))
    await journal.start()
    lock = sqlite3.connect(tmp_path / "calls.db", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    events = sample_call("c1")
    for event in events[:10]:
        journal.append("c1", event)
    assert await journal.flush("c1", timeout=15)
    assert list((tmp_path / "spool").glob("*.jsonl"))
    lock.execute("ROLLBACK")
    lock.close()
    for event in events[10:]:
        journal.append("c1", event)
    await journal.flush("c1", timeout=15)
    async with asyncio.timeout(15):
        while journal.state.spooling:  # noqa: ASYNC110  # the state is for people; nobody else waits for it
            await asyncio.sleep(0.05)
    view = await store.get_call("c1")
    assert view is not None
    assert view.to_json() == CallView.of(events).to_json()
    await journal.stop()


async def test_memory_and_database_answer_as_one(
    store: CallStore, sample_call: Sample, tmp_path: Path
) -> None:
    await store.write(entries("old", sample_call("old")))
    journal = CallJournal(store, Spool(tmp_path / "spool"))  # not started: nothing of it is in the database
    for event in sample_call("new")[:-1]:
        journal.append("new", event)
    reader = RecordReader(journal, store)
    assert [(s["call_id"], s["running"]) for s in await reader.calls(CallFilter())] == [
        ("old", False),
        ("new", True),
    ]
    assert [s["call_id"] for s in await reader.calls(CallFilter(outcome="handoff"))] == ["old"]
    assert [s["call_id"] for s in await reader.calls(CallFilter(limit=1))] == ["old"]
    for call_id in ("old", "new"):
        view = await reader.call(call_id)
        assert view is not None
        packet = await reader.handoff(packet_id(call_id))
        assert packet is not None
        assert packet["call_id"] == call_id
    async with reader.follow("old") as subscription:
        assert subscription is not None
        assert len([entry async for entry in subscription]) == 20
    async with reader.follow("unknown") as subscription:
        assert subscription is None


# --- the schema


def test_migrations_run_from_anywhere_again_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "else where %s"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    url = "sqlite:///deep/er/calls.db"
    upgrade(url)
    upgrade(url)
    with sqlite3.connect("deep/er/calls.db") as database:
        names = {row[0] for row in database.execute("select name from sqlite_master where type = 'table'")}
    database.close()
    assert names >= {"calls", "events", "turns", "actions", "offers", "handoffs", "alembic_version"}


async def test_migrations_make_the_tables_that_the_code_knows(store: CallStore) -> None:
    def differences(connection: object) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})  # type: ignore[arg-type]
        return list(compare_metadata(context, [Base.metadata, desk_metadata]))

    async with store._engine.connect() as connection:
        assert await connection.run_sync(differences) == []


@pytest.mark.parametrize("url", ["", "nonsense", "mysql://x/y", "sqlite"])
def test_an_unknown_database_is_a_configuration_error(url: str) -> None:
    with pytest.raises(ConfigurationError):
        make_engine(url)


@pytest.mark.parametrize("place", ["folder", "file/calls.db"])
def test_a_place_where_no_file_can_be_is_a_configuration_error(tmp_path: Path, place: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError):
        make_engine(f"sqlite:///{tmp_path / place}")


def test_a_database_that_is_not_there_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("not a database, and longer than the header of one " * 20)
    with pytest.raises(StoreError):
        upgrade(f"sqlite:///{tmp_path / 'text.db'}")
    with pytest.raises(StoreError) as caught:
        upgrade("postgresql://nobody:secret@127.0.0.1:1/none")
    assert "secret" not in str(caught.value)


def test_the_spool_is_for_the_owner_only(tmp_path: Path) -> None:
    Spool(tmp_path / "spool").write([Entry("c1", 1, BotSaid(0, 0, "x", False))])
    assert (tmp_path / "spool").stat().st_mode & 0o077 == 0
