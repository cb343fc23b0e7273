"""The desk's way to calls and callbacks, through the real record."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.callbacks.model import Kind
from bot.callbacks.policy import CallbackPolicy
from bot.callbacks.service import CallbackService
from bot.callbacks.store import CallbackStore
from bot.desk import DeskCases, Level2Callbacks
from bot.errors import NotFoundError
from bot.events import BotSaid, CallEnded, CallEvent, CallStarted
from bot.handoff.packet import packet_id
from bot.operator import load_operator
from bot.record.journal import CallJournal
from bot.record.migrations import upgrade
from bot.record.reader import RecordReader
from bot.record.spool import Spool
from bot.record.store import CallStore, make_engine
from bot.settings import ROOT

CALL = "6f0f2d34-9c7b-4d3a-8a55-0d6b1f3c9a01"
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


async def test_a_case_its_number_its_words_and_a_callback(
    tmp_path: Path, sample_call: Callable[[str], list[CallEvent]]
) -> None:
    url = f"sqlite:///{tmp_path / 'calls.db'}"
    await asyncio.to_thread(upgrade, url)
    engine = make_engine(url)
    store = CallStore(engine)
    journal = CallJournal(store, Spool(tmp_path / "spool"))
    await journal.start()
    events = [e for e in sample_call(CALL) if not isinstance(e, CallEnded)]
    started = next(e for e in events if isinstance(e, CallStarted))
    for event in events:
        journal.append(CALL, event)
    record = RecordReader(journal, store)
    cases, handoff = DeskCases(record), packet_id(CALL)
    try:
        packet = await cases.packet(handoff)
        assert packet is not None and packet["call_id"] == CALL
        assert started.caller_number and started.caller_number not in str(packet)
        assert await cases.unmasked(handoff, "caller.number") == started.caller_number
        assert await cases.unmasked(handoff, "identity.birth_date") is None
        assert (
            await cases.packet("nothing") is None and await cases.unmasked("nothing", "caller.number") is None
        )
        async with cases.follow(CALL) as numbered:
            assert numbered is not None
            past = [await anext(numbered) for _ in events]
            assert [seq for seq, _ in past] == list(range(1, len(events) + 1))
            journal.append(CALL, BotSaid(99_000, 9, "Encore un instant.", False))
            assert (await anext(numbered))[1].to_json()["text"] == "Encore un instant."
        async with cases.follow("nothing") as numbered:
            assert numbered is None

        callbacks = CallbackService(
            CallbackStore(engine), CallbackPolicy.of(load_operator(ROOT / "operator.yml")), now=lambda: NOW
        )
        level2 = Level2Callbacks(record, callbacks)
        promised = await level2.schedule(handoff, reason="litige", at=None, origin="desk:1")
        assert promised == await level2.schedule(handoff, reason="litige", at=None, origin="desk:1")
        (kept,) = await CallbackStore(engine).due(promised, 10)
        assert (kept.kind, kept.call_id, kept.case_id, kept.reason) == (
            Kind.LEVEL2, CALL, started.case_id, "litige",
        )  # fmt: skip
        with pytest.raises(NotFoundError):
            await level2.schedule("nothing", reason="x", at=None, origin="desk:2")
    finally:
        await journal.stop()
        await store.close()
