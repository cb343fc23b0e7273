"""A browser caller's legs with a headset in memory, on a virtual clock: the bot's orders, and what everybody hears."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

import pytest

from bot.errors import AgentGoneError, CallerGoneError
from bot.models import RingResult, SiteLine
from media.webrtc.audio_out import OutboundAudio
from media.webrtc.board import Board, music_loop
from media.webrtc.legs import BrowserLegs
from tests.unit.headset.fakes import FakeHeadset
from tests.virtual_time import run_virtual

BOT, CALLER, AGENT = (bytes([n, 0]) * 320 for n in (1, 2, 3))
NOT_SILENT = 0.9
HEADSET = SiteLine("rennes", "headset:awa")


@dataclass
class Scene:
    """A caller at the browser door. ``heard``: frames that they were sent."""

    agent: FakeHeadset = field(default_factory=FakeHeadset)
    heard: list[bytes] = field(default_factory=list)
    bot_heard: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        audio = OutboundAudio(16_000, clock=asyncio.get_running_loop().time)
        self.board = Board(audio)
        self.legs = BrowserLegs("c", self.board, {"awa": self.agent}.get)
        self.legs.start()
        self._tasks = [asyncio.create_task(one) for one in (self._ear(audio), self._bot(), self._mouths())]

    async def _ear(self, audio: OutboundAudio) -> None:
        while True:
            self.heard.append((await audio.next_frame())[0])

    async def _bot(self) -> None:
        while True:
            await self.board.bot_says(BOT)
            await asyncio.sleep(0.02 if self.agent.said else 0)

    async def _mouths(self) -> None:
        while True:
            if self.board.caller_says(CALLER):
                self.bot_heard.append(CALLER)
            self.agent.speak(AGENT)
            await asyncio.sleep(0.02)

    async def listen(self) -> tuple[str, str]:
        """What caller and agent hear in the next second."""
        await asyncio.sleep(0.2)
        for kept in (self.heard, self.agent.played, self.agent.said, self.bot_heard):
            kept.clear()
        await asyncio.sleep(1.0)
        kinds = {_kind(frame) for frame in self.heard}
        agent = {_kind(frame) for frame in (*self.agent.played, *self.agent.said)}
        assert bool(self.bot_heard) == (kinds == {"bot"}), "the bot hears the caller who hears it"
        return "+".join(sorted(kinds - {""})), "+".join(sorted(agent))

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.legs.close()
        await self.board.close()


def _kind(frame: bytes) -> str:
    return {BOT: "bot", CALLER: "caller", AGENT: "agent", bytes(640): ""}.get(frame, "music")


def scene(test: Callable[[Scene], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    async def run() -> None:
        one = Scene()
        try:
            async with asyncio.timeout(600):
                await test(one)
        finally:
            await one.close()
        assert one.agent.hear is None, "the headset was not let go"

    @wraps(test)
    def wrapped() -> None:
        run_virtual(run())

    del wrapped.__wrapped__
    return wrapped


@pytest.fixture(autouse=True, scope="module")
def music() -> None:
    music_loop(16_000)


@scene
async def test_a_whole_transfer(one: Scene) -> None:
    control = one.legs.control
    assert await one.listen() == ("bot", "")
    await control.hold()
    assert await one.listen() == ("music", "")
    assert await control.ring(HEADSET, token="", ring_s=20) is RingResult.ANSWERED
    assert await one.listen() == ("music", "")
    await control.whisper()
    assert await one.listen() == ("music", "bot")
    await control.join()
    assert await one.listen() == ("agent", "caller")
    await control.hold()
    assert await one.listen() == ("music", "")
    await control.join()
    assert await one.listen() == ("agent", "caller")
    left = asyncio.create_task(control.agent_left())
    await asyncio.sleep(1)
    one.agent.lose()
    await left
    assert await one.listen() == ("music", "")
    await control.take_back()
    assert await one.listen() == ("bot", "")


@scene
async def test_an_agent_who_is_dropped_can_be_rung_again(one: Scene) -> None:
    control = one.legs.control
    for _ in range(3):
        await control.hold()
        assert await control.ring(HEADSET, token="", ring_s=20) is RingResult.ANSWERED
        await control.join()
        await control.drop_agent()
        await control.agent_left()
        await control.take_back()
        assert await one.listen() == ("bot", "")
        assert one.agent.free


@scene
async def test_who_cannot_be_reached(one: Scene) -> None:
    control = one.legs.control
    await control.hold()
    for address in ("headset:nobody", "headset:", "sip:rennes@example.org", "trunk"):
        assert await control.ring(SiteLine("x", address), token="", ring_s=20) is RingResult.FAILED
        assert control.reaches(address) == address.startswith("headset:")
    one.agent.alive = False
    assert await control.ring(HEADSET, token="", ring_s=20) is RingResult.FAILED
    with pytest.raises(AgentGoneError):
        await control.whisper()
    with pytest.raises(AgentGoneError):
        await control.join()
    assert await one.listen() == ("music", "")
    await control.take_back()
    assert await one.listen() == ("bot", "")


@scene
async def test_a_headset_in_a_call_is_not_taken_from_it(one: Scene) -> None:
    one.agent.connect(lambda _: None, lambda: None)
    assert await one.legs.control.ring(HEADSET, token="", ring_s=20) is RingResult.FAILED
    assert one.agent.hear is not None
    await one.agent.end()


@pytest.mark.parametrize("stage", ["hold", "ring", "whisper", "join", "agent_left"])
def test_the_caller_leaves(stage: str) -> None:
    @scene
    async def test(one: Scene) -> None:
        control = one.legs.control
        await control.hold()
        if stage != "hold":
            await control.ring(HEADSET, token="", ring_s=20)
        if stage in ("whisper", "join", "agent_left"):
            await control.whisper()
        if stage in ("join", "agent_left"):
            await control.join()
        waiting = asyncio.create_task(control.agent_left()) if stage == "agent_left" else None
        await asyncio.sleep(0.5)
        one.legs.caller_left()
        await asyncio.sleep(0.1)
        assert one.agent.hear is None
        if waiting:
            with pytest.raises(CallerGoneError):
                await waiting
        for order in (control.hold, control.whisper, control.join, control.take_back):
            with pytest.raises(CallerGoneError):
                await order()
        assert await one.listen() == ("", "")

    test()


@scene
async def test_the_bot_ends_the_call(one: Scene) -> None:
    control = one.legs.control
    await control.hold()
    await control.ring(HEADSET, token="", ring_s=20)
    await control.join()
    await control.hang_up()
    assert await one.listen() == ("", "")
    assert one.agent.free
    await control.hang_up()


@scene
async def test_a_headset_lost_during_the_whisper(one: Scene) -> None:
    control = one.legs.control
    await control.hold()
    await control.ring(HEADSET, token="", ring_s=20)
    await control.whisper()
    key = asyncio.create_task(control.agent_key(within_s=30))
    await asyncio.sleep(0.5)
    one.agent.lose()
    with pytest.raises(AgentGoneError):
        await key
    with pytest.raises(AgentGoneError):
        await control.join()
    assert await one.listen() == ("music", "")
