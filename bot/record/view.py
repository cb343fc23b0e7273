"""The call as one JSON document, folded from its events: what the API, the simulator and the store show.

Pure: the same events give the same document, in any process, live or years later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from bot.events import (
    ActionDone,
    AgentJoined,
    AgentLeft,
    BotInterrupted,
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
    OfferTold,
    RecordingAnswered,
    SilenceNoted,
    SiteChosen,
    SiteRung,
    TurnTimed,
    Understood,
)
from bot.handoff.packet import ContextPacket, build_packet, earlier_facts


@dataclass
class TurnView:
    """One exchange: what the caller gave and what the bot answered. Times in ms since the answer.

    ``heard``: text recognised, typed or keyed; ``text``: normalised, as the dialogue got it;
    ``recognition_confidence``: 0–1 from the recogniser; ``confidence``: 0–1 of the intent;
    ``slots``: those set after the turn; ``interrupted``: the caller cut the replies of this turn short, and
    ``played`` is the part of them that was heard; ``timings``: as in :class:`bot.events.TurnTimed`.
    """

    turn: int
    heard: str = ""
    text: str = ""
    mode: str = ""
    started_ms: int = 0
    ended_ms: int = 0
    recognition_confidence: float | None = None
    intent: str = ""
    confidence: float | None = None
    entities: tuple[Any, ...] = ()
    slots: dict[str, Any] = field(default_factory=dict)
    replies: list[str] = field(default_factory=list)
    interrupted: bool = False
    played: str | None = None
    silences: list[str] = field(default_factory=list)
    voice_to_voice_ms: int | None = None
    timings: dict[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON. ``said`` is what the caller really said: only the caller's side knows, so null here."""
        return {
            "turn": self.turn,
            "said": None,
            "heard": self.heard,
            "text": self.text,
            "mode": self.mode,
            "started_ms": self.started_ms,
            "ended_ms": self.ended_ms,
            "recognition_confidence": self.recognition_confidence,
            "intent": self.intent or None,
            "confidence": self.confidence,
            "entities": [dict(e) for e in self.entities],
            "slots": dict(self.slots),
            "replies": list(self.replies),
            "interrupted": self.interrupted,
            "played": self.played,
            "silences": list(self.silences),
            "voice_to_voice_ms": self.voice_to_voice_ms,
            "timings": dict(self.timings),
        }


@dataclass
class CallView:
    """A call as it stands after the events applied so far.

    Tolerates a part of the journal that is missing (a call seen from its middle on): what is not known
    stays empty.
    """

    call_id: str = ""
    case_id: str = ""
    channel: str = ""
    caller_number: str = ""
    started_at: str = ""
    ended_ms: int | None = None
    outcome: str = ""
    ended_by: str = ""
    identity: Identified | None = None
    recording_refused: bool = False
    turns: dict[int, TurnView] = field(default_factory=dict)
    actions: list[ActionDone] = field(default_factory=list)
    offers: list[OfferTold] = field(default_factory=list)
    handoffs: list[HandoffRequested] = field(default_factory=list)
    callbacks: list[CallbackPromised] = field(default_factory=list)
    continues: str = ""
    choices: list[SiteChosen] = field(default_factory=list)
    routing: list[SiteRung | AgentJoined | AgentLeft] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    events: list[CallEvent] = field(default_factory=list)

    @classmethod
    def of(cls, events: Iterable[CallEvent], call_id: str = "") -> CallView:
        """The view after ``events``. ``call_id``: known even where the event that started the call is missing."""
        view = cls(call_id=call_id)
        for event in events:
            view.apply(event)
        return view

    @property
    def ended(self) -> bool:
        """Whether the call is over."""
        return self.ended_ms is not None

    @property
    def ended_at(self) -> str:
        """ISO 8601 UTC, or empty while the call runs or when its start is not known."""
        return "" if self.ended_ms is None else self.moment(self.ended_ms)

    def moment(self, at_ms: int) -> str:
        """The instant ``at_ms`` of the call, ISO 8601 UTC, or empty when the start is not known."""
        try:
            start = datetime.fromisoformat(self.started_at)
        except ValueError:
            return ""
        return (start + timedelta(milliseconds=at_ms)).isoformat()

    @property
    def packet(self) -> ContextPacket | None:
        """The context packet as it stands, once a person has been asked for or a callback promised."""
        return build_packet(self.events, call_id=self.call_id) if self.handoffs or self.callbacks else None

    def apply(self, event: CallEvent) -> None:
        """Fold one more event. Events of a type this version does not know only join ``events``."""
        self.events.append(event)
        fold = _FOLDS.get(type(event))
        if fold is not None:
            fold(self, event)

    def turn(self, number: int) -> TurnView:
        """The turn ``number``, created when it is new. Turn 0 is the greeting."""
        return self.turns.setdefault(number, TurnView(number))

    def summary(self) -> dict[str, Any]:
        """The call in a line, for lists."""
        intents = [t.intent for _, t in sorted(self.turns.items()) if t.intent]
        return {
            "call_id": self.call_id,
            "case_id": self.case_id,
            "channel": self.channel,
            "started_at": self.started_at or None,
            "ended_at": self.ended_at or None,
            "running": not self.ended,
            "outcome": self.outcome or None,
            "turns": sum(1 for n in self.turns if n > 0),
            "intents": list(dict.fromkeys(intents)),
            "verified": bool(self.identity and self.identity.verified),
            "handoff": self.handoffs[-1].reason if self.handoffs else None,
        }

    def to_json(self) -> dict[str, Any]:
        """The whole call; the shape is described in ``docs/record.md``."""
        turns = [turn.to_json() for number, turn in sorted(self.turns.items()) if number > 0]
        opening = self.turns.get(0, TurnView(0))
        packet = self.packet
        return {
            **self.summary(),
            "caller_number": self.caller_number,
            "ended_by": self.ended_by or None,
            "duration_ms": self.ended_ms,
            "identity": _bare(self.identity) if self.identity else None,
            "recording_refused": self.recording_refused,
            "slots": self._slots(),
            "opening": opening.replies,
            "turns": turns,
            "actions": [_bare(a) for a in self.actions],
            "offers": [_bare(o) for o in self.offers],
            "callbacks": [_bare(c) for c in self.callbacks],
            "continues": self.continues or None,
            "choices": [_choice(e) for e in self.choices],
            "routing": [e.to_json() for e in self.routing],
            "faults": [_bare(f) for f in self.faults],
            "handoff": packet.model_dump(mode="json") if packet and packet.handoff else None,
            "events": [e.to_json() for e in self.events],
        }

    def _slots(self) -> dict[str, Any]:
        for _, turn in sorted(self.turns.items(), reverse=True):
            if turn.slots:
                return dict(turn.slots)
        return {}


