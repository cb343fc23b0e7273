"""What came of a call: the subscriber's own notes and the bot's record, folded into one result. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

Event = Mapping[str, Any]
"""One event of the journal as JSON (``bot.events``)."""


@dataclass(frozen=True)
class Acted:
    """Something the caller did. Times are seconds on the call's one clock.

    ``words``: as the script has them. ``addressed``: the bot was to answer. ``turn``: place in the script from 1,
    0 for a reaction.
    """

    turn: int
    deed: str
    words: str
    addressed: bool
    began: float
    ended: float
    interrupts: bool = False


@dataclass(frozen=True)
class Observed:
    """An event of the journal and when it reached the caller's side, in seconds on the call's one clock."""

    at: float
    event: Event


@dataclass(frozen=True)
class Timing:
    """Of one act, measured on the recording, in milliseconds; None where it does not apply.

    ``voice_to_voice``: end of the caller's speech → start of the bot's answer. ``bot_stopped``: start of the
    caller's speech → end of the bot's, when the caller cut into it.
    """

    voice_to_voice: int | None = None
    bot_stopped: int | None = None


@dataclass(frozen=True)
class TurnResult:
    """One caller turn as the bot took it.

    ``said``: what the caller really said or keyed; empty when the bot made two turns of one. ``heard``: as
    recognised; ``text``: normalised. ``heard_confidence`` is recognition's, ``confidence`` the intent's, 0–1.
    ``replies``: the bot's sentences. ``interrupted``: the bot was cut short while giving them.
    ``voice_to_voice_ms`` and ``bot_stopped_ms``: see :class:`Timing`; ``server_voice_to_voice_ms``: the bot's own
    figure.
    """

    number: int
    said: str
    heard: str
    text: str
    mode: str
    heard_confidence: float
    intent: str = ""
    confidence: float = 0.0
    slots: Mapping[str, Any] = field(default_factory=dict)
    replies: tuple[str, ...] = ()
    interrupted: bool = False
    voice_to_voice_ms: int | None = None
    bot_stopped_ms: int | None = None
    server_voice_to_voice_ms: int | None = None


@dataclass(frozen=True)
class Fidelity:
    """How well the simulator itself did, so that no figure is believed that it spoiled.

    ``late_ms``: worst delay of a 20 ms tick. ``protocol_faults``: what the bot sent that Asterisk would drop,
    or end the call for.
    """

    late_ms: int = 0
    protocol_faults: tuple[str, ...] = ()


@dataclass(frozen=True)
class CallResult:
    """One whole call.

    ``channel``: phone | browser | text. ``problems``: why the call did not go as the script says;
    ``differences``: what ``expect`` misses. ``greeting``: what the bot said before the caller's first turn.
    ``duration_s``: on the call's clock. ``voice``: what the caller spoke with.
    """

    script: str
    title: str
    channel: str
    call_id: str = ""
    outcome: str = ""
    ended_by: str = ""
    greeting: tuple[str, ...] = ()
    turns: tuple[TurnResult, ...] = ()
    actions: tuple[Mapping[str, Any], ...] = ()
    handoff: Mapping[str, Any] | None = None
    events: tuple[Event, ...] = ()
    acts: tuple[Acted, ...] = ()
    duration_s: float = 0.0
    voice: str = ""
    fidelity: Fidelity = field(default_factory=Fidelity)
    problems: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def held(self) -> bool:
        """Whether the call went as the script says and all that was expected came of it."""
        return not self.problems and not self.differences

    @property
    def bot_said(self) -> tuple[str, ...]:
        """Every sentence of the bot, in order."""
        return tuple(str(event.get("text", "")) for event in self.events if event.get("type") == "bot_said")

    @property
    def slots(self) -> Mapping[str, Any]:
        """Slots as they stood at the end."""
        return next((turn.slots for turn in reversed(self.turns) if turn.slots), {})

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, ``held`` first among equals."""
        return {"held": self.held, **asdict(self)}


