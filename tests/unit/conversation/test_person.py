"""A conversation on a telephone line in memory: transfers, coming back, callbacks, and calls that were cut."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.conversation.clock import CallClock
from bot.conversation.conversation import Conversation
from bot.conversation.inputs import CallerTurn
from bot.conversation.opening import Opening
from bot.errors import DialogueError
from bot.events import (
    ActionDone,
    AgentJoined,
    BotSaid,
    CallbackPromised,
    CallEnded,
    CallerSaid,
    CallEvent,
    CallStarted,
    CaseContinued,
    Fault,
    HandoffRequested,
    Identified,
    SilenceNoted,
    SiteRung,
    Understood,
)
from bot.handoff.packet import build_packet, packet_id
from bot.handoff.token import HandoffTokens
from bot.models import ExpectKind, Hypothesis, InputMode, Recognition, RingResult
from bot.operator import load_operator
from bot.ports import Agents, CallbackContext
from bot.record.case import earlier_call
from bot.record.view import CallView
from bot.settings import ROOT
from tests.fake_line import Agent, FakeLine
from tests.fakes import MemoryJournal, ScriptedDialogue
from tests.virtual_time import run_virtual

PARIS = ZoneInfo("Europe/Paris")
MONDAY = datetime(2026, 11, 23, 10, 0, tzinfo=PARIS)
LATE = datetime(2026, 11, 23, 19, 50, tzinfo=PARIS)
OPERATOR = load_operator(ROOT / "operator.yml")
SAY = OPERATOR.phrases
HANDOFF = [{"custom": {"handoff": {"reason": "human_request", "skill": "billing"}}}]
ASK_POSTCODE = [
    {"text": "Votre code postal ?"},
    {"custom": {"expect": {"kind": "digits", "name": "postcode", "lengths": [5]}}},
]
GOODBYE = [{"text": "Au revoir."}, {"custom": {"hang_up": {"outcome": "resolved"}}}]
ANSWERS: dict[str, Any] = {
    "un conseiller": HANDOFF,
    "/human_request": HANDOFF,
    "/call_returned": [],
    "non merci c'est tout": GOODBYE,
}
TOKENS = HandoffTokens(b"0123456789abcdef", now=lambda: datetime(2026, 11, 23, tzinfo=UTC))
ACCEPTS = Agent(key="1", key_s=6)
NOBODY = {site.id: Agent(RingResult.BUSY, 1) for site in OPERATOR.sites}


@dataclass
class Call:
    """A telephone call in virtual time."""

    agents: dict[str, Agent] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)
    wall: datetime = MONDAY
    number: str = "+33611223344"
    opening: Opening = field(default_factory=Opening)
    fails: list[str] = field(default_factory=list)
    desk: Agents | None = None

    async def __aenter__(self) -> Call:
        loop = asyncio.get_running_loop()
        self.line = FakeLine(dict(self.agents), list(self.fails))
        self.journal = MemoryJournal()
        self.dialogue = ScriptedDialogue(ANSWERS | self.answers)
        started = CallStarted(0, 0, "c1", "case1", "phone", self.number, "2026-11-23T09:00:00Z")
        self.conversation = Conversation(
            started, OPERATOR, self.dialogue, self.journal, CallClock(PARIS, self.wall, loop.time), self.line,
            control=self.line, tokens=TOKENS, opening=self.opening, agents=self.desk,
        )  # fmt: skip
        self.line.on_said = self.conversation.said
        self.task = asyncio.create_task(self.conversation.run(), name="conversation")
        await self.quiet()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def quiet(self) -> None:
        """Until the bot has answered and said what it had to say."""
        await self.conversation.settled()
        await self.line.heard()

    async def says(self, text: str) -> None:
        recognition = Recognition((Hypothesis(text, -0.01),), 0.0, 1000, 100)
        self.conversation.hear(CallerTurn(recognition, InputMode.VOICE, 0, 1000))
        await self.quiet()

    async def keys(self, keys: str) -> None:
        self.conversation.press(keys)
        await self.quiet()

    async def asks_for_a_person(self) -> None:
        await self.says("Un conseiller")

    async def until_back(self) -> None:
        """Until the transfer is over and the bot has said what comes next."""
        while self.conversation.deaf and not self.conversation.ended:  # noqa: ASYNC110  # virtual time
            await asyncio.sleep(0.1)
        await self.quiet()

    async def over(self) -> None:
        await asyncio.wait_for(asyncio.shield(self.task), 5000)

    @property
    def said(self) -> list[str]:
        return [e.text for e in self.journal.of(BotSaid)]

    @property
    def outcome(self) -> str:
        (ended,) = self.journal.of(CallEnded)
        return str(ended.outcome)


def scripted(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """The test in virtual time."""

    def run() -> None:
        run_virtual(test())

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


# --- transfers


@scripted
async def test_an_agent_takes_the_caller_and_the_caller_comes_back() -> None:
    async with Call({"poitiers": ACCEPTS}) as call:
        await call.asks_for_a_person()
        await call.until_back()
        assert call.said[-2:] == [SAY.handoff_wait, SAY.handoff_returned]
        assert call.dialogue.received[-1] == "/call_returned"
        assert not call.conversation.ended
        await call.says("Non merci c'est tout")
        await call.over()
        assert call.outcome == "handoff"
        assert call.line.orders[-2:] == ["hang_up", "end"]
        assert "Au revoir." in call.said


@scripted
async def test_the_agent_is_told_the_case_and_the_caller_never_hears_it() -> None:
    identity = {"verified": True, "how": "caller_number+postcode", "subscriber": {"name": "Mme D."}}
    known = [{"custom": {"identity": identity}}, *HANDOFF]
    async with Call({"poitiers": Agent(key="1", key_s=14)}, {"un conseiller": known}) as call:
        await call.asks_for_a_person()
        await call.until_back()
        whisper = call.line.words("agent")
        assert "Madame D., identifiée" in whisper
        assert "Tapez 1 pour accepter" in whisper
        assert "identifiée" not in call.line.words("caller")
        assert "identifiée" not in " ".join(call.said)
        (token,) = call.line.tokens
        assert TOKENS.read(token, site="poitiers").handoff_id == packet_id("c1")


@scripted
async def test_what_is_said_or_keyed_meanwhile_reaches_nobody() -> None:
    """On hold it is music that is talked to; with the agent it is the agent who would be heard."""
    async with Call({"poitiers": Agent(key="1", key_s=10)}) as call:
        await call.asks_for_a_person()
        for _ in range(40):
            await asyncio.sleep(0.5)
            call.conversation.hear(
                CallerTurn(Recognition((Hypothesis("bonjour", 0),), 0, 1, 1), InputMode.VOICE, 0, 1)
            )
            call.conversation.press("10")
            call.conversation.unheard("recognition.failed")
            call.conversation.floor_free()
            call.conversation.tick()
        assert call.conversation.deaf and not call.conversation.means("0")
        assert len(call.journal.of(CallerSaid)) == 1
        assert not call.journal.of(SilenceNoted)
        assert call.dialogue.received == ["/call_started", "un conseiller"]


@pytest.mark.parametrize("at", [0.5, 4.0, 7.0, 9.0])
def test_who_hangs_up_while_waiting_gave_up(at: float) -> None:
    async def test() -> None:
        async with Call({"poitiers": Agent(key="1", key_s=8)}) as call:
            asyncio.get_running_loop().call_later(
                at + 8, call.line.caller_hangs_up
            )  # the welcome comes first
            call.conversation.hear(
                CallerTurn(Recognition((Hypothesis("un conseiller", 0),), 0, 1, 1), InputMode.VOICE, 0, 1)
            )
            await call.over()
            assert call.outcome == "abandoned"
            assert call.journal.of(CallEnded)[0].by == "caller"

    run_virtual(test())


@scripted
async def test_a_hang_up_seen_at_the_media_first_stops_the_ringing() -> None:
    async with Call({"poitiers": Agent(rings_s=19)}) as call:
        await call.asks_for_a_person()
        await asyncio.sleep(6)
        call.conversation.hung_up()
        await call.over()
        assert "stop ringing poitiers" in call.line.orders
        assert call.outcome == "abandoned"


@scripted
async def test_who_hangs_up_on_the_agent_was_handed_over() -> None:
    async with Call({"poitiers": Agent(key="1", talks_s=None)}) as call:
        await call.asks_for_a_person()
        await asyncio.sleep(60)
        assert call.journal.of(AgentJoined)
        call.line.caller_hangs_up()
        await call.over()
        assert call.outcome == "handoff"


@scripted
async def test_a_voice_that_fails_on_hold_does_not_end_the_transfer() -> None:
    async with Call({"poitiers": ACCEPTS}) as call:
        await call.asks_for_a_person()
        await asyncio.sleep(4)
        call.conversation.broken("voice", "voice.failed")
        await call.until_back()
        assert call.journal.of(AgentJoined)


@pytest.mark.parametrize("talking", [False, True])
def test_a_pipeline_that_breaks_leaves_the_legs_to_the_line(talking: bool) -> None:
    async def test() -> None:
        async with Call({"poitiers": Agent(key="1", rings_s=4, talks_s=None)}) as call:
            await call.asks_for_a_person()
            await asyncio.sleep(60 if talking else 3)
            call.conversation.broken("transport", "transport.failed")
            await call.over()
            assert not call.line.hung_up
            assert call.line.caller == ("agent" if talking else "hold")
            assert call.outcome == "failed"
            assert ("stop ringing poitiers" in call.line.orders) is not talking

    run_virtual(test())


@scripted
async def test_stopping_the_process_drops_an_agent_who_is_being_briefed_but_no_caller() -> None:
    async with Call({"poitiers": Agent(key="1", rings_s=2, key_s=14)}) as call:
        await call.asks_for_a_person()
        while call.line.bot != "agent":  # noqa: ASYNC110  # virtual time
            await asyncio.sleep(0.1)
    assert call.line.orders[-1] == "drop_agent"
    assert not call.line.hung_up and call.line.caller == "hold"
    assert call.outcome == "failed"


# --- nobody answers


@scripted
async def test_when_no_site_answers_a_callback_is_offered_and_promised() -> None:
    async with Call(NOBODY) as call:
        await call.asks_for_a_person()
        await call.until_back()
        assert [e.result for e in call.journal.of(SiteRung)] == ["busy"] * 4
        assert call.said[-1] == SAY.callback_offer
        assert call.conversation.expectation.kind is ExpectKind.YES_NO
        await call.says("Oui")
        await call.over()
        (promise,) = call.journal.of(CallbackPromised)
        assert (promise.reason, promise.due_at) == ("human_request", "2026-11-23T10:45:00+01:00")
        assert "aujourd'hui vers 10 h 45" in call.said[-1]
        assert call.outcome == "callback"


@scripted
async def test_the_promise_is_kept_within_the_hours() -> None:
    async with Call(NOBODY, wall=LATE) as call:
        await call.asks_for_a_person()
        await call.until_back()
        await call.keys("1")
        await call.over()
        assert call.journal.of(CallbackPromised)[0].due_at == "2026-11-24T08:00:00+01:00"
        assert "demain à partir de 8 h" in call.said[-1]


@pytest.mark.parametrize(
    ("answers", "outcome"),
    [
        (["rappelez-moi demain"], "callback"),
        (["oui s'il vous plaît, rappelez-moi"], "callback"),
        (["le ciel est bleu ce matin", "oui"], "callback"),
        (
            ["le ciel est bleu ce matin", "la mer aussi est bleue"],
            "callback",
        ),  # a person was asked for: it is not lost
    ],
)
def test_answers_to_the_offer(answers: list[str], outcome: str) -> None:
    async def test() -> None:
        async with Call(NOBODY) as call:
            await call.asks_for_a_person()
            await call.until_back()
            for text in answers:
                await call.says(text)
            await call.over()
            assert call.outcome == outcome

    run_virtual(test())


@pytest.mark.parametrize("no", ["non", "non merci, c'est moi qui vous rappelle", "2"])
def test_who_wants_no_callback_goes_on_with_the_bot(no: str) -> None:
    async def test() -> None:
        async with Call(NOBODY) as call:
            await call.asks_for_a_person()
            await call.until_back()
            await (call.keys(no) if no.isdigit() else call.says(no))
            assert call.said[-1] == SAY.callback_declined
            assert call.dialogue.received[-1] == "/call_returned"
            await call.says("Non merci c'est tout")
            await call.over()
            assert call.outcome == "resolved"

    run_virtual(test())


@scripted
async def test_silence_at_the_offer_does_not_lose_the_caller() -> None:
    async with Call(NOBODY) as call:
        await call.asks_for_a_person()
        await call.until_back()
        call.conversation.floor_free()
        for _ in range(120):
            await asyncio.sleep(0.5)
            call.conversation.tick()
            if call.conversation.busy:
                await call.quiet()
                call.conversation.floor_free()
        assert call.outcome == "callback"


@scripted
async def test_zero_at_the_offer_tries_the_sites_again() -> None:
    async with Call(NOBODY) as call:
        await call.asks_for_a_person()
        await call.until_back()
        call.line.agents["poitiers"] = ACCEPTS
        await call.keys("0")
        await call.until_back()
        assert call.journal.of(AgentJoined)
        assert call.said[-1] == SAY.handoff_returned


@scripted
async def test_without_a_number_no_callback_is_promised() -> None:
    async with Call(NOBODY, number="") as call:
        await call.asks_for_a_person()
        await call.until_back()
        assert call.said[-1] == SAY.callback_impossible
        assert not call.journal.of(CallbackPromised)
        assert not call.conversation.ended


@scripted
async def test_a_line_that_fails_altogether_still_brings_the_offer() -> None:
    async with Call({"poitiers": ACCEPTS}, fails=["hold"]) as call:
        await call.asks_for_a_person()
        await call.until_back()
        assert call.journal.of(Fault)[0].stage == "line"
        assert call.said[-1] == SAY.callback_offer
        assert (call.line.caller, call.line.bot) == ("bot", "caller")


@scripted
async def test_a_dialogue_that_is_down_after_the_agent_ends_the_call_with_a_promise() -> None:
    async with Call({"poitiers": ACCEPTS}, {"/call_returned": DialogueError("down")}) as call:
        await call.asks_for_a_person()
        await call.over()
        assert call.said[-1] == SAY.fault_callback
        assert call.journal.of(CallbackPromised)[0].reason == "fault"


@settings(max_examples=100, deadline=None)
@given(
    results=st.lists(
        st.builds(
            Agent,
            result=st.sampled_from(RingResult),
            rings_s=st.floats(0, 30),
            key=st.sampled_from(["", "1", "2"]),
            key_s=st.floats(0.1, 20),
            leaves_s=st.none() | st.floats(0.1, 30),
            talks_s=st.floats(1, 100),
        ),
        min_size=4,
        max_size=4,
    ),
    hang_up_s=st.none() | st.floats(0, 150),
    fails=st.lists(
        st.sampled_from(["hold", "ring", "whisper", "join", "take_back", "drop_agent"]), max_size=3
    ),
)
def test_a_caller_is_never_lost(results: list[Agent], hang_up_s: float | None, fails: list[str]) -> None:
    async def test() -> None:
        agents = dict(zip(NOBODY, results, strict=True))
        async with Call(agents, fails=fails) as call:
            if hang_up_s is not None:
                asyncio.get_running_loop().call_later(hang_up_s, call.line.caller_hangs_up)
            await call.asks_for_a_person()
            await call.until_back()
            if call.conversation.ended:
                assert call.line.caller == "gone"
                assert call.outcome in ("abandoned", "handoff")
            elif call.line.caller != "gone":
                assert call.said[-1] in (SAY.handoff_returned, SAY.callback_offer)
                assert call.line.bot == "caller" or "take_back" in fails
            assert "Tapez 1 pour accepter" not in call.line.words("caller")
            assert "Appel" not in call.line.words("caller").split()

    run_virtual(test())


@scripted
async def test_what_came_with_the_call_reaches_the_dialogue_with_every_turn() -> None:
    async with Call(opening=Opening(user_to_user="a partner's reference")) as call:
        await call.says("non merci c'est tout")
        await call.over()
        assert len(call.dialogue.metadata) >= 2
        assert {turn["user_to_user"] for turn in call.dialogue.metadata} == {"a partner's reference"}


# --- calls that were cut


def cut(*more: CallEvent, number: str = "+33611223344") -> Opening:
    """A call that goes on where another one was cut after ``more``."""
    events: list[CallEvent] = [
        CallStarted(0, 0, "old", "old-case", "phone", number, "2026-11-23T08:58:00Z"),
        BotSaid(10, 0, "Bonjour.", False),
        CallerSaid(20, 1, "ma facture", "ma facture", "voice", 0.9, 0, 1),
        Identified(30, 1, True, "caller_number+postcode", {"name": "Mme D."}, {"since": "1998-05-12"}),
        Understood(31, 1, "billing_increase", 0.9),
        ActionDone(32, 1, "explain_invoice", True, "", "remise terminée"),
        *more,
    ]
    return Opening(cut=earlier_call(CallView.of(events)))


@scripted
async def test_a_cut_call_goes_on_with_its_last_question_under_its_dialogue() -> None:
    opening = cut(BotSaid(40, 1, "Votre code postal ?", False))
    async with Call(answers={"/repeat": ASK_POSTCODE}, opening=opening) as call:
        assert call.said == [SAY.resumed, "Votre code postal ?"]
        assert call.dialogue.received == ["/repeat"]
        assert call.dialogue.metadata[0]["resumes"] == "old"
        assert call.dialogue.senders == ["old"]
        assert call.conversation.expectation.name == "postcode"
        await call.keys("86000")
        assert call.dialogue.received[-1] == '/inform_number{"number": "86000"}'


@scripted
async def test_a_dialogue_that_forgot_is_helped_by_the_record() -> None:
    opening = cut(BotSaid(40, 1, "Votre code postal ?", False))
    async with Call(answers={"/repeat": []}, opening=opening) as call:
        assert call.said == [SAY.resumed, "Votre code postal ?"]


@scripted
async def test_who_waited_for_a_person_goes_on_waiting() -> None:
    opening = cut(
        HandoffRequested(40, 1, "human_request", "billing"), Understood(41, 1, "human_request", 0.9)
    )
    async with Call({"poitiers": ACCEPTS}, opening=opening) as call:
        await call.until_back()
        assert call.said == [SAY.resumed, SAY.handoff_wait, SAY.handoff_returned]
        assert call.line.words("agent").startswith("Appel Lumia TV. Madame D., identifiée, pour une facture")


@scripted
async def test_who_talked_to_an_agent_meanwhile_has_come_back_from_them() -> None:
    opening = cut(HandoffRequested(40, 1, "human_request", "billing"), AgentJoined(50, 1, "poitiers", 9))
    async with Call(opening=opening) as call:
        assert call.said == [SAY.handoff_returned]
        assert call.dialogue.received == ["/call_returned"]


@scripted
async def test_the_case_is_known_to_the_record_of_the_call_that_goes_on() -> None:
    async with Call(answers={"/repeat": ASK_POSTCODE}, opening=cut()) as call:
        view = CallView.of(call.journal.events)
        assert view.identity is not None and view.identity.verified
        assert view.to_json()["continues"] == "old"
        packet = build_packet([*call.journal.events, HandoffRequested(50, 1, "human_request", "billing")])
        assert packet.continues == "old"
        assert packet.identity.verified
        assert [a.action for a in packet.tried] == ["explain_invoice"]
        assert not view.actions, "what was done is counted in the call in which it was done"
        again = earlier_call(view)
        assert (again.dialogue_id, again.events) == ("old", earlier_call(view).events)
        assert [type(e) for e in again.events] == [Identified, Understood, ActionDone]


# --- callbacks


def callback(kind: str = "web", reason: str = "", **more: Any) -> Opening:
    """A call that we place."""
    context = CallbackContext("cb1", kind, reason, datetime(2026, 11, 23, 8, tzinfo=UTC))
    return Opening(callback_id="cb1", callback=context, **more)


@scripted
async def test_who_is_rung_learns_who_calls_and_is_asked_whether_it_is_a_good_time() -> None:
    async with Call(opening=callback(reason="Ma box affiche P13")) as call:
        assert call.said == [SAY.callback_opening]
        assert "assistant automatique" in call.said[0] and "P13" not in call.said[0]
        assert call.dialogue.metadata[0]["callback"] == "cb1"
        assert call.conversation.expectation.kind is ExpectKind.YES_NO
        await call.says("Oui")
        assert call.dialogue.received == ["/call_started", "ma box affiche p13"]


@scripted
async def test_a_callback_without_a_reason_listens() -> None:
    async with Call(opening=callback()) as call:
        await call.keys("1")
        assert call.said[-1] == SAY.callback_ready
        await call.says("Ma facture")
        assert call.dialogue.received[-1] == "ma facture"


@scripted
async def test_a_promised_callback_brings_the_person_that_was_asked_for() -> None:
    before = cut(HandoffRequested(40, 1, "human_request", "technical")).cut
    async with Call(
        {"poitiers": ACCEPTS}, opening=callback("promised", "human_request", earlier=before)
    ) as call:
        assert call.journal.of(CaseContinued)
        await call.says("Oui")
        await call.until_back()
        (asked,) = call.journal.of(HandoffRequested)
        assert asked.skill == "technical"
        assert "non identifiée" in call.line.words("agent"), "somebody else may have picked up"
        assert call.journal.of(AgentJoined)


@pytest.mark.parametrize(
    ("answers", "outcome"),
    [
        (["non", "oui"], "callback"),
        (["rappelez-moi plus tard", "oui"], "callback"),
        (["je conduis", "non"], "abandoned"),
        (["non", "le ciel est bleu ce matin", "la mer aussi est bleue"], "abandoned"),
    ],
)
def test_a_bad_time(answers: list[str], outcome: str) -> None:
    async def test() -> None:
        async with Call(opening=callback()) as call:
            for text in answers:
                await call.says(text)
            await call.over()
            assert call.outcome == outcome
            for promise in call.journal.of(CallbackPromised):
                assert promise.due_at == "2026-11-23T12:15:00+01:00"

    run_virtual(test())


@scripted
async def test_who_says_at_once_what_they_want_is_heard() -> None:
    async with Call(opening=callback()) as call:
        await call.says("Oui bonjour c'est pour ma facture")
        assert call.dialogue.received[-1] == "oui bonjour c'est pour ma facture"
        assert call.conversation.expectation.kind is ExpectKind.OPEN
