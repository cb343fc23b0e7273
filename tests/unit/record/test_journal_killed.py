"""A process killed in the middle of its work leaves whole transactions, and what was flushed is there."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bot.record.migrations import upgrade
from bot.record.store import CallStore, make_engine

CHILD = """
import asyncio, sys
from pathlib import Path
from bot.events import BotSaid, CallStarted
from bot.record.journal import CallJournal
from bot.record.spool import Spool
from bot.record.store import CallStore, make_engine

async def main(folder):
    store = CallStore(make_engine(f"sqlite:///{folder / 'calls.db'}"))
    journal = CallJournal(store, Spool(folder / "spool"))
    await journal.start()
    journal.append("c1", CallStarted(0, 0, "c1", "k1", "text", "", "2027-03-15T09:00:00+00:00"))
    n = 1
    while True:
        for _ in range(50):
            n += 1
            journal.append("c1", BotSaid(n, n // 10, f"phrase {n}", False))
        if await journal.flush("c1"):
            print(n, flush=True)

asyncio.run(main(Path(sys.argv[1])))
"""


@pytest.mark.parametrize("rounds", [1, 4])
def test_what_was_flushed_survives_a_kill_and_nothing_is_half_written(tmp_path: Path, rounds: int) -> None:
    url = f"sqlite:///{tmp_path / 'calls.db'}"
    upgrade(url)
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        flushed = [int(child.stdout.readline()) for _ in range(rounds)][-1]
    finally:
        child.send_signal(signal.SIGKILL)  # it is by now writing the next batch
        child.communicate(timeout=30)

    async def stored() -> None:
        store = CallStore(make_engine(url))
        view = await store.get_call("c1")
        assert view is not None
        assert len(view.events) >= flushed
        assert [e.at_ms for e in view.events] == [0, *range(2, len(view.events) + 1)]  # no gap
        (summary,) = await store.list_calls()
        assert summary == view.summary()  # the projections belong to the same transaction
        await store.close()

    asyncio.run(stored())
