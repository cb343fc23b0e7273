"""One call's conversation, whatever it is carried by: the voice pipeline and the text door drive the same object.

Inputs (turns, keys, silence, hang-up) go through one bounded queue to one worker, so that a call has one turn in
flight, in order, and no turn is lost or sent twice: neither an interruption nor a hang-up cancels a turn that the
dialogue may already have taken.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import structlog

from bot.conversation.interpret import (
    Doubtful,
    Interpreter,
    Message,
    Missed,
    ReadBack,
    date_message,
    keyed_date,
    number_message,
)
from bot.conversation.keypad import KeyedChoice, KeypadBuffer
from bot.conversation.outcome import outcome_of
from bot.conversation.silence import SilenceLadder, SilenceStep
from bot.dialogue.payload import (
    CallbackStep,
    HandoffStep,
    Identity,
    OfferStep,
    Recording,
    Reply,
    Report,
    Step,
    parse_reply,
)
from bot.errors import DecrocheError, DialogueError
from bot.events import (
    ActionDone,
    BotInterrupted,
    BotSaid,
    CallbackPromised,
    CallEnded,
    CallerSaid,
    CallEvent,
    CallStarted,
    Fault,
    HandoffRequested,
    Identified,
    OfferTold,
    RecordingAnswered,
    SilenceNoted,
    Understood,
)
from bot.models import Expectation, ExpectKind, InputMode, Recognition, Say
from bot.operator import Operator
from bot.ports import CallControl, Dialogue, Journal

log = structlog.get_logger(__name__)

WAIT_PHRASE_AFTER_S = 1.6
"""A turn that takes longer is bridged with a sentence: over two seconds of silence a caller speaks again."""
SURE = 0.9
"""Confidence from which a request is taken for whole (figures: ``docs/bench.md``)."""
_INBOX = 32
_HIDDEN = "[donnée personnelle]"


class Clock(Protocol):
    """The time of one call."""

    def now_ms(self) -> int:
        """Milliseconds since the call was answered."""
        ...

    def wall(self) -> datetime:
        """The date and time, aware."""
        ...


class Mouth(Protocol):
    """What the conversation speaks through."""

    async def say(self, says: Sequence[Say], *, yields: bool = False) -> None:
        """Begin to say these, after whatever is still being said; does not wait for the end of it.

        ``yields``: not over a caller who has gone on talking; if that was a whole turn, its own reply replaces this.
        """
        ...

    async def end(self) -> None:
        """End the call when everything has been said; returns then, or when the caller does not hear it out."""
        ...


@dataclass(frozen=True)
class CallerTurn:
    """A whole turn of the caller. ``heard``: what of the bot's last reply was played before an interruption."""

    recognition: Recognition
    mode: InputMode
    started_ms: int
    ended_ms: int
    interrupted: bool = False
    heard: str = ""


@dataclass(frozen=True)
class _Keyed:
    message: str
    text: str
    secret: bool = False


@dataclass(frozen=True)
class _Start: ...


@dataclass(frozen=True)
class _Silence:
    step: SilenceStep


@dataclass(frozen=True)
class _Unheard:
    code: str


@dataclass(frozen=True)
class _Broken:
    stage: str
    code: str


@dataclass(frozen=True)
class _HungUp: ...


_Input = CallerTurn | _Keyed | _Start | _Silence | _Unheard | _Broken | _HungUp


