"""From the bot's record to a verdict: the fold, and what is said of a difference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.events import (
    ActionDone,
    BotInterrupted,
    BotSaid,
    CallEnded,
    CallerSaid,
    CallEvent,
    CallStarted,
    HandoffRequested,
    Identified,
    OfferTold,
    SilenceNoted,
    TurnTimed,
    Understood,
)
from simulator import script
from simulator.expect import differences
from simulator.result import Acted, CallResult, Observed, Timing, fold, pair

EVENTS: tuple[CallEvent, ...] = (
    CallStarted(0, 0, "c1", "k1", "phone", "+33611223344", "2027-03-16T09:00:00Z"),
    BotSaid(10, 0, "Bonjour, Lumia TV.", False),
    CallerSaid(4000, 1, "ma facture a augmenté", "ma facture a augmenté", "voice", 0.9, 2000, 3800),
    BotSaid(4600, 1, "Votre code postal ?", False),
    Understood(4700, 1, "billing_increase", 0.97, (), {"topic": "increase", "verified": None}),
    TurnTimed(4650, 1, 800, 300, 300, 80, 40),
    CallerSaid(9000, 2, "75011", "75011", "keypad", 1.0, 9000, 9000),
    Identified(9100, 2, True, "caller_number+postcode", {"name": "Mme D."}, {}),
    ActionDone(9200, 2, "explain_invoice", True, "", "option ajoutée"),
    BotSaid(9300, 2, "Votre facture est de 42,90 €.", True),
    Understood(9400, 2, "inform_number", 1.0, (), {"topic": "increase", "verified": True, "day": 5}),
    BotInterrupted(10_000, 2, "Votre facture"),
    OfferTold(10_100, 2, "fidelity12", "", "proposed"),
    OfferTold(10_200, 2, "fidelity12", "", "refused"),
    SilenceNoted(17_000, 2, "reprompt"),
    HandoffRequested(20_000, 2, "human_request", "billing"),
    CallEnded(21_000, 2, "handoff", "bot"),
)

ACTS = (
    Acted(1, "say", "Ma facture a augmenté", True, 2.0, 3.8),
    Acted(2, "keys", "75011#", True, 7.5, 9.0),
)


def result(channel: str = "phone", timings: tuple[Timing, ...] = ()) -> CallResult:
    events = [event.to_json() for event in EVENTS]
    bare = CallResult("scripts/a.yml", "a", channel, acts=ACTS)
    observed = [Observed(event["at_ms"] / 1000 + 0.1, event) for event in events]
    return fold(bare, {"outcome": "handoff", "events": events, "handoff": {"reason": "x"}}, observed, timings)


def judge(expect: str, channel: str = "phone") -> tuple[str, ...]:
    return differences(script.parse(f"expect: {expect}", Path("a.yml")).expect, result(channel))


def test_the_fold_puts_each_thing_in_its_turn() -> None:
    folded = result(timings=(Timing(700, None), Timing()))
    first, second = folded.turns
    assert folded.greeting == ("Bonjour, Lumia TV.",)
    assert (first.said, first.heard, first.intent) == (
        "Ma facture a augmenté", "ma facture a augmenté", "billing_increase",
    )  # fmt: skip
    assert (first.voice_to_voice_ms, first.server_voice_to_voice_ms) == (700, 800)
    assert (second.said, second.mode, second.interrupted) == ("75011#", "keypad", True)
    assert second.replies == ("Votre facture est de 42,90 €.",)
    assert folded.actions[0]["action"] == "explain_invoice"
    assert (folded.outcome, folded.ended_by, folded.handoff) == ("handoff", "bot", {"reason": "x"})


def test_the_live_journal_serves_when_the_record_holds_no_events() -> None:
    observed = [Observed(0.1, event.to_json()) for event in EVENTS]
    assert fold(CallResult("a", "a", "phone"), {}, observed).outcome == "handoff"


@pytest.mark.parametrize(
    "expect",
    [
        "{outcome: handoff, ended_by: bot}",
        "{intents: [billing_increase, inform_number]}",
        "{intents: [inform_number], not_intents: [human_request]}",
        "{actions: [explain_invoice], not_actions: [cancel_contract]}",
        "{actions: [{action: explain_invoice, ok: true}]}",
        "{slots: {topic: increase, verified: true, day: '5', other: null}}",
        "{said: [bonjour, code postal, '42,90'], not_said: [météo]}",
        "{handoff: {reason: human_request, skill: billing, video: false, verified: true}}",
        "{offers: [{offer: fidelity12, answer: refused}], verified: true}",
        "{silences: [reprompt], max_turns: 2}",
        "{sound: {interruptions: 1}}",
        "{}",
    ],
)
def test_what_holds(expect: str) -> None:
    assert judge(expect) == ()


@pytest.mark.parametrize(
    ("expect", "told"),
    [
        ("{outcome: resolved}", "outcome: resolved expected, got handoff"),
        ("{intents: [inform_number, billing_increase]}", "billing_increase is missing or out of order"),
        ("{not_intents: [inform_number]}", "inform_number was not to be understood"),
        ("{actions: [line_test]}", "actions: line_test is missing"),
        ("{actions: [{action: explain_invoice, ok: false}]}", "explain_invoice, failed is missing"),
        ("{not_actions: [explain_invoice]}", "was not to be done"),
        ("{slots: {topic: due}}", "slots.topic: due expected, got increase"),
        ("{slots: {day: null}}", "slots.day: nothing expected, got 5"),
        ("{said: [code postal, bonjour]}", "/bonjour/ is missing or out of order"),
        ("{not_said: [facture]}", "the bot said «Votre facture est de 42,90 €.»"),
        ("{handoff: false}", "handoff: none expected"),
        ("{handoff: {skill: technical}}", "handoff.skill: technical expected, got billing"),
        ("{offers: []}", "offers: none expected"),
        ("{offers: [{offer: pause3, answer: accepted}]}", "pause3 accepted is missing"),
        ("{silences: []}", "silences: none expected, got reprompt"),
        ("{max_turns: 1}", "at most 1 expected, 2 were needed"),
        ("{ended_by: caller}", "ended by: caller expected, got bot"),
        ("{verified: false}", "verified: no expected, got yes"),
        ("{sound: {interruptions: 0}}", "interruptions: 0 expected, got 1"),
    ],
)
def test_what_differs_is_told(expect: str, told: str) -> None:
    (difference,) = judge(expect)
    assert told in difference


def test_sound_is_judged_only_with_sound() -> None:
    assert judge("{sound: {interruptions: 0}}", channel="text") == ()


def test_a_slow_answer_is_told() -> None:
    expect = script.parse("expect: {sound: {max_voice_to_voice_ms: 600}}", Path("a.yml")).expect
    (difference,) = differences(expect, result(timings=(Timing(700), Timing())))
    assert "measured 700 ms" in difference


def acted(began: float, words: str, **fields: Any) -> Acted:
    return Acted(1, "say", words, fields.get("addressed", True), began, began + 1)


def test_turns_are_paired_with_what_was_said_by_time() -> None:
    acts = [acted(1, "un"), acted(5, "", addressed=False), acted(9, "deux")]
    assert pair(acts, [("hein", 3.0), ("deux", 11.0)]) == [0, 2]
    assert pair(acts, [("un", 3.0), ("suite", 3.5), ("deux", 11.0)]) == [0, None, 2]
    assert pair(acts, [("deux", 11.0)]) == [2]  # the first was never taken for a turn


def test_turns_are_paired_by_words_where_no_time_is_known() -> None:
    acts = [acted(1, "mm-hm"), acted(2, "Oui."), acted(3, "12#")]
    assert pair(acts, [("oui", None), ("12", None)]) == [1, 2]
    assert pair(acts, [("autre chose", None)]) == [0]
    assert pair([], [("x", None)]) == [None]
