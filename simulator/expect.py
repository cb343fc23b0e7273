"""Whether a call came out as its script expects, and in what it differs. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any

from simulator.result import CallResult
from simulator.script import ActionExpected, Expect


def differences(expect: Expect, result: CallResult) -> tuple[str, ...]:
    """One sentence for each expectation that does not hold; empty when all do.

    What only sound can show is looked at only in a call with sound.
    """
    found = [
        *_one("outcome", expect.outcome, result.outcome),
        *_one("ended by", expect.ended_by, result.ended_by),
        *_intents(expect, result),
        *_actions(expect, result),
        *_slots(expect, result),
        *_speech(expect, result),
        *_handoff(expect, result),
        *_offers(expect, result),
    ]
    if expect.verified is not None:
        found += _one("verified", expect.verified, bool(_last(result, "identified").get("verified", False)))
    if expect.silences is not None:
        steps = [str(event.get("step")) for event in result.events if event.get("type") == "silence"]
        found += _one("silences", list(expect.silences), steps)
    if expect.max_turns is not None and len(result.turns) > expect.max_turns:
        found.append(f"turns: at most {expect.max_turns} expected, {len(result.turns)} were needed")
    if result.channel != "text":
        found += _sound(expect, result)
    return tuple(found)


def missing(expected: Sequence[Any], got: Sequence[Any]) -> list[Any]:
    """The elements of ``expected`` that keep it from being an ordered subset of ``got``, first one first.

    Empty when it is one. ``expected`` elements may be predicates.
    """
    rest = iter(got)
    for place, wanted in enumerate(expected):
        if not any(wanted(one) if callable(wanted) else wanted == one for one in rest):
            return list(expected[place:])
    return []


def _one(name: str, expected: Any, got: Any) -> Iterator[str]:
    if expected is not None and expected != got:
        yield f"{name}: {_show(expected)} expected, got {_show(got)}"


def _intents(expect: Expect, result: CallResult) -> Iterator[str]:
    intents = [turn.intent for turn in result.turns if turn.intent]
    if absent := missing(expect.intents, intents):
        yield f"intents: {_show(absent[0])} is missing or out of order; understood: {_show(intents)}"
    for intent in expect.not_intents:
        if intent in intents:
            yield f"intents: {_show(intent)} was not to be understood; understood: {_show(intents)}"


def _actions(expect: Expect, result: CallResult) -> Iterator[str]:
    done = [str(action.get("action")) for action in result.actions]
    wanted = [
        one if isinstance(one, ActionExpected) else ActionExpected(action=one) for one in expect.actions
    ]
    rest = iter(result.actions)
    for one in wanted:
        if not any(one.action == got.get("action") and one.ok in (None, got.get("ok")) for got in rest):
            how = {None: "", True: ", successful", False: ", failed"}[one.ok]
            yield f"actions: {_show(one.action)}{how} is missing or out of order; done: {_show(done)}"
            break
    for action in expect.not_actions:
        if action in done:
            yield f"actions: {_show(action)} was not to be done; done: {_show(done)}"


def _slots(expect: Expect, result: CallResult) -> Iterator[str]:
    for name, value in expect.slots.items():
        got = result.slots.get(name)
        if got != value and not (value is not None and str(got) == str(value)):
            yield f"slots.{name}: {_show(value)} expected, got {_show(got)}"


def _speech(expect: Expect, result: CallResult) -> Iterator[str]:
    said = result.bot_said
    if absent := missing([_finds(pattern) for pattern in expect.said], said):
        pattern = expect.said[len(expect.said) - len(absent)]
        yield f"said: /{pattern}/ is missing or out of order"
    for pattern in expect.not_said:
        sentence = next((one for one in said if _finds(pattern)(one)), None)
        if sentence is not None:
            yield f"said: /{pattern}/ was not to be said, but the bot said «{sentence}»"


def _handoff(expect: Expect, result: CallResult) -> Iterator[str]:
    wanted = expect.handoff
    if wanted is None:
        return
    request = _last(result, "handoff_requested")
    if wanted is False:
        if request:
            yield f"handoff: none expected, got one for {_show(request.get('reason'))}"
        return
    if not request:
        yield "handoff: one expected, none was requested"
        return
    yield from _one("handoff.reason", wanted.reason, request.get("reason"))
    yield from _one("handoff.skill", wanted.skill, request.get("skill"))
    yield from _one("handoff.video", wanted.video, bool(request.get("video")))
    yield from _one("handoff.verified", wanted.verified, bool(_last(result, "identified").get("verified")))


def _offers(expect: Expect, result: CallResult) -> Iterator[str]:
    if expect.offers is None:
        return
    told = [
        (event.get("offer"), event.get("answer")) for event in result.events if event.get("type") == "offer"
    ]
    if not expect.offers and told:
        yield f"offers: none expected, got {_show(told)}"
    elif absent := missing([(one.offer, one.answer) for one in expect.offers], told):
        yield f"offers: {absent[0][0]} {absent[0][1]} is missing or out of order; told: {_show(told)}"


def _sound(expect: Expect, result: CallResult) -> Iterator[str]:
    cuts = sum(event.get("type") == "bot_interrupted" for event in result.events)
    yield from _one("interruptions", expect.sound.interruptions, cuts)
    measured = [turn.voice_to_voice_ms for turn in result.turns if turn.voice_to_voice_ms is not None]
    limit = expect.sound.max_voice_to_voice_ms
    if limit is not None and measured and median(measured) > limit:
        yield f"voice to voice: median at most {limit} ms expected, measured {median(measured):.0f} ms"


def _last(result: CallResult, kind: str) -> Mapping[str, Any]:
    return next((event for event in reversed(result.events) if event.get("type") == kind), {})


def _finds(pattern: str) -> Any:
    compiled = re.compile(pattern, re.IGNORECASE)
    return lambda text: compiled.search(text) is not None


def _show(value: Any) -> str:
    if isinstance(value, str):
        return value or "nothing"
    if isinstance(value, (list, tuple)):
        return (
            ", ".join(" ".join(map(str, one)) if isinstance(one, tuple) else str(one) for one in value)
            or "none"
        )
    if value is None:
        return "nothing"
    return ("no", "yes")[value] if isinstance(value, bool) else str(value)
