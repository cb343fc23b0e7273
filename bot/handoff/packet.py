"""The context packet: one versioned JSON document that lets a person continue the call without asking again.

The same for phone, browser and video. It is folded from the call's events, so it can be built at any
moment, again and again, to the same document. Full IBANs, card numbers and birth dates cannot be in it: the
builder redacts and the model refuses. Links name what may be opened and the right it takes, never an
address. Its JSON Schema is ``docs/schemas/context-packet.json`` (``python -m bot.handoff.schema``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, TypeVar
from uuid import NAMESPACE_URL, uuid5

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, model_validator

from bot.events import (
    ActionDone,
    AgentLeft,
    BotInterrupted,
    BotSaid,
    CallbackPromised,
    CallEnded,
    CallerSaid,
    CallEvent,
    CallStarted,
    CaseContinued,
    HandoffRequested,
    Identified,
    OfferTold,
    RecordingAnswered,
    SilenceNoted,
    SiteChosen,
    SiteRung,
    Understood,
)
from bot.handoff import labels
from bot.handoff.summary import Story, summarise, whisper
from bot.record.codec import event_from_json
from bot.record.redact import redact, redact_value

SCHEMA_VERSION: Literal["1.1"] = "1.1"
"""Version of the shape: the major number changes when a reader of the old shape would misread the new."""


def _refuse_personal(text: str) -> str:
    if redact(text) != text:
        raise ValueError("holds a full IBAN, card number, birth date or other secret")
    return text


Text = Annotated[str, AfterValidator(_refuse_personal)]
"""A text that the redactor has nothing to say about."""

Confidence = Annotated[float, Field(ge=0, le=1)]
Millis = Annotated[int, Field(ge=0, description="Milliseconds since the call was answered")]


_DATE = re.compile(r"^(\d{4}-\d{2}-\d{2})?$")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Caller(_Part):
    """Where the call came from."""

    number_masked: str = Field(description="Calling number with its middle hidden, or empty")


class Subscriber(_Part):
    """Who the subscriber is, masked."""

    ref: str = Field("", description="Reference in the operator's subscriber system; not personal by itself")
    name: Text = Field("", description="Title and initial: Mme D.")
    number: Text = Field("", description="Subscriber number, last digits only: ••••5674")


class Contract(_Part):
    """The subscriber's contract."""

    ref: str = ""
    plan: Text = ""
    since: str = Field("", pattern=_DATE.pattern, description="ISO 8601 date")
    ends: str = Field(
        "", pattern=_DATE.pattern, description="ISO 8601 date of the end of the commitment, or empty"
    )


class Identity(_Part):
    """Whether the caller is who they say, and how that was established."""

    verified: bool = False
    how: str = Field(
        "", description="caller_number+postcode, subscriber_number+birth_date, …, failed, or empty"
    )
    subscriber: Subscriber = Subscriber()
    contract: Contract = Contract()


class Intent(_Part):
    """What the caller wanted, at one turn."""

    intent: str
    label: str = Field(description="French, for the agent")
    confidence: Confidence
    turn: int
    at_ms: Millis


class Attempt(_Part):
    """Something tried or done, with its result."""

    action: str
    ok: bool
    reference: str = Field("", description="What the caller was given: D-4F7K2")
    result: Text = Field("", description="French, for the agent")
    turn: int
    at_ms: Millis


class Offer(_Part):
    """An offer told to the caller and the last answer to it."""

    offer: str
    terms: Text
    answer: Literal["proposed", "accepted", "refused"]
    at_ms: Millis


class Signal(_Part):
    """A sign of how the caller feels."""

    signal: Literal["upset", "human_request", "interruption", "silence", "not_understood"]
    turn: int
    at_ms: Millis


class Sentiment(_Part):
    """How the caller feels, from the signals. ``upset``: said so; ``tense``: two signals or more."""

    mood: Literal["calm", "tense", "upset"]
    signals: tuple[Signal, ...] = ()


class Site(_Part):
    """The site chosen to answer, and why."""

    id: str
    name: str
    why: str = Field(description="French: Ouvert, compétence facturation, 3 conseillers libres")


class Handoff(_Part):
    """Why a person is needed, and which."""

    reason: str
    reason_label: str
    skill: str
    skill_label: str
    why: str = Field(description="French: what the choice of the skill rests on")
    video: bool = False
    at_ms: Millis
    site: Site | None = None


class Rung(_Part):
    """One site that was rung for this call, and what came of it. Times in milliseconds."""

    site: str
    result: Literal["failed", "answered", "busy", "no_answer", "declined"]
    result_label: str = Field(description="French, for the agent")
    at_ms: Millis
    ring_ms: Annotated[int, Field(ge=0, description="How long it was rung")]
    talked_ms: int | None = Field(
        None, description="How long agent and caller talked; null: not joined, or still talking"
    )


