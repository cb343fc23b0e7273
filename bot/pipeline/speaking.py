"""The bot's side of a call: text to audio before the transport, and what was really played after it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import structlog
from pipecat.frames.frames import (
    Frame,
    InterruptionFrame,
    TTSAudioRawFrame,
    TTSStartedFrame,
    TTSStoppedFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from bot.conversation.heard import SpokenPart, heard_text
from bot.errors import VoiceError
from bot.french.sentences import sentences
from bot.french.speak import verbalise
from bot.models import Say
from bot.pipeline.frames import SayFrame, SentenceFrame
from bot.ports import Voice

log = structlog.get_logger(__name__)


def spoken_sentences(text: str) -> list[tuple[str, str]]:
    """Each sentence of ``text`` as it is written and as the voice is given it; its audio is cached under the latter."""
    return [(sentence, verbalise(sentence)) for sentence in sentences(text)]


class Speaker(FrameProcessor):
    """Synthesises each :class:`SayFrame` sentence by sentence, ahead of playback.

    ``on_fault(err)``: a sentence could not be spoken; the next ones are still tried.
    """

    def __init__(
        self, voice: Voice, sample_rate: int, on_fault: Callable[[VoiceError], None], **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self._voice = voice
        self._rate = sample_rate
        self._on_fault = on_fault

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """See pipecat. An interruption cancels the synthesis in flight."""
        await super().process_frame(frame, direction)
        if isinstance(frame, SayFrame):
            await self._speak(frame)
        else:
            await self.push_frame(frame, direction)

    async def _speak(self, frame: SayFrame) -> None:
        await self.push_frame(TTSStartedFrame())
        first: Say | None = frame.say
        try:
            for sentence, spoken in spoken_sentences(frame.say.text):
                mark = SentenceFrame(sentence, say=first)
                first = None
                await self.push_frame(mark)
                # Closed at once: an interruption while a frame is pushed would leave the engine at work for nobody.
                async with aclosing(
                    self._voice.speak(spoken, sample_rate=self._rate, cacheable=not frame.say.private)
                ) as chunks:
                    async for chunk in chunks:
                        mark.total_ms[0] += 1000 * len(chunk.samples) // chunk.sample_rate
                        await self.push_frame(TTSAudioRawFrame(chunk.samples.tobytes(), chunk.sample_rate, 1))
        except VoiceError as err:
            log.error("voice failed", code=err.code)
            self._on_fault(err)
        if frame.last:
            await self.push_frame(TTSStoppedFrame())


class Playback(FrameProcessor):
    """Sits after the output transport, which passes on each frame once it has been played.

    ``on_said(say)``: a reply began. ``on_first_audio()``: its first sample left. ``on_finished()``: the last one did.
    ``on_cut()``: what was to be played has been forgotten.
    """

    def __init__(
        self,
        *,
        on_said: Callable[[Say], None],
        on_first_audio: Callable[[], None],
        on_finished: Callable[[], None] = lambda: None,
        on_cut: Callable[[], None] = lambda: None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._on_said = on_said
        self._on_first_audio = on_first_audio
        self._on_finished = on_finished
        self._on_cut = on_cut
        self._parts: list[tuple[SentenceFrame, int]] = []
        self._silent = True

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """See pipecat."""
        await super().process_frame(frame, direction)
        match frame:
            case SentenceFrame():
                if frame.say is not None:
                    self._on_said(frame.say)
                self._parts.append((frame, 0))
            case TTSAudioRawFrame():
                if self._silent:
                    self._silent = False
                    self._on_first_audio()
                if self._parts:
                    mark, played = self._parts[-1]
                    self._parts[-1] = (mark, played + 1000 * len(frame.audio) // 2 // frame.sample_rate)
            case TTSStoppedFrame():
                self._silent = True
                self._on_finished()
            case InterruptionFrame():
                self._silent = True
                self._on_cut()
        await self.push_frame(frame, direction)

    def begin_reply(self) -> None:
        """What is played from now on answers another turn."""
        self._parts = []

    def heard(self) -> str:
        """The part of the reply that was played."""
        return heard_text(self._played())

    def whole_sentences(self) -> int:
        """How many sentences of the reply were played to their end."""
        return sum(part.played_ms >= part.total_ms > 0 for part in self._played())

    def _played(self) -> list[SpokenPart]:
        """A sentence that another one follows was played whole, although its last fraction of a packet is counted
        with the next one."""
        parts = [SpokenPart(m.text, played, m.total_ms[0]) for m, played in self._parts]
        return [replace(part, played_ms=part.total_ms) for part in parts[:-1]] + parts[-1:]
