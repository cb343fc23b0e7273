"""A database that is locked for three seconds: nobody is thrown out, nothing is lost."""

from __future__ import annotations

import asyncio
import sqlite3
from functools import partial
from pathlib import Path

from bot.record.migrations import upgrade
from bot.record.store import make_engine, transaction
from desk.models import Contact, Note
from desk.store import ContactWriter, DeskStore

CONTACT = Contact("part-1", "call-1", "handoff-1", "poitiers", "awa", 1, 1.0)


async def test_parts_in_calls_are_written_once_the_lock_is_off(tmp_path: Path) -> None:
    path = tmp_path / "desk.db"
    await asyncio.to_thread(upgrade, f"sqlite:///{path}")
    engine = make_engine(f"sqlite:///{path}")
    store = DeskStore(partial(transaction, engine, 5.0))
    writer = ContactWriter(store)
    writer.start()
    other = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    try:
        other.execute("BEGIN EXCLUSIVE")
        writer.keep(CONTACT)
        await asyncio.sleep(3.0)
        done = Contact(**{**CONTACT.__dict__, "disposition": "solved", "notes": (Note(2.0, "fait"),)})
        writer.keep(done)
        other.execute("ROLLBACK")
        async with asyncio.timeout(10):
            while not (kept := await store.contacts_of("call-1")) or not kept[0]["disposition"]:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    finally:
        other.close()
        await writer.stop()
        await engine.dispose()
    assert [(part["id"], part["notes"]) for part in kept] == [("part-1", [{"at": 2.0, "text": "fait"}])]
