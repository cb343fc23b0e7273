"""A real WebRTC caller (aiortc) and a real pipeline for the browser door, on this machine's loopback."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from av import AudioResampler
from loguru import logger
from pipecat.frames.frames import EndFrame, TTSAudioRawFrame
from pipecat.pipeline.worker import PipelineWorker
from pipecat.workers.runner import WorkerRunner

from media.webrtc.loopback import offer_loopback_candidates
from tests.peers import ToneTrack
from tests.pipes import RATE, Ear, listening_worker, tone


@pytest.fixture(autouse=True)
def loopback_candidates() -> Iterator[None]:
    """Candidates on 127.0.0.1: the tests need no other interface."""
    logger.remove()
    offer_loopback_candidates(True)
    yield
    offer_loopback_candidates(False)


class Caller:
    """A page's side of a call: offer, answer, "events" channel, and what it hears with arrival times."""

    def __init__(self, hertz: float = 440.0) -> None:
        self.pc = RTCPeerConnection()
        self.microphone = ToneTrack(hertz)
        self.pc.addTrack(self.microphone)
        self.channel = self.pc.createDataChannel("events")
        self.events: list[dict[str, Any]] = []
        self.heard: list[tuple[float, np.ndarray]] = []
        self._listener: asyncio.Task[None] | None = None
        self.channel.on("message", lambda text: self.events.append(json.loads(text)))

        @self.pc.on("track")
        def on_track(track: MediaStreamTrack) -> None:
            self._listener = asyncio.create_task(self._listen(track), name="test-caller-listener")

    async def _listen(self, track: MediaStreamTrack) -> None:
        mono = AudioResampler("s16", "mono", RATE)
        try:
            while True:
                frame = await track.recv()
                for part in mono.resample(frame):
                    self.heard.append((time.monotonic(), part.to_ndarray()[0]))
        except MediaStreamError:
            return

    async def offer(self) -> str:
        await self.pc.setLocalDescription(await self.pc.createOffer())
        return str(self.pc.localDescription.sdp)

    async def take(self, answer: str) -> None:
        await self.pc.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    def samples(self) -> np.ndarray:
        return np.concatenate([part for _, part in self.heard]) if self.heard else np.zeros(0, np.int16)

    async def close(self) -> None:
        await self.pc.close()
        if self._listener is not None:
            self._listener.cancel()


class Running:
    """A pipeline behind a door."""

    def __init__(self, worker: PipelineWorker, ear: Ear, task: asyncio.Task[None]) -> None:
        self.worker, self.ear, self.task = worker, ear, task

    async def say(self, pcm: bytes) -> None:
        await self.worker.queue_frame(TTSAudioRawFrame(pcm, RATE, 1))

    async def end(self) -> None:
        await self.worker.queue_frame(EndFrame())
        await asyncio.wait_for(self.task, 20)


@asynccontextmanager
async def run_pipeline(transport: Any) -> AsyncIterator[Running]:
    """Input → ear → output, as in a call, without anything that understands."""
    worker, ear = listening_worker(transport)
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    task = asyncio.create_task(runner.run(), name="test-pipeline")
    try:
        yield Running(worker, ear, task)
    finally:
        if not task.done():
            await worker.cancel()
        await asyncio.wait({task}, timeout=10)


@pytest.fixture
def new_caller() -> type[Caller]:
    return Caller


@pytest.fixture
def pipeline_for() -> Callable[[Any], Any]:
    return run_pipeline


@pytest.fixture
def make_tone() -> Callable[[float, float], bytes]:
    return tone


@pytest.fixture
async def caller(new_caller: type[Caller]) -> AsyncIterator[Caller]:
    one = new_caller()
    yield one
    await one.close()
