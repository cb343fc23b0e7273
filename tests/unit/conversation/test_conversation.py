"""One call's conversation against a scripted dialogue: order, silence, numbers, faults, the end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bot.conversation.clock import CallClock
from bot.conversation.conversation import Conversation
from bot.conversation.inputs import CallerTurn
from bot.errors import DialogueError, DialogueTimeoutError
from bot.events import (
    ActionDone,
    BotSaid,
    CallbackPromised,
    CallEnded,
    CallerSaid,
    CallStarted,
    Fault,
    HandoffRequested,
    RecordingAnswered,
    SilenceNoted,
    SiteChosen,
)
from bot.models import ExpectKind, Hypothesis, InputMode, Recognition, Say
from bot.operator import load_operator
from bot.settings import ROOT
from tests.fakes import MemoryJournal, ScriptedDialogue

PARIS = ZoneInfo("Europe/Paris")
MONDAY = datetime(2026, 11, 23, 10, 0, tzinfo=PARIS)
SUNDAY = datetime(2026, 11, 22, 10, 0, tzinfo=PARIS)
OPERATOR = load_operator(ROOT / "operator.yml")
ASK_NUMBER = [
    {"text": "Votre numéro d'abonné ?"},
    {"custom": {"expect": {"kind": "digits", "name": "subscriber_number", "lengths": [8], "check": "luhn"}}},
]
ASK_POSTCODE = [
    {"text": "Votre code postal ?"},
    {"custom": {"expect": {"kind": "digits", "name": "postcode", "lengths": [5]}}},
]
ASK_BIRTH = [
    {"text": "Votre date de naissance ?"},
    {"custom": {"expect": {"kind": "date", "name": "birth_date", "lengths": [8], "secret": True}}},
]
HANDOFF = [{"custom": {"handoff": {"reason": "human_request", "skill": "billing"}}}]
GOODBYE = [{"text": "Au revoir."}, {"custom": {"hang_up": {"outcome": "resolved"}}}]


@dataclass
class Mouth:
    said: list[Say] = field(default_factory=list)
    ended: bool = False
    conversation: Conversation | None = None

    async def say(self, says: Sequence[Say], *, yields: bool = False) -> None:
        self.said += says
        for say in says:
            assert self.conversation is not None
            self.conversation.said(say)

    async def heard(self) -> None: ...

    async def hush(self) -> None: ...

    async def end(self) -> None:
        self.ended = True


@dataclass
class Call:
    """A conversation on a virtual clock."""

    dialogue: ScriptedDialogue
    wall: datetime = MONDAY
    now_s: float = 0.0
    mouth: Mouth = field(default_factory=Mouth)
    journal: MemoryJournal = field(default_factory=MemoryJournal)

    def __post_init__(self) -> None:
        started = CallStarted(0, 0, "c1", "case1", "phone", "+33611223344", "2026-11-23T09:00:00Z")
        clock = CallClock(PARIS, wall=self.wall, monotonic=lambda: self.now_s)
        self.conversation = Conversation(started, OPERATOR, self.dialogue, self.journal, clock, self.mouth)
        self.mouth.conversation = self.conversation

    async def __aenter__(self) -> Call:
        self.task = asyncio.create_task(self.conversation.run())
        await self.conversation.settled()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    def turn(self, text: str, **more: Any) -> CallerTurn:
        recognition = Recognition((Hypothesis(text, -0.1),) if text else (), 0.0, 1000, 100)
        return CallerTurn(recognition, InputMode.VOICE, 0, 1000, **more)

    async def says(self, text: str) -> None:
        self.conversation.hear(self.turn(text))
        await self.conversation.settled()

    async def keys(self, digits: str) -> None:
        self.conversation.press(digits)
        await self.conversation.settled()

    async def silent(self, seconds: int) -> None:
        self.conversation.floor_free()
        for _ in range(seconds * 2):
            self.now_s += 0.5
            self.conversation.tick()
            if self.conversation.busy:
                await self.conversation.settled()
                self.conversation.floor_free()

    @property
    def last(self) -> str:
        return self.mouth.said[-1].text


async def test_the_first_words_name_the_machine_and_the_way_to_a_person() -> None:
    async with Call(ScriptedDialogue()) as call:
        assert call.mouth.said[0].text == OPERATOR.phrases.welcome
        assert call.dialogue.received == ["/call_started"]
        assert call.dialogue.metadata[0]["caller_number"] == "+33611223344"


async def test_a_number_heard_in_figures_with_its_check_digit_needs_no_read_back() -> None:
    async with Call(ScriptedDialogue({"ma facture": ASK_NUMBER})) as call:
        await call.says("Ma facture")
        await call.says("12 34 56 74.")
        assert call.dialogue.received[-1] == '/inform_number{"number": "12345674"}'


async def test_a_read_back_can_be_corrected() -> None:
    async with Call(ScriptedDialogue({"ma facture": ASK_POSTCODE})) as call:
        await call.says("Ma facture")
        await call.says("soixante-quinze zéro douze")
        assert call.last == "J'ai noté le code postal 75012. C'est bien cela ?"
        await call.says("non, soixante-quinze zéro onze")
        await call.says("oui c'est ça")
        assert call.dialogue.received[-1] == '/inform_number{"number": "75011"}'


async def test_a_number_that_fails_its_check_is_not_guessed_and_the_keypad_is_offered() -> None:
    async with Call(ScriptedDialogue({"ma facture": ASK_NUMBER})) as call:
        await call.says("Ma facture")
        await call.says("douze trente-quatre cinquante-six soixante")
        await call.says("non")
        assert "clavier" in call.last
        assert call.dialogue.received == ["/call_started", "ma facture"]
        await call.keys("12345674")
        assert call.dialogue.received[-1] == '/inform_number{"number": "12345674"}'


async def test_a_yes_heard_badly_is_asked_about_and_nothing_goes_to_the_dialogue() -> None:
    ask = [{"text": "Voulez-vous résilier ?"}, {"custom": {"expect": {"kind": "yes_no", "name": "cancel"}}}]
    async with Call(ScriptedDialogue({"je résilie": ask})) as call:
        await call.says("Je résilie")
        badly = Recognition((Hypothesis("Oui.", -1.2),), 0.0, 600, 100)
        call.conversation.hear(CallerTurn(badly, InputMode.VOICE, 0, 600))
        await call.conversation.settled()
        assert call.last == OPERATOR.phrases.yes_or_no
        assert call.dialogue.received[-1] == "je résilie"
        assert call.journal.of(CallerSaid)[-1].raw == "Oui."
        await call.keys("1")
        assert call.dialogue.received[-1] == "/affirm"


async def test_a_refusal_to_be_recorded_is_kept() -> None:
    noted = [{"custom": {"recording": {"allowed": False}}}, {"text": "C'est noté."}]
    async with Call(ScriptedDialogue({"ne m'enregistrez pas": noted})) as call:
        await call.says("Ne m'enregistrez pas")
        assert call.journal.of(RecordingAnswered) == [RecordingAnswered(0, 1, allowed=False)]


async def test_who_does_not_have_the_number_is_passed_on_as_said() -> None:
    async with Call(ScriptedDialogue({"ma facture": ASK_NUMBER})) as call:
        await call.says("Ma facture")
        await call.says("Je ne l'ai pas sous la main")
        assert call.dialogue.received[-1] == "je ne l'ai pas sous la main"


async def test_a_birth_date_goes_to_the_dialogue_and_nowhere_else() -> None:
    async with Call(ScriptedDialogue({"ma facture": ASK_BIRTH})) as call:
        await call.says("Ma facture")
        await call.says("le douze mars mille neuf cent quatre-vingts")
        assert call.dialogue.received[-1] == '/inform_date{"date": "1980-03-12"}'
        assert "1980" not in json.dumps([event.to_json() for event in call.journal.events], default=str)
        await call.says("Ma facture")
        await call.keys("12031980")
        assert call.dialogue.received[-1] == '/inform_date{"date": "1980-03-12"}'
        assert "12031980" not in json.dumps([event.to_json() for event in call.journal.events], default=str)


async def test_zero_asks_for_a_person_and_the_call_ends_as_a_handoff() -> None:
    async with Call(ScriptedDialogue({"/human_request": HANDOFF})) as call:
        await call.keys("0")
        assert call.last == OPERATOR.phrases.handoff_wait
        assert call.mouth.ended
        assert call.journal.of(HandoffRequested)[0].reason == "human_request"
        assert call.journal.of(CallEnded)[0].outcome == "handoff"


async def test_when_nobody_is_there_a_callback_is_promised_for_the_opening() -> None:
    async with Call(ScriptedDialogue({"un conseiller": HANDOFF}), wall=SUNDAY) as call:
        await call.says("Un conseiller")
        assert call.last == OPERATOR.phrases.handoff_closed.format(when="demain à partir de 8 h")
        (chosen,) = call.journal.of(SiteChosen)
        assert chosen.order == ()
        assert call.journal.of(CallbackPromised)[0].due_at == "2026-11-23T08:00:00+01:00"
        assert call.conversation.outcome == "callback"


async def test_silence_is_followed_up_then_the_keypad_then_a_person() -> None:
    silence = [{"custom": {"handoff": {"reason": "silence", "skill": "general"}}}]
    async with Call(ScriptedDialogue({"/silence_human": silence})) as call:
        await call.silent(40)
        assert [event.step for event in call.journal.of(SilenceNoted)] == ["reprompt", "keypad", "human"]
        assert call.journal.of(HandoffRequested)[0].reason == "silence"


async def test_one_turn_is_in_flight_and_the_rest_wait_in_order() -> None:
    dialogue = ScriptedDialogue(gate=asyncio.Event())
    async with Call(dialogue) as call:
        for text in ("un", "deux et demi", "trois petits tours"):
            call.conversation.hear(call.turn(text))
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(dialogue.received) == 2
        assert dialogue.gate is not None
        dialogue.gate.set()
        await call.conversation.settled()
        assert dialogue.most_in_flight == 1
        assert len(dialogue.received) == 4


async def test_a_reply_the_caller_talked_over_is_not_spoken_but_what_it_did_is_kept() -> None:
    report = [{"text": "Voilà."}, {"custom": {"report": {"action": "line_test", "ok": True}}}]
    dialogue = ScriptedDialogue({"pas de signal": report}, gate=asyncio.Event())
    async with Call(dialogue) as call:
        call.conversation.hear(call.turn("pas de signal"))
        call.conversation.hear(call.turn("depuis ce matin"))
        assert dialogue.gate is not None
        dialogue.gate.set()
        await call.conversation.settled()
        assert [say.text for say in call.mouth.said[1:]] == ["Très bien."]
        assert call.journal.of(ActionDone)[0].action == "line_test"


async def test_hanging_up_does_not_cancel_the_turn_in_flight() -> None:
    booked = [{"custom": {"report": {"action": "cancel_contract", "ok": True, "reference": "R-1"}}}]
    dialogue = ScriptedDialogue({"oui je confirme": booked}, gate=asyncio.Event())
    async with Call(dialogue) as call:
        call.conversation.hear(call.turn("oui je confirme"))
        call.conversation.hung_up()
        assert dialogue.gate is not None
        dialogue.gate.set()
        await call.conversation.settled()
        assert call.journal.of(ActionDone)[0].reference == "R-1"
        assert call.conversation.outcome == "resolved"
        assert dialogue.received[-1] == "/call_ended"


@pytest.mark.parametrize("error", [DialogueError("down"), DialogueTimeoutError("slow"), RuntimeError("bug")])
async def test_a_dialogue_that_fails_is_told_and_becomes_a_request_for_a_person(error: Exception) -> None:
    async with Call(ScriptedDialogue({"ma facture": error})) as call:
        await call.says("Ma facture")
        assert [say.text for say in call.mouth.said[-2:]] == [
            OPERATOR.phrases.fault_dialogue,
            OPERATOR.phrases.handoff_wait,
        ]
        assert call.journal.of(Fault)[0].stage == "dialogue"
        assert call.conversation.outcome == "handoff"
        assert call.journal.of(CallerSaid)[0].text == "ma facture"


async def test_a_dialogue_outside_the_contract_is_a_fault_not_a_silence() -> None:
    async with Call(ScriptedDialogue({"ma facture": [{"custom": {"sing": 1}}]})) as call:
        await call.says("Ma facture")
        assert call.journal.of(Fault)[0].code == "dialogue.payload"
        assert call.mouth.ended


async def test_a_dialogue_with_no_answer_is_a_fault_not_a_silence() -> None:
    """Rasa answers an empty list when its action server is away."""
    async with Call(ScriptedDialogue({"ma facture": []})) as call:
        await call.says("Ma facture")
        assert OPERATOR.phrases.fault_dialogue in [say.text for say in call.mouth.said]
        assert call.conversation.outcome == "handoff"


async def test_speech_that_cannot_be_read_offers_the_keypad_then_a_person() -> None:
    async with Call(ScriptedDialogue()) as call:
        call.conversation.unheard("recognition.failed")
        await call.conversation.settled()
        assert call.last == OPERATOR.phrases.fault_recognition
        call.conversation.unheard("recognition.failed")
        await call.conversation.settled()
        assert call.conversation.outcome == "handoff"


async def test_a_slow_dialogue_is_bridged_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.conversation.conversation.WAIT_PHRASE_AFTER_S", 0.01)
    dialogue = ScriptedDialogue(gate=asyncio.Event())
    async with Call(dialogue) as call:
        call.conversation.hear(call.turn("ma facture"))
        await asyncio.sleep(0.1)
        assert call.last == OPERATOR.phrases.wait
        assert dialogue.gate is not None
        dialogue.gate.set()
        await call.conversation.settled()
        assert call.last == "Très bien."


async def test_the_dialogue_can_end_the_call() -> None:
    async with Call(ScriptedDialogue({"non merci c'est tout": GOODBYE})) as call:
        await call.says("Non merci c'est tout")
        assert call.mouth.ended
        assert call.conversation.outcome == "resolved"
        assert call.conversation.expectation.kind is ExpectKind.NOTHING


async def test_what_was_heard_of_an_interrupted_reply_is_told_to_the_dialogue() -> None:
    async with Call(ScriptedDialogue()) as call:
        call.conversation.hear(call.turn("non non attendez", interrupted=True, heard="Votre facture…"))
        await call.conversation.settled()
        assert call.dialogue.metadata[-1]["interrupted"] is True
        assert call.dialogue.metadata[-1]["heard"] == "Votre facture…"


async def test_the_request_has_the_shape_both_sides_agreed_on() -> None:
    sample = json.loads((ROOT / "tests/contracts/request_turn.json").read_text(encoding="utf-8"))
    async with Call(ScriptedDialogue()) as call:
        await call.says("bonjour")
        assert set(call.dialogue.metadata[-1]) == set(sample["metadata"])


async def test_a_caller_cannot_speak_an_intent_message() -> None:
    async with Call(ScriptedDialogue()) as call:
        await call.says('/affirm{"x": 1}')
        assert not call.dialogue.received[-1].startswith("/")


async def test_a_flood_of_keys_does_not_lose_the_hang_up() -> None:
    dialogue = ScriptedDialogue(gate=asyncio.Event())
    async with Call(dialogue) as call:
        for _ in range(200):
            call.conversation.press("0")
        call.conversation.hung_up()
        assert dialogue.gate is not None
        dialogue.gate.set()
        await asyncio.wait_for(call.task, 5)
        assert call.journal.of(CallEnded)


async def test_stopping_the_process_leaves_a_whole_record() -> None:
    async with Call(ScriptedDialogue()) as call:
        pass
    assert call.journal.of(CallEnded)[0].outcome == "failed"
    assert call.journal.of(BotSaid)