class Callback(_Part):
    """A call that the subscriber was promised."""

    reason: str
    due_at: str = Field("", description="ISO 8601 with offset; empty: as soon as the service is open")


class Line(_Part):
    """One line of the transcript. ``played``: what was heard of a bot reply that was cut short."""

    at_ms: Millis
    turn: int
    who: Literal["caller", "bot"]
    text: Text
    mode: Literal["voice", "keypad", "text", ""] = ""
    played: Text | None = None


class Link(_Part):
    """Something that may be opened with the ``right`` it takes: an id to ask for, never an address."""

    kind: Literal["snapshot", "recording"]
    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,100}$")]
    right: Annotated[str, Field(pattern=r"^[a-z_]+:[a-z_]+$", description="e.g. recording:listen")]


class ContextPacket(_Part):
    """What the agent, the desk or the partner's own system is given for one handoff or callback."""

    schema_version: Literal["1.1"] = SCHEMA_VERSION
    handoff_id: str
    version: Annotated[int, Field(ge=1, description="Grows when the call has moved on since the last build")]
    case_id: str
    call_id: str
    channel: Literal["phone", "browser", "text", ""]
    language: str = "fr"
    started_at: str = Field(description="ISO 8601 UTC: when the call was answered")
    created_at: str = Field(description="ISO 8601 UTC: the moment this version tells of")
    summary: Text = Field(description="Two or three French sentences for the agent")
    whisper: Text = Field(description="What is said in the agent's ear before the caller is connected")
    caller: Caller
    identity: Identity
    intents: tuple[Intent, ...] = Field((), description="In the order they came")
    slots: dict[str, JsonValue] = Field(default_factory=dict)
    tried: tuple[Attempt, ...] = ()
    offers: tuple[Offer, ...] = ()
    sentiment: Sentiment
    recording_refused: bool = Field(False, description="The caller does not want this call to be recorded")
    routing: tuple[Rung, ...] = Field((), description="Sites rung for this call so far, in order")
    continues: str = Field("", description="Call of the same case that this one goes on from, or empty")
    handoff: Handoff | None = Field(None, description="Null for a promised callback without a transfer")
    callback: Callback | None = None
    transcript: tuple[Line, ...] = ()
    links: tuple[Link, ...] = ()

    @model_validator(mode="after")
    def _slots_hold_no_secret(self) -> ContextPacket:
        if redact_value(self.slots) != self.slots:
            raise ValueError("slots hold a full IBAN, card number, birth date or other secret")
        return self


# --- building -----------------------------------------------------------------------------------


def packet_id(call_id: str) -> str:
    """The id under which the packet of a call is stored and asked for: the same whenever it is built."""
    return str(uuid5(NAMESPACE_URL, f"decroche:handoff:{call_id}"))


def build_packet(
    events: Iterable[CallEvent],
    *,
    call_id: str = "",
    now: datetime | None = None,
    site: Site | None = None,
    links: Sequence[Link] = (),
) -> ContextPacket:
    """The packet of a call as it stands after ``events``.

    ``call_id``: needed where the event that started the call may be missing. ``site``: the one that this packet is
    for; without it, the one that has the call, or is rung next. ``now``: what ``created_at`` says; without it, the time
    of the last event, so that the same events always give the same packet.
    """
    journal = _with_earlier(events)
    continued = _last(journal, CaseContinued)
    start = next((e for e in journal if isinstance(e, CallStarted)), None)
    identity = _identity(_last(journal, Identified))
    intents = _intents(journal)
    tried = tuple(_attempt(e) for e in journal if isinstance(e, ActionDone))
    offers = _offers(journal)
    handoff = _handoff(_last(journal, HandoffRequested), intents, site or chosen_site(journal))
    promised = _last(journal, CallbackPromised)
    recording = _last(journal, RecordingAnswered)
    refused = recording is not None and not recording.allowed
    call_id = start.call_id if start else call_id
    story = Story(
        name=identity.subscriber.name,
        verified=identity.verified,
        how=identity.how,
        intents=tuple(i.intent for i in intents),
        tried=tuple((a.action, a.ok, a.result) for a in tried),
        offers=tuple((o.terms, o.answer) for o in offers),
        reason=handoff.reason if handoff else "",
        callback=promised is not None,
        upset=any(i.intent == "complaint_upset" for i in intents),
        recording_refused=refused,
    )
    return ContextPacket(
        handoff_id=packet_id(call_id),
        version=max(1, sum(isinstance(e, (HandoffRequested, CallbackPromised, CallEnded)) for e in journal)),
        case_id=start.case_id if start else "",
        call_id=call_id,
        channel=_among(("phone", "browser", "text", ""), start.channel if start else ""),
        started_at=start.started_at if start else "",
        created_at=_moment(start, journal, now),
        summary=redact(summarise(story)),
        whisper=redact(whisper(story)),
        caller=Caller(number_masked=mask_number(start.caller_number if start else "")),
        identity=identity,
        intents=intents,
        slots=_slots(_last(journal, Understood)),
        tried=tried,
        offers=offers,
        sentiment=_sentiment(journal),
        recording_refused=refused,
        routing=_routing(journal),
        continues=continued.call_id if continued else "",
        handoff=handoff,
        callback=Callback(reason=promised.reason, due_at=promised.due_at) if promised else None,
        transcript=_transcript(journal),
        links=tuple(links),
    )


