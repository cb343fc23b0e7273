"""A caller and an agent in two browsers (WebRTC peers on loopback): who hears whom, told from both recordings."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import pytest
from pipecat.frames.frames import TTSAudioRawFrame
from pipecat.workers.runner import WorkerRunner

from bot.errors import InputError
from bot.models import RingResult, SiteLine
from media.webrtc.door import WebRtcDoor, WebRtcSettings, accept
from media.webrtc.headset import Headsets, HeadsetSettings
from media.webrtc.loopback import offer_loopback_candidates
from tests.e2e.telephone import judge
from tests.peers import Peer
from tests.pipes import Ear, listening_worker, tone

BOT_HZ = 1100.0
AWA = SiteLine("antananarivo", "headset:awa")
SETTINGS = HeadsetSettings(silent_after=1.5, lost_after=5.0, left_after=1.0)


@pytest.fixture(autouse=True)
def loopback() -> Iterator[None]:
    offer_loopback_candidates(True)
    yield
    offer_loopback_candidates(False)


@pytest.fixture
async def headsets() -> AsyncIterator[Headsets]:
    all_of_them = Headsets(SETTINGS)
    yield all_of_them
    await all_of_them.close_all()


@pytest.fixture
async def new_peer() -> AsyncIterator[Callable[..., Peer]]:
    peers: list[Peer] = []

    def make(hertz: float, *, data: bool = False) -> Peer:
        peers.append(Peer(hertz, data=data))
        return peers[-1]

    yield make
    for peer in peers:
        await peer.close()


async def until(true: Callable[[], object], within_s: float = 10.0) -> None:
    async with asyncio.timeout(within_s):
        while not true():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.02)


async def signed_in(headsets: Headsets, peer: Peer, agent: str = "awa") -> None:
    await peer.take(await headsets.open(agent, await peer.offer()))
    await until(lambda: (headset := headsets.get(agent)) and headset.alive)


@asynccontextmanager
async def call(headsets: Headsets, caller: Peer) -> AsyncIterator[tuple[WebRtcDoor, Ear]]:
    """A caller with a bot that hums."""
    door = await accept(await caller.offer(), settings=WebRtcSettings(headsets=headsets.get))
    await caller.take(door.answer)
    worker, ear = listening_worker(door.transport)
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    running = asyncio.create_task(runner.run(), name="bot")
    await worker.queue_frame(TTSAudioRawFrame(tone(BOT_HZ, 60.0), 16_000, 1))
    try:
        await until(lambda: ear.parts)
        yield door, ear
    finally:
        await worker.cancel()
        await asyncio.wait({running}, timeout=10)
        await door.close()


async def heard(*peers: Peer) -> list[set[str]]:
    """What each hears for most of the next second."""
    await asyncio.sleep(0.5)  # what is still on its way
    since = time.monotonic()
    await asyncio.sleep(1.0)
    return [kinds(peer, since) for peer in peers]


def kinds(peer: Peer, since: float) -> set[str]:
    sound = peer.heard(since)
    tones = {"bot": BOT_HZ, "agent": judge.AGENT_HZ, "caller": judge.CALLER_HZ}
    found = {name for name, hertz in tones.items() if judge.tone_s(sound, hertz) >= 0.5}
    return found | ({"music"} if judge.music_s(sound) >= 0.5 else set())


async def test_a_whole_transfer_who_hears_whom(headsets: Headsets, new_peer: Callable[..., Peer]) -> None:
    agent, caller = new_peer(judge.AGENT_HZ), new_peer(judge.CALLER_HZ, data=True)
    await signed_in(headsets, agent)
    async with call(headsets, caller) as (door, ear):
        control = door.control("6f1c1a5e-4b51-4a8e-9d7a-0f6a0c2f7f11")
        assert await heard(caller, agent) == [{"bot"}, set()]
        assert judge.tone_s(ear.samples(), judge.CALLER_HZ) > 0.5
        held = time.monotonic()
        await control.hold()
        assert await control.ring(AWA, token="", ring_s=10) is RingResult.ANSWERED
        assert await heard(caller, agent) == [{"music"}, set()]
        await control.whisper()
        assert await heard(caller, agent) == [{"music"}, {"bot"}]
        joining = time.monotonic()
        await control.join()
        deaf = len(ear.parts)
        assert await heard(caller, agent) == [{"agent"}, {"caller"}]
        assert len(ear.parts) == deaf, "the bot hears what the two say"
        assert judge.tone_s(caller.heard(held + 0.3), BOT_HZ) == 0, "the caller heard the whisper"
        assert judge.tone_s(caller.heard(joining + 0.7), judge.CALLER_HZ) == 0
        await control.drop_agent()
        await control.agent_left()
        await control.take_back()
        assert await heard(caller, agent) == [{"bot"}, set()]
        assert judge.music_s(agent.heard()) == 0
        assert headsets.get("awa").free  # type: ignore[union-attr]


async def test_an_agent_who_was_away_is_in_the_same_call(
    headsets: Headsets, new_peer: Callable[..., Peer]
) -> None:
    agent, caller = new_peer(judge.AGENT_HZ), new_peer(judge.CALLER_HZ, data=True)
    await signed_in(headsets, agent)
    async with call(headsets, caller) as (door, _):
        control = door.control("6f1c1a5e-4b51-4a8e-9d7a-0f6a0c2f7f12")
        await control.hold()
        assert await control.ring(AWA, token="", ring_s=10) is RingResult.ANSWERED
        await control.join()
        assert await heard(caller, agent) == [{"agent"}, {"caller"}]
        left = asyncio.create_task(control.agent_left())
        agent.microphone.stop()  # no packet any more, and no goodbye either
        await until(lambda: not headsets.get("awa").alive)  # type: ignore[union-attr]
        again = new_peer(judge.AGENT_HZ)
        await signed_in(headsets, again)
        assert await heard(caller, again) == [{"agent"}, {"caller"}]
        assert not left.done()
        again.microphone.stop()
        await asyncio.wait_for(left, 10.0)  # and one who does not come back has left
        assert headsets.get("awa") is None
        assert await heard(caller) == [{"music"}]
        await control.take_back()
        assert await heard(caller) == [{"bot"}]


async def test_a_tab_that_is_closed_ends_the_leg_soon(
    headsets: Headsets, new_peer: Callable[..., Peer]
) -> None:
    agent, caller = new_peer(judge.AGENT_HZ), new_peer(judge.CALLER_HZ, data=True)
    await signed_in(headsets, agent)
    async with call(headsets, caller) as (door, _):
        control = door.control("6f1c1a5e-4b51-4a8e-9d7a-0f6a0c2f7f13")
        await control.hold()
        await control.ring(AWA, token="", ring_s=10)
        await control.join()
        await asyncio.sleep(0.5)
        await agent.close()
        await asyncio.wait_for(control.agent_left(), SETTINGS.left_after + 2.0)
        assert await control.ring(AWA, token="", ring_s=10) is RingResult.FAILED


async def test_a_caller_who_hangs_up_lets_the_headset_go(
    headsets: Headsets, new_peer: Callable[..., Peer]
) -> None:
    agent, caller = new_peer(judge.AGENT_HZ), new_peer(judge.CALLER_HZ, data=True)
    await signed_in(headsets, agent)
    async with call(headsets, caller) as (door, _):
        control = door.control("6f1c1a5e-4b51-4a8e-9d7a-0f6a0c2f7f14")
        await control.hold()
        await control.ring(AWA, token="", ring_s=10)
        await control.join()
        assert not headsets.get("awa").free  # type: ignore[union-attr]
        await caller.close()
        await until(lambda: headsets.get("awa").free, 2.0)  # type: ignore[union-attr]


async def test_the_last_connection_wins_and_signing_out_ends_it(
    headsets: Headsets, new_peer: Callable[..., Peer]
) -> None:
    first, second = new_peer(judge.AGENT_HZ), new_peer(judge.AGENT_HZ)
    await signed_in(headsets, first)
    headset = headsets.get("awa")
    await signed_in(headsets, second)
    assert headsets.get("awa") is headset
    await until(lambda: first.pc.connectionState == "closed")
    await headsets.close("awa")
    assert headsets.get("awa") is None
    await until(lambda: second.pc.connectionState == "closed")
    await headsets.close("awa")


async def test_an_offer_that_cannot_become_a_headset(
    headsets: Headsets, new_peer: Callable[..., Peer]
) -> None:
    with_data = await new_peer(0, data=True).offer()
    for sdp, kind in (("", "offer"), ("v=0", "offer"), (with_data, "offer"), (with_data, "answer")):
        with pytest.raises(InputError):
            await headsets.open("awa", sdp, kind)
    assert headsets.get("awa") is None