def _bare(event: CallEvent) -> dict[str, Any]:
    return {k: v for k, v in event.to_json().items() if k != "type"}


def _choice(event: SiteChosen) -> dict[str, Any]:
    """A choice as it is read; what it rested on stays among the events, for a replay."""
    return {"at_ms": event.at_ms, "turn": event.turn, "skill": event.skill, **event.choice}


# --- one fold an event --------------------------------------------------------------------------


def _started(view: CallView, event: CallStarted) -> None:
    view.call_id, view.case_id, view.channel = event.call_id, event.case_id, event.channel
    view.caller_number, view.started_at = event.caller_number, event.started_at


def _continued(view: CallView, event: CaseContinued) -> None:
    view.continues = event.call_id
    for fact in earlier_facts(event):
        if isinstance(fact, Identified):
            view.identity = fact


def _caller_said(view: CallView, event: CallerSaid) -> None:
    turn = view.turn(event.turn)
    turn.heard, turn.text, turn.mode = event.raw, event.text, event.mode
    turn.recognition_confidence = event.confidence
    turn.started_ms, turn.ended_ms = event.started_ms, event.ended_ms


def _understood(view: CallView, event: Understood) -> None:
    turn = view.turn(event.turn)
    turn.intent, turn.confidence = event.intent, event.confidence
    turn.entities, turn.slots = tuple(event.entities), dict(event.slots)


def _bot_said(view: CallView, event: BotSaid) -> None:
    view.turn(event.turn).replies.append(event.text)


def _interrupted(view: CallView, event: BotInterrupted) -> None:
    turn = view.turn(event.turn)
    turn.interrupted, turn.played = True, event.heard


def _silence(view: CallView, event: SilenceNoted) -> None:
    view.turn(event.turn).silences.append(event.step)


def _timed(view: CallView, event: TurnTimed) -> None:
    turn = view.turn(event.turn)
    turn.voice_to_voice_ms = event.voice_to_voice_ms
    turn.timings = {k: v for k, v in event.to_json().items() if k not in ("type", "at_ms", "turn")}


def _identified(view: CallView, event: Identified) -> None:
    view.identity = event


def _recording(view: CallView, event: RecordingAnswered) -> None:
    view.recording_refused = not event.allowed


def _ended(view: CallView, event: CallEnded) -> None:
    view.ended_ms, view.outcome, view.ended_by = event.at_ms, event.outcome, event.by


_FOLDS: dict[type[CallEvent], Callable[[CallView, Any], None]] = {
    CallStarted: _started,
    CaseContinued: _continued,
    CallerSaid: _caller_said,
    Understood: _understood,
    BotSaid: _bot_said,
    BotInterrupted: _interrupted,
    SilenceNoted: _silence,
    TurnTimed: _timed,
    Identified: _identified,
    RecordingAnswered: _recording,
    CallEnded: _ended,
    ActionDone: lambda view, event: view.actions.append(event),
    OfferTold: lambda view, event: view.offers.append(event),
    HandoffRequested: lambda view, event: view.handoffs.append(event),
    CallbackPromised: lambda view, event: view.callbacks.append(event),
    SiteChosen: lambda view, event: view.choices.append(event),
    SiteRung: lambda view, event: view.routing.append(event),
    AgentJoined: lambda view, event: view.routing.append(event),
    AgentLeft: lambda view, event: view.routing.append(event),
    Fault: lambda view, event: view.faults.append(event),
}
