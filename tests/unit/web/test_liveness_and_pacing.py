"""When a peer counts as gone, and how audio is paced towards it."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.webrtc.audio_out import AHEAD_MS, FRAME_MS, OutboundAudio
from media.webrtc.liveness import Liveness, Presence

RATE = 16_000
FRAME = RATE * FRAME_MS // 1000


def liveness() -> Liveness:
    return Liveness(100.0, connect_within=15.0, silent_after=4.0, resume_within=8.0)


def test_a_peer_that_does_not_connect_in_time_never_will():
    watch = liveness()
    assert watch.step(114.9, connected=False, mark=None) is Presence.CONNECTING
    assert watch.step(115.0, connected=False, mark=None) is Presence.NEVER_CONNECTED
    assert watch.step(116.0, connected=True, mark=1) is Presence.NEVER_CONNECTED


def test_a_silent_peer_may_come_back_and_is_lost_if_it_does_not():
    watch = liveness()
    assert watch.step(101.0, connected=True, mark=1) is Presence.PRESENT
    assert watch.step(104.9, connected=True, mark=1) is Presence.PRESENT
    assert watch.step(105.0, connected=True, mark=1) is Presence.SILENT
    assert watch.step(112.9, connected=False, mark=2) is Presence.PRESENT
    assert watch.step(124.8, connected=True, mark=2) is Presence.SILENT
    assert watch.step(124.9, connected=True, mark=2) is Presence.LOST
    assert watch.step(125.0, connected=True, mark=3) is Presence.LOST


def test_a_peer_that_connects_and_says_nothing_gets_the_time_a_pipeline_needs_to_listen():
    watch = liveness()
    watch.step(101.0, connected=True, mark=None)
    assert watch.step(115.9, connected=True, mark=None) is Presence.PRESENT
    assert watch.step(123.9, connected=True, mark=None) is Presence.SILENT
    assert watch.step(124.0, connected=True, mark=None) is Presence.LOST


@given(st.lists(st.tuples(st.floats(0.01, 3.9), st.integers()), max_size=60))
def test_a_peer_that_is_heard_every_four_seconds_is_never_lost(steps):
    watch, now = liveness(), 101.0
    watch.step(now, connected=True, mark=object())
    for gap, _ in steps:
        now += gap
        assert watch.step(now, connected=True, mark=object()) is Presence.PRESENT


class Clock:
    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


def pcm(frames: int) -> bytes:
    return b"\x01\x00" * FRAME * frames


async def drain(audio: OutboundAudio, clock: Clock, frames: int) -> list[tuple[bytes, int]]:
    taken = []
    for _ in range(frames):
        taken.append(await audio.next_frame())
        clock.now += FRAME_MS / 1000
    return taken


async def test_a_writer_is_held_back_to_a_few_frames_ahead():
    clock = Clock()
    audio = OutboundAudio(RATE, clock)
    writer = asyncio.create_task(audio.write(pcm(10)))
    await asyncio.sleep(0)
    assert not writer.done()
    await drain(audio, clock, 10 - AHEAD_MS // FRAME_MS)
    await asyncio.wait_for(writer, 1)
    assert audio.backlog_ms == AHEAD_MS


async def test_silence_fills_what_is_not_said_and_timestamps_never_stop():
    clock = Clock()
    audio = OutboundAudio(RATE, clock)
    await audio.write(pcm(1))
    frames = await drain(audio, clock, 3)
    assert [any(frame) for frame, _ in frames] == [True, False, False]
    assert [timestamp for _, timestamp in frames] == [0, FRAME, 2 * FRAME]


async def test_barge_in_leaves_nothing_to_be_sent_and_frees_the_writer():
    clock = Clock()
    audio = OutboundAudio(RATE, clock)
    writer = asyncio.create_task(audio.write(pcm(500)))
    await asyncio.sleep(0)
    await audio.flush()
    await asyncio.wait_for(writer, 1)
    assert audio.backlog_ms == 0
    assert not any((await audio.next_frame())[0])


async def test_after_a_stall_time_is_skipped_instead_of_sent_in_a_burst():
    clock = Clock()
    audio = OutboundAudio(RATE, clock)
    await drain(audio, clock, 1)
    clock.now += 1.0
    before = clock.now
    _, timestamp = await audio.next_frame()
    assert timestamp == pytest.approx(1.02 * RATE, abs=FRAME)
    clock.now = before + FRAME_MS / 1000
    _, following = await audio.next_frame()
    assert following == timestamp + FRAME


@given(st.lists(st.floats(0.0, 0.5), max_size=80))
def test_timestamps_follow_the_clock(gaps):
    async def run() -> None:
        clock = Clock()
        audio = OutboundAudio(RATE, clock)
        previous = -FRAME
        for gap in gaps:
            # A reader is never earlier than one frame after the last one: next_frame sleeps until then.
            clock.now += max(gap, FRAME_MS / 1000)
            _, timestamp = await audio.next_frame()
            assert timestamp >= previous + FRAME
            previous = timestamp

    asyncio.run(run())
