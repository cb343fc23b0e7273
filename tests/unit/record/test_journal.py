"""Whatever happens to the database, the call goes on and nothing of it is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bot.errors import StoreError, StoreRejectedError
from bot.events import BotSaid, CallEnded, CallerSaid, CallEvent
from bot.record.codec import Entry
from bot.record.journal import CallJournal, JournalLimits
from bot.record.live import LiveHub
from bot.record.spool import Spool

Run = Callable[[Coroutine[Any, Any, None]], None]
Sample = Callable[[str], list[CallEvent]]


@dataclass
class Database:
    """A sink as a database behaves: entries have an identity; it may be down, slow, or refuse one entry."""

    up: bool = True
    delay_s: float = 0.0
    refuses: set[tuple[str, int]] = field(default_factory=set)
    defect: bool = False
    stored: dict[tuple[str, int], CallEvent] = field(default_factory=dict)
    writes: int = 0

    async def write(self, entries: Sequence[Entry]) -> None:
        self.writes += 1
        await asyncio.sleep(self.delay_s)
        if not self.up:
            raise StoreError("down")
        if self.refuses & {(e.call_id, e.seq) for e in entries}:
            raise KeyError("defect") if self.defect else StoreRejectedError("refused")
        for entry in entries:
            self.stored.setdefault((entry.call_id, entry.seq), entry.event)

    def of(self, call_id: str) -> list[CallEvent]:
        return [self.stored[key] for key in sorted(self.stored) if key[0] == call_id]


async def inline(function: Callable[..., Any], *arguments: Any) -> Any:
    return function(*arguments)


def journal_on(sink: Database, folder: Path, **limits: Any) -> CallJournal:
    hub = limits.pop("hub", None)
    return CallJournal(sink, Spool(folder), limits=JournalLimits(**limits), hub=hub, in_thread=inline)


def said(text: str) -> BotSaid:
    return BotSaid(1, 1, text, False)


def spooled(folder: Path) -> list[Entry]:
    spool = Spool(folder)
    return [entry for path in spool.take() for entry in spool.read(path)]


def test_events_are_in_the_database_when_the_call_is_flushed(
    run_virtual: Run, tmp_path: Path, sample_call: Sample
) -> None:
    async def scenario() -> None:
        database = Database()
        journal = journal_on(database, tmp_path)
        await journal.start()
        for event in sample_call("c1"):
            journal.append("c1", event)
        assert await journal.flush("c1")
        assert database.of("c1") == sample_call("c1")
        assert database.writes == 1  # what comes together is written together
        await journal.stop()

    run_virtual(scenario())


def test_what_is_stored_and_shown_is_redacted(run_virtual: Run, tmp_path: Path) -> None:
    async def scenario() -> None:
        database = Database()
        journal = journal_on(database, tmp_path)
        await journal.start()
        journal.append(
            "c1", CallerSaid(0, 1, "né le 15/03/1985", "15031985", "voice", 1.0, 0, 0, secret=True)
        )
        await journal.flush("c1")
        view = journal.view("c1")
        assert view is not None
        assert "1985" not in repr(database.stored) + repr(view)
        await journal.stop()

    run_virtual(scenario())


def test_a_database_locked_for_three_seconds_costs_nothing(run_virtual: Run, tmp_path: Path) -> None:
    async def scenario() -> None:
        database = Database(up=False)
        journal = journal_on(database, tmp_path)
        await journal.start()
        journal.append("c1", said("un"))
        assert not await journal.flush("c1", timeout=1.0)
        await asyncio.sleep(2.0)
        database.up = True
        journal.append("c1", said("deux"))
        assert await journal.flush("c1")
        assert len(database.of("c1")) == 2
        assert not journal.state.spooling
        assert spooled(tmp_path) == []
        await journal.stop()

    run_virtual(scenario())


def test_while_the_database_is_down_events_wait_on_disk_and_are_replayed(
    run_virtual: Run, tmp_path: Path, sample_call: Sample
) -> None:
    async def scenario() -> None:
        database = Database(up=False)
        journal = journal_on(database, tmp_path)
        await journal.start()
        for event in sample_call("c1"):
            journal.append("c1", event)
            await asyncio.sleep(1.0)
        assert await journal.flush("c1")  # on disk: safe
        assert journal.state.spooling and not journal.state.whole
        assert database.stored == {}
        database.up = True
        await asyncio.sleep(10.0)
        assert database.of("c1") == sample_call("c1")
        assert not journal.state.spooling
        assert spooled(tmp_path) == []
        await journal.stop()

    run_virtual(scenario())


def test_a_new_process_replays_what_the_last_one_left_once(run_virtual: Run, tmp_path: Path) -> None:
    async def first() -> None:
        journal = journal_on(Database(up=False), tmp_path)
        await journal.start()
        journal.append("c1", said("un"))
        journal.append("c1", said("deux"))
        await journal.stop(timeout=1.0)

    database = Database()

    async def second() -> None:
        journal = journal_on(database, tmp_path)
        await journal.start()
        await asyncio.sleep(1.0)
        assert [e.to_json()["text"] for e in database.of("c1")] == ["un", "deux"]
        await journal.stop()

    run_virtual(first())
    assert len(spooled(tmp_path)) == 2
    run_virtual(second())
    assert spooled(tmp_path) == []
    run_virtual(second())  # nothing is left to replay, nothing changes
    assert len(database.stored) == 2


def test_a_process_killed_between_commit_and_clean_up_stores_nothing_twice(
    run_virtual: Run, tmp_path: Path
) -> None:
    spool = Spool(tmp_path)
    spool.write([Entry("c1", 1, said("un")), Entry("c1", 2, said("deux"))])
    database = Database(stored={("c1", 1): said("un")})

    async def scenario() -> None:
        journal = journal_on(database, tmp_path)
        await journal.start()
        await asyncio.sleep(1.0)
        await journal.stop()

    run_virtual(scenario())
    assert database.of("c1") == [said("un"), said("deux")]


def test_a_line_cut_by_a_crash_costs_only_itself(run_virtual: Run, tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.write([Entry("c1", 1, said("un"))])
    (file,) = tmp_path.glob("*.jsonl")
    with file.open("ab") as end:
        end.write(b'{"call_id": "c1", "seq": 2, "event": {"type": "bot_sa')
    database = Database()

    async def scenario() -> None:
        journal = journal_on(database, tmp_path)
        await journal.start()
        await asyncio.sleep(1.0)
        await journal.stop()

    run_virtual(scenario())
    assert database.of("c1") == [said("un")]
    assert list(tmp_path.glob("*.jsonl")) == []


@pytest.mark.parametrize("defect", [False, True])
def test_one_refused_entry_does_not_hold_up_the_others(
    run_virtual: Run, tmp_path: Path, defect: bool
) -> None:
    async def scenario() -> None:
        database = Database(refuses={("c1", 3)}, defect=defect)
        journal = journal_on(database, tmp_path)
        await journal.start()
        for n in range(7):
            journal.append("c1", said(str(n)))
        assert await journal.flush("c1")
        assert [seq for _, seq in sorted(database.stored)] == [1, 2, 4, 5, 6, 7]
        assert spooled(tmp_path / "refused") == [Entry("c1", 3, said("2"))]
        assert not journal.state.spooling
        await journal.stop()

    run_virtual(scenario())


def test_a_full_queue_spills_to_disk_and_append_never_waits(run_virtual: Run, tmp_path: Path) -> None:
    async def scenario() -> None:
        journal = journal_on(Database(delay_s=3.0), tmp_path, queue=3)
        await journal.start()
        for n in range(10):  # the writer has no chance to run in between
            journal.append("c1", said(str(n)))
        assert journal.state.pending == 3
        assert len(spooled(tmp_path)) == 7
        assert await journal.flush("c1", timeout=20)
        await journal.stop()

    run_virtual(scenario())


def test_append_never_raises_even_where_the_disk_is_full(run_virtual: Run, tmp_path: Path) -> None:
    async def scenario() -> None:
        spool = Spool(tmp_path, max_bytes=0)
        journal = CallJournal(Database(up=False), spool, limits=JournalLimits(queue=1), in_thread=inline)
        await journal.start()
        for n in range(3):
            journal.append("c1", said(str(n)))
        journal.append("c1", None)  # type: ignore[arg-type]  # a defect elsewhere
        await asyncio.sleep(30)
        assert journal.state.lost == 4
        assert not journal.state.whole, "/readyz tells"
        await journal.stop()

    run_virtual(scenario())


def test_stop_spools_what_the_database_would_not_take_in_time(run_virtual: Run, tmp_path: Path) -> None:
    async def scenario() -> None:
        journal = journal_on(Database(delay_s=60.0), tmp_path)
        await journal.start()
        journal.append("c1", said("un"))
        await asyncio.sleep(1.0)
        journal.append("c1", said("deux"))
        await journal.stop(timeout=2.0)
        journal.append("c1", said("trois"))  # a late one

    run_virtual(scenario())
    assert [e.seq for e in spooled(tmp_path)] == [1, 2, 3]


def test_a_reader_gets_everything_so_far_and_then_each_event_until_the_end(
    run_virtual: Run, tmp_path: Path
) -> None:
    async def scenario() -> None:
        journal = journal_on(Database(), tmp_path)
        journal.append("c1", said("un"))
        reader = journal.subscribe("c1")
        assert reader is not None
        journal.append("c1", said("deux"))
        journal.append("other", said("rien"))
        journal.append("c1", CallEnded(2, 1, "resolved", "bot"))
        seen = [(entry.seq, entry.event.type) async for entry in reader]
        assert seen == [(1, "bot_said"), (2, "bot_said"), (3, "call_ended")]
        assert not reader.lagged
        again = journal.subscribe("c1")
        assert again is not None
        assert [entry.seq async for entry in again] == [1, 2, 3]
        assert journal.subscribe("unknown") is None

    run_virtual(scenario())


def test_a_slow_reader_is_cut_off_and_the_others_are_not(run_virtual: Run, tmp_path: Path) -> None:
    async def scenario() -> None:
        journal = journal_on(Database(), tmp_path, hub=LiveHub(queue_size=2, max_readers=2))
        journal.append("c1", said("0"))
        slow, quick = journal.subscribe("c1"), journal.subscribe("c1")
        assert slow is not None
        assert quick is not None
        assert journal.subscribe("c1") is None  # no room for a third
        seen: list[int] = []

        async def read() -> None:
            seen.extend([entry.seq async for entry in quick])

        task = asyncio.create_task(read())
        for n in range(1, 6):
            journal.append("c1", said(str(n)))
            await asyncio.sleep(0.1)
        assert slow.lagged
        assert journal.subscribe("c1") is not None  # its place is free
        await journal.stop()
        await task
        assert seen == [1, 2, 3, 4, 5, 6]
        assert not quick.lagged
        assert [entry.seq async for entry in slow] == [1, 2, 3]

    run_virtual(scenario())


def test_memory_keeps_running_calls_and_the_last_ended_ones(run_virtual: Run, tmp_path: Path) -> None:
    async def scenario() -> None:
        journal = journal_on(Database(), tmp_path, recent=2)
        await journal.start()
        journal.append("running", said("x"))
        for n in range(5):
            journal.append(f"c{n}", CallEnded(1, 1, "resolved", "bot"))
            await journal.flush(f"c{n}")
        journal.append("last", CallEnded(1, 1, "resolved", "bot"))
        assert journal.view("running") is not None
        assert journal.view("c0") is None
        assert len(journal.views()) == 2
        await journal.stop()

    run_virtual(scenario())