def earlier_facts(event: CaseContinued) -> tuple[CallEvent, ...]:
    """The facts of the call that this one continues, as if told at its start."""
    return tuple(event_from_json({**data, "at_ms": 0, "turn": 0}) for data in event.earlier)


def _with_earlier(events: Iterable[CallEvent]) -> list[CallEvent]:
    whole: list[CallEvent] = []
    for event in events:
        whole.append(event)
        if isinstance(event, CaseContinued):
            whole += earlier_facts(event)
    return whole


def mask_number(number: str) -> str:
    """A number with all but its ends hidden: ``+33611223344`` → ``+336••••••44``, ``12345674`` → ``••••5674``."""
    if number.startswith("+") and len(number) > 7:
        return f"{number[:4]}{'•' * (len(number) - 6)}{number[-2:]}"
    return "•" * max(0, len(number) - 4) + number[-4:] if len(number) > 4 else number


def chosen_site(events: Iterable[CallEvent], site: str = "") -> Site | None:
    """The site of the last choice that has the call, or is rung next; with an id, that one. None: not chosen.

    It is told why it was chosen itself, never what is known of the others: packets go to partners.
    """
    journal = list(events)
    last = next((i for i in reversed(range(len(journal))) if isinstance(journal[i], SiteChosen)), None)
    if last is None:
        return None
    chosen = journal[last]
    assert isinstance(chosen, SiteChosen)
    rung = [e for e in journal[last:] if isinstance(e, SiteRung)]
    had = next((e.site for e in rung if e.result == "answered"), None)
    missed = {e.site for e in rung}
    wanted = site or had or next((s for s in chosen.order if s not in missed), "")
    found = next(
        (one for one in chosen.choice.get("ranked", ()) if wanted and one.get("site") == wanted), None
    )
    return Site(id=wanted, name=found.get("name", wanted), why=found.get("reason", "")) if found else None


_T = TypeVar("_T", bound=str)


def _among(values: tuple[_T, ...], value: str) -> _T:
    """``value`` when it is one of ``values``, else the first: a packet is never lost to one odd word."""
    return next((v for v in values if v == value), values[0])


_E = TypeVar("_E", bound=CallEvent)


def _last(journal: Sequence[CallEvent], kind: type[_E]) -> _E | None:
    return next((e for e in reversed(journal) if isinstance(e, kind)), None)


def _moment(start: CallStarted | None, journal: Sequence[CallEvent], now: datetime | None) -> str:
    if now is not None:
        return now.astimezone(UTC).isoformat()
    try:
        answered = datetime.fromisoformat(start.started_at if start else "")
    except ValueError:
        return ""
    return (answered + timedelta(milliseconds=journal[-1].at_ms)).isoformat()


def _identity(event: Identified | None) -> Identity:
    if event is None:
        return Identity()
    subscriber = {k: redact(v) if k != "ref" else v for k, v in event.subscriber.items()}
    if "number" in subscriber:
        subscriber["number"] = mask_number(subscriber["number"])
    contract = {k: redact(v) if k == "plan" else v for k, v in event.contract.items()}
    contract |= {k: "" for k in ("since", "ends") if not _DATE.fullmatch(contract.get(k) or "")}
    return Identity(
        verified=event.verified,
        how=event.how,
        subscriber=Subscriber(**_known(Subscriber, subscriber)),
        contract=Contract(**_known(Contract, contract)),
    )


def _known(model: type[BaseModel], values: Mapping[str, str]) -> dict[str, str]:
    return {k: v or "" for k, v in values.items() if k in model.model_fields}


def _intents(journal: Sequence[CallEvent]) -> tuple[Intent, ...]:
    return tuple(
        Intent(
            intent=e.intent,
            label=labels.REQUESTS.get(e.intent, e.intent),
            confidence=min(1.0, max(0.0, e.confidence)),
            turn=e.turn,
            at_ms=max(0, e.at_ms),
        )
        for e in journal
        if isinstance(e, Understood) and e.intent
    )


