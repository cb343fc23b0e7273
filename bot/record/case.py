"""What another call of the same case told, for the call that continues it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bot.events import (
    ActionDone,
    AgentJoined,
    AgentLeft,
    BotSaid,
    CallbackPromised,
    CallerSaid,
    CallEvent,
    CaseContinued,
    HandoffRequested,
    Identified,
    OfferTold,
    RecordingAnswered,
    Understood,
)
from bot.handoff.packet import earlier_facts
from bot.record.view import CallView

_TOLD = (Identified, Understood, ActionDone, OfferTold, RecordingAnswered)
"""What stays true in the call that follows."""


@dataclass(frozen=True)
class EarlierCall:
    """A call that another one continues.

    ``dialogue_id``: whose dialogue it was. ``asked``: the last that was said to the caller. ``waiting``: the
    request for a person who had not come yet, None without one. ``with_agent``: an agent and the caller were talking.
    ``skill``: of the last person asked for, or empty. ``events``: the facts that stay true, redacted.
    """

    call_id: str
    case_id: str
    dialogue_id: str
    caller_number: str = ""
    asked: str = ""
    waiting: HandoffRequested | None = None
    with_agent: bool = False
    skill: str = ""
    events: tuple[CallEvent, ...] = ()

    def continued(self, *, known_caller: bool) -> CaseContinued:
        """The event that begins the call which continues this one.

        ``known_caller``: the same person is on the line, so that who they are stays established.
        """
        kept = [e for e in self.events if known_caller or not isinstance(e, Identified)]
        return CaseContinued(0, 0, self.call_id, self.dialogue_id, tuple(e.to_json() for e in kept))


def earlier_call(view: CallView) -> EarlierCall:
    """What a call told, and where it stood at its end."""
    before = next((e for e in view.events if isinstance(e, CaseContinued)), None)
    events = (*(earlier_facts(before) if before else ()), *(e for e in view.events if isinstance(e, _TOLD)))
    asked = next((e.text for e in reversed(view.events) if isinstance(e, BotSaid)), "")
    waiting, with_agent = _person(view.events)
    return EarlierCall(
        call_id=view.call_id,
        case_id=view.case_id,
        dialogue_id=before.dialogue_id if before else view.call_id,
        caller_number=view.caller_number,
        asked=asked,
        waiting=waiting,
        with_agent=with_agent,
        skill=view.handoffs[-1].skill if view.handoffs else "",
        events=events,
    )


def _person(events: Iterable[CallEvent]) -> tuple[HandoffRequested | None, bool]:
    waiting, with_agent = None, False
    for event in events:
        match event:
            case HandoffRequested():
                waiting = event
            case AgentJoined():
                waiting, with_agent = None, True
            case AgentLeft():
                with_agent = False
            case CallerSaid() | CallbackPromised():  # the conversation has gone on since
                waiting = None
    return waiting, with_agent
