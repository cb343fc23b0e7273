"""The journal of a call: every fact is an event, and record, packet and live view are folds of them.

All events are frozen, carry ``at_ms`` (milliseconds since the call was answered) and have a stable
``type`` string for JSON. Texts are redacted before they enter the journal (``bot.record.redact``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar


@dataclass(frozen=True)
class CallEvent:
    """Base of all events. ``turn``: 0 before the caller's first turn, then counted from 1."""

    type: ClassVar[str] = "event"
    at_ms: int
    turn: int

    def to_json(self) -> dict[str, Any]:
        """The event as plain JSON values, ``type`` first."""
        return {"type": self.type, **asdict(self)}


@dataclass(frozen=True)
class CallStarted(CallEvent):
    """The call was answered. ``started_at``: ISO 8601 UTC. ``caller_number``: E.164 or empty."""

    type: ClassVar[str] = "call_started"
    call_id: str
    case_id: str
    channel: str
    caller_number: str
    started_at: str


@dataclass(frozen=True)
class CaseContinued(CallEvent):
    """The call goes on where another one of the same case was cut, or keeps the call back promised in it.

    ``call_id``: the other one. ``dialogue_id``: whose dialogue it was. ``earlier``: its facts that stay true, as JSON
    events, redacted when they were first kept.
    """

    type: ClassVar[str] = "case_continued"
    call_id: str
    dialogue_id: str
    earlier: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class BotSaid(CallEvent):
    """The bot began to say ``text`` (written form). ``private``: it holds personal data."""

    type: ClassVar[str] = "bot_said"
    text: str
    private: bool


@dataclass(frozen=True)
class BotInterrupted(CallEvent):
    """The caller cut the bot short. ``heard``: the part of the reply that was played."""

    type: ClassVar[str] = "bot_interrupted"
    heard: str


@dataclass(frozen=True)
class CallerSaid(CallEvent):
    """One caller turn. ``raw``: as recognised; ``text``: normalised, as the dialogue got it.

    ``secret``: what was expected is a secret (a birth date): no number of it is ever stored.
    """

    type: ClassVar[str] = "caller_said"
    raw: str
    text: str
    mode: str
    confidence: float
    started_ms: int
    ended_ms: int
    secret: bool = False


@dataclass(frozen=True)
class Understood(CallEvent):
    """What the dialogue made of the turn. ``slots``: the ones set, redacted."""

    type: ClassVar[str] = "understood"
    intent: str
    confidence: float
    entities: tuple[Mapping[str, Any], ...] = ()
    slots: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ActionDone(CallEvent):
    """Something was tried or done for the subscriber. ``reference``: what the caller was given."""

    type: ClassVar[str] = "action_done"
    action: str
    ok: bool
    reference: str = ""
    result: str = ""


@dataclass(frozen=True)
class Identified(CallEvent):
    """Identity changed. ``subscriber`` and ``contract`` hold masked values only."""

    type: ClassVar[str] = "identified"
    verified: bool
    how: str
    subscriber: Mapping[str, str] = field(default_factory=dict)
    contract: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class OfferTold(CallEvent):
    """An offer was told or answered: the offers audit. ``answer``: proposed | accepted | refused."""

    type: ClassVar[str] = "offer"
    offer: str
    terms: str
    answer: str


@dataclass(frozen=True)
class SilenceNoted(CallEvent):
    """The caller stayed silent. ``step``: reprompt | keypad | human."""

    type: ClassVar[str] = "silence"
    step: str


@dataclass(frozen=True)
class RecordingAnswered(CallEvent):
    """The caller said whether the call may be recorded; until then nobody has, and the bot itself records nothing."""

    type: ClassVar[str] = "recording"
    allowed: bool


@dataclass(frozen=True)
class HandoffRequested(CallEvent):
    """A person is needed. ``skill``: billing | technical | retention | general."""

    type: ClassVar[str] = "handoff_requested"
    reason: str
    skill: str
    video: bool = False


@dataclass(frozen=True)
class SiteChosen(CallEvent):
    """Sites were ranked for this call: at every handoff, also when there is nobody to ring.

    ``order``: ids of the sites to ring. ``due``: site → the part of this call that its share entitles it to.
    ``choice``, ``inputs``: the whole choice with its reasons, and all that it rests on (``bot.routing.codec``).
    """

    type: ClassVar[str] = "site_chosen"
    skill: str
    order: tuple[str, ...]
    due: Mapping[str, float]
    choice: Mapping[str, Any]
    inputs: Mapping[str, Any]


@dataclass(frozen=True)
class SiteRung(CallEvent):
    """A site was rung for this call. ``result``: answered | busy | no_answer | declined | failed.

    ``ring_ms``: how long.

    ``declined`` and ``no_answer`` are also said of an agent who picked up and refused, or pressed nothing.
    """

    type: ClassVar[str] = "site_rung"
    site: str
    result: str
    ring_ms: int


@dataclass(frozen=True)
class AgentJoined(CallEvent):
    """An agent and the caller were put together. ``waited_ms``: since the caller was put on hold.

    ``agent``: the id of somebody signed in at the desk; empty: whoever picked up the site's telephone.
    """

    type: ClassVar[str] = "agent_joined"
    site: str
    waited_ms: int
    agent: str = ""


@dataclass(frozen=True)
class AgentLeft(CallEvent):
    """The agent left, the caller stayed. ``talked_ms``: since they were put together.

    ``agent``: as in :class:`AgentJoined`. ``then``: what the bot was told to go on with (``survey`` | ``pay`` |
    ``continue``); empty: the agent just hung up.
    """

    type: ClassVar[str] = "agent_left"
    site: str
    talked_ms: int
    agent: str = ""
    then: str = ""


@dataclass(frozen=True)
class SurveyDue(CallEvent):
    """An agent of ``site`` gave the caller back to be asked for their opinion; nobody has asked yet."""

    type: ClassVar[str] = "survey_due"
    site: str


@dataclass(frozen=True)
class CallbackPromised(CallEvent):
    """The subscriber will be called back. ``due_at``: ISO 8601 with offset; empty: as soon as open."""

    type: ClassVar[str] = "callback_promised"
    reason: str
    due_at: str = ""


@dataclass(frozen=True)
class Fault(CallEvent):
    """A part failed. ``stage``: recognition | voice | dialogue | store | transport | line | bot; ``code``: error code.

    ``bot``: this whole process ended in mid-call (``bot.gone``), noted by the next one.
    """

    type: ClassVar[str] = "fault"
    stage: str
    code: str


@dataclass(frozen=True)
class TurnTimed(CallEvent):
    """How long the turn took. ``endpoint_ms``: last speech → end of turn decided; the others: each part.

    ``voice_to_voice_ms``: last speech of the caller → first audio sample of the bot leaving us.
    """

    type: ClassVar[str] = "turn_timed"
    voice_to_voice_ms: int
    endpoint_ms: int
    recognition_ms: int
    dialogue_ms: int
    first_audio_ms: int


@dataclass(frozen=True)
class CallEnded(CallEvent):
    """The call is over. ``outcome``: resolved | handoff | callback | abandoned | failed."""

    type: ClassVar[str] = "call_ended"
    outcome: str
    by: str  # caller | bot
