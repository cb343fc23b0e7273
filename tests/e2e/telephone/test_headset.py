"""A caller on the telephone and an agent at a headset in the browser, through a real Asterisk, told from both
recordings.

The bot is the real media door with a pipeline that hums.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
import uvicorn
from fastapi import FastAPI
from pipecat.frames.frames import TTSAudioRawFrame
from pipecat.workers.runner import WorkerRunner

from bot.calls import Calls
from bot.models import CallRequest, RingResult, SiteLine
from bot.ports import CallControl
from bot.web.phone import phone_router
from media.telephony.ari import AriClient
from media.telephony.line import AsteriskLine
from media.telephony.orders import LineSettings
from media.webrtc.headset import Headsets, HeadsetSettings
from media.webrtc.loopback import offer_loopback_candidates
from simulator.sip import SipPhone, State
from tests.e2e.telephone import judge
from tests.e2e.telephone.alone import Alone, config_for, running
from tests.e2e.telephone.test_line import (
    BOT_HZ,
    MUSIC_HZ,
    NUMBER,
    SPARE,
    WITHIN_S,
    client,
    eventually,
    free_port,
    quiet,
    write_sounds,
)
from tests.peers import Peer
from tests.pipes import listening_worker, tone

pytestmark = pytest.mark.asyncio(loop_scope="module")

AWA = SiteLine("antananarivo", "headset:awa")


class HummingCalls:
    """In place of :class:`bot.calls.Calls`: a bot that hums."""

    def __init__(self) -> None:
        self.control: asyncio.Future[CallControl] = asyncio.get_running_loop().create_future()
        self._running: asyncio.Task[None] | None = None

    async def start(self, request: CallRequest, transport: Any, *, control: CallControl) -> str:
        worker, _ = listening_worker(transport)

        async def gone(*_: object) -> None:
            await worker.cancel()

        transport.add_event_handler("on_client_disconnected", gone)
        runner = WorkerRunner(handle_sigint=False)
        await runner.add_workers(worker)
        self._running = asyncio.create_task(runner.run(), name="bot")
        await worker.queue_frame(TTSAudioRawFrame(tone(BOT_HZ, 60.0), 16_000, 1))
        self.control.set_result(control)
        return request.call_id

    async def wait(self, call_id: str) -> None:
        assert self._running
        await asyncio.wait({self._running})


class Bot:
    """A line and its media door, in this process."""

    def __init__(self, asterisk: Alone) -> None:
        self.headsets = Headsets(HeadsetSettings(left_after=1.0))
        self.ari: AriClient = client(asterisk)
        settings = LineSettings(asterisk.config.number, asterisk.config.trunk.host)
        self.line = AsteriskLine(self.ari, settings, headsets=self.headsets.get)
        self.calls = HummingCalls()
        self.app = FastAPI()
        self.app.include_router(
            phone_router(cast(Calls, self.calls), "", rehearsal=False, claim=self.line.claim)
        )

    async def agent_leg(self) -> str:
        """The one there is now, at Asterisk."""
        (leg,) = [one.id for one in await self.ari.list_channels() if one.id.startswith("agent-")]
        return leg


@asynccontextmanager
async def serving(app: FastAPI, port: int) -> AsyncIterator[None]:
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None, lifespan="off"))
    task = asyncio.create_task(server.serve(), name="door")
    await eventually(lambda: server.started)
    try:
        yield
    finally:
        server.should_exit = True
        await asyncio.wait({task}, timeout=WITHIN_S)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def asterisk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Alone]:
    config = config_for(tmp_path_factory.mktemp("headset"), trunk_port=free_port())
    write_sounds(config.sounds)
    offer_loopback_candidates(True)
    async with running(config) as alone:
        yield alone
    offer_loopback_candidates(False)


@pytest_asyncio.fixture(loop_scope="module")
async def bot(asterisk: Alone) -> AsyncIterator[Bot]:
    one = Bot(asterisk)
    port = urlsplit(asterisk.config.bot_media).port
    assert port
    async with serving(one.app, port):
        await one.line.start()
        await asyncio.wait_for(one.ari.wait_up(), WITHIN_S)
        yield one
        await one.line.stop()
    await one.headsets.close_all()
    await quiet(asterisk)


@pytest_asyncio.fixture(loop_scope="module")
async def caller(asterisk: Alone) -> AsyncIterator[SipPhone]:
    port = int(asterisk.config.trunk.host.rpartition(":")[2])
    async with SipPhone(NUMBER, port=port) as phone:
        phone.hum(judge.tone(judge.CALLER_HZ))
        yield phone


@pytest_asyncio.fixture(loop_scope="module")
async def agent(bot: Bot) -> AsyncIterator[Peer]:
    peer = Peer(judge.AGENT_HZ, data=False)
    await peer.take(await bot.headsets.open("awa", await peer.offer()))
    await eventually(lambda: (headset := bot.headsets.get("awa")) is not None and headset.free)
    yield peer
    await peer.close()


async def heard(caller: SipPhone, agent: Peer) -> tuple[set[str], set[str]]:
    """What each hears for most of the next second."""
    await asyncio.sleep(0.6)  # what is still on its way
    since = time.monotonic()
    await asyncio.sleep(1.1)
    tones = {"bot": BOT_HZ, "music": MUSIC_HZ, "agent": judge.AGENT_HZ, "caller": judge.CALLER_HZ}
    sounds = caller.sound(since, since + 1.0).heard, agent.heard(since)
    by_caller, by_agent = (
        {name for name, hertz in tones.items() if judge.tone_s(sound, hertz) >= 0.5} for sound in sounds
    )
    return by_caller, by_agent


async def test_a_whole_transfer_who_hears_whom(
    asterisk: Alone, bot: Bot, caller: SipPhone, agent: Peer
) -> None:
    await caller.connect(asterisk.sip)
    control = await asyncio.wait_for(bot.calls.control, WITHIN_S)
    assert await heard(caller, agent) == ({"bot"}, set())
    await control.hold()
    asked = time.monotonic()
    assert await control.ring(AWA, token="h1.abc", ring_s=10) is RingResult.ANSWERED
    connected_s = time.monotonic() - asked
    assert connected_s < 1.0 * SPARE, connected_s
    assert await heard(caller, agent) == ({"music"}, set())
    await control.whisper()
    assert await heard(caller, agent) == ({"music"}, {"bot"})
    await control.join()
    assert await heard(caller, agent) == ({"agent"}, {"caller"})
    assert judge.tone_s(caller.sound(asked + 0.5, time.monotonic()).heard, BOT_HZ) == 0, "the whisper leaked"
    await control.hold()
    assert await heard(caller, agent) == ({"music"}, set())
    await control.join()
    await control.hold()
    await control.join()
    assert await heard(caller, agent) == ({"agent"}, {"caller"})
    await control.drop_agent()
    await control.take_back()
    assert await heard(caller, agent) == ({"bot"}, set())
    assert judge.tone_s(agent.heard(), MUSIC_HZ) == 0, "an agent never hears the hold music"
    assert bot.headsets.get("awa").free  # type: ignore[union-attr]
    await control.hang_up()
    await caller.until(State.OVER, WITHIN_S)


async def test_a_headset_that_is_lost_ends_the_leg_and_the_caller_hears_music(
    asterisk: Alone, bot: Bot, caller: SipPhone, agent: Peer
) -> None:
    await caller.connect(asterisk.sip)
    control = await asyncio.wait_for(bot.calls.control, WITHIN_S)
    await control.hold()
    for address in ("headset:nobody", "headset:"):
        nobody = SiteLine("antananarivo", address)
        assert await control.ring(nobody, token="", ring_s=10) is RingResult.FAILED
    assert await control.ring(AWA, token="", ring_s=10) is RingResult.ANSWERED
    await control.join()
    assert await heard(caller, agent) == ({"agent"}, {"caller"})
    await agent.close()
    await asyncio.wait_for(control.agent_left(), WITHIN_S)
    assert (await heard(caller, agent))[0] == {"music"}
    assert await control.ring(AWA, token="", ring_s=10) is RingResult.FAILED


async def test_a_caller_who_hangs_up_lets_the_headset_go(
    asterisk: Alone, bot: Bot, caller: SipPhone, agent: Peer
) -> None:
    await caller.connect(asterisk.sip)
    control = await asyncio.wait_for(bot.calls.control, WITHIN_S)
    await control.hold()
    await control.ring(AWA, token="", ring_s=10)
    await control.join()
    free: Callable[[], bool] = lambda: bool((one := bot.headsets.get("awa")) and one.free)  # noqa: E731
    await eventually(lambda: not free())
    gone = time.monotonic()
    caller.hang_up()
    await eventually(free)
    assert time.monotonic() - gone < 2.0
