"""A voice over any engine: synthesis in an owned worker thread, piece by piece, while earlier ones play."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import structlog

from bot.errors import VoiceError
from bot.models import Pcm, SpeechChunk
from media import audio
from media.tts.engine import Engine, plain
from media.tts.pieces import Piece, pieces
from media.tts.shape import shape

log = structlog.get_logger(__name__)

CHUNK_MS = 200
"""Longest chunk that is yielded: what a consumer that closes early has at most too much."""

_PIECE_TIMEOUT_S = 15.0
_MOST_WAITING = 64  # pieces; far above what two cores can speak in time, so reaching it is a fault


class EngineVoice:
    """``bot.ports.Voice`` over one engine shared by every call in the process.

    Each utterance has one piece at a time in the worker's queue, so calls take turns and a reply that
    is cut short costs at most the piece being synthesised and drops the one that waits.
    """

    def __init__(self, engine: Engine) -> None:
        self.name = engine.name
        self.engine = engine
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="voice")
        self._jobs: set[Future[Pcm]] = set()
        self._closed = False

    async def speak(
        self, text: str, *, sample_rate: int, cacheable: bool = False
    ) -> AsyncGenerator[SpeechChunk, None]:
        """Chunks of at most :data:`CHUNK_MS` at ``sample_rate`` Hz. ``cacheable`` is for those who wrap this.

        The pause after a sentence is part of it: two utterances spoken one after the other sound as one.
        Close the generator (``contextlib.aclosing``) to stop the work when the caller interrupts.

        Raises:
            VoiceError: the engine failed, did not answer in time, gave no sound for the whole text, is
                closed, or too much is waiting for it.
        """
        parts = pieces(plain(text), self.engine.pacing)
        if not parts:
            return
        heard = False
        ahead = self._submit(parts[0], sample_rate)
        try:
            for upcoming in [*parts[1:], None]:
                samples = await self._result(ahead)
                if upcoming is not None:
                    ahead = self._submit(upcoming, sample_rate)
                for chunk in audio.frames(samples, CHUNK_MS * sample_rate // 1000):
                    heard = True
                    yield SpeechChunk(chunk, sample_rate)
        finally:
            ahead.cancel()
        if not heard:
            # What nobody could hear must not pass for something that was said.
            raise VoiceError(f"{self.name} gave no sound for {len(text)} characters")

    async def close(self) -> None:
        """Drop what waits, let the running piece end, free the engine."""
        if self._closed:
            return
        self._closed = True
        await asyncio.to_thread(self._worker.shutdown, wait=True, cancel_futures=True)
        await asyncio.to_thread(self.engine.close)

    def _submit(self, piece: Piece, sample_rate: int) -> Future[Pcm]:
        if self._closed:
            raise VoiceError(f"{self.name} is closed")
        self._jobs = {job for job in self._jobs if not job.done()}
        if len(self._jobs) >= _MOST_WAITING:
            raise VoiceError(f"{self.name} has {len(self._jobs)} pieces waiting")
        job = self._worker.submit(self._render, piece, sample_rate)
        self._jobs.add(job)
        return job

    async def _result(self, job: Future[Pcm]) -> Pcm:
        try:
            async with asyncio.timeout(_PIECE_TIMEOUT_S):
                return await asyncio.wrap_future(job)
        except TimeoutError as err:
            raise VoiceError(f"{self.name} did not finish a sentence in {_PIECE_TIMEOUT_S:.0f} s") from err

    def _render(self, piece: Piece, sample_rate: int) -> Pcm:
        """In the worker thread."""
        speech = shape(self.engine.synthesise(piece.text), self.engine.sample_rate)
        if not len(speech):
            log.warning("voice.no_sound", voice=self.name, characters=len(piece.text))
            return speech
        at_rate = audio.resample(speech, self.engine.sample_rate, sample_rate)
        return np.concatenate([at_rate, audio.silence(piece.pause_ms, sample_rate)])
