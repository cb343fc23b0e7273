"""The bot's media against a real Asterisk: what is heard, what is known of it, and the rules our simulator plays by.

Both ends are media sockets of Asterisk: the bot's leg carries our transport, the other one only listens and speaks.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
import pytest_asyncio
from fastapi import FastAPI, WebSocket
from pipecat.frames.frames import EndFrame, InputAudioRawFrame, InputDTMFFrame

from media.telephony.ari import AriClient, AriSettings
from media.telephony.asterisk import read_start
from media.telephony.orders import BRIDGE_KIND
from media.telephony.playout import MAX_BINARY_BYTES
from simulator.doors.asterisk import MediaChannel
from tests.e2e.chromium import serve
from tests.e2e.telephone.alone import Alone, config_for, running
from tests.e2e.telephone.judge import likeness
from tests.unit.telephony_media.pipeline import Phone, numbers, packet, phone

pytestmark = pytest.mark.asyncio(loop_scope="module")

WITHIN_S = 20.0
"""For what takes milliseconds on a machine with nothing else to do."""
PACKET_BYTES = 640
SETTLED_S = 2.5
"""Asterisk's mixer begins with a narrow band and settles on ours after two seconds, which costs a packet or two."""


def now() -> float:
    return asyncio.get_running_loop().time()


