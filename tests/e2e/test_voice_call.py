"""A call by voice through the real door, pipeline, voice activity and voice; the dialogue is scripted at its port."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from fastapi import FastAPI

from bot.calls import Calls
from bot.conversation.outcome import outcome_of
from bot.errors import RecognitionError, VoiceError
from bot.events import BotInterrupted, BotSaid, CallEnded, CallerSaid, Fault, TurnTimed
from bot.models import Channel, Hypothesis, Pcm, Recognition, RecognitionHint
from bot.operator import load_operator
from bot.ports import Transcriber, Voice
from bot.settings import ROOT
from bot.web.phone import phone_router
from media.modelstore import find_whisper
from media.stt.whisper import WhisperTranscriber
from media.tts.cache import CachedVoice
from media.tts.nanotts import NanoTtsVoice
from simulator.api import Server
from simulator.doors.phone import PhoneDoor
from simulator.line import Line
from simulator.observer import Unobserved
from simulator.run import Player
from simulator.script import Caller, Script, Turn
from simulator.sound_call import SoundCall, render
from simulator.voices import Voices
from tests.e2e.chromium import serve
from tests.fakes import MemoryJournal, ScriptedDialogue

OPERATOR = load_operator(ROOT / "operator.yml")
OPEN = "2026-11-23T10:00:00+01:00"
LONG = [
    {
        "text": "Je vous explique. Votre facture comprend votre abonnement, les options que vous avez choisies, "
        "les achats que vous avez faits dans le mois, et les remises dont vous profitez encore aujourd'hui."
    }
]


class Deaf:
    """A recogniser that fails on every utterance."""

    sample_rate = 16_000
    spare = True

    async def transcribe(self, audio: Pcm, hint: RecognitionHint) -> Recognition:
        raise RecognitionError("broken")

    async def close(self) -> None: ...


class Reads:
    """A recogniser that reads the same in everything, at once: for tests of what comes after it."""

    sample_rate = 16_000
    spare = True

    def __init__(self, text: str) -> None:
        self._text = text

    async def transcribe(self, audio: Pcm, hint: RecognitionHint) -> Recognition:
        return Recognition((Hypothesis(self._text, -0.1),), 0.0, len(audio) // 16, 1)

    async def close(self) -> None: ...


class BreaksAt:
    """A voice that fails on one sentence."""

    def __init__(self, voice: Voice, sentence: str) -> None:
        self.name = voice.name
        self._voice = voice
        self._sentence = sentence

    async def speak(self, text: str, *, sample_rate: int, cacheable: bool):  # type: ignore[no-untyped-def]
        if self._sentence in text:
            raise VoiceError("broken")
        async for chunk in self._voice.speak(text, sample_rate=sample_rate, cacheable=cacheable):
            yield chunk

    async def close(self) -> None: ...


@dataclass
class Outcome:
    """What came of one call."""

    journal: MemoryJournal
    dialogue: ScriptedDialogue
    call: SoundCall

    @property
    def said(self) -> list[str]:
        return [event.text for event in self.journal.of(BotSaid)]


@asynccontextmanager
async def line(
    transcriber: Transcriber, voice: Voice, dialogue: ScriptedDialogue
) -> AsyncIterator[tuple[Server, MemoryJournal]]:
    journal = MemoryJournal()
    calls = Calls(
        operator=OPERATOR,
        dialogue=dialogue,
        journal=journal,
        transcriber=transcriber,
        voice=voice,
        max_calls=3,
    )
    app = FastAPI()
    app.include_router(phone_router(calls, "", rehearsal=True))
    async with serve(app) as url:
        try:
            yield Server(url), journal
        finally:
            await calls.stop()


async def place(
    turns: list[Turn],
    transcriber: Transcriber,
    voice: Voice,
    dialogue: ScriptedDialogue | None = None,
    speed: float = 1.0,
) -> Outcome:
    dialogue = dialogue or ScriptedDialogue()
    script = Script(caller=Caller(number="+33611223344", speed=speed), turns=tuple(turns), expect={})
    clips = await render(script, Voices())
    async with line(transcriber, voice, dialogue) as (server, journal), PhoneDoor(server, "", OPEN) as door:
        call = SoundCall(Player(script.turns, ()), door, Line(Channel.PHONE, None), clips, Unobserved())
        await call.run()
    return Outcome(journal, dialogue, call)


@pytest.fixture
async def voice() -> AsyncIterator[Voice]:
    engine = CachedVoice(NanoTtsVoice(), 1 << 24)
    yield engine
    await engine.close()


@pytest.fixture
async def whisper() -> AsyncIterator[WhisperTranscriber]:
    transcriber = await WhisperTranscriber.load(find_whisper().path)
    yield transcriber
    await transcriber.close()


async def test_a_half_second_yes_is_heard(whisper: WhisperTranscriber, voice: Voice) -> None:
    asks = [{"text": "Voulez-vous continuer ?"}, {"custom": {"expect": {"kind": "yes_no"}}}]
    dialogue = ScriptedDialogue(default=asks)
    outcome = await place(
        [Turn(say="Bonjour, c'est pour ma facture"), Turn(say="Oui.")], whisper, voice, dialogue, speed=0.6
    )
    assert "/affirm" in dialogue.received
    assert outcome.journal.of(TurnTimed)


async def test_the_bot_falls_silent_when_cut_and_knows_what_was_heard(voice: Voice) -> None:
    dialogue = ScriptedDialogue({"bonjour": LONG})
    turns = [Turn(say="Bonjour"), Turn(say="non non non attendez une seconde", after=2.0)]
    outcome = await place(turns, Reads("Bonjour."), voice, dialogue)
    cut = outcome.journal.of(BotInterrupted)
    assert len(cut) == 1
    assert cut[0].heard.startswith("Je vous explique.")
    assert "aujourd'hui" not in cut[0].heard
    assert dialogue.metadata[2]["interrupted"] is True
    assert dialogue.metadata[2]["heard"] == cut[0].heard


async def test_noise_that_stopped_the_bot_is_followed_by_the_rest_of_the_sentence(voice: Voice) -> None:
    class Nothing(Reads):
        """Reads the greeting, then hears nothing in the noise."""

        first = True

        async def transcribe(self, audio: Pcm, hint: RecognitionHint) -> Recognition:
            if self.first:
                self.first = False
                return await super().transcribe(audio, hint)
            return Recognition((), 0.9, 1000, 1)

    dialogue = ScriptedDialogue({"bonjour": LONG})
    turns = [Turn(say="Bonjour"), Turn(say="la la la la la la la la", after=2.0), Turn(hang_up=True)]
    outcome = await place(turns, Nothing("Bonjour."), voice, dialogue)
    assert len(outcome.journal.of(BotInterrupted)) == 1
    assert "aujourd'hui" in outcome.said[-1]
    assert len(outcome.journal.of(CallerSaid)) == 1


async def test_recognition_that_fails_offers_the_keypad_then_a_person(voice: Voice) -> None:
    outcome = await place([Turn(say="Bonjour à vous"), Turn(say="Ma facture")], Deaf(), voice)
    assert OPERATOR.phrases.fault_recognition in outcome.said
    assert OPERATOR.phrases.handoff_wait in outcome.said
    assert {event.code for event in outcome.journal.of(Fault)} == {"recognition.failed"}
    assert outcome.journal.of(CallEnded)[0].outcome == "handoff"
    assert isinstance(outcome.journal.events[-1], CallEnded), (
        "the last words are said before the call has ended"
    )


async def test_a_voice_that_fails_brings_in_a_person_with_a_sentence(voice: Voice) -> None:
    broken = BreaksAt(voice, "Très bien")
    outcome = await place([Turn(say="Bonjour")], Reads("Bonjour."), broken)
    assert OPERATOR.phrases.handoff_wait in outcome.said
    assert [(event.stage, event.code) for event in outcome.journal.of(Fault)] == [("voice", "voice.failed")]
    assert outcome_of(outcome.journal.events) == "handoff"
