"""The media transport in a real pipeline: Asterisk's rules behind a fake socket, time that does not pass by itself."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from loguru import logger
from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    BotStoppedSpeakingFrame,
    EndFrame,
    InputAudioRawFrame,
    InputDTMFFrame,
    TTSAudioRawFrame,
)

from tests.unit.telephony_media.pipeline import Phone, numbers, packet, phone
from tests.unit.telephony_media.virtual import AsteriskSocket, run_virtual


@asynccontextmanager
async def call_to(socket: AsteriskSocket) -> AsyncIterator[Phone]:
    asterisk = asyncio.create_task(socket.play(), name="asterisk")
    async with phone(socket) as call:
        await asyncio.sleep(0.1)
        yield call
    asterisk.cancel()


Test = Callable[[], Awaitable[None]]


def virtual(test: Test) -> Callable[[], None]:
    """The test, run in virtual time."""

    def run() -> None:
        run_virtual(asyncio.wait_for(test(), 3600))  # type: ignore[arg-type]

    run.__name__ = test.__name__
    return run


@virtual
async def test_an_utterance_is_heard_whole_and_seen_when_it_is_heard() -> None:
    socket = AsteriskSocket()
    async with call_to(socket) as call:
        began = asyncio.get_running_loop().time()
        await call.say(*range(1, 101))
        await asyncio.sleep(3)
        assert numbers(socket.heard) == list(range(1, 101))
        assert call.played == list(range(1, 101))
        times = call.after.times(TTSAudioRawFrame)
        assert times[0] - began < 0.041, "the first packet is not held back"
        assert times[-1] - times[0] == pytest.approx(99 * 0.02, abs=0.03)
        (started,) = call.after.times(BotStartedSpeakingFrame)
        (stopped,) = call.after.times(BotStoppedSpeakingFrame)
        assert started - began < 0.03
        assert stopped - began == pytest.approx(2.0, abs=0.06)
        assert socket.channel.faults == []
        assert (
            socket.commands.count("START_MEDIA_BUFFERING")
            == socket.commands.count("STOP_MEDIA_BUFFERING")
            == 1
        )


@virtual
async def test_a_barge_in_flushes_at_once_and_only_what_was_heard_counts() -> None:
    socket = AsteriskSocket()
    async with call_to(socket) as call:
        await call.say(*range(1, 501))
        await asyncio.sleep(2)
        at = asyncio.get_running_loop().time()
        await call.before.broadcast_interruption()
        await asyncio.sleep(0.5)
        assert socket.sent_at("FLUSH_MEDIA") - at < 0.02
        heard = numbers(socket.heard)
        assert socket.heard[-20:] == [None] * 20
        assert abs(len(call.played) - len(heard)) <= 2, "what was sent ahead and flushed does not count"
        assert call.before.times(BotStoppedSpeakingFrame)[-1] - at < 0.02
        await call.say(*range(600, 650))
        await asyncio.sleep(1.5)
        assert numbers(socket.heard)[len(heard) :] == list(range(600, 650))
        assert call.played[-50:] == list(range(600, 650))
        assert socket.channel.faults == []


@virtual
async def test_an_interruption_of_silence_sends_nothing() -> None:
    socket = AsteriskSocket()
    async with call_to(socket) as call:
        await call.before.broadcast_interruption()
        await asyncio.sleep(0.1)
        assert socket.commands == []


@virtual
async def test_the_goodbye_is_heard_to_its_end() -> None:
    socket = AsteriskSocket()
    async with call_to(socket) as call:
        await call.say(*range(1, 151))
        await call.worker.queue_frame(EndFrame())
        await asyncio.wait_for(socket.closed.wait(), 10)
        assert numbers(socket.heard) == list(range(1, 151))
        assert socket.commands[-1] == "HANGUP"
        assert socket.channel.hung_up


@virtual
async def test_a_goodbye_that_is_never_played_ends_all_the_same() -> None:
    socket = AsteriskSocket()
    async with call_to(socket) as call:
        socket.channel.text(json.dumps({"command": "PAUSE_MEDIA"}))
        await call.say(*range(1, 151))
        await call.worker.queue_frame(EndFrame())
        at = asyncio.get_running_loop().time()
        await asyncio.wait_for(socket.closed.wait(), 60)
        assert asyncio.get_running_loop().time() - at < 12
        assert socket.commands[-1] == "HANGUP"


@virtual
async def test_a_peer_that_does_not_read_does_not_hold_the_call() -> None:
    socket = AsteriskSocket()
    async with call_to(socket) as call:
        await call.say(*range(1, 11))
        await asyncio.sleep(1)
        socket.reads.clear()
        await call.say(*range(11, 61))
        await asyncio.sleep(9)
        socket.reads.set()
        await asyncio.sleep(1)
        await call.say(*range(100, 110))
        await asyncio.sleep(1)
        assert numbers(socket.heard)[-10:] == list(range(100, 110))


@virtual
async def test_minutes_without_sound_from_asterisk_and_then_sound_again() -> None:
    """The bot is aside while the caller hears music: Asterisk sends it nothing."""
    socket = AsteriskSocket(caller=lambda tick: packet(9) if tick < 100 or tick > 30_000 else None)
    async with call_to(socket) as call:
        await asyncio.sleep(590)
        quiet = len(call.before.times(InputAudioRawFrame))
        assert quiet in range(95, 105)
        await asyncio.sleep(30)
        assert len(call.before.times(InputAudioRawFrame)) > quiet + 400
        assert not call.hung_up
        assert socket.sent == [], "nothing to say, nothing sent"
        await call.say(1, 2, 3)
        await asyncio.sleep(1)
        assert numbers(socket.heard) == [1, 2, 3]


@virtual
async def test_keys_and_nonsense_from_the_socket() -> None:
    socket = AsteriskSocket()
    async with call_to(socket) as call:
        for message in (
            "", "nonsense", "[]", "null", '{"event": 5}', '{"event": "PARTY"}', "x" * 100_000, "[" * 10_000,
            '{"event": "DTMF_END", "digit": "A"}', '{"event": "DTMF_END", "digit": ["1"]}', '{"event": "DTMF_END"}',
            '{"event": "STATUS", "queue_length": -1e999}', '{"event": "ERROR", "error_text": "no"}',
        ):  # fmt: skip
            socket.text(message)
        for size in (0, 1, 641, 70_000):
            socket.binary(bytes(size))
        for _ in range(200):
            socket.text("more nonsense")
        socket.text('{"event": "DTMF_END", "digit": "5", "duration_ms": 120}')
        socket.binary(packet(3))
        await asyncio.sleep(0.2)
        keys = [frame.button.value for _, frame in call.before.seen if isinstance(frame, InputDTMFFrame)]
        assert keys == ["5"]
        assert len(call.before.times(InputAudioRawFrame)) == 1
        assert not call.hung_up
        await call.say(1, 2, 3)
        await asyncio.sleep(0.5)
        assert numbers(socket.heard) == [1, 2, 3]


@virtual
async def test_keys_are_in_no_log_at_any_level() -> None:
    socket, traced = AsteriskSocket(), []
    sink = logger.add(lambda message: traced.append(str(message.record["message"])), level=0)
    try:
        async with call_to(socket) as call:
            socket.text('{"event": "DTMF_END", "digit": "*", "duration_ms": 120}')
            await asyncio.sleep(0.2)
            (key,) = [frame for _, frame in call.before.seen if isinstance(frame, InputDTMFFrame)]
    finally:
        logger.remove(sink)
    assert key.button.value == "*"
    assert [line for line in traced if key.name in line], "pipecat traces frames: else this proves nothing"
    assert not [line for line in traced if "*" in line or "STAR" in line]


@virtual
async def test_the_caller_hangs_up() -> None:
    socket = AsteriskSocket()
    async with call_to(socket) as call:
        await call.say(*range(1, 101))
        await asyncio.sleep(0.5)
        socket.go()
        await asyncio.sleep(0.1)
        assert len(call.hung_up) == 1


@pytest.mark.parametrize("said_s", [0.5, 1.9, 2.15])
def test_a_hang_up_while_the_call_ends_is_not_waited_out(said_s: float) -> None:
    """The line ends the bot's leg at its last word, or the caller leaves in the goodbye: no mark comes any more."""

    async def ends() -> None:
        socket = AsteriskSocket()
        async with call_to(socket) as call:
            await call.say(*range(1, 101))
            await asyncio.sleep(said_s)
            await call.worker.queue_frame(EndFrame())
            await asyncio.sleep(0.02)
            socket.go()
            assert call.media
            await asyncio.wait_for(call.media, 0.5)

    run_virtual(ends())
