"""Parts fail in the middle of a call: the caller hears a sentence, the call goes to a person, nothing is lost."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Any

import httpx
import pytest

from bot.operator import load_operator
from bot.settings import ROOT
from bot.stack import Stack
from simulator.api import Server, fetch_record
from simulator.doors.text import TextDoor

PHRASES = load_operator(ROOT / "operator.yml").phrases
OPEN_HOURS = "2026-11-23T10:00:00+01:00"
SUBSCRIBER = "+33611223344"


def server_of(stack: Stack) -> Server:
    return Server(stack.url, stack.env["DECROCHE_API_TOKEN"])


async def test_rasa_killed_in_mid_call(breakable: Stack) -> None:
    record = await _broken_call(breakable, lambda: breakable.end("rasa", kill=True))
    assert record["outcome"] == "handoff"
    assert [event["code"] for event in record["events"] if event["type"] == "fault"] == ["dialogue.failed"]
    heard = [turn["heard"] for turn in record["turns"]]
    assert heard == ["bonjour ma facture a augmenté", "75011"], "what the caller said is kept"
    assert record["handoff"]["handoff"]["reason"] == "fault"


async def test_the_action_server_killed_in_mid_call(breakable: Stack) -> None:
    record = await _broken_call(breakable, lambda: breakable.end("actions", kill=True))
    assert record["outcome"] == "handoff"


async def test_rasa_frozen_is_bridged_with_a_sentence_then_given_up(breakable: Stack) -> None:
    part = next(p for p in breakable._running if p.name == "rasa")
    assert part.process is not None
    group = os.getpgid(part.process.pid)

    async def freeze() -> None:
        os.killpg(group, signal.SIGSTOP)

    try:
        record = await _broken_call(breakable, freeze)
    finally:
        os.killpg(group, signal.SIGCONT)
    said = [sentence for turn in record["turns"] for sentence in turn["replies"]]
    assert PHRASES.wait in said
    assert [event["code"] for event in record["events"] if event["type"] == "fault"] == ["dialogue.timeout"]


async def _broken_call(stack: Stack, damage: Any) -> dict[str, Any]:
    """A call that is going well until ``damage`` is done before its second turn; the call's record."""
    server = server_of(stack)
    async with TextDoor(server) as door:
        call_id = await door.start(SUBSCRIBER, OPEN_HOURS)
        await door.answer()
        await door.say("bonjour ma facture a augmenté")
        await damage()
        await door.keys("75011")
    record = await _record_of(server, call_id)
    said = [sentence for turn in record["turns"] for sentence in turn["replies"]]
    assert PHRASES.fault_dialogue in said
    assert PHRASES.handoff_wait in said
    return record


async def _record_of(server: Server, call_id: str) -> dict[str, Any]:
    for _ in range(50):
        record = dict(await fetch_record(server, call_id))
        if record["outcome"]:
            return record
        await asyncio.sleep(0.1)
    raise AssertionError("the call did not end")


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/api/calls/none", None, 404),
        ("GET", "/api/calls?limit=0", None, 422),
        ("POST", "/api/browser/offer", b"{", 422),
        ("POST", "/api/browser/offer", b'{"sdp": "v=0", "type": "offer"}', 422),
    ],
)
def test_malformed_requests_get_a_reason(
    running: Any, method: str, path: str, body: bytes | None, status: int
) -> None:
    response = httpx.request(
        method,
        running.server.url + path,
        content=body,
        headers={**running.server.headers, "Content-Type": "application/json"},
    )
    assert response.status_code == status
    assert response.json()["code"]
    assert response.json()["message"]


def test_nothing_is_read_without_the_token(running: Any) -> None:
    assert httpx.get(f"{running.server.url}/api/calls").status_code == 401
    assert (
        httpx.get(f"{running.server.url}/api/calls", headers={"Authorization": "Bearer x"}).status_code == 403
    )
