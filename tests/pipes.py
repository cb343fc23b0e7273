"""A real pipecat pipeline that understands nothing: it hears, and says what a test gives it."""

from __future__ import annotations

from typing import Any

import numpy as np
from pipecat.frames.frames import Frame, InputAudioRawFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

RATE = 16_000


class Ear(FrameProcessor):
    """Keeps what the pipeline hears."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[bytes] = []

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, InputAudioRawFrame):
            self.parts.append(frame.audio)
        else:
            await self.push_frame(frame, direction)

    def samples(self) -> np.ndarray:
        return np.frombuffer(b"".join(self.parts), np.int16)


def listening_worker(transport: Any) -> tuple[PipelineWorker, Ear]:
    """Input → ear → output, as in a call."""
    ear = Ear()
    worker = PipelineWorker(
        Pipeline([transport.input(), ear, transport.output()]),
        params=PipelineParams(audio_in_sample_rate=RATE, audio_out_sample_rate=RATE),
        enable_rtvi=False,
        idle_timeout_secs=None,
    )
    return worker, ear


def tone(hertz: float, seconds: float) -> bytes:
    """Mono int16 at 16 kHz."""
    at = np.arange(int(seconds * RATE)) / RATE
    return (8000 * np.sin(2 * np.pi * hertz * at)).astype(np.int16).tobytes()
