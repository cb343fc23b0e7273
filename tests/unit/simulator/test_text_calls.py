"""A script without sound, against a small real server with the text door."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection

from bot.errors import TransportError
from simulator.api import Server
from simulator.call import Options
from simulator.result import CallResult

PlaceCall = Callable[..., Awaitable[CallResult]]
StartBot = Callable[..., Awaitable[Any]]


def typed(bot: Any) -> Options:
    return Options(bot.address, text=True)


async def test_the_script_is_typed_turn_by_turn(place_call: PlaceCall, fake_bot: StartBot) -> None:
    bot = await fake_bot([["Bonjour."], ["Votre code", "postal ?"], ["Merci."], [], ["Au revoir."]])
    source = """
    now: "2027-03-16T10:00:00+01:00"
    caller: {number: "+33611223344"}
    turns:
      - say: bonjour
      - {when: "code postal", keys: "75011#"}
      - {silence: 8}
      - {after: 0.8, say: attendez}
    expect: {outcome: resolved, intents: [greet, greet, greet]}
    """
    result = await place_call(source, typed(bot))
    assert result.held, (result.problems, result.differences)
    assert bot.starts == [
        {"type": "start", "caller_number": "+33611223344", "now": "2027-03-16T10:00:00+01:00"}
    ]
    assert bot.received == [("bonjour", False), "75011#", 8.0, ("attendez", True)]
    assert [turn.said for turn in result.turns] == ["bonjour", "75011#", "attendez"]
    assert result.turns[0].replies == ("Votre code", "postal ?")
    assert result.duration_s > 8


async def test_a_reply_that_is_not_the_one_expected(place_call: PlaceCall, fake_bot: StartBot) -> None:
    bot = await fake_bot([["Bonjour."]])
    result = await place_call("turns: [{when: code postal, say: un}]", typed(bot))
    assert not result.held
    assert "«Bonjour.»" in result.problems[0]
    assert result.events[-1]["by"] == "caller"


async def test_a_bot_that_hangs_up_too_soon(place_call: PlaceCall, fake_bot: StartBot) -> None:
    bot = await fake_bot([["Bonjour."], ["Au revoir."]], ends=True)
    result = await place_call("turns: [{say: un}, {say: deux}, {hang_up: true}]", typed(bot))
    assert result.problems == ("the bot ended the call with 1 turn(s) of the script left",)
    assert result.ended_by == "bot"


async def test_a_bot_without_an_answer(place_call: PlaceCall, fake_bot: StartBot) -> None:
    bot = await fake_bot([["Bonjour."], [], ["Oui."]])
    result = await place_call("turns: [{say: un}, {say: deux}]", typed(bot))
    assert result.problems == ("the bot said nothing to «un»",)


async def test_sounds_without_words_are_left_out(place_call: PlaceCall, fake_bot: StartBot) -> None:
    bot = await fake_bot([["Bonjour."], ["Oui."]])
    result = await place_call("turns: [{after: 0.5, noise: cough}, {say: un}]", typed(bot))
    assert result.held
    assert bot.received == [("un", False)]


async def test_a_server_that_goes_away(place_call: PlaceCall, fake_bot: StartBot) -> None:
    async def leaves(socket: ServerConnection) -> None:
        if socket.request is not None and socket.request.path == "/api/text":
            await socket.recv()
            await socket.send(json.dumps({"type": "started", "call_id": "c"}))
            await socket.close(1011)

    bot = await fake_bot([["Bonjour."]], leaves)
    bot.note("call_ended", outcome="failed", by="bot")
    result = await place_call("turns: [{say: un}]", typed(bot))
    assert "the text door closed" in result.problems[0]


async def test_nobody_is_there(place_call: PlaceCall) -> None:
    with pytest.raises(TransportError):
        await place_call("turns: []", Options(Server("http://127.0.0.1:9"), text=True))


async def test_a_wrong_token(place_call: PlaceCall, fake_bot: StartBot) -> None:
    bot = await fake_bot([["Bonjour."]])
    with pytest.raises(TransportError, match="401"):
        await place_call("turns: []", Options(Server(bot.address.url, "wrong"), text=True))


async def test_a_door_that_speaks_otherwise(place_call: PlaceCall, fake_bot: StartBot) -> None:
    async def odd(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send("hello")
        await asyncio.sleep(1)

    with pytest.raises(TransportError, match="not JSON"):
        await place_call("turns: []", typed(await fake_bot([], odd)))


class Watcher:
    """Keeps what an observer is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def placed(self, *_: Any) -> None:
        self.told.append("placed")

    def bot_said(self, _: float, text: str) -> None:
        self.told.append(f"bot {text}")

    def acting(self, _: float, do: Any) -> None:
        self.told.append(f"caller {do.act.words}")

    def event(self, _: float, event: Any) -> None:
        self.told.append(event["type"])

    def finished(self, result: CallResult) -> None:
        self.told.append(f"finished {result.outcome}")


async def test_an_observer_is_told_as_it_goes(place_call: PlaceCall, fake_bot: StartBot) -> None:
    bot = await fake_bot([["Bonjour."], ["Oui."]])
    watcher = Watcher()
    await place_call("turns: [{say: un}]", typed(bot), watcher)
    assert watcher.told[:3] == ["placed", "bot Bonjour.", "caller un"]
    assert watcher.told[-1] == "finished resolved"
    assert "understood" in watcher.told