def fold(
    result: CallResult,
    record: Mapping[str, Any],
    observed: Sequence[Observed] = (),
    timings: Sequence[Timing] = (),
) -> CallResult:
    """``result`` completed by the bot's record of the call.

    ``observed``: the journal as it came in live. ``timings``: one for each of ``result.acts``, none without sound.
    """
    events = tuple(record.get("events") or [seen.event for seen in observed])
    arrived = {
        seen.event.get("turn"): seen.at for seen in observed if seen.event.get("type") == "caller_said"
    }
    turns = _turns(events)
    places = pair(result.acts, [(turn.heard, arrived.get(turn.number)) for turn in turns])
    turns = [
        turn if place is None else _said_by(turn, result.acts[place], timings[place] if timings else Timing())
        for turn, place in zip(turns, places, strict=True)
    ]
    ended: Event = next((event for event in reversed(events) if event.get("type") == "call_ended"), {})
    return replace(
        result,
        outcome=str(record.get("outcome") or ended.get("outcome") or ""),
        ended_by=str(ended.get("by") or ""),
        greeting=_said(events, 0),
        turns=tuple(turns),
        actions=tuple(
            {key: event.get(key) for key in ("action", "ok", "reference", "result")}
            for event in events
            if event.get("type") == "action_done"
        ),
        handoff=record.get("handoff") or None,
        events=events,
    )


def pair(acts: Sequence[Acted], turns: Sequence[tuple[str, float | None]]) -> list[int | None]:
    """For each of the bot's turns, the place of the act that it came from.

    ``turns``: what was heard, and when that reached the caller's side, in seconds on the acts' clock. It is the latest
    addressed act begun by then; where the time is not known, the next one that says just this, or else the
    next one. An act goes to the first turn made of it; any further turn has None.
    """
    addressed = [place for place, act in enumerate(acts) if act.addressed]
    pairs: list[int | None] = []
    last = -1
    for heard, arrival in turns:
        open_ = [place for place in addressed if place > last]
        if arrival is not None:
            chosen = [place for place in open_ if acts[place].began <= arrival][-1:]
        else:
            chosen = [place for place in open_ if _bare(acts[place].words) == _bare(heard)][:1] or open_[:1]
        last = chosen[0] if chosen else last
        pairs.append(chosen[0] if chosen else None)
    return pairs


def _bare(words: str) -> str:
    return words.casefold().rstrip("#. ?!")


def _said_by(turn: TurnResult, act: Acted, timing: Timing) -> TurnResult:
    return replace(
        turn, said=act.words, voice_to_voice_ms=timing.voice_to_voice, bot_stopped_ms=timing.bot_stopped
    )


def _turns(events: Sequence[Event]) -> list[TurnResult]:
    turns: list[TurnResult] = []
    for event in events:
        if event.get("type") != "caller_said":
            continue
        number = int(event.get("turn", 0))
        understood = _last(events, number, "understood")
        timed = _last(events, number, "turn_timed")
        turns.append(
            TurnResult(
                number=number,
                said="",
                heard=str(event.get("raw", "")),
                text=str(event.get("text", "")),
                mode=str(event.get("mode", "")),
                heard_confidence=float(event.get("confidence") or 0.0),
                intent=str(understood.get("intent", "")),
                confidence=float(understood.get("confidence") or 0.0),
                slots=understood.get("slots") or {},
                replies=_said(events, number),
                interrupted=bool(_last(events, number, "bot_interrupted")),
                server_voice_to_voice_ms=timed.get("voice_to_voice_ms"),
            )
        )
    return turns


def _said(events: Sequence[Event], turn: int) -> tuple[str, ...]:
    return tuple(
        str(event.get("text", ""))
        for event in events
        if event.get("type") == "bot_said" and event.get("turn") == turn
    )


def _last(events: Sequence[Event], turn: int, kind: str) -> Event:
    return next(
        (event for event in reversed(events) if event.get("type") == kind and event.get("turn") == turn), {}
    )
