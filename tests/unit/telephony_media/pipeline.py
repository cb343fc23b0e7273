"""A telephone's media pipeline with nothing in it but ears, over whatever socket a test has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from pipecat.frames.frames import Frame, TTSAudioRawFrame, TTSStartedFrame, TTSStoppedFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner

from media.telephony.mediasocket import MediaTransport

PACKET = 640


def packet(number: int) -> bytes:
    """20 ms that can be told from others."""
    return number.to_bytes(2, "little") * (PACKET // 2)


def numbers(frames: list[bytes | None]) -> list[int]:
    """Which packets these are, silence left out."""
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

    before: Tap
    after: Tap
    worker: PipelineWorker
    hung_up: list[float] = field(default_factory=list)
    media: asyncio.Task[None] | None = None

    async def say(self, *packets: int, bytes_at_once: int = 8000) -> None:
        """One utterance, as a voice gives it."""
        sound = b"".join(packet(one) for one in packets)
        await self.worker.queue_frame(TTSStartedFrame())
        for start in range(0, len(sound), bytes_at_once):
            await self.worker.queue_frame(TTSAudioRawFrame(sound[start : start + bytes_at_once], 16_000, 1))
        await self.worker.queue_frame(TTSStoppedFrame())

    @property
    def played(self) -> list[int]:
        return numbers([frame.audio for _, frame in self.after.seen if isinstance(frame, TTSAudioRawFrame)])


@asynccontextmanager
async def phone(socket: Any) -> AsyncIterator[Phone]:
    """One call over ``socket``, a Starlette WebSocket or what behaves like one."""
    transport = MediaTransport(socket)
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
    call = Phone(before, after, worker)

    async def gone(*_: object) -> None:
        call.hung_up.append(asyncio.get_running_loop().time())
        await worker.cancel(reason="hung up")

    transport.add_event_handler("on_client_disconnected", gone)
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    media = call.media = asyncio.create_task(runner.run(), name="media")
    try:
        yield call
    finally:
        await worker.cancel(reason="test over")
        await asyncio.gather(media, return_exceptions=True)
