"""The line on a real Asterisk with real SIP parties; the bot is a media door that hums, to be told from others."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import sys
import time
import wave
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import pytest_asyncio
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from bot.errors import AgentGoneError, CallerGoneError
from bot.handoff.talk import AgentTalk
from bot.models import CallRequest, RingResult, SiteLine
from bot.ports import CallControl, ClaimedCall, GiveBack
from media.audio import to_bytes
from media.telephony.ari import AriClient, AriSettings
from media.telephony.caller import user_to_user, user_to_user_header
from media.telephony.line import AsteriskLine
from media.telephony.orders import LineSettings
from simulator.sip import Codec, Manner, SipAgent, SipPhone, State
from tests.e2e.telephone import judge
from tests.e2e.telephone.alone import Alone, config_for, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

BOT_HZ, MUSIC_HZ, SENTENCE_HZ = 1100.0, 620.0, 1500.0
NUMBER = "+33612345678"
WITHIN_S = 15.0
"""For what takes milliseconds on a machine with nothing else to do."""
SENTENCE_WITHIN_S = 2.0
SPARE = 2.0
_FRAME = 320


def free_port() -> int:
    with socket.socket(type=socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def write_sounds(folder: Path) -> None:
    for path, hertz in (("music/loop", MUSIC_HZ), *((f"sentences/line_{n}", SENTENCE_HZ) for n in
                        ("lost", "wait", "fallback", "sorry"))):  # fmt: skip
        file = folder / f"{path}.wav"
        file.parent.mkdir(parents=True, exist_ok=True)
        with wave.open(str(file), "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(2)
            out.setframerate(8000)
            out.writeframes(to_bytes(judge.tone(hertz, 2.0)[::2]))


@dataclass(eq=False)
class Bot:
    """A bot leg at the media door. ``hum``: whether it sounds now. ``keys``: what Asterisk told it was pressed."""

    socket: ServerConnection
    claimed: ClaimedCall
    hum: bool = True
    keys: str = ""

    @property
    def request(self) -> CallRequest:
        return self.claimed.request

    @property
    def control(self) -> CallControl:
        return self.claimed.control

    async def run(self) -> None:
        humming = asyncio.create_task(self._hum(), name="bot-hum")
        try:
            async for message in self.socket:
                if isinstance(message, str) and (event := json.loads(message)).get("event") == "DTMF_END":
                    self.keys += event["digit"]
        finally:
            humming.cancel()
            await asyncio.gather(humming, return_exceptions=True)

    async def _hum(self) -> None:
        sound = to_bytes(judge.tone(BOT_HZ))
        at, began = 0, time.monotonic()
        while True:
            frame = sound[at * 2 * _FRAME % len(sound) :][: 2 * _FRAME]
            at += 1
            if self.hum:
                await self.socket.send(frame)
            await asyncio.sleep(max(0.0, began + at * 0.02 - time.monotonic()))


@dataclass
class Process:
    """A bot process: its line and its media door, that can be killed."""

    asterisk: Alone
    bots: dict[str, Bot] = field(default_factory=dict)
    refused: int = 0
    dead: bool = False

    def __post_init__(self) -> None:
        self.client = client(self.asterisk)
        trunk = self.asterisk.config.trunk.host
        self.line = AsteriskLine(self.client, LineSettings(self.asterisk.config.number, trunk))
        self._new = asyncio.Condition()

    async def bot(self, *, known: int = 0) -> Bot:
        """The bot leg after the first ``known``."""
        async with asyncio.timeout(WITHIN_S), self._new:
            await self._new.wait_for(lambda: len(self.bots) > known)
        return list(self.bots.values())[known]

    async def kill(self) -> None:
        """As SIGKILL: sockets close, nobody says anything."""
        self.dead = True
        await self.client.stop()
        for bot in self.bots.values():
            bot.socket.transport.abort()

    async def serve(self, socket: ServerConnection) -> None:
        assert socket.request
        token = parse_qs(urlsplit(socket.request.path).query).get("token", [""])[0]
        claimed = self.line.claim(token)
        if claimed is None:
            self.refused += 1
            await socket.close(1008)
            return
        bot = Bot(socket, claimed)
        async with self._new:
            self.bots[claimed.request.call_id] = bot
            self._new.notify_all()
        with contextlib.suppress(ConnectionClosed):
            await bot.run()


def client(asterisk: Alone) -> AriClient:
    ari = asterisk.config.ari
    return AriClient(AriSettings(f"http://127.0.0.1:{ari.port}/ari", ari.user, ari.password, ari.app))


@asynccontextmanager
async def process(asterisk: Alone, *, door: bool = True) -> AsyncIterator[Process]:
    one = Process(asterisk)
    port = urlsplit(asterisk.config.bot_media).port
    async with contextlib.AsyncExitStack() as stack:
        if door:
            await stack.enter_async_context(
                serve(one.serve, "127.0.0.1", port, subprotocols=["media"], compression=None)  # type: ignore[list-item]
            )
        await one.line.start()
        await asyncio.wait_for(one.client.wait_up(), WITHIN_S)
        try:
            yield one
        finally:
            if not one.dead:
                await one.line.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def asterisk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Alone]:
    config = config_for(tmp_path_factory.mktemp("line"), trunk_port=free_port())
    write_sounds(config.sounds)
    async with running(config) as alone:
        yield alone


@pytest_asyncio.fixture(loop_scope="module")
async def bot_process(asterisk: Alone) -> AsyncIterator[Process]:
    async with process(asterisk) as one:
        yield one
    await quiet(asterisk)


@pytest_asyncio.fixture(loop_scope="module")
async def caller(asterisk: Alone) -> AsyncIterator[SipPhone]:
    port = int(asterisk.config.trunk.host.rpartition(":")[2])
    async with SipPhone(NUMBER, port=port) as phone:
        phone.hum(judge.tone(judge.CALLER_HZ))
        yield phone


@pytest_asyncio.fixture(loop_scope="module")
async def agent() -> AsyncIterator[SipAgent]:
    async with SipAgent("agent", Manner(hum=judge.tone(judge.AGENT_HZ))) as phone:
        yield phone


@pytest_asyncio.fixture(loop_scope="module")
async def watch(asterisk: Alone) -> AsyncIterator[None]:
    """The real process of it."""
    ari = asterisk.config.ari
    env = {
        **os.environ,
        "DECROCHE_ARI_URL": f"http://127.0.0.1:{ari.port}/ari",
        "DECROCHE_ARI_USER": ari.user,
        "DECROCHE_ARI_PASSWORD": ari.password,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot.cli", "rescue", env=env, stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr
    try:
        async with asyncio.timeout(WITHIN_S):
            assert "line in sight" in (await process.stderr.readline()).decode()
        yield
    finally:
        process.terminate()
        await asyncio.wait_for(process.communicate(), WITHIN_S)


async def eventually(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not true():  # noqa: ASYNC110 - what is waited for happens in another process
            await asyncio.sleep(0.05)


async def quiet(asterisk: Alone) -> None:
    """Nothing is left at Asterisk."""
    ari = client(asterisk)
    try:
        async with asyncio.timeout(WITHIN_S):
            while await ari.list_channels() or await ari.list_bridges():  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.1)
    finally:
        await ari.stop()


def site(agent: SipAgent) -> SiteLine:
    return SiteLine("first", agent.uri)


async def heard(phone: SipPhone, seconds: float = 1.0) -> dict[str, bool]:
    """Which tones a party hears in the next second or so, each for most of it."""
    await asyncio.sleep(0.4)  # what is still on its way
    since = time.monotonic()
    await asyncio.sleep(seconds + 0.1)
    sound = phone.sound(since, since + seconds).heard
    tones = {"bot": BOT_HZ, "music": MUSIC_HZ, "agent": judge.AGENT_HZ, "caller": judge.CALLER_HZ}
    return {name: True for name, hertz in tones.items() if judge.tone_s(sound, hertz) >= 0.5 * seconds}


async def test_a_whole_transfer_who_hears_whom(
    asterisk: Alone, bot_process: Process, caller: SipPhone, agent: SipAgent
) -> None:
    await caller.connect(asterisk.sip, {"User-to-User": user_to_user_header("case-7")})
    bot = await bot_process.bot()
    assert (bot.request.caller_number, bot.request.user_to_user) == (NUMBER, "case-7")
    assert await heard(caller) == {"bot": True}
    caller.press("5")
    await eventually(lambda: bot.keys == "5")
    await bot.control.hold()
    assert await heard(caller) == {"music": True}
    assert await bot.control.ring(site(agent), token="h1.abc", ring_s=10) is RingResult.ANSWERED
    (invitation,) = agent.invitations
    assert user_to_user(invitation.header("User-to-User")) == "h1.abc"
    assert invitation.header("X-Call-Id") == bot.request.call_id
    assert "+33180880000" in invitation.header("From")
    assert await heard(agent) == {}
    await bot.control.whisper()
    assert await heard(agent) == {"bot": True}
    assert await heard(caller) == {"music": True}
    key = asyncio.create_task(bot.control.agent_key(within_s=WITHIN_S))
    agent.press("1")
    assert await key == "1"
    await bot.control.join()
    assert await heard(caller) == {"agent": True}
    assert await heard(agent) == {"caller": True}
    assert judge.tone_s(agent.sound().heard, MUSIC_HZ) == 0, "an agent never hears the hold music"
    agent.hang_up()
    await asyncio.wait_for(bot.control.agent_left(), WITHIN_S)
    assert await heard(caller) == {"music": True}
    await bot.control.take_back()
    assert await heard(caller) == {"bot": True}
    assert bot.keys == "5", "the agent's keys are not the caller's"
    await bot.control.hang_up()
    await caller.until(State.OVER, WITHIN_S)


async def test_an_agent_puts_the_caller_on_hold_and_gives_them_back(
    asterisk: Alone, bot_process: Process, caller: SipPhone, agent: SipAgent
) -> None:
    await caller.connect(asterisk.sip)
    bot = await bot_process.bot()
    await bot.control.hold()
    assert await bot.control.ring(site(agent), token="", ring_s=10) is RingResult.ANSWERED
    talk = AgentTalk(bot.control)
    await bot.control.join()
    assert (await heard(caller), await heard(agent)) == ({"agent": True}, {"caller": True})
    left = asyncio.create_task(bot.control.agent_left())
    await talk.hold()
    assert (await heard(caller), await heard(agent)) == ({"music": True}, {})
    assert not left.done(), "an agent who waits has not left"
    await talk.unhold()
    assert (await heard(caller), await heard(agent)) == ({"agent": True}, {"caller": True})
    assert judge.tone_s(agent.sound().heard, MUSIC_HZ) == 0, "an agent never hears the hold music"
    await talk.give_back(GiveBack.CONTINUE)
    await asyncio.wait_for(left, WITHIN_S)
    await agent.until(State.OVER, WITHIN_S)
    assert await bot.control.ring(site(agent), token="", ring_s=10) is RingResult.ANSWERED, "a colleague"
    await bot.control.join()
    assert (await heard(caller), await heard(agent)) == ({"agent": True}, {"caller": True})
    await bot.control.take_back()
    assert await heard(caller) == {"bot": True}
    await bot.control.hang_up()
    await caller.until(State.OVER, WITHIN_S)


async def test_a_silent_bot_sends_silence_and_so_does_a_wait_for_the_whisper(
    asterisk: Alone, bot_process: Process, caller: SipPhone, agent: SipAgent
) -> None:
    await caller.connect(asterisk.sip)
    bot = await bot_process.bot()
    bot.hum = False
    await bot.control.hold()
    assert await bot.control.ring(site(agent), token="", ring_s=10) is RingResult.ANSWERED
    await bot.control.take_back()
    legs = [leg.id for leg in await bot_process.client.list_channels() if leg.name.startswith("PJSIP/")]
    assert len(legs) == 2
    ari = asterisk.config.ari
    async with httpx.AsyncClient(auth=(ari.user, ari.password)) as http:
        url = f"http://127.0.0.1:{ari.port}/ari/channels"

        async def sent(leg: str) -> int:
            return int((await http.get(f"{url}/{leg}/rtp_statistics")).json()["txcount"])

        before = [await sent(leg) for leg in legs]
        await asyncio.sleep(1.0)
        packets = [await sent(leg) - count for leg, count in zip(legs, before, strict=True)]
    assert min(packets) >= 40, packets
    caller.hang_up()
    await agent.until(State.OVER, WITHIN_S)


@pytest.mark.parametrize(
    ("manner", "codec", "result"),
    [
        (Manner(refuse=486), Codec.A_LAW, RingResult.BUSY),
        (Manner(refuse=603), Codec.A_LAW, RingResult.DECLINED),
        (Manner(refuse=480), Codec.A_LAW, RingResult.NO_ANSWER),
        (Manner(refuse=404), Codec.A_LAW, RingResult.FAILED),
        (Manner(refuse=503), Codec.A_LAW, RingResult.FAILED),
        (Manner(), Codec.UNKNOWN, RingResult.FAILED),
        (Manner(answer_after_s=None), Codec.A_LAW, RingResult.NO_ANSWER),
    ],
)
async def test_how_ringing_ends(
    asterisk: Alone, bot_process: Process, caller: SipPhone, manner: Manner, codec: Codec, result: RingResult
) -> None:
    async with SipAgent("agent", manner, codec=codec) as agent:
        await caller.connect(asterisk.sip)
        bot = await bot_process.bot()
        assert await bot.control.ring(site(agent), token="", ring_s=2.0) is result
        assert await heard(caller) == {"bot": True}
        await bot.control.hang_up()


async def test_a_site_that_is_dead_fails_soon(
    asterisk: Alone, bot_process: Process, caller: SipPhone
) -> None:
    await caller.connect(asterisk.sip)
    bot = await bot_process.bot()
    began = time.monotonic()
    dead = SiteLine("dead", f"sip:agent@127.0.0.1:{free_port()}")
    assert await bot.control.ring(dead, token="", ring_s=20) is RingResult.FAILED
    assert time.monotonic() - began < 8
    await bot.control.hang_up()


async def test_a_caller_who_hangs_up_stops_the_ringing_at_once(
    asterisk: Alone, bot_process: Process, caller: SipPhone, agent: SipAgent
) -> None:
    agent.manner = Manner(answer_after_s=None)
    await caller.connect(asterisk.sip)
    bot = await bot_process.bot()
    ringing = asyncio.create_task(bot.control.ring(site(agent), token="", ring_s=20))
    await agent.wait("invited", WITHIN_S)
    gone = time.monotonic()
    caller.hang_up()
    stopped = await agent.until(State.OVER, WITHIN_S)
    with pytest.raises(CallerGoneError):
        await ringing
    assert stopped - gone < 0.3 * SPARE


async def test_an_agent_who_hangs_up_in_the_whisper_leaves_the_caller_on_hold(
    asterisk: Alone, bot_process: Process, caller: SipPhone, agent: SipAgent
) -> None:
    await caller.connect(asterisk.sip)
    bot = await bot_process.bot()
    assert await bot.control.ring(site(agent), token="", ring_s=10) is RingResult.ANSWERED
    await bot.control.whisper()
    key = asyncio.create_task(bot.control.agent_key(within_s=WITHIN_S))
    agent.hang_up()
    with pytest.raises(AgentGoneError):
        await key
    assert await heard(caller) == {"music": True}
    await bot.control.take_back()
    assert await heard(caller) == {"bot": True}


async def test_a_callback_rings_and_is_a_call(asterisk: Alone, bot_process: Process) -> None:
    port = int(asterisk.config.trunk.host.rpartition(":")[2])
    manner = Manner(answer_after_s=0.2, hum=judge.tone(judge.CALLER_HZ))
    async with SipAgent(NUMBER, manner, port=port) as callee:
        clicked = time.monotonic()
        assert await bot_process.line.dial(NUMBER, ring_s=10, callback="cb-1") is RingResult.ANSWERED
        print(f"click to ring: {(callee.invitations[0].at - clicked) * 1000:.0f} ms")
        bot = await bot_process.bot()
        assert (bot.request.callback, bot.request.caller_number) == ("cb-1", NUMBER)
        assert await heard(callee) == {"bot": True}
        # A callback whose conversation breaks is rescued as any call is.
        bot.socket.transport.abort()
        again = await bot_process.bot(known=1)
        assert again.request.resumes == bot.request.call_id
        assert judge.tone_s(callee.sound().heard, SENTENCE_HZ) > 1.0
        assert await heard(callee) == {"bot": True}
        await again.control.hang_up()
        await callee.until(State.OVER, WITHIN_S)
        callee.manner = Manner(refuse=486)
        assert await bot_process.line.dial(NUMBER, ring_s=10, callback="cb-2") is RingResult.BUSY
        callee.manner = Manner(answer_after_s=None)
        dialled = asyncio.create_task(bot_process.line.dial(NUMBER, ring_s=30, callback="cb-3"))
        since = time.monotonic()
        await callee.wait("invited", WITHIN_S, since=since)
        dialled.cancel()
        await callee.until(State.OVER, WITHIN_S, since=since)


async def test_one_conversation_that_breaks_is_rescued_by_the_line(
    asterisk: Alone, bot_process: Process, caller: SipPhone
) -> None:
    await caller.connect(asterisk.sip)
    bot = await bot_process.bot()
    assert await heard(caller) == {"bot": True}
    broken = time.monotonic()
    bot.socket.transport.abort()
    again = await bot_process.bot(known=1)
    sound = caller.sound(broken).heard
    assert judge.tone_s(sound, SENTENCE_HZ) > 1.0
    assert again.request.resumes == bot.request.call_id
    assert await heard(caller) == {"bot": True}
    await again.control.hang_up()
    await caller.until(State.OVER, WITHIN_S)


async def test_a_bot_that_is_killed(asterisk: Alone, caller: SipPhone, watch: None) -> None:
    async with process(asterisk) as first:
        await caller.connect(asterisk.sip)
        bot = await first.bot()
        assert await heard(caller) == {"bot": True}
        await asyncio.sleep(0.5)  # the watch has seen the call as it should be
        killed = time.monotonic()
        await first.kill()
        await asyncio.sleep(SENTENCE_WITHIN_S * SPARE)
    sound = caller.sound(killed).heard
    sentence = next(
        at for at in range(0, len(sound), 800) if judge.tone_s(sound[at : at + 8000], SENTENCE_HZ) > 0
    )
    print(f"kill to sentence: {sentence / judge.RATE:.2f} s")
    assert sentence / judge.RATE < SENTENCE_WITHIN_S
    assert caller.in_call
    async with process(asterisk) as second:
        again = await second.bot()
        assert again.request.resumes == bot.request.call_id
        assert await heard(caller) == {"bot": True}
        await again.control.hang_up()
        await caller.until(State.OVER, WITHIN_S)
    await quiet(asterisk)


async def test_a_bot_that_is_killed_while_an_agent_has_the_caller(
    asterisk: Alone, caller: SipPhone, agent: SipAgent, watch: None
) -> None:
    async with process(asterisk) as first:
        await caller.connect(asterisk.sip)
        bot = await first.bot()
        assert await bot.control.ring(site(agent), token="", ring_s=10) is RingResult.ANSWERED
        await bot.control.whisper()
        await bot.control.join()
        await first.kill()
    assert await heard(caller, 2.0) == {"agent": True}
    async with process(asterisk) as second:
        assert await heard(caller, 2.0) == {"agent": True}, "a fresh bot leaves them alone"
        agent.hang_up()
        again = await second.bot()
        assert again.request.resumes == bot.request.call_id
        await again.control.hang_up()
    await quiet(asterisk)


async def test_a_line_without_a_media_door_is_heard_to_be_so(
    asterisk: Alone, caller: SipPhone, watch: None
) -> None:
    async with process(asterisk, door=False):
        caller.call(asterisk.sip)
        up = await caller.until(State.UP, WITHIN_S)
        await asyncio.sleep(3.0)
        assert judge.tone_s(caller.sound(up).heard, SENTENCE_HZ) > 1.0
        caller.hang_up()
    await quiet(asterisk)


async def test_a_bot_that_stops_lets_its_callers_go_to_the_rescue(asterisk: Alone, caller: SipPhone) -> None:
    async with process(asterisk) as first:
        await caller.connect(asterisk.sip)
        bot = await first.bot()
        since = time.monotonic()
    await asyncio.sleep(2.5)
    assert judge.tone_s(caller.sound(since).heard, SENTENCE_HZ) > 1.0
    async with process(asterisk) as second:
        again = await second.bot()
        assert again.request.resumes == bot.request.call_id
        await again.control.hang_up()
    await quiet(asterisk)


async def test_a_media_connection_without_a_token_of_ours_is_no_call(
    asterisk: Alone, bot_process: Process
) -> None:
    ari = client(asterisk)
    await ari.external_media("bot-forged", "bot", {"token": "forged"})
    await eventually(lambda: bot_process.refused > 0)
    await ari.stop()
    assert not bot_process.bots
