"""Redaction of call events: each by itself, and each knowing what was said before it in the call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from math import isfinite
from typing import Any

from bot.events import CallerSaid, CallEvent, Understood
from bot.record.redact import forget, redact_secret, redact_value, secret_digits, storable
from bot.record.spoken import word_set

_PLAIN_KEYS = word_set(
    "type call_id case_id handoff_id channel caller_number started_at due_at since ends ref "
    "reference mode by outcome code stage step skill action intent offer answer how site dialogue_id earlier "
    "order due choice inputs"
)
"""Identifiers, dates and words of our own, which hold nothing to hide and must come out as they went in.

``caller_number`` is among them: the record is private and the packet masks it. ``earlier`` holds events that were
redacted when they were first kept. ``due``, ``choice`` and ``inputs`` are the router's: sites, times and figures,
nothing that a caller said.
"""


def _strings(value: Any, change: Callable[[str], str]) -> Any:
    """``value`` with ``change`` applied to every string in it, keys apart."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {k: _strings(v, change) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_strings(v, change) for v in value)
    return value


def redact_event(event: CallEvent) -> CallEvent:
    """One event as it may be stored, by what it holds alone; :class:`CallRedactor` also knows the call."""
    if isinstance(event, CallerSaid) and event.secret:
        return replace(
            event, raw=redact_secret(storable(event.raw)), text=redact_secret(storable(event.text))
        )
    return replace(event, **{f.name: _redact_field(f.name, getattr(event, f.name)) for f in fields(event)})


def _redact_field(name: str, value: Any) -> Any:
    if isinstance(value, float):
        return value if isfinite(value) else 0.0  # JSON has no NaN
    if isinstance(value, int):
        return value
    if name in _PLAIN_KEYS:
        return _strings(value, storable)
    if name in ("subscriber", "contract"):  # of our own making, masked by the dialogue, with plain dates
        return {k: _redact_field(k, v) for k, v in value.items()}
    return redact_value(value, key=name)


class CallRedactor:
    """Redacts the events of one call in order, and remembers its secrets while the call lasts.

    A birth date said in one turn comes back in the next events as an entity, a slot or a read-back
    without the words that gave it away: once told, it is hidden wherever it shows up.
    """

    def __init__(self) -> None:
        self._secrets: set[str] = set()  # digits only, never stored
        self._secret_turn = -1

    def event(self, event: CallEvent) -> CallEvent:
        """The event as it may be stored."""
        if isinstance(event, CallerSaid):
            if event.secret:
                self._secret_turn = event.turn
            for text in (event.raw, event.text):
                self._secrets |= secret_digits(text, everything=event.secret)
        clean = redact_event(event)
        if isinstance(clean, Understood) and clean.turn == self._secret_turn:
            clean = replace(clean, entities=_strings(clean.entities, redact_secret))
        if not self._secrets:
            return clean
        hidden = {
            f.name: _strings(getattr(clean, f.name), lambda text: forget(text, self._secrets))
            for f in fields(clean)
            if f.name not in _PLAIN_KEYS
        }
        return replace(clean, **hidden)