def _attempt(event: ActionDone) -> Attempt:
    return Attempt(
        action=event.action,
        ok=event.ok,
        reference=event.reference,
        result=redact(event.result),
        turn=event.turn,
        at_ms=max(0, event.at_ms),
    )


def _offers(journal: Sequence[CallEvent]) -> tuple[Offer, ...]:
    """Each offer once, with the last answer to it, in the order they were first told."""
    last: dict[str, OfferTold] = {}
    for event in journal:
        if isinstance(event, OfferTold):
            last[event.offer] = event
    return tuple(
        Offer(
            offer=e.offer,
            terms=redact(e.terms),
            answer=_among(("proposed", "accepted", "refused"), e.answer),
            at_ms=max(0, e.at_ms),
        )
        for e in last.values()
    )


def _handoff(event: HandoffRequested | None, intents: Sequence[Intent], site: Site | None) -> Handoff | None:
    if event is None:
        return None
    wanted = [i.label for i in intents if i.intent in labels.REQUESTS]
    reason = labels.REASON_TITLES.get(event.reason, event.reason)
    return Handoff(
        reason=event.reason,
        reason_label=reason,
        skill=event.skill,
        skill_label=labels.SKILL_TITLES.get(event.skill, event.skill),
        why=f"{reason} ; dernière demande : {wanted[-1]}" if wanted else reason,
        video=event.video,
        at_ms=max(0, event.at_ms),
        site=site,
    )


def _routing(journal: Sequence[CallEvent]) -> tuple[Rung, ...]:
    rung: list[Rung] = []
    for event in journal:
        if isinstance(event, SiteRung):
            result = _among(("failed", "answered", "busy", "no_answer", "declined"), event.result)
            rung.append(
                Rung(
                    site=event.site,
                    result=result,
                    result_label=labels.RING_RESULTS[result],
                    at_ms=max(0, event.at_ms),
                    ring_ms=max(0, event.ring_ms),
                )
            )
        elif isinstance(event, AgentLeft) and rung and rung[-1].site == event.site:
            rung[-1] = rung[-1].model_copy(update={"talked_ms": max(0, event.talked_ms)})
    return tuple(rung)


_NUMBER_SLOT = re.compile(r"number|phone|email|numero|serial")
_INTERNAL_SLOT = re.compile(r"^(requested_slot|session_started_metadata)$|^_")


def _slots(event: Understood | None) -> dict[str, Any]:
    """The slots set at the last turn, those of the engine left out, numbers masked to their ends."""
    if event is None:
        return {}
    slots: dict[str, Any] = {}
    for name, value in event.slots.items():
        if value is None or _INTERNAL_SLOT.search(name):
            continue
        if _NUMBER_SLOT.search(name) and isinstance(value, (str, int)) and not isinstance(value, bool):
            value = mask_number(str(value))
        elif name == "postcode":
            value = f"{str(value)[:2]}•••"  # the area says enough; the rest proved the identity
        slots[name] = redact_value(value, key=name)
    return slots


def _sentiment(journal: Sequence[CallEvent]) -> Sentiment:
    signals: list[Signal] = []
    for event in journal:
        kind = _signal(event)
        if kind:
            signals.append(Signal(signal=kind, turn=event.turn, at_ms=max(0, event.at_ms)))
    kinds = [s.signal for s in signals]
    mood: Literal["calm", "tense", "upset"] = "calm"
    if "upset" in kinds:
        mood = "upset"
    elif len(kinds) >= 2:
        mood = "tense"
    return Sentiment(mood=mood, signals=tuple(signals))


def _signal(event: CallEvent) -> str:
    match event:
        case Understood(intent="complaint_upset") | HandoffRequested(reason="upset"):
            return "upset"
        case Understood(intent="human_request"):
            return "human_request"
        case Understood(intent="nlu_fallback" | "out_of_scope"):
            return "not_understood"
        case BotInterrupted():
            return "interruption"
        case SilenceNoted():
            return "silence"
    return ""


def _transcript(journal: Sequence[CallEvent]) -> tuple[Line, ...]:
    lines: list[Line] = []
    for event in journal:
        at_ms = max(0, event.at_ms)
        if isinstance(event, CallerSaid):
            lines.append(
                Line(
                    at_ms=at_ms,
                    turn=event.turn,
                    who="caller",
                    text=redact(event.raw),
                    mode=_among(("", "voice", "keypad", "text"), event.mode),
                )
            )
        elif isinstance(event, BotSaid):
            lines.append(Line(at_ms=at_ms, turn=event.turn, who="bot", text=redact(event.text)))
        elif isinstance(event, BotInterrupted):
            cut = next((i for i in range(len(lines) - 1, -1, -1) if lines[i].who == "bot"), None)
            if cut is not None:
                lines[cut] = lines[cut].model_copy(update={"played": redact(event.heard)})
    return tuple(lines)
