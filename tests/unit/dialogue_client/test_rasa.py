"""The HTTP client of the dialogue: one try, a bound in time, errors of our own."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest

from bot.dialogue.rasa import RasaDialogue
from bot.errors import DialogueError, DialoguePayloadError, DialogueTimeoutError


def client(handler, timeout_s: float = 1.0) -> RasaDialogue:
    return RasaDialogue("http://rasa.test", turn_timeout_s=timeout_s, transport=httpx.MockTransport(handler))


async def test_a_turn_carries_sender_message_and_metadata() -> None:
    seen: list[dict] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(json.loads(request.content))
        return httpx.Response(200, json=[{"recipient_id": "c", "text": "Bonjour."}])

    reply = await client(handler).turn("call-1", "ma facture", {"mode": "voice"})
    assert seen == [{"sender": "call-1", "message": "ma facture", "metadata": {"mode": "voice"}}]
    assert reply.messages[0]["text"] == "Bonjour."


@pytest.mark.parametrize("status", [400, 404, 500, 503])
async def test_a_refusal_is_an_error_and_is_not_retried(status: int) -> None:
    tries = 0

    def handler(_: httpx.Request) -> httpx.Response:
        nonlocal tries
        tries += 1
        return httpx.Response(status)

    with pytest.raises(DialogueError):
        await client(handler).turn("c", "m", {})
    assert tries == 1


async def test_no_connection_is_a_dialogue_error() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    with pytest.raises(DialogueError) as caught:
        await client(handler).turn("c", "m", {})
    assert caught.value.code == "dialogue.failed"


async def test_a_slow_dialogue_is_given_up_in_time() -> None:
    async def handler(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(30)
        return httpx.Response(200, json=[])

    with pytest.raises(DialogueTimeoutError):
        await client(handler, timeout_s=0.05).turn("c", "m", {})


@pytest.mark.parametrize("body", [b"<html>", b"{}", b"[1, 2]", b'"x"'])
async def test_an_answer_of_another_shape_is_refused(body: bytes) -> None:
    with pytest.raises(DialoguePayloadError):
        await client(lambda _: httpx.Response(200, content=body)).turn("c", "m", {})


async def test_understanding_reads_intent_entities_and_the_slots_that_are_set() -> None:
    parsed = {
        "intent": {"name": "billing_increase", "confidence": 0.91},
        "entities": [{"entity": "number", "value": "12", "start": 0, "extractor": "x"}],
    }
    tracker = {
        # as Rasa gives it inside a form: the latest message is the one that opened the form
        "latest_message": {"intent": {"name": "greet", "confidence": 1.0}},
        "events": [
            {"event": "user", "parse_data": {"intent": {"name": "greet", "confidence": 1.0}}},
            {"event": "user", "parse_data": parsed},
            {"event": "action", "name": "action_listen"},
        ],
        "slots": {"verified": True, "empty": None, "list": []},
    }
    got = await client(lambda _: httpx.Response(200, json=tracker)).understanding("c")
    assert (got.intent, got.confidence) == ("billing_increase", 0.91)
    assert got.entities == ({"entity": "number", "value": "12"},)
    assert got.slots == {"verified": True}


async def test_readiness_needs_a_loaded_model() -> None:
    assert await client(lambda _: httpx.Response(200, json={"model_file": "m.tar.gz"})).ready()
    assert not await client(lambda _: httpx.Response(200, json={"model_file": ""})).ready()
    assert not await client(lambda _: httpx.Response(503)).ready()
