"""A reply that is cut short frees the voice at once, whatever the speaker was waiting for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import numpy as np
import pytest
from pipecat.frames.frames import Frame, TTSAudioRawFrame, TTSStoppedFrame

from bot.errors import VoiceError
from bot.models import Say, SpeechChunk
from bot.pipeline.frames import SayFrame
from bot.pipeline.speaking import Speaker, spoken_sentences

RATE = 16_000


class Tone:
    """A voice of four chunks; ``working`` while somebody has it open."""

    name = "tone"

    def __init__(self) -> None:
        self.working = 0
        self.kept: list[AsyncGenerator[SpeechChunk, None]] = []
        self.made = 0
        self.fails = False
        self.stuck: asyncio.Event | None = None

    def speak(self, text: str, *, sample_rate: int, cacheable: bool) -> AsyncGenerator[SpeechChunk, None]:
        stream = self._stream(sample_rate)
        self.kept.append(stream)  # the collector does not come by: only who closes it ends it
        return stream

    async def _stream(self, sample_rate: int) -> AsyncGenerator[SpeechChunk, None]:
        self.working += 1
        try:
            for _ in range(4):
                if self.fails:
                    raise VoiceError("the tone broke")
                if self.stuck is not None:
                    await self.stuck.wait()
                self.made += 1
                yield SpeechChunk(np.zeros(sample_rate // 50, np.int16), sample_rate)
        finally:
            self.working -= 1

    async def close(self) -> None: ...


class Wire(Speaker):
    """A speaker whose frames are taken here. ``blocked``: audio waits for room downstream."""

    def __init__(self, voice: Tone, faults: list[VoiceError]) -> None:
        super().__init__(voice, RATE, faults.append)
        self.taken: list[Frame] = []
        self.blocked: asyncio.Event | None = None

    async def push_frame(self, frame: Frame, *args: Any, **kwargs: Any) -> None:
        if self.blocked is not None and isinstance(frame, TTSAudioRawFrame):
            await self.blocked.wait()
        self.taken.append(frame)


@pytest.fixture
def faults() -> list[VoiceError]:
    return []


@pytest.fixture
def voice() -> Tone:
    return Tone()


@pytest.fixture
def speaker(voice: Tone, faults: list[VoiceError]) -> Wire:
    return Wire(voice, faults)


async def test_a_reply_is_spoken_whole_and_the_voice_is_free(speaker: Wire, voice: Tone) -> None:
    text = "Votre facture est de 42,90 €. Elle sera prélevée le 5 avril."
    await speaker._speak(SayFrame(Say(text), last=True))
    spoken = spoken_sentences(text)
    assert len(spoken) == 2
    assert sum(isinstance(frame, TTSAudioRawFrame) for frame in speaker.taken) == 4 * len(spoken)
    assert isinstance(speaker.taken[-1], TTSStoppedFrame)
    assert voice.working == 0


@pytest.mark.parametrize("waits_for", ["the voice", "room downstream"])
async def test_an_interruption_frees_the_voice_at_once(speaker: Wire, voice: Tone, waits_for: str) -> None:
    if waits_for == "the voice":
        voice.stuck = asyncio.Event()
    else:
        speaker.blocked = asyncio.Event()
    speaking = asyncio.create_task(speaker._speak(SayFrame(Say("Bonjour. Au revoir."), last=True)))
    for _ in range(5):
        await asyncio.sleep(0)
    assert voice.working == 1
    speaking.cancel()
    await asyncio.gather(speaking, return_exceptions=True)
    assert voice.working == 0, "closed with the task, not when the collector comes by"
    assert voice.made <= 1


async def test_a_voice_that_breaks_is_told_and_ends_the_reply(
    speaker: Wire, voice: Tone, faults: list[VoiceError]
) -> None:
    voice.fails = True
    await speaker._speak(SayFrame(Say("Bonjour."), last=True))
    assert len(faults) == 1
    assert voice.working == 0
    assert isinstance(speaker.taken[-1], TTSStoppedFrame)
