"""The media transport in a real pipeline: Asterisk's rules behind a fake socket, time that does not pass by itself."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    BotStoppedSpeakingFrame,
    EndFrame,
    Frame,
    InputAudioRawFrame,
    InputDTMFFrame,
    TTSAudioRawFrame,
    TTSStartedFrame,
    TTSStoppedFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner

from media.telephony.mediasocket import MediaTransport
from tests.unit.telephony_media.virtual import AsteriskSocket, run_virtual

PACKET = 640


def packet(number: int) -> bytes:
    return number.to_bytes(2, "little") * (PACKET // 2)


def numbers(frames: list[bytes | None]) -> list[int]:
    return [int.from_bytes(frame[:2], "little") for frame in frames if frame is not None]


class Tap(FrameProcessor):
    """Notes when each frame came by."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[float, Frame]] = []

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        self.seen.append((asyncio.get_running_loop().time(), frame))
        await self.push_frame(frame, direction)

    def times(self, kind: type[Frame]) -> list[float]:
        return [at for at, frame in self.seen if isinstance(frame, kind)]


@dataclass
class Phone:
    """One call's media: ``before`` hears the caller and the transport, ``after`` what has been played."""

    socket: AsteriskSocket
    before: Tap
    after: Tap
    worker: PipelineWorker
    hung_up: list[float] = field(default_factory=list)

    async def say(self, *packets: int, bytes_at_once: int = 8000) -> None:
        sound = b"".join(packet(one) for one in packets)
        await self.worker.queue_frame(TTSStartedFrame())
        for start in range(0, len(sound), bytes_at_once):
            await self.worker.queue_frame(TTSAudioRawFrame(sound[start : start + bytes_at_once], 16_000, 1))
        await self.worker.queue_frame(TTSStoppedFrame())

    @property
    def played(self) -> list[int]:
        return numbers([frame.audio for _, frame in self.after.seen if isinstance(frame, TTSAudioRawFrame)])


@asynccontextmanager
async def phone(socket: AsteriskSocket) -> AsyncIterator[Phone]:
    transport = MediaTransport(socket)  # type: ignore[arg-type]
    before, after = Tap(), Tap()
    worker = PipelineWorker(
        Pipeline([transport.input(), before, transport.output(), after]),
        params=PipelineParams(audio_in_sample_rate=16_000, audio_out_sample_rate=16_000),
        cancel_on_idle_timeout=False,
        idle_timeout_secs=None,
        enable_rtvi=False,
        enable_turn_tracking=False,
        check_dangling_tasks=False,
    )
    call = Phone(socket, before, after, worker)

    async def gone(*_: object) -> None:
        call.hung_up.append(asyncio.get_running_loop().time())

    transport.add_event_handler("on_client_disconnected", gone)
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    media = asyncio.create_task(runner.run(), name="media")
    asterisk = asyncio.create_task(socket.play(), name="asterisk")
    await asyncio.sleep(0.1)
    try:
        yield call
    finally:
        await worker.cancel(reason="test over")
        asterisk.cancel()
        await asyncio.gather(media, asterisk, return_exceptions=True)


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
    async with phone(socket) as call:
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
    async with phone(socket) as call:
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
    async with phone(socket) as call:
        await call.before.broadcast_interruption()
        await asyncio.sleep(0.1)
        assert socket.commands == []


@virtual
async def test_the_goodbye_is_heard_to_its_end() -> None:
    socket = AsteriskSocket()
    async with phone(socket) as call:
        await call.say(*range(1, 151))
        await call.worker.queue_frame(EndFrame())
        await asyncio.wait_for(socket.closed.wait(), 10)
        assert numbers(socket.heard) == list(range(1, 151))
        assert socket.commands[-1] == "HANGUP"
        assert socket.channel.hung_up


@virtual
async def test_a_goodbye_that_is_never_played_ends_all_the_same() -> None:
    socket = AsteriskSocket()
    async with phone(socket) as call:
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
    async with phone(socket) as call:
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
    async with phone(socket) as call:
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
    async with phone(socket) as call:
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
async def test_the_caller_hangs_up() -> None:
    socket = AsteriskSocket()
    async with phone(socket) as call:
        await call.say(*range(1, 101))
        await asyncio.sleep(0.5)
        socket.go()
        await asyncio.sleep(0.1)
        assert len(call.hung_up) == 1
