"""One call's conversation, whatever it is carried by: the voice pipeline and the text door drive the same object.

Inputs (turns, keys, silence, hang-up) go through one bounded queue to one worker, so that a call has one turn in
flight, in order, and no turn is lost or sent twice: neither an interruption nor a hang-up cancels a turn that the
dialogue may already have taken.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog

from bot.conversation.callback_offer import LATER, SOON, promised_at, spoken_time
from bot.conversation.inputs import (
    Broken,
    CallerTurn,
    HungUp,
    Inbox,
    Input,
    Keyed,
    Silence,
    Start,
    TransferOver,
    Unheard,
)
from bot.conversation.interpret import (
    AFFIRM,
    DENY,
    Doubtful,
    Interpreter,
    Message,
    Missed,
    ReadBack,
    as_read,
    date_message,
    keyed_date,
    number_message,
)
from bot.conversation.keypad import HUMAN_MESSAGE, KeyedChoice, KeypadBuffer
from bot.conversation.opening import WEB_CALLBACK, Opening
from bot.conversation.outcome import outcome_of
from bot.conversation.parts import Clock, Mouth
from bot.conversation.person import PersonSeeker
from bot.conversation.questions import Next, Question, after, read_answer
from bot.conversation.silence import SilenceLadder, SilenceStep
from bot.conversation.steps import event_of
from bot.dialogue.payload import HandoffStep, Reply, Step, parse_reply
from bot.errors import CallerGoneError, DecrocheError, DialogueError
from bot.events import (
    BotInterrupted,
    BotSaid,
    CallbackPromised,
    CallEnded,
    CallerSaid,
    CallEvent,
    CallStarted,
    Fault,
    SilenceNoted,
    SurveyDue,
    Understood,
)
from bot.french.numbers import normalise
from bot.handoff.token import HandoffTokens
from bot.handoff.transfer import TransferEnd
from bot.models import Channel, Expectation, ExpectKind, InputMode, Recognition, Say
from bot.operator import Operator, Site
from bot.ports import Agents, CallControl, Dialogue, GiveBack, Journal
from bot.record.case import EarlierCall
from bot.routing.codec import site_chosen
from bot.routing.service import SiteRouter

log = structlog.get_logger(__name__)

WAIT_PHRASE_AFTER_S = 1.6
"""A turn that takes longer is bridged with a sentence: over two seconds of silence a caller speaks again."""
SURE = 0.9
"""Confidence from which a request is taken for whole (figures: ``docs/bench.md``)."""
_HIDDEN = "[donnée personnelle]"
_PAYMENT = "/billing_due"
"""Begins the dialogue about what is to be paid, until when and how."""


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
    """The legs under the call; None where there is nobody to put the caller through to."""
    tokens: HandoffTokens | None = None
    """Sign the reference to the case that goes with the caller to a site; needed with ``control``."""
    opening: Opening = field(default_factory=Opening)
    router: SiteRouter | None = None
    """Chooses the sites to ring; None: one that knows of no other call."""
    agents: Agents | None = None
    """The people signed in at the desk; None: every site is rung at its own line."""

    interpreter: Interpreter = field(default_factory=Interpreter)
    turn: int = 0
    dialogue_ms: int = 0
    """How long the dialogue took for the last turn."""
    ended: bool = False
    _events: list[CallEvent] = field(default_factory=list)
    _inbox: Inbox = field(default_factory=Inbox)
    _keypad: KeypadBuffer = field(default_factory=KeypadBuffer)
    _ladder: SilenceLadder = field(default_factory=SilenceLadder)
    _turns_waiting: int = 0
    _muted: bool = False
    _unheard: int = 0
    outcome: str = ""
    """How the call ended; empty while it runs."""
    _hung_up_as: str = ""
    _seeker: PersonSeeker | None = None
    _router: SiteRouter = field(init=False)
    _wanted: HandoffStep | None = None
    """The person asked for who has not come."""
    _question: Question | None = None
    """Of the bot's own, put to the caller."""
    _asked_again: bool = False

    def __post_init__(self) -> None:
        self._router = self.router or SiteRouter(self.operator)
        self.note(self.started)
        if (before := self.opening.cut) or (before := self.opening.earlier):
            self.note(before.continued(known_caller=self.opening.cut is not None))
        if self.control and self.tokens:
            self._seeker = PersonSeeker(
                self.call_id, self.control, self.tokens, self.operator, self.mouth,
                note=self.note, tell=self._put, now_ms=self.clock.now_ms, agents=self.agents,
            )  # fmt: skip
        self._put(Start())

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
        return self._inbox.busy

    @property
    def deaf(self) -> bool:
        """Whether nobody listens to the line: the caller is on hold or with an agent, or the bot is with the agent."""
        return self._seeker is not None and self._seeker.seeking

    @property
    def dialogue_id(self) -> str:
        """Under what the dialogue knows this call: a call that continues another one goes on under its name."""
        return self.opening.dialogue_id or self.call_id

    async def settled(self) -> None:
        """Return when every input has been answered, or the call has ended."""
        await self._inbox.settled()

    async def is_sure_of(self, recognition: Recognition) -> bool:
        """Whether the dialogue would know what to do with this as it stands: a whole request, not half of one."""
        try:
            return await self.dialogue.confidence(recognition.text) >= SURE
        except DialogueError:  # it will be asked again for the turn itself, and its failure noted then
            return False

    # --- inputs

    def hear(self, turn: CallerTurn) -> None:
        """The caller said something whole."""
        if not self.deaf:
            self._turns_waiting += 1
            self._put(turn)

    def means(self, key: str) -> bool:
        """Whether a key would count now."""
        return not self.deaf and self._keypad.means(key)

    def press(self, keys: str) -> None:
        """The caller pressed keys, in order."""
        if self.deaf:  # an agent's keys may be heard here too; they are asked for at the line
            return
        for key in keys:
            self._keyed(self._keypad.press(key, self.clock.now_ms()))
        self._ladder.answered()
        self.floor_free()

    def unheard(self, code: str) -> None:
        """The caller spoke and it could not be read; ``code``: the error's code."""
        if not self.deaf:
            self._put(Unheard(code))

    def broken(self, stage: str, code: str) -> None:
        """A part that the call cannot do without failed: ``voice`` or ``transport``; ``code``: the error's code."""
        self._put(Broken(stage, code))

    def hung_up(self) -> None:
        """The caller left."""
        self._put(HungUp())

    def tick(self) -> None:
        """Time passed: numbers left on the keypad are taken, silence is followed up."""
        now = self.clock.now_ms()
        self._keyed(self._keypad.tick(now))
        if step := self._ladder.tick(now, self.expectation.kind):
            self._put(Silence(step))

    def muted(self, on: bool) -> None:
        """The caller turned the microphone off on purpose, or on again: that silence is not followed up."""
        self._muted = on
        self._ladder.answered()
        if not on:
            self.floor_free()

    def floor_free(self) -> None:
        """Nobody speaks: the caller's silence counts from now."""
        if self._inbox.empty and not self._muted and not self.deaf:
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
        if say.for_agent:  # no part of what the caller was told
            return
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
            if not any(isinstance(e, CallEnded) for e in self._events):  # this process is stopping
                self.ended = True
                self.note(CallEnded(self.clock.now_ms(), self.turn, self.outcome or "failed", "bot"))
            raise
        finally:
            self._inbox.clear()
            if self._seeker:
                await self._seeker.stop()

    async def _answer_all(self) -> None:
        while not self.ended:
            item = await self._inbox.get()
            self._ladder.floor_busy()
            try:
                await self._answer(item)
            except CallerGoneError:
                await self._leave(by="caller")
            except DecrocheError as err:
                self._fault("dialogue", err)
                await self._give_up(self.operator.phrases.fault_dialogue)
            except Exception:  # a bug in one turn must not leave the caller in silence
                log.exception("turn failed", call_id=self.call_id)
                self._fault("dialogue", DecrocheError("unexpected"))
                await self._give_up(self.operator.phrases.fault_dialogue)
            finally:
                self._inbox.answered()
            if not self.ended and self._inbox.empty:
                self.on_idle()

    async def _answer(self, item: Input) -> None:
        match item:
            case Start():
                await self._open()
            case CallerTurn():
                self._turns_waiting -= 1
                self._ladder.answered()
                if (
                    not self.deaf
                ):  # it came before the transfer began: whoever speaks on hold speaks to nobody
                    await self._answer_turn(item)
            case Keyed():
                self._ladder.answered()
                if not self.deaf:
                    await self._answer_keys(item)
            case Silence(step):
                if not self.deaf:
                    await self._answer_silence(step)
            case Unheard(code):
                if not self.deaf:
                    await self._answer_unheard(code)
            case Broken(stage, code):
                await self._answer_broken(stage, code)
            case TransferOver():
                await self._after_transfer(item)
            case HungUp():
                await self._leave(by="caller")

    async def _open(self) -> None:
        phrases = self.operator.phrases
        if self.opening.cut:
            await self._go_on(self.opening.cut)
            return
        await self._say_phrase(phrases.callback_opening if self.opening.callback_id else phrases.welcome)
        await self._send("/call_started", mode="voice", raw="", quiet=True)
        if self.opening.callback_id:
            self._put_question(Question.GOOD_TIME)

    async def _go_on(self, cut: EarlierCall) -> None:
        """Take up a call that a failure cut, where it was."""
        phrases = self.operator.phrases
        if cut.with_agent:  # they talked on without us, and the agent has left since
            await self._returned(phrases.handoff_returned)
            return
        await self._say_phrase(phrases.resumed)
        if cut.waiting:
            step = HandoffStep.model_validate(
                {"reason": cut.waiting.reason, "skill": cut.waiting.skill, "video": cut.waiting.video}
            )
            self._note_step(step)
            await self._to_person(step)
            return
        # The dialogue says its last question again, and with it what it expects; if it cannot, the record can.
        if not await self._send("/repeat", mode="voice", raw="", quiet=True) and cut.asked and not self.ended:
            await self._say_phrase(cut.asked, private=True)

    async def _answer_keys(self, item: Keyed) -> None:
        now = self.clock.now_ms()
        self._note_caller(item.text, item.text, InputMode.KEYPAD, 1.0, now, now, secret=item.secret)
        if self._question and item.message == HUMAN_MESSAGE:
            self._question = None
            if self._wanted:  # rather wait for somebody once more
                await self._to_person(self._wanted)
                return
        if not await self._answer_question(item.message, item.text):
            await self._send(item.message, mode="keypad", raw=item.text)

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
                if await self._answer_question(message, raw):
                    return
                await self._send(
                    message, mode=item.mode.value, raw=raw, confidence=item.recognition.confidence,
                    interrupted=item.interrupted, heard=item.heard,
                )  # fmt: skip
            case ReadBack(digits=digits):
                phrase = self.operator.phrases.digits_read_back.format(
                    number=as_read(digits, self.interpreter.expectation.name)
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
            case SilenceStep.HUMAN if self._question:
                await self._answer_question("", "")
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
    ) -> bool:  # fmt: skip
        """Send one message to the dialogue and do what it answers; whether it had anything to say.

        ``quiet``: it may have none, and the wait is not bridged.
        """
        metadata = {
            "channel": self.started.channel,
            "caller_number": self.started.caller_number,
            "mode": mode,
            "confidence": round(confidence, 3),
            "raw": raw,
            "interrupted": interrupted,
            "heard": heard,
            "now": self.clock.wall().isoformat(),
            **self.opening.metadata(),
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
            await self._to_person(reply.handoff)
        elif reply.hang_up:
            self._hung_up_as = reply.hang_up.outcome
            await self._leave(by="bot")
        return bool(reply.says)

    async def _ask(self, message: str, metadata: dict[str, Any], *, quiet: bool) -> Reply:
        began = self.clock.now_ms()
        task = asyncio.create_task(
            self.dialogue.turn(self.dialogue_id, message, metadata), name=f"dialogue-turn:{self.call_id}"
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
            understanding = await self.dialogue.understanding(self.dialogue_id)
        except DialogueError as err:
            self._fault("dialogue", err)
            return
        self.note(
            Understood(
                self.clock.now_ms(), self.turn, understanding.intent, round(understanding.confidence, 3),
                understanding.entities, understanding.slots,
            )
        )  # fmt: skip

    # --- a person

    async def _give_up(self, sentence: str = "") -> None:
        """Ask for a person because we failed. ``sentence``: said first."""
        step = HandoffStep(reason="fault", skill="general")
        self._note_step(step)
        if sentence:
            await self._say_phrase(sentence)
        await self._to_person(step)

    async def _to_person(self, step: HandoffStep) -> None:
        """A person was asked for: bring one, or tell the caller when one will call, or that one comes."""
        now = self.clock.wall()
        case, choice = self._router.choose(step.skill, self.call_id, now)
        self.note(site_chosen(self.clock.now_ms(), self.turn, case, choice))
        if choice.callback_at and not self.started.caller_number:
            await self._offer_callback()  # which says that it cannot be
        elif (due := choice.callback_at) and (self._seeker is None or not choice.full):
            self.note(CallbackPromised(self.clock.now_ms(), self.turn, step.reason, due.isoformat()))
            when = spoken_time(due, now.date())
            await self._say_phrase(self.operator.phrases.handoff_closed.format(when=when))
            await self._leave(by="bot")
        elif self._seeker is None:
            await self._say_phrase(self.operator.phrases.handoff_wait)
            await self._leave(by="bot")
        else:
            self._wanted, self._question = step, None
            self._expect(Expectation(ExpectKind.NOTHING))
            if choice.order:
                self._seeker.begin(
                    self._still_open(choice.order), self._events, self.turn, choice.wait_s,
                    skill=step.skill, reason=step.reason,
                )  # fmt: skip
            else:
                await self._offer_callback()

    async def _after_transfer(self, over: TransferOver) -> None:
        """The caller is with the bot again."""
        assert self._seeker is not None
        self._seeker.over()
        if over.end is TransferEnd.AGENT_LEFT:
            self._wanted = None
            await self._after_agent(over)
            return
        if over.end is None:
            await self._seeker.take_back()
        await self._offer_callback()

    async def _after_agent(self, over: TransferOver) -> None:
        """Go on with what the agent said, or ask what else there is."""
        phrases = self.operator.phrases
        match over.then:
            case GiveBack.SURVEY:
                self.note(SurveyDue(self.clock.now_ms(), self.turn, over.site))
                await self._say_phrase(phrases.survey_later)
                await self._leave(by="bot")
            case GiveBack.PAY:
                await self._returned(phrases.handoff_pay)
                if not self.ended:
                    await self._send(_PAYMENT, mode="voice", raw="")
            case GiveBack.CONTINUE | None:
                await self._returned(phrases.handoff_returned)

    async def _returned(self, sentence: str) -> None:
        """The caller has come back to the dialogue, which had let go of them. ``sentence``: asks what else there is."""
        await self._say_phrase(sentence)
        try:
            await self._send("/call_returned", mode="voice", raw="", quiet=True)
        except DialogueError as err:  # asking for a person again would lead back here
            self._fault("dialogue", err)
            await self._end_with_callback()

    async def _end_with_callback(self) -> None:
        """Nothing more can be done in this call."""
        phrases = self.operator.phrases
        if self.started.caller_number:
            due = promised_at(self._callback_time, self.clock.wall(), SOON)
            self.note(CallbackPromised(self.clock.now_ms(), self.turn, "fault", due.isoformat()))
            await self._say_phrase(phrases.fault_callback)
        else:
            await self._say_phrase(phrases.goodbye)
        await self._leave(by="bot")

    async def _offer_callback(self) -> None:
        phrases = self.operator.phrases
        if self.started.caller_number:
            await self._say_phrase(phrases.callback_offer)
            self._put_question(Question.CALLBACK)
        else:
            self._wanted = None
            await self._returned(phrases.callback_impossible)

    def _put_question(self, question: Question) -> None:
        self._expect(Expectation(ExpectKind.YES_NO, name=question.value, options={"1": AFFIRM, "2": DENY}))
        self._question, self._asked_again = question, False

    async def _answer_question(self, message: str, text: str) -> bool:
        """Act on the answer to a question of the bot's own; False: there is none, or this answers it not."""
        question, phrases = self._question, self.operator.phrases
        if question is None:
            return False
        follows = after(
            question, read_answer(question, message, text), said=bool(text), again=self._asked_again
        )
        if follows is not Next.ASK_AGAIN:
            self._question = None
        match follows:
            case Next.ASK_AGAIN:
                self._asked_again = True
                await self._say_phrase(phrases.callback_offer_again)
            case Next.PROMISE:
                await self._promise(LATER if question is Question.LATER else SOON)
            case Next.DECLINED:
                self._wanted = None
                await self._returned(phrases.callback_declined)
            case Next.GO_AHEAD:
                await self._keep_callback()
            case Next.OFFER_LATER:
                await self._say_phrase(phrases.callback_later)
                self._put_question(Question.LATER)
            case Next.GOODBYE:
                await self._say_phrase(phrases.goodbye)
                await self._leave(by="bot")
        return follows is not Next.DIALOGUE

    async def _keep_callback(self) -> None:
        """It is a good time for the call that we promised: bring the person, or take up what was asked for."""
        callback, earlier = self.opening.callback, self.opening.earlier
        if callback and callback.kind != WEB_CALLBACK:
            skill = earlier.skill if earlier and earlier.skill else "general"
            step = HandoffStep.model_validate({"reason": "human_request", "skill": skill})
            self._note_step(step)
            await self._to_person(step)
        elif callback and (wish := normalise(callback.reason, today=self.clock.wall().date()).lstrip("/ ")):
            await self._send(wish, mode="text", raw=callback.reason)
        else:
            await self._say_phrase(self.operator.phrases.callback_ready)
            self._expect(Expectation())

    async def _promise(self, after: timedelta) -> None:
        """Promise a call back, and say goodbye."""
        now = self.clock.wall()
        due = promised_at(self._callback_time, now, after)
        reason = self._wanted.reason if self._wanted else "callback_request"
        self.note(CallbackPromised(self.clock.now_ms(), self.turn, reason, due.isoformat()))
        await self._say_phrase(
            self.operator.phrases.callback_promised.format(when=spoken_time(due, now.date())), private=True
        )
        await self._leave(by="bot")

    def _still_open(self, order: Sequence[str]) -> Iterator[Site]:
        """The sites to ring, without those that have closed by the time their turn comes."""
        sites = {site.id: site for site in self.operator.sites}
        return (sites[site] for site in order if self._router.is_open(site, self.clock.wall()))

    def _callback_time(self, wanted: datetime) -> datetime:
        """The first moment at or after ``wanted`` when somebody with the skill asked for can call."""
        earlier = self.opening.earlier
        skill = self._wanted.skill if self._wanted else (earlier.skill if earlier else "")
        return self._router.callback_time(skill or "general", wanted)

    async def _answer_broken(self, stage: str, code: str) -> None:
        self.note(Fault(self.clock.now_ms(), self.turn, stage, code))
        if stage == "transport" and self._is_rescued:
            # The line finds the bot gone from the call and brings the caller to a fresh one, which goes on from here.
            await self._leave(by="bot", lost=True)
        elif not self.deaf:  # music and agents need no voice of ours
            await self._give_up()

    # --- the end

    async def _leave(self, *, by: str, lost: bool = False) -> None:
        """End the call. ``lost``: only our side of it ends, the legs are left to the line."""
        if self.ended:
            return
        self.ended = True
        waiting = self.deaf and by == "caller"
        self._expect(Expectation(ExpectKind.NOTHING))
        if self._seeker:
            await self._seeker.stop()
        self.outcome = "failed" if lost else outcome_of(
            self._events, hung_up_as=self._hung_up_as, sought=self._seeker is not None, waiting=waiting
        )  # fmt: skip
        if by == "bot" and self.control and not lost:
            await self.mouth.heard()
            await self.control.hang_up()
        if by == "bot":
            await self.mouth.end()
        self.note(CallEnded(self.clock.now_ms(), self.turn, self.outcome, by))
        # A rescued caller of whom only the media broke comes back to this dialogue.
        if by == "caller" and not self._is_rescued:
            await self._tell_dialogue_it_ended()

    async def _tell_dialogue_it_ended(self) -> None:
        try:
            await self.dialogue.turn(self.dialogue_id, "/call_ended", {"channel": self.started.channel})
        except DialogueError as err:
            log.warning("dialogue not told of the end", call_id=self.call_id, code=err.code)

    @property
    def _is_rescued(self) -> bool:
        """Whether a caller whose bot breaks is brought to another one: the telephone line does that."""
        return self.control is not None and self.started.channel == Channel.PHONE

    # --- small things

    def _put(self, item: Input) -> None:
        if not self.ended:
            self._inbox.put(item)

    def _keyed(self, keyed: Any) -> None:
        if keyed is None:
            return
        if isinstance(keyed, KeyedChoice):
            self._put(Keyed(keyed.message, keyed.key))
            return
        asked = self.interpreter.expectation
        if asked.kind is ExpectKind.DATE:
            day = keyed_date(keyed.digits)
            message = date_message(day) if day else number_message(keyed.digits)
            self._put(Keyed(message, keyed.digits, secret=True))
        else:
            self._put(Keyed(number_message(keyed.digits), keyed.digits, asked.secret))

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
        self.note(event_of(step, self.clock.now_ms(), self.turn))

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
