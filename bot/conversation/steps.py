"""What the dialogue reports, as the facts that are kept. Pure."""

from __future__ import annotations

from bot.dialogue.payload import CallbackStep, HandoffStep, Identity, OfferStep, Recording, Report, Step
from bot.events import (
    ActionDone,
    CallbackPromised,
    CallEvent,
    HandoffRequested,
    Identified,
    OfferTold,
    RecordingAnswered,
)


def event_of(step: Step, at_ms: int, turn: int) -> CallEvent:
    """The event that keeps ``step``."""
    match step:
        case Report():
            return ActionDone(at_ms, turn, step.action, step.ok, step.reference, step.result)
        case Identity():
            return Identified(at_ms, turn, step.verified, step.how, step.subscriber, step.contract)
        case OfferStep():
            return OfferTold(at_ms, turn, step.offer, step.terms, step.answer)
        case HandoffStep():
            return HandoffRequested(at_ms, turn, step.reason, step.skill, step.video)
        case CallbackStep():
            return CallbackPromised(at_ms, turn, step.reason, step.due_at)
        case Recording():
            return RecordingAnswered(at_ms, turn, step.allowed)
