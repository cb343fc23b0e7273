"""A line whose sound stops in the middle of a word (hold, a muted microphone) is silent for as long as that lasts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
from pipecat.frames.frames import InputAudioRawFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.workers.runner import WorkerRunner

from bot.conversation.interpret import Interpreter
from bot.conversation.turns import EndTurn
from bot.models import Hypothesis, Pcm, Recognition, RecognitionHint
from bot.pipeline.listening import Listener

_NOISE = np.random.default_rng(1)


class Reads:
    """Reads the same in everything."""

    sample_rate = 16_000
    spare = True

    async def transcribe(self, audio: Pcm, hint: RecognitionHint) -> Recognition:
        return Recognition((Hypothesis("ma facture est trop chère", -0.1),), 0.0, len(audio) // 16, 1)

    async def close(self) -> None: ...


class Heard:
    """A listener in a pipeline of its own, and the turns it tells of."""

    def __init__(self) -> None:
        self.turns: list[EndTurn] = []
        self.floor: list[bool] = []
        self.ticks = 0
        began = time.monotonic()
        self.listener = Listener(
            Reads(),
            Interpreter(),
            lambda: round((time.monotonic() - began) * 1000),
            on_turn=lambda end, _: self.turns.append(end),
            on_unheard=lambda _: None,
            on_interrupt=_nothing,
            on_discard=lambda _: None,
            on_floor=self.floor.append,
            on_key=_nothing,
            on_tick=self._tick,
            is_understood=_no,
        )
        self.worker = PipelineWorker(
            Pipeline([self.listener]),
            params=PipelineParams(audio_in_sample_rate=16_000, audio_out_sample_rate=16_000),
            cancel_on_idle_timeout=False,
            idle_timeout_secs=None,
            enable_rtvi=False,
            enable_turn_tracking=False,
        )

    async def say(self, frames: int, level: int) -> None:
        """Noise of that level: loud enough, it is taken for speech."""
        for _ in range(frames):
            pcm = _NOISE.normal(0, level, 320).clip(-32768, 32767).astype(np.int16)
            await self.worker.queue_frame(InputAudioRawFrame(pcm.tobytes(), 16_000, 1))
            await asyncio.sleep(0.01)

    async def until_turns(self, count: int) -> None:
        async with asyncio.timeout(10):
            while len(self.turns) < count:  # noqa: ASYNC110 - the listener tells by calling back
                await asyncio.sleep(0.02)

    def _tick(self) -> None:
        self.ticks += 1


async def _nothing(*_: object) -> None: ...


async def _no(_: Recognition) -> bool:
    return False


@asynccontextmanager
async def heard() -> AsyncIterator[Heard]:
    call = Heard()
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(call.worker)
    running = asyncio.create_task(runner.run(), name="listening")
    try:
        yield call
    finally:
        await call.worker.cancel(reason="test over")
        await asyncio.gather(running, return_exceptions=True)


async def test_who_was_speaking_when_the_sound_stopped_has_stopped() -> None:
    async with heard() as call:
        await call.say(40, 5)
        await call.say(40, 6000)
        await call.until_turns(1)


async def test_what_is_said_after_minutes_without_sound_is_a_turn_of_its_own() -> None:
    async with heard() as call:
        await call.say(40, 5)
        await call.say(40, 6000)
        await call.until_turns(1)
        ticks = call.ticks
        await asyncio.sleep(1.0)
        assert 5 < call.ticks - ticks < 40, "nothing spins while nothing comes"
        assert len(call.turns) == 1
        await call.say(40, 5)
        await call.say(40, 6000)
        await call.say(40, 5)
        await call.until_turns(2)
        assert call.turns[1].started_ms > call.turns[0].ended_ms + 900
