"""Choices of the past, made again: whether today's code would choose the same. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bot.errors import InputError
from bot.events import CallEvent, SiteChosen
from bot.routing.codec import case_from_json, choice_from_json, choice_to_json
from bot.routing.model import Choice, RouteCase
from bot.routing.router import choose


@dataclass(frozen=True)
class Replayed:
    """A choice as it was (None: only the case is known), and as it is made now from the same case."""

    case: RouteCase
    before: Choice | None
    now: Choice

    @property
    def same(self) -> bool:
        """Whether the same sites are rung in the same order, or the same time is promised."""
        if self.before is None:
            return True
        before, now = (
            choice_to_json(self.before),
            choice_to_json(self.now),
        )  # as told: the hour that is told twice too
        return (self.before.order, before["callback_at"]) == (self.now.order, now["callback_at"])


def replay(inputs: Mapping[str, Any], choice: Mapping[str, Any] | None) -> Replayed:
    """Choose again.

    Raises:
        InputError: these are not a case and a choice.
    """
    case = case_from_json(inputs)
    return Replayed(case, choice_from_json(choice) if choice else None, choose(case))


def replay_events(events: Iterable[CallEvent]) -> list[Replayed]:
    """Every choice of a call, made again.

    Raises:
        InputError: another version kept something else.
    """
    return [replay(e.inputs, e.choice) for e in events if isinstance(e, SiteChosen)]


def replay_document(document: Any) -> list[Replayed]:
    """Every choice in a JSON document: a case, a ``site_chosen`` event, a list of these, or the document of a call.

    Raises:
        InputError: there is none in it.
    """
    found = [replay(inputs, choice) for inputs, choice in _found(document)]
    if not found:
        raise InputError("no choice of a site in this document")
    return found


def _found(document: Any) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any] | None]]:
    match document:
        case list():
            for one in document:
                yield from _found(one)
        case {"inputs": dict() as inputs}:
            yield inputs, document.get("choice")
        case {"request": dict(), "sites": list()}:
            yield document, None
        case {"events": list() as events}:
            yield from _found([e for e in events if isinstance(e, dict) and e.get("type") == SiteChosen.type])


def told(one: Replayed) -> list[str]:
    """The choice and whether it is still the same, as lines for a supervisor."""
    shown = one.before or one.now
    lines = [f"{one.case.request.at.isoformat()}  {one.case.request.skill}  {one.case.request.call_id}"]
    lines += [f"  {place}. {site.reason}" for place, site in enumerate(shown.ranked, start=1)]
    lines += [f"  –  {site.reason}" for site in shown.left_out]
    if shown.callback_at:
        lines.append(f"  rappel promis : {shown.callback_at.isoformat()}")
    if shown.wait_s is not None:
        lines.append(f"  attente estimée : {shown.wait_s:.0f} s")
    if one.before is None:
        return lines
    if one.same:
        return [*lines, "  = le même choix aujourd'hui"]
    other = ", ".join(site.name for site in one.now.ranked)
    if one.now.callback_at:
        other = f"rappel promis {one.now.callback_at.isoformat()}"
    return [*lines, f"  ≠ aujourd'hui : {other}"]