@dataclass
class Conversation:
    """See the module. Call :meth:`run` in a task of its own; every other method is instant."""

    started: CallStarted
    operator: Operator
    dialogue: Dialogue
    journal: Journal
    clock: Clock
    mouth: Mouth
    on_idle: Callable[[], None] = lambda: None
    """Called when an input has been answered and the floor is the caller's."""
    on_expectation: Callable[[Expectation], None] = lambda _: None
    control: CallControl | None = None
    """The legs under a telephone call; None where there is nobody to put the caller through to."""

    interpreter: Interpreter = field(default_factory=Interpreter)
    turn: int = 0
    dialogue_ms: int = 0
    """How long the dialogue took for the last turn."""
    ended: bool = False
    _events: list[CallEvent] = field(default_factory=list)
    _inbox: asyncio.Queue[_Input] = field(default_factory=lambda: asyncio.Queue(_INBOX))
    _keypad: KeypadBuffer = field(default_factory=KeypadBuffer)
    _ladder: SilenceLadder = field(default_factory=SilenceLadder)
    _unanswered: int = 0
    _turns_waiting: int = 0
    _muted: bool = False
    _unheard: int = 0
    outcome: str = ""
    """How the call ended; empty while it runs."""
    _hung_up_as: str = ""

    def __post_init__(self) -> None:
        self.note(self.started)
        self._put(_Start())

    @property
    def call_id(self) -> str:
        """The call."""
        return self.started.call_id

    @property
    def expectation(self) -> Expectation:
        """What the caller is asked now."""
        return self.interpreter.effective

    @property
    def busy(self) -> bool:
        """Whether an input waits or is being answered."""
        return self._unanswered > 0

    async def settled(self) -> None:
        """Return when every input has been answered, or the call has ended."""
        await self._inbox.join()

    async def is_sure_of(self, recognition: Recognition) -> bool:
        """Whether the dialogue would know what to do with this as it stands: a whole request, not half of one."""
        try:
            return await self.dialogue.confidence(recognition.text) >= SURE
        except DialogueError:  # it will be asked again for the turn itself, and its failure noted then
            return False

    # --- inputs

    def hear(self, turn: CallerTurn) -> None:
        """The caller said something whole."""
        self._turns_waiting += 1
        self._put(turn)

    def means(self, key: str) -> bool:
        """Whether a key would count now."""
        return self._keypad.means(key)

    def press(self, keys: str) -> None:
        """The caller pressed keys, in order."""
        for key in keys:
            self._keyed(self._keypad.press(key, self.clock.now_ms()))
        self._ladder.answered()
        self.floor_free()

    def unheard(self, code: str) -> None:
        """The caller spoke and it could not be read; ``code``: the error's code."""
        self._put(_Unheard(code))

    def broken(self, stage: str, code: str) -> None:
        """A part that the call cannot do without failed: ``voice`` or ``transport``; ``code``: the error's code."""
        self._put(_Broken(stage, code))

    def hung_up(self) -> None:
        """The caller left."""
        self._put(_HungUp())

    def tick(self) -> None:
        """Time passed: numbers left on the keypad are taken, silence is followed up."""
        now = self.clock.now_ms()
        self._keyed(self._keypad.tick(now))
        if step := self._ladder.tick(now, self.expectation.kind):
            self._put(_Silence(step))

    def muted(self, on: bool) -> None:
        """The caller turned the microphone off on purpose, or on again: that silence is not followed up."""
        self._muted = on
        self._ladder.answered()
        if not on:
            self.floor_free()

    def floor_free(self) -> None:
        """Nobody speaks: the caller's silence counts from now."""
        if self._inbox.empty() and not self._muted:
            self._ladder.floor_free(self.clock.now_ms())

    def floor_busy(self) -> None:
        """Somebody speaks."""
        self._ladder.floor_busy()

    def note(self, event: CallEvent) -> None:
        """Keep a fact in the journal."""
        self._events.append(event)
        self.journal.append(self.call_id, event)

    def said(self, say: Say) -> None:
        """The mouth began to say this."""
        self.note(BotSaid(self.clock.now_ms(), self.turn, say.text, say.private))

    def interrupted(self, heard: str) -> None:
        """The mouth was cut short."""
        self.note(BotInterrupted(self.clock.now_ms(), self.turn, heard))

    # --- the worker

    async def run(self) -> None:
        """Answer inputs until the call has ended."""
        try:
            await self._answer_all()
        except asyncio.CancelledError:
            if not self.ended:  # this process is stopping
                self.ended = True
                self.note(CallEnded(self.clock.now_ms(), self.turn, "failed", "bot"))
            raise
        finally:
            while not self._inbox.empty():
                self._drop_one()

    async def _answer_all(self) -> None:
        while not self.ended:
            item = await self._inbox.get()
            self._ladder.floor_busy()
            try:
                await self._answer(item)
            except DecrocheError as err:
                self._fault("dialogue", err)
                await self._give_up(self.operator.phrases.fault_dialogue)
            except Exception:  # a bug in one turn must not leave the caller in silence
                log.exception("turn failed", call_id=self.call_id)
                self._fault("dialogue", DecrocheError("unexpected"))
                await self._give_up(self.operator.phrases.fault_dialogue)
            finally:
                self._answered()
            if not self.ended and self._inbox.empty():
                self.on_idle()

    async def _answer(self, item: _Input) -> None:
        match item:
            case _Start():
                await self._say_phrase(self.operator.phrases.welcome)
                await self._send("/call_started", mode="voice", raw="", quiet=True)
            case CallerTurn():
                self._turns_waiting -= 1
                self._ladder.answered()
                await self._answer_turn(item)
            case _Keyed():
                self._ladder.answered()
                now = self.clock.now_ms()
                self._note_caller(item.text, item.text, InputMode.KEYPAD, 1.0, now, now, secret=item.secret)
                await self._send(item.message, mode="keypad", raw=item.text)
            case _Silence(step):
                await self._answer_silence(step)
            case _Unheard(code):
                await self._answer_unheard(code)
            case _Broken(stage, code):
                self.note(Fault(self.clock.now_ms(), self.turn, stage, code))
                await self._give_up()
            case _HungUp():
                await self._leave(by="caller")

    async def _answer_turn(self, item: CallerTurn) -> None:
        raw = item.recognition.text
        reading = self.interpreter.interpret(item.recognition, self.clock.wall().date())
        self._note_caller(
            raw,
            reading.text if isinstance(reading, Message) else raw,
            item.mode,
            item.recognition.confidence,
            item.started_ms,
            item.ended_ms,
            secret=isinstance(reading, Message) and reading.secret,
        )
        match reading:
            case Message(message=message):
                if not message:
                    await self._say_phrase(self.operator.phrases.not_heard)
                    return
                await self._send(
                    message, mode=item.mode.value, raw=raw, confidence=item.recognition.confidence,
                    interrupted=item.interrupted, heard=item.heard,
                )  # fmt: skip
            case ReadBack(digits=digits):
                phrase = self.operator.phrases.digits_read_back.format(
                    number=_as_read(digits, self.interpreter.expectation.name)
                )
                await self._say_phrase(phrase, private=True)
                self.on_expectation(self.expectation)
            case Missed():
                await self._say_phrase(self.operator.phrases.digits_missed)
                self.on_expectation(self.expectation)
            case Doubtful():
                await self._say_phrase(self.operator.phrases.yes_or_no)

    async def _answer_silence(self, step: SilenceStep) -> None:
        self.note(SilenceNoted(self.clock.now_ms(), self.turn, step.value))
        match step:
            case SilenceStep.REPROMPT:
                await self._say_phrase(self.operator.phrases.silence_reprompt)
            case SilenceStep.KEYPAD:
                await self._say_phrase(self.operator.phrases.silence_keypad)
            case SilenceStep.HUMAN:
                await self._say_phrase(self.operator.phrases.silence_human)
                await self._send("/silence_human", mode="voice", raw="")

    async def _answer_unheard(self, code: str) -> None:
        """Once the keypad is offered; the second time in a row a person is brought in."""
        self._ladder.answered()
        self._unheard += 1
        self.note(Fault(self.clock.now_ms(), self.turn, "recognition", code))
        if self._unheard == 1:
            await self._say_phrase(self.operator.phrases.fault_recognition)
            return
        await self._give_up()

    async def _send(
        self, message: str, *, mode: str, raw: str, confidence: float = 1.0,
        interrupted: bool = False, heard: str = "", quiet: bool = False,
    ) -> None:  # fmt: skip
        metadata = {
            "channel": self.started.channel,
            "caller_number": self.started.caller_number,
            "mode": mode,
            "confidence": round(confidence, 3),
            "raw": raw,
            "interrupted": interrupted,
            "heard": heard,
            "now": self.clock.wall().isoformat(),
        }
        reply = await self._ask(message, metadata, quiet=quiet)
        for step in reply.steps:
            self._note_step(step)
        self._expect(reply.expectation)
        # The caller went on talking while we asked: the next reply answers both, this one would talk over it.
        stale = self._turns_waiting > 0 and not reply.handoff and not reply.hang_up
        if reply.says and not stale:
            await self.mouth.say(reply.says, yields=not reply.handoff and not reply.hang_up)
        if not quiet:
            await self._note_understanding()
        if reply.handoff:
            await self._to_person(reply.handoff.reason)
        elif reply.hang_up:
            self._hung_up_as = reply.hang_up.outcome
            await self._leave(by="bot")

    async def _ask(self, message: str, metadata: dict[str, Any], *, quiet: bool) -> Reply:
        began = self.clock.now_ms()
        task = asyncio.create_task(
            self.dialogue.turn(self.call_id, message, metadata), name=f"dialogue-turn:{self.call_id}"
        )
        done, _ = await asyncio.wait({task}, timeout=WAIT_PHRASE_AFTER_S)
        if not done and not quiet:
            await self._say_phrase(self.operator.phrases.wait)
        answer = await task
        self.dialogue_ms = self.clock.now_ms() - began
        if not answer.messages and not quiet:
            # Rasa answers nothing at all when its action server is away; a caller must not get silence for it.
            raise DialogueError("the dialogue had no answer")
        return parse_reply(answer.messages)

    async def _note_understanding(self) -> None:
        """Off the critical path: the reply is being spoken already."""
        try:
            understanding = await self.dialogue.understanding(self.call_id)
        except DialogueError as err:
            self._fault("dialogue", err)
            return
        self.note(
            Understood(
                self.clock.now_ms(), self.turn, understanding.intent, round(understanding.confidence, 3),
                understanding.entities, understanding.slots,
            )
        )  # fmt: skip

    async def _give_up(self, sentence: str = "") -> None:
        """Ask for a person because we failed. ``sentence``: said first."""
        self._note_step(HandoffStep(reason="fault", skill="general"))
        if sentence:
            await self._say_phrase(sentence)
        await self._to_person("fault")

    async def _to_person(self, reason: str) -> None:
        """A person was asked for: tell the caller, end the call."""
        phrases = self.operator.phrases
        now = self.clock.wall()
        if self.operator.hours.is_open(now):
            await self._say_phrase(phrases.handoff_wait)
        else:
            due = self.operator.hours.next_open(now)
            self.note(CallbackPromised(self.clock.now_ms(), self.turn, reason, due.isoformat()))
            await self._say_phrase(phrases.handoff_closed)
        await self._leave(by="bot")

    async def _leave(self, *, by: str) -> None:
        if self.ended:
            return
        self.ended = True
        self._expect(Expectation(ExpectKind.NOTHING))
        self.outcome = outcome_of(self._events, hung_up_as=self._hung_up_as)
        if by == "bot":
            await self.mouth.end()
        self.note(CallEnded(self.clock.now_ms(), self.turn, self.outcome, by))
        if by == "caller":
            await self._tell_dialogue_it_ended()

    async def _tell_dialogue_it_ended(self) -> None:
        try:
            await self.dialogue.turn(self.call_id, "/call_ended", {"channel": self.started.channel})
        except DialogueError as err:
            log.warning("dialogue not told of the end", call_id=self.call_id, code=err.code)

    # --- small things

    def _put(self, item: _Input) -> None:
        if self.ended:
            return
        try:
            self._inbox.put_nowait(item)
            self._unanswered += 1
        except asyncio.QueueFull:
            # A flood of keys or a stuck dialogue; a hang-up must still get through.
            log.warning("input dropped", call_id=self.call_id)
            if isinstance(item, _HungUp):
                self._drop_one()
                self._put(item)

    def _drop_one(self) -> None:
        self._inbox.get_nowait()
        self._answered()

    def _answered(self) -> None:
        self._unanswered -= 1
        self._inbox.task_done()

    def _keyed(self, keyed: Any) -> None:
        if keyed is None:
            return
        if isinstance(keyed, KeyedChoice):
            self._put(_Keyed(keyed.message, keyed.key))
            return
        asked = self.interpreter.expectation
        if asked.kind is ExpectKind.DATE:
            day = keyed_date(keyed.digits)
            message = date_message(day) if day else number_message(keyed.digits)
            self._put(_Keyed(message, keyed.digits, secret=True))
        else:
            self._put(_Keyed(number_message(keyed.digits), keyed.digits, asked.secret))

    def _note_caller(
        self,
        raw: str,
        text: str,
        mode: InputMode,
        confidence: float,
        started: int,
        ended: int,
        *,
        secret: bool,
    ) -> None:
        """Begin the next turn with what the caller said or keyed."""
        self.turn += 1
        if secret:
            raw = text = _HIDDEN
        now = self.clock.now_ms()
        self.note(
            CallerSaid(now, self.turn, raw, text, mode.value, round(confidence, 3), started, ended, secret)
        )

    def _note_step(self, step: Step) -> None:
        now = self.clock.now_ms()
        match step:
            case Report():
                self.note(ActionDone(now, self.turn, step.action, step.ok, step.reference, step.result))
            case Identity():
                self.note(Identified(now, self.turn, step.verified, step.how, step.subscriber, step.contract))
            case OfferStep():
                self.note(OfferTold(now, self.turn, step.offer, step.terms, step.answer))
            case HandoffStep():
                self.note(HandoffRequested(now, self.turn, step.reason, step.skill, step.video))
            case CallbackStep():
                self.note(CallbackPromised(now, self.turn, step.reason, step.due_at))
            case Recording():
                self.note(RecordingAnswered(now, self.turn, step.allowed))

    def _expect(self, expectation: Expectation) -> None:
        self.interpreter.expect(expectation)
        self._keypad.expect(expectation)
        self._unheard = 0
        self.on_expectation(self.expectation)

    async def _say_phrase(self, text: str, *, private: bool = False) -> None:
        await self.mouth.say((Say(text, private),))

    def _fault(self, stage: str, err: DecrocheError) -> None:
        log.error("call fault", call_id=self.call_id, stage=stage, code=err.code)
        self.note(Fault(self.clock.now_ms(), self.turn, stage, err.code))


def _as_read(digits: str, name: str) -> str:
    """As a person reads it back: ``12345674`` → ``12 34 56 74``, a postcode as one."""
    if name == "postcode":
        return f"code postal {digits}"
    head = digits[: len(digits) % 2]
    return " ".join(
        part for part in (head, *(digits[i : i + 2] for i in range(len(head), len(digits), 2))) if part
    )