@dataclass
class Party:
    """A leg without a bot. ``heard``: when, and what. ``events``: what Asterisk said."""

    socket: WebSocket
    heard: list[tuple[float, bytes]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        while True:
            message = await self.socket.receive()
            if message["type"] == "websocket.disconnect":
                self.gone.set()
                return
            if (sound := message.get("bytes")) is not None:
                self.heard.append((now(), sound))
            elif (text := message.get("text")) is not None:
                self.events.append(json.loads(text))

    async def command(self, name: str, **fields: str) -> None:
        await self.socket.send_text(json.dumps({"command": name, **fields}))

    async def speak(self, sound: bytes) -> None:
        await self.command("START_MEDIA_BUFFERING")
        await self.socket.send_bytes(sound)
        await self.command("STOP_MEDIA_BUFFERING")

    async def answers(self, count: int) -> list[dict[str, Any]]:
        """The first so many events."""
        async with asyncio.timeout(WITHIN_S):
            while len(self.events) < count:  # noqa: ASYNC110 - they come from Asterisk
                await asyncio.sleep(0.005)
        return self.events[:count]

    def among(self, wanted: Sequence[int]) -> list[int]:
        """Which of these packets were heard, in order. A bridge adds silence, and a short tail to what ends."""
        return [number for number in numbers([sound for _, sound in self.heard]) if number in wanted]

    def at(self, wanted: Sequence[int]) -> list[float]:
        """When each of these packets was heard."""
        return [at for at, sound in self.heard if numbers([sound])[0] in wanted]


Legs = dict[str, asyncio.Future[Any]]


@dataclass
class Line:
    """Legs at Asterisk, by the name their socket comes with."""

    ari: AriClient
    legs: Legs

    async def open(self, kind: str) -> tuple[str, Any]:
        """A new leg of this kind: its channel, and who is behind its socket."""
        name = f"{kind}-{uuid4().hex}"
        self.legs[name] = asyncio.get_running_loop().create_future()
        await self.ari.external_media(name, "bot", {"name": name})
        async with asyncio.timeout(WITHIN_S):
            return name, await self.legs[name]

    async def join(self, *channels: str) -> str:
        """A bridge with these in it."""
        bridge = f"bridge-{uuid4().hex}"
        await self.ari.create_bridge(bridge, kind=BRIDGE_KIND)
        for channel in channels:
            await self.ari.add_channel(bridge, channel)
        return bridge

    async def is_up(self, channel: str) -> None:
        """Return when Asterisk has it in hand: its socket is open a moment before that."""
        async with asyncio.timeout(WITHIN_S):
            while (leg := await self.ari.channel(channel)) is None or leg.state != "Up":  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    async def is_gone(self, channel: str) -> None:
        """Return when it has ended."""
        async with asyncio.timeout(WITHIN_S):
            while await self.ari.channel(channel) is not None:  # noqa: ASYNC110 - it ends in Asterisk
                await asyncio.sleep(0.02)


def application(legs: Legs) -> FastAPI:
    """The bot's media door, with our transport behind it or nothing but an ear."""
    app = FastAPI()

    @app.websocket("/media")
    async def media(socket: WebSocket) -> None:
        await socket.accept(subprotocol="media")
        name = socket.query_params["name"]
        if name.startswith("party"):
            party = Party(socket)
            legs[name].set_result(party)
            await party.run()
            return
        await read_start(socket)
        async with phone(socket) as call:
            legs[name].set_result(call)
            assert call.media is not None
            await asyncio.wait({call.media})

    return app


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def line(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Line]:
    legs: Legs = {}
    folder: Path = tmp_path_factory.mktemp("media")
    async with serve(application(legs)) as url:
        config = replace(config_for(folder), bot_media=url.replace("http", "ws") + "/media")
        async with running(config) as asterisk, connected(asterisk) as ari:
            yield Line(ari, legs)


@asynccontextmanager
async def connected(asterisk: Alone) -> AsyncIterator[AriClient]:
    settings = asterisk.config.ari
    ari = AriClient(
        AriSettings(
            f"http://127.0.0.1:{settings.port}/ari", settings.user, settings.password, settings.app,
            request_timeout_s=WITHIN_S,
        )
    )  # fmt: skip
    await ari.start()
    try:
        async with asyncio.timeout(WITHIN_S):
            await ari.wait_up()
        yield ari
        for channel in await ari.list_channels():
            await ari.hangup(channel.id)
    finally:
        await ari.stop()


@dataclass
class Talk:
    """A bot and a party in one bridge."""

    bot: Phone
    party: Party
    bot_leg: str
    party_leg: str
    bridge: str


@pytest_asyncio.fixture(loop_scope="module")
async def talk(line: Line) -> AsyncIterator[Talk]:
    bot_leg, bot = await line.open("bot")
    party_leg, party = await line.open("party")
    bridge = await line.join(party_leg, bot_leg)
    await asyncio.sleep(SETTLED_S)
    yield Talk(bot, party, bot_leg, party_leg, bridge)
    for channel in (bot_leg, party_leg):
        await line.ari.hangup(channel)
    await line.ari.destroy_bridge(bridge)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not true():  # noqa: ASYNC110 - what is waited for happens in Asterisk
            await asyncio.sleep(0.01)


def some(first: int, last: int) -> range:
    """Packets, none of which is silence."""
    return range(first, last + 1)


def is_whole(heard: Sequence[int], said: Sequence[int]) -> bool:
    """Whether this was heard in order and to its end, but for what the mixer lost while it settled."""
    return list(heard) == sorted(heard) and len(heard) >= len(said) - 2 and heard[-1] == said[-1]


async def test_an_utterance_is_heard_whole_in_order_and_without_a_hole(talk: Talk) -> None:
    words = some(1, 300)
    await talk.bot.say(*words)
    await until(lambda: len(talk.bot.played) == 300 and 300 in talk.party.among(words))
    assert talk.party.among(words) == list(words)
    times = talk.party.at(words)
    assert times[-1] - times[0] == pytest.approx(299 * 0.02, abs=0.2)


async def test_a_barge_in_is_silence_at_once_and_what_was_heard_is_known(talk: Talk) -> None:
    words, answer = some(1, 500), some(600, 649)
    await talk.bot.say(*words)
    await until(lambda: 100 in talk.party.among(words))
    at = now()
    await talk.bot.before.broadcast_interruption()
    await asyncio.sleep(1.0)
    assert talk.party.at(words)[-1] - at < 0.1, "the flush acts within a packet"
    heard = talk.party.among(words)
    assert abs(len(talk.bot.played) - len(heard)) <= 4, "what Asterisk had in hand does not count as heard"
    await talk.bot.say(*answer)
    await until(lambda: 649 in talk.party.among(answer))
    assert talk.party.among(answer) == list(answer)
    assert talk.party.among(words) == heard, "nothing stale"


async def test_a_fifth_utterance_waits_for_nothing(talk: Talk) -> None:
    """No backlog stays, however much has been said."""
    for first in (100, 200, 300, 400, 500):
        at, words = now(), some(first, first + 9)
        await talk.bot.say(*words)
        await until(lambda words=words: words[-1] in talk.party.among(words))  # type: ignore[misc]
        assert talk.party.at(words)[0] - at < 0.25
        await asyncio.sleep(0.1)


async def test_the_goodbye_is_heard_to_its_end_before_the_channel_is_hung_up(line: Line, talk: Talk) -> None:
    words = some(1, 100)
    await talk.bot.say(*words)
    await talk.bot.worker.queue_frame(EndFrame())
    await line.is_gone(talk.bot_leg)
    await asyncio.sleep(0.1)
    assert talk.party.among(words) == list(words)


async def test_a_leg_aside_hears_nothing_and_takes_up_the_call_again(line: Line, talk: Talk) -> None:
    """Hold and whisper: the bot's leg leaves the caller's bridge, speaks in another one, and comes back."""
    nobody, whispered, again = some(1, 25), some(100, 149), some(200, 249)

    def frames() -> int:
        return len(talk.bot.before.times(InputAudioRawFrame))

    await talk.party.speak(packet(7) * 25)
    await until(lambda: frames() >= 25)
    await line.ari.remove_channel(talk.bridge, talk.bot_leg)
    quiet = frames()
    await talk.party.speak(packet(7) * 25)
    await talk.bot.say(*nobody)
    await asyncio.sleep(3.0)
    assert frames() <= quiet + 2
    assert len(talk.bot.played) == 25, "what is said to nobody is said all the same, and holds nothing up"

    agent_leg, agent = await line.open("party")
    aside = await line.join(agent_leg, talk.bot_leg)
    await talk.bot.say(*whispered)
    await until(lambda: 149 in agent.among(whispered))
    assert is_whole(agent.among(whispered), whispered)
    await line.ari.hangup(agent_leg)

    already = frames()
    await line.ari.add_channel(talk.bridge, talk.bot_leg)
    await talk.bot.say(*again)
    await talk.party.speak(packet(7) * 25)
    await until(lambda: 249 in talk.party.among(again) and frames() >= already + 25)
    assert is_whole(talk.party.among(again), again)
    assert talk.party.among(nobody) == [], "what was said to nobody is not said now"
    assert talk.party.among(whispered) == [], "the caller does not hear the whisper"
    await line.ari.destroy_bridge(aside)


async def test_a_bot_that_moves_while_it_speaks_goes_on_speaking(line: Line, talk: Talk) -> None:
    words = some(1, 100)
    await talk.bot.say(*words)
    await until(lambda: len(talk.party.among(words)) >= 30)
    await line.ari.remove_channel(talk.bridge, talk.bot_leg)
    await line.ari.add_channel(talk.bridge, talk.bot_leg)
    await until(lambda: len(talk.bot.played) == 100 and 100 in talk.party.among(words))
    assert talk.party.among(words) == sorted(talk.party.among(words))


async def test_the_caller_comes_through(talk: Talk) -> None:
    said = np.random.default_rng(1).integers(-8000, 8000, 320 * 50, dtype=np.int16)
    await talk.party.speak(said.tobytes())
    await asyncio.sleep(2.0)
    frames = [frame.audio for _, frame in talk.bot.before.seen if isinstance(frame, InputAudioRawFrame)]
    assert likeness(said, np.frombuffer(b"".join(frames), np.int16)) > 0.95


async def test_the_other_side_hangs_up(line: Line, talk: Talk) -> None:
    await line.ari.hangup(talk.bot_leg)
    await until(lambda: len(talk.bot.hung_up) == 1)


async def test_a_leg_whose_door_is_shut_is_ended(line: Line) -> None:
    leg = f"bot-{uuid4().hex}"
    line.legs[leg] = asyncio.get_running_loop().create_future()
    line.legs[leg].cancel()  # the door fails on it
    await line.ari.external_media(leg, "bot", {"name": leg})
    await line.is_gone(leg)


# --- the simulator plays by Asterisk's rules: the same messages, the same answers

Script = Callable[[Party], Awaitable[None]]


async def _status(party: Party) -> None:
    await party.command("GET_STATUS")
    await party.socket.send_bytes(bytes(PACKET_BYTES * 10))
    await party.command("GET_STATUS")


async def _utterance(party: Party) -> None:
    await party.command("START_MEDIA_BUFFERING")
    await party.socket.send_bytes(bytes(1500))
    await party.command("GET_STATUS")
    await party.socket.send_bytes(bytes(700))
    await party.command("MARK_MEDIA", correlation_id="m1")
    await party.command("STOP_MEDIA_BUFFERING", correlation_id="u1")
    await party.command("MARK_MEDIA", correlation_id="m2")
    await party.command("REPORT_QUEUE_DRAINED")
    await party.command("GET_STATUS")


async def _flush(party: Party) -> None:
    await party.command("START_MEDIA_BUFFERING")
    await party.socket.send_bytes(bytes(PACKET_BYTES * 50))
    await party.command("MARK_MEDIA", correlation_id="m1")
    await party.command("FLUSH_MEDIA")
    await party.command("GET_STATUS")
    await party.command("MARK_MEDIA", correlation_id="m2")
    await party.command("STOP_MEDIA_BUFFERING")


async def _flood(party: Party) -> None:
    for _ in range(11):
        await party.socket.send_bytes(bytes(PACKET_BYTES * 100))
    await party.command("GET_STATUS")
    await party.command("FLUSH_MEDIA")
    await party.command("GET_STATUS")


async def _nonsense(party: Party) -> None:
    for text in ("nonsense", "[]", "{}", '{"command": "DANCE"}'):
        await party.socket.send_text(text)
    await party.command("MARK_MEDIA", correlation_id="x" * (128 - 45))
    await party.command("MARK_MEDIA", correlation_id="x" * 128)
    await party.command("GET_STATUS")


class Simulated:
    """A party at the simulated Asterisk: commands are answered at once, time passes when nothing comes any more."""

    def __init__(self) -> None:
        self.channel = MediaChannel("c")
        self.events: list[dict[str, Any]] = []
        self.socket = self

    async def command(self, name: str, **fields: str) -> None:
        await self.send_text(json.dumps({"command": name, **fields}))

    async def send_text(self, text: str) -> None:
        self.events += self.channel.text(text)

    async def send_bytes(self, sound: bytes) -> None:
        self.events += self.channel.binary(sound)


KEPT = (
    "event",
    "correlation_id",
    "queue_length",
    "queue_full",
    "bulk_media",
    "media_paused",
    "xon_level",
    "xoff_level",
)
ALMOST = {"queue_length": 25}
"""Asterisk plays on while the messages come: half a second of it on a busy machine."""
TICKED = ("MEDIA_MARK_PROCESSED", "MEDIA_XON")
"""What comes with a tick of Asterisk's, before or after the answer to a command that was sent meanwhile."""


def in_order(events: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Answers to commands, marks, XONs: each kind in its order, which is fixed within the kind only."""
    answers = [event for event in events if event["event"] not in TICKED]
    return [answers, *([event for event in events if event["event"] == kind] for kind in TICKED)]


@pytest.mark.parametrize(
    "script", [_status, _utterance, _flush, _flood, _nonsense], ids=lambda one: one.__name__
)
async def test_the_simulated_asterisk_answers_as_the_real_one(line: Line, script: Script) -> None:
    leg, party = await line.open("party")
    simulated = Simulated()
    await script(simulated)  # type: ignore[arg-type]
    for _ in range(100):
        simulated.events += simulated.channel.tick()[1]
    await line.is_up(leg)
    await script(party)
    await party.answers(len(simulated.events) + 1)
    await asyncio.sleep(0.3)
    real, expected = in_order(party.events[1:]), in_order(simulated.events)  # after MEDIA_START
    for ours, theirs in zip(sum(expected, []), sum(real, []), strict=True):
        for name in KEPT:
            if name in ALMOST and name in theirs:
                assert abs(ours[name] - theirs[name]) <= ALMOST[name], (ours, theirs)
            else:
                assert ours.get(name) == theirs.get(name), (ours, theirs)
    await line.ari.hangup(leg)


async def test_too_long_a_message_ends_the_real_call_too(line: Line) -> None:
    leg, party = await line.open("party")
    await party.socket.send_bytes(bytes(MAX_BINARY_BYTES + 1))
    await line.is_gone(leg)
    leg, party = await line.open("party")
    await party.command("START_MEDIA_BUFFERING")
    await party.socket.send_bytes(bytes(MAX_BINARY_BYTES))
    await party.command("GET_STATUS")
    await party.answers(2)
    await line.ari.hangup(leg)


async def test_a_key_reaches_the_bot_once(line: Line, talk: Talk) -> None:
    await line.ari._order("POST", f"channels/{talk.bot_leg}/dtmf", query={"dtmf": "7"})
    await until(lambda: any(isinstance(frame, InputDTMFFrame) for _, frame in talk.bot.before.seen))
    await asyncio.sleep(0.3)
    keys = [frame.button.value for _, frame in talk.bot.before.seen if isinstance(frame, InputDTMFFrame)]
    assert keys == ["7"]
