"""A voice call: the conversation, the listener and the speaker around one pipecat transport."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace

import structlog
from pipecat.frames.frames import EndFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.transports.base_transport import BaseTransport
from pipecat.workers.runner import WorkerRunner

from bot.conversation.clock import CallClock
from bot.conversation.conversation import Conversation
from bot.conversation.inputs import CallerTurn
from bot.conversation.turns import EndTurn
from bot.errors import TransportError, VoiceError
from bot.events import TurnTimed
from bot.french.sentences import sentences
from bot.models import Expectation, InputMode, Say
from bot.pipeline.frames import SayFrame
from bot.pipeline.listening import Listener
from bot.pipeline.speaking import Playback, Speaker
from bot.pipeline.voice_activity import SAMPLE_RATE
from bot.ports import Transcriber, Voice

log = structlog.get_logger(__name__)

_GOODBYE_LIMIT_S = 60.0
"""The longest the last words may take to be played before the call is ended all the same."""
_SILENT_WITHIN_S = 1.0
"""An interruption passes the pipeline in milliseconds."""
_ANSWER_WITHIN_MS = 10_000
"""Longer than the dialogue may take for a turn."""
_DEAF_AFTER = 25
"""Pipeline errors, one for each frame of 20 ms, before the call is taken for broken: half a second."""


class VoiceCall:
    """Runs one conversation by voice. Implements the conversation's ``Mouth``."""

    def __init__(
        self,
        transport: BaseTransport,
        *,
        transcriber: Transcriber,
        voice: Voice,
        clock: CallClock,
        open_conversation: Callable[
            [VoiceCall, Callable[[], None], Callable[[Expectation], None]], Conversation
        ],
    ) -> None:
        self._clock = clock
        self._connected = asyncio.Event()
        self._media_over = asyncio.Event()
        transport.add_event_handler("on_client_connected", self._on_connected)
        self._reply: list[Say] = []
        self._unplayed = 0
        self._yielded: list[Say] = []
        self._turn: tuple[EndTurn, int, int] | None = None
        self.conversation = open_conversation(self, self._idle, self._expect)
        self._listener = Listener(
            transcriber,
            self.conversation.interpreter,
            clock.now_ms,
            on_turn=self._caller_turn,
            on_unheard=self.conversation.unheard,
            on_interrupt=self._interrupt,
            on_discard=self._discarded,
            on_floor=self._floor,
            on_key=self.press,
            on_tick=self.conversation.tick,
            is_understood=self.conversation.is_sure_of,
        )
        self._speaker = Speaker(voice, SAMPLE_RATE, self._voice_failed)
        self._playback = Playback(
            on_said=self.conversation.said,
            on_first_audio=self._first_audio,
            on_finished=self._one_finished,
            on_cut=self._all_finished,
        )
        self._replies_playing = 0
        self._all_played = asyncio.Event()
        self._all_played.set()
        self._resume: asyncio.Task[None] | None = None
        self._worker = PipelineWorker(
            Pipeline([transport.input(), self._listener, self._speaker, transport.output(), self._playback]),
            params=PipelineParams(audio_in_sample_rate=SAMPLE_RATE, audio_out_sample_rate=SAMPLE_RATE),
            cancel_on_idle_timeout=False,
            idle_timeout_secs=None,
            enable_rtvi=False,
            enable_turn_tracking=False,
            check_dangling_tasks=False,
        )
        self._failures = 0
        self._worker.add_event_handler("on_pipeline_error", self._media_failed)

    async def run(self) -> None:
        """Carry the call from the welcome to the last word; returns when both sides are gone."""
        call_id = self.conversation.call_id
        runner = WorkerRunner(handle_sigint=False)
        await runner.add_workers(self._worker)
        media = asyncio.create_task(runner.run(), name=f"media:{call_id}")
        media.add_done_callback(lambda _: self._media_over.set())
        await self._until_connected(media)
        self._clock.restart()
        talk = asyncio.create_task(self.conversation.run(), name=f"conversation:{call_id}")
        try:
            await asyncio.wait({media, talk}, return_when=asyncio.FIRST_COMPLETED)
            if not talk.done():  # the media ended first: the caller is gone
                self.conversation.hung_up()
                await talk
            await asyncio.wait({media}, timeout=_GOODBYE_LIMIT_S)
        finally:
            talk.cancel()
            if not media.done():
                await self._worker.cancel(reason="call over")
            await asyncio.gather(media, talk, return_exceptions=True)

    async def _until_connected(self, media: asyncio.Task[None]) -> None:
        """A browser's media comes up after its call: the welcome waits for someone to hear it."""
        connected = asyncio.create_task(self._connected.wait(), name="media-connected")
        try:
            await asyncio.wait({connected, media}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            connected.cancel()

    async def press(self, keys: str) -> None:
        """Keys from the telephone or the page: who keys an answer does not want to hear the question out."""
        self._turn = None
        if self._listener.bot_audible and self.conversation.means(keys[:1]):
            await self._interrupt()
            self._begin_reply()
        self.conversation.press(keys)

    async def hung_up(self, *_: object) -> None:
        """The caller left: stop the media at once, let the conversation finish what it began. Also an event handler."""
        self.conversation.hung_up()
        await self._worker.cancel(reason="caller hung up")

    async def _on_connected(self, *_: object) -> None:
        self._connected.set()

    # --- Mouth

    async def say(self, says: Sequence[Say], *, yields: bool = False) -> None:
        """See :class:`bot.conversation.parts.Mouth`."""
        if yields and self._listener.caller_speaking:
            self._yielded = list(says)
            return
        self._reply += says
        if says:
            self._replies_playing += 1
            self._all_played.clear()
        for index, one in enumerate(says):
            self._unplayed += 1
            await self._speaker.queue_frame(SayFrame(one, last=index == len(says) - 1))

    async def heard(self) -> None:
        """See :class:`bot.conversation.parts.Mouth`."""
        played = asyncio.create_task(self._all_played.wait(), name="all-played")
        over = asyncio.create_task(self._media_over.wait(), name="media-over")
        try:
            await asyncio.wait({played, over}, timeout=_GOODBYE_LIMIT_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            played.cancel()
            over.cancel()

    async def hush(self) -> None:
        """See :class:`bot.conversation.parts.Mouth`."""
        self._yielded = []
        self._begin_reply()
        if self._all_played.is_set():
            return
        self._unplayed = 0
        await self._listener.broadcast_interruption()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._all_played.wait(), _SILENT_WITHIN_S)

    async def end(self) -> None:
        """See :class:`bot.conversation.parts.Mouth`: the goodbye is played to its end first."""
        await self._worker.queue_frame(EndFrame())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._media_over.wait(), _GOODBYE_LIMIT_S)

    # --- from the listener

    def _caller_turn(self, end: EndTurn, decode_ms: int) -> None:
        self._turn = (end, self._clock.now_ms(), decode_ms)
        self._yielded = []
        heard = self._playback.heard() if end.interrupted else ""
        self._begin_reply()
        self.conversation.hear(
            CallerTurn(end.recognition, InputMode.VOICE, end.started_ms, end.ended_ms, end.interrupted, heard)
        )

    async def _interrupt(self) -> None:
        self.conversation.interrupted(self._playback.heard())
        self._unplayed = 0
        await self._listener.broadcast_interruption()

    def _discarded(self, interrupted: bool) -> None:
        """It was nothing after all: if the bot fell silent for it, it takes up its sentence again."""
        rest, self._yielded = self._yielded, []
        if rest := rest or (self._rest_of_reply() if interrupted else []):
            self._begin_reply()
            self._resume = asyncio.create_task(self.say(rest), name=f"resume:{self.conversation.call_id}")

    def _floor(self, busy: bool) -> None:
        if busy:
            self.conversation.floor_busy()
        else:
            self._unplayed = 0
            self.conversation.floor_free()

    # --- from the speaker and the conversation

    def _voice_failed(self, err: VoiceError) -> None:
        self.conversation.broken("voice", err.code)

    async def _media_failed(self, *_: object) -> None:
        """One frame lost is nothing; a pipeline that fails on every frame is deaf, and says so."""
        self._failures += 1
        if self._failures == _DEAF_AFTER:
            self.conversation.broken("transport", TransportError.code)

    def _first_audio(self) -> None:
        if self._turn is None:
            return
        (end, decided, decode_ms), self._turn = self._turn, None
        now = self._clock.now_ms()
        if now - decided > _ANSWER_WITHIN_MS:
            return  # what plays now answers something else
        self.conversation.note(
            TurnTimed(
                now,
                self.conversation.turn,
                voice_to_voice_ms=now - end.ended_ms,
                endpoint_ms=decided - end.ended_ms,
                recognition_ms=decode_ms,
                dialogue_ms=self.conversation.dialogue_ms,
                first_audio_ms=max(0, now - decided - self.conversation.dialogue_ms),
            )
        )

    def _expect(self, expectation: Expectation) -> None:
        self._listener.expect(expectation)

    def _one_finished(self) -> None:
        self._replies_playing = max(0, self._replies_playing - 1)
        if not self._replies_playing:
            self._all_played.set()

    def _all_finished(self) -> None:
        self._replies_playing = 0
        self._all_played.set()

    def _idle(self) -> None:
        if self._unplayed == 0:
            self.conversation.floor_free()

    def _begin_reply(self) -> None:
        self._reply = []
        self._playback.begin_reply()

    def _rest_of_reply(self) -> list[Say]:
        """The sentences of the reply that were not played whole."""
        played = self._playback.whole_sentences()
        rest: list[Say] = []
        for say in self._reply:
            for sentence in sentences(say.text):
                if played > 0:
                    played -= 1
                else:
                    rest.append(replace(say, text=sentence))
        return rest
