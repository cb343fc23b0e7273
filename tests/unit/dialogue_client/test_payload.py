"""What the dialogue may answer."""

from __future__ import annotations

import json

import pytest

from bot.dialogue.payload import HandoffStep, Report, parse_reply
from bot.errors import DialoguePayloadError
from bot.models import ExpectKind, Say
from bot.settings import ROOT


def test_texts_are_public_and_says_private_unless_told_otherwise() -> None:
    reply = parse_reply(
        [
            {"text": "Très bien."},
            {"custom": {"say": "Madame Dupont, 42,90 €."}},
            {"custom": {"say": "Le 5.", "private": False}},
        ]
    )
    assert reply.says == (Say("Très bien."), Say("Madame Dupont, 42,90 €.", True), Say("Le 5."))
    assert reply.expectation.kind is ExpectKind.OPEN


def test_the_last_expectation_wins_and_steps_keep_their_order() -> None:
    reply = parse_reply(
        [
            {"custom": {"expect": {"kind": "yes_no"}, "report": {"action": "line_test", "ok": True}}},
            {"custom": {"handoff": {"reason": "technical", "skill": "technical", "video": True}}},
            {"custom": {"expect": {"kind": "digits", "lengths": [8], "check": "luhn"}}},
        ]
    )
    assert reply.steps == (
        Report(action="line_test", ok=True),
        HandoffStep(reason="technical", skill="technical", video=True),
    )
    assert reply.handoff is not None and reply.handoff.video
    assert (reply.expectation.kind, reply.expectation.lengths) == (ExpectKind.DIGITS, (8,))


def test_hanging_up_expects_nothing() -> None:
    reply = parse_reply([{"text": "Au revoir."}, {"custom": {"hang_up": {"outcome": "resolved"}}}])
    assert reply.expectation.kind is ExpectKind.NOTHING


@pytest.mark.parametrize(
    "custom",
    [
        {"sing": "la"},
        {"expect": {"kind": "song"}},
        {"handoff": {"reason": "boredom", "skill": "general"}},
        {"offer": {"offer": "x", "terms": "y", "answer": "maybe"}},
        {"hang_up": {"outcome": "won"}},
        {"report": {"ok": True}},
        [],
    ],
)
def test_anything_outside_the_contract_is_refused_without_its_values(custom: object) -> None:
    with pytest.raises(DialoguePayloadError) as caught:
        parse_reply([{"custom": custom}])
    assert "boredom" not in str(caught.value)


def test_the_samples_both_sides_share_are_understood() -> None:
    samples = sorted((ROOT / "tests" / "contracts").glob("reply_*.json"))
    assert samples, "tests/contracts holds no sample replies"
    for sample in samples:
        parse_reply(json.loads(sample.read_text(encoding="utf-8")))
