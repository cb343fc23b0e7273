"""The caller's side of a call: voice activity, recognition and the floor, as one pipecat processor.

Audio comes in 20 ms frames (int16 mono, 16 kHz). :class:`~bot.pipeline.voice_activity.LineVad` hears speech,
:class:`~bot.conversation.turns.TurnTaker` decides, the shared recogniser decodes off the event loop.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import structlog
from pipecat.audio.vad.vad_analyzer import VADState
from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    BotStoppedSpeakingFrame,
    CancelFrame,
    EndFrame,
    Frame,
    InputAudioRawFrame,
    InputDTMFFrame,
    StartFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from bot.conversation.interpret import Interpreter
from bot.conversation.turns import Act, Decode, Discard, EndTurn, StopBot, TurnTaker
from bot.errors import RecognitionError
from bot.french.digits import digits_hint
from bot.french.prompts import OPEN_PROMPT, YES_NO_PROMPT
from bot.models import Expectation, ExpectKind, Pcm, Recognition, RecognitionHint
from bot.pipeline.voice_activity import SAMPLE_RATE, LineVad, Lull, power_dbfs
from bot.ports import Transcriber

log = structlog.get_logger(__name__)

_PRE_ROLL_MS = 400
"""Audio kept from before speech was confirmed: Silero confirms late, and "oui" lasts half a second."""
_TICK_S = 0.04
_STILL_MS = 200
"""No sound at all for this long: a muted browser, or the caller is on hold and we are not with them."""
_SHORT_S = 1.2
"""An answer to a yes/no question up to this long, pauses included, is one word; on a longer one the prompt for that
word would be heard instead of what was said."""


class Listener(FrameProcessor):
    """Turns audio into the caller's turns.

    ``on_turn(end, decode_ms)``: a whole turn. ``on_unheard(code)``: speech that could not be read.
    ``on_interrupt()``: stop the bot. ``on_discard(interrupted)``: it was nothing.
    ``on_floor(busy)``: somebody speaks, or nobody does. ``on_key(key)``: a key was pressed.
    ``is_understood(recognition)``: whether the dialogue is sure of it as it stands.
    """

    def __init__(
        self,
        transcriber: Transcriber,
        interpreter: Interpreter,
        now_ms: Callable[[], int],
        *,
        on_turn: Callable[[EndTurn, int], None],
        on_unheard: Callable[[str], None],
        on_interrupt: Callable[[], Awaitable[None]],
        on_discard: Callable[[bool], None],
        on_floor: Callable[[bool], None],
        on_key: Callable[[str], Awaitable[None]],
        on_tick: Callable[[], None],
        is_understood: Callable[[Recognition], Awaitable[bool]],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._transcriber = transcriber
        self._interpreter = interpreter
        self._now = now_ms
        self._on_turn = on_turn
        self._on_unheard = on_unheard
        self._on_interrupt = on_interrupt
        self._on_discard = on_discard
        self._on_floor = on_floor
        self._on_key = on_key
        self._on_tick = on_tick
        self._is_understood = is_understood
        self._taker = TurnTaker()
        self._vad = LineVad()
        self._vad_state = VADState.QUIET
        self._pre_roll: deque[Pcm] = deque(maxlen=_PRE_ROLL_MS // 20)
        self._utterance: list[Pcm] = []
        self._voiced_power = 0.0
        self._voiced_frames = 0
        self._lull = Lull()
        self._decode: asyncio.Task[None] | None = None
        self._ticker: asyncio.Task[None] | None = None
        self._last_decode_ms = 0
        self._last_audio_ms = 0

    def expect(self, expectation: Expectation) -> None:
        """The bot asks something else now."""
        self._taker.expectation = expectation

    @property
    def bot_audible(self) -> bool:
        """Whether the bot's voice can be heard now."""
        return self._taker.bot_audible

    @property
    def caller_speaking(self) -> bool:
        """Whether the caller holds the floor, a pause within a turn included."""
        return self._taker.caller_speaking

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """See pipecat. Audio stops here: nothing downstream listens."""
        await super().process_frame(frame, direction)
        match frame:
            case InputAudioRawFrame():
                self._last_audio_ms = self._now()
                await self._on_audio(np.frombuffer(frame.audio, np.int16))
                return
            case InputDTMFFrame():
                await self._on_key(frame.button.value)
                return
            case StartFrame():
                self._ticker = self.create_task(self._tick_forever(), name="listener-tick")
            case BotStartedSpeakingFrame():
                self._vad.bot_audible = True
                self._taker.bot_started(self._now())
                self._on_floor(True)
            case BotStoppedSpeakingFrame():
                self._vad.bot_audible = False
                self._taker.bot_stopped(self._now())
                self._floor_if_free()
            case EndFrame() | CancelFrame():
                await self._stop()
        await self.push_frame(frame, direction)

    async def cleanup(self) -> None:
        """See pipecat."""
        await super().cleanup()
        await self._stop()
        await self._vad.cleanup()

    async def _stop(self) -> None:
        for task in (self._ticker, self._decode):
            if task is not None and not task.done():
                await self.cancel_task(task)
        self._ticker = self._decode = None

    async def _on_audio(self, pcm: Pcm) -> None:
        state = await self._vad.analyze_audio(pcm.tobytes())
        if self._taker.caller_speaking or state is not VADState.QUIET:
            if not self._utterance:
                self._utterance = list(self._pre_roll)
                self._voiced_power, self._voiced_frames = 0.0, 0
                self._lull = Lull()
            self._utterance.append(pcm)
            power = float(np.mean(np.square(pcm, dtype=np.float64)))
            self._lull.hear(power, 1000 * len(pcm) // SAMPLE_RATE)
            if state in (VADState.SPEAKING, VADState.STARTING):
                self._voiced_power += power
                self._voiced_frames += 1
        elif self._utterance:
            self._utterance = []  # a start that Silero took back
        self._pre_roll.append(pcm)
        acts: list[Act] = []
        speaking = state in (VADState.SPEAKING, VADState.STOPPING)
        was_speaking = self._vad_state in (VADState.SPEAKING, VADState.STOPPING)
        self._vad_state = state
        if speaking and not was_speaking:
            self._on_floor(True)
            acts += self._taker.speech_started(self._now())
        elif was_speaking and not speaking:
            acts += self._taker.tick(self._now(), self._level_db())
            acts += self._taker.speech_stopped(self._now())
        else:
            acts += self._taker.tick(self._now(), self._level_db() if speaking else None)
            acts += self._lulled()
        await self._carry_out(acts)

    def _lulled(self) -> list[Act]:
        """Decode ahead of the voice detector, while that costs nobody a turn at the recogniser."""
        if not self._lull.quiet_ms:
            self._taker.lull_over()
            return []
        if not self._transcriber.spare or (self._decode is not None and not self._decode.done()):
            return []
        now = self._now()
        return self._taker.lull(now, now - self._lull.quiet_ms)

    def _level_db(self) -> float | None:
        """Level of the voiced frames of this turn, dBFS; None before there are any."""
        return power_dbfs(self._voiced_power / self._voiced_frames) if self._voiced_frames else None

    async def _tick_forever(self) -> None:
        """A line that brings no sound is silent: time passes all the same, and who was speaking has stopped."""
        silence = np.zeros(round(_TICK_S * SAMPLE_RATE), np.int16)
        while True:
            await asyncio.sleep(_TICK_S)
            if self._vad_state is not VADState.QUIET and self._now() - self._last_audio_ms > _STILL_MS:
                await self._on_audio(silence)
            await self._carry_out(self._taker.tick(self._now()))
            self._on_tick()

    async def _carry_out(self, acts: list[Act]) -> None:
        for act in acts:
            match act:
                case Decode(seq=seq):
                    if self._decode is not None and not self._decode.done():
                        self._decode.cancel()
                    audio = np.concatenate(self._utterance)
                    self._decode = self.create_task(self._recognise(seq, audio), name=f"decode-{seq}")
                case StopBot():
                    await self._on_interrupt()
                case EndTurn():
                    self._utterance = []
                    self._on_turn(act, self._last_decode_ms)
                case Discard(interrupted=interrupted):
                    self._utterance = []
                    self._on_discard(interrupted)
                    self._floor_if_free()

    async def _recognise(self, seq: int, audio: Pcm) -> None:
        hint = self._hint(len(audio))
        began = time.monotonic()
        try:
            recognition = await self._transcriber.transcribe(audio, hint)
        except RecognitionError as err:
            log.error("recognition failed", code=err.code)
            if acts := self._taker.recognition_failed(self._now(), seq):
                await self._carry_out(acts)
                self._on_unheard(err.code)
            return
        if not self._taker.awaits(seq):
            return  # the caller went on: nobody needs to know what the dialogue makes of it
        self._last_decode_ms = round((time.monotonic() - began) * 1000)
        complete = bool(recognition.text) and await asyncio.to_thread(
            self._interpreter.is_complete, recognition
        )
        understood = bool(recognition.text) and not complete and await self._is_understood(recognition)
        acts = self._taker.recognised(
            self._now(),
            seq,
            recognition,
            complete=complete,
            understood=understood,
            backchannel=self._interpreter.is_backchannel(recognition),
        )
        await self._carry_out(acts)

    def _hint(self, samples: int) -> RecognitionHint:
        asked = self._interpreter.effective
        short = samples < _SHORT_S * SAMPLE_RATE
        match asked.kind:
            case ExpectKind.YES_NO if short:
                return RecognitionHint(YES_NO_PROMPT)
            case ExpectKind.DIGITS:
                return digits_hint(asked)
            case _ if self._interpreter.pending:  # "non, soixante-treize"
                return digits_hint(self._interpreter.expectation)
            case _:
                return RecognitionHint(OPEN_PROMPT)

    def _floor_if_free(self) -> None:
        if not self._taker.caller_speaking and not self._taker.bot_audible:
            self._on_floor(False)
