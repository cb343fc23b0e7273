"""Calls of a run that was killed: they get an end, and the next call of the same caller goes on with their case."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.errors import StoreError
from bot.events import (
    AgentJoined,
    AgentLeft,
    CallEnded,
    CallEvent,
    CallStarted,
    CaseContinued,
    HandoffRequested,
    Identified,
    SiteRung,
    Understood,
)
from bot.handoff.packet import build_packet
from bot.models import CallRequest, Channel
from bot.openings import Openings
from bot.ports import CallbackContext
from bot.record.case import earlier_call
from bot.record.codec import Entry, event_from_json
from bot.record.cut import GONE, close_cut_calls
from bot.record.journal import CallJournal
from bot.record.migrations import upgrade_async
from bot.record.reader import RecordReader
from bot.record.redact_events import redact_event
from bot.record.spool import Spool
from bot.record.store import CallStore, make_engine
from bot.record.view import CallView

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


async def view_of(store: CallStore, call_id: str) -> CallView:
    view = await store.get_call(call_id)
    assert view is not None
    return view


async def test_a_call_that_was_cut_is_closed_once_with_the_reason(
    store: CallStore, sample_call: Sample
) -> None:
    whole, cut = sample_call("whole"), sample_call("cut")[:12]
    await store.write(entries("whole", whole) + entries("cut", cut))
    assert await close_cut_calls(store) == 1
    view = await view_of(store, "cut")
    assert (view.ended, view.outcome, view.ended_by) == (True, "failed", "bot")
    assert (view.faults[-1].stage, view.faults[-1].code) == ("bot", GONE)
    assert view.ended_ms == cut[-1].at_ms
    assert len(view.events) == 14
    assert (await view_of(store, "whole")).to_json() == CallView.of(whole).to_json()
    assert await close_cut_calls(store) == 0
    assert [c["outcome"] for c in await store.list_calls(outcome="failed")] == ["failed"]


async def test_what_still_lay_in_the_spool_comes_first(
    store: CallStore, sample_call: Sample, tmp_path: Path
) -> None:
    """A call whose end was on its way to the database was not cut."""
    events = sample_call("c1")
    await store.write(entries("c1", events)[:-1])
    Spool(tmp_path / "spool").write(entries("c1", events)[-1:])
    journal = CallJournal(store, Spool(tmp_path / "spool"))
    await journal.start()
    assert await journal.replayed()
    assert await close_cut_calls(store) == 0
    await journal.stop()
    assert (await view_of(store, "c1")).outcome == "handoff"


async def test_a_database_that_is_down_does_not_stop_the_start() -> None:
    class Down(CallStore):
        async def unended(self) -> list[tuple[CallView, int]]:
            raise StoreError("down")

    assert await close_cut_calls(Down(make_engine("sqlite://"))) == 0


# --- what the next call knows


async def opening_after(store: CallStore, tmp_path: Path, request: CallRequest, callbacks: object = None):  # type: ignore[no-untyped-def]
    journal = CallJournal(store, Spool(tmp_path / "spool"))
    return await Openings(RecordReader(journal, store), callbacks).of(request)  # type: ignore[arg-type]


def resuming(call_id: str, number: str = "+33611223344") -> CallRequest:
    return CallRequest(Channel.PHONE, number, user_to_user="00", resumes=call_id)


async def test_a_call_that_goes_on_keeps_case_dialogue_and_identity(
    store: CallStore, sample_call: Sample, tmp_path: Path
) -> None:
    await store.write(entries("old", sample_call("old")[:12]))
    await close_cut_calls(store)
    started = next(e for e in sample_call("old") if isinstance(e, CallStarted))
    opening = await opening_after(store, tmp_path, resuming("old", started.caller_number))
    assert opening.cut is not None
    assert (opening.case_id, opening.dialogue_id) == ("case-1", "old")
    assert opening.metadata() == {"user_to_user": "00", "callback": "", "resumes": "old"}
    continued = opening.cut.continued(known_caller=True)
    assert any(e["type"] == "identified" for e in continued.earlier)
    assert not any(e["type"] == "identified" for e in opening.cut.continued(known_caller=False).earlier)


async def test_a_call_cut_twice_keeps_the_first_dialogue(
    store: CallStore, sample_call: Sample, tmp_path: Path
) -> None:
    first = earlier_call(CallView.of(sample_call("first")[:12]))
    second: list[CallEvent] = [
        replace(sample_call("second")[0], case_id=first.case_id),  # type: ignore[call-arg]
        first.continued(known_caller=True),
        Understood(5, 1, "billing_due", 0.9),
    ]
    await store.write(entries("second", second))
    opening = await opening_after(store, tmp_path, resuming("second", ""))
    assert (opening.case_id, opening.dialogue_id) == ("case-1", "first")
    told = [e.intent for e in opening.cut.events if isinstance(e, Understood)]
    assert told[-1] == "billing_due" and len(told) > 1


@pytest.mark.parametrize("known", [True, False])
async def test_an_unknown_or_anothers_call_is_not_resumed(
    store: CallStore, sample_call: Sample, tmp_path: Path, known: bool
) -> None:
    if known:
        await store.write(entries("old", sample_call("old")[:12]))
    opening = await opening_after(store, tmp_path, resuming("old", "+33100000000"))
    assert opening.cut is None
    assert opening.case_id == ""


class Promised:
    def __init__(self, context: CallbackContext | None | Exception, delay_s: float = 0) -> None:
        self._context, self._delay_s = context, delay_s

    async def context(self, callback_id: str) -> CallbackContext | None:
        await asyncio.sleep(self._delay_s)
        if isinstance(self._context, Exception):
            raise self._context
        return self._context


async def test_a_callback_brings_its_reason_and_the_call_it_was_promised_in(
    store: CallStore, sample_call: Sample, tmp_path: Path
) -> None:
    await store.write(entries("old", sample_call("old")))
    context = CallbackContext("cb", "promised", "human_request", datetime.now(UTC), "case-1", "old")
    request = CallRequest(Channel.PHONE, "+33611223344", callback="cb")
    opening = await opening_after(store, tmp_path, request, Promised(context))
    assert opening.callback == context
    assert opening.earlier is not None and opening.earlier.skill == "billing"
    assert (opening.case_id, opening.dialogue_id) == ("case-1", "")


@pytest.mark.parametrize("callbacks", [Promised(None), Promised(StoreError("down")), Promised(None, 60)])
async def test_a_call_does_not_wait_for_what_cannot_be_known(
    store: CallStore, tmp_path: Path, callbacks: Promised
) -> None:
    request = CallRequest(Channel.PHONE, "+33611223344", callback="cb")
    opening = await asyncio.wait_for(opening_after(store, tmp_path, request, callbacks), 3)
    assert opening.callback_id == "cb" and opening.callback is None


# --- the new events in record and packet

ROUTED: list[CallEvent] = [
    CallStarted(0, 0, "c1", "case-1", "phone", "", "2026-11-23T09:00:00+00:00"),
    HandoffRequested(10, 1, "human_request", "billing"),
    SiteRung(5000, 1, "poitiers", "busy", 900),
    SiteRung(12_000, 1, "marrakech", "answered", 4000),
    AgentJoined(12_000, 1, "marrakech", 11_000),
    AgentLeft(72_000, 1, "marrakech", 60_000),
    CallEnded(90_000, 1, "handoff", "bot"),
]


def test_the_packet_tells_who_was_rung_and_what_came_of_it() -> None:
    packet = build_packet(ROUTED)
    assert [(r.site, r.result, r.result_label, r.ring_ms, r.talked_ms) for r in packet.routing] == [
        ("poitiers", "busy", "occupé", 900, None),
        ("marrakech", "answered", "a pris l'appel", 4000, 60_000),
    ]


def test_the_document_tells_it_too() -> None:
    call = CallView.of(ROUTED).to_json()
    assert [e["type"] for e in call["routing"]] == ["site_rung", "site_rung", "agent_joined", "agent_left"]
    assert call["continues"] is None


async def test_the_store_keeps_them(store: CallStore) -> None:
    await store.write(entries("c1", ROUTED))
    assert (await view_of(store, "c1")).events == ROUTED


def test_they_pass_the_redactor_as_they_are() -> None:
    known = Identified(0, 0, True, "caller_number+postcode", {"name": "Mme D."}, {"since": "1998-05-12"})
    continued = CaseContinued(0, 0, "c0", "c0", (known.to_json(),))
    for event in (*ROUTED, continued):
        assert redact_event(event) == event
        assert event_from_json(event.to_json()) == event
