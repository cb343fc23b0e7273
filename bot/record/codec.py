"""Events to JSON and back: what the store and the spool hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

from bot.events import CallEvent


@dataclass(frozen=True)
class Entry:
    """One line of the journal. ``seq``: counted from 1 within the call; ``(call_id, seq)`` is its identity."""

    call_id: str
    seq: int
    event: CallEvent


@dataclass(frozen=True)
class UnknownEvent(CallEvent):
    """An event written by another version of the program, kept as it was."""

    type: ClassVar[str] = "unknown"
    payload: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The event as it was written."""
        return dict(self.payload)


def _kinds() -> dict[str, type[CallEvent]]:
    return {kind.type: kind for kind in CallEvent.__subclasses__() if kind is not UnknownEvent}


def event_from_json(data: Mapping[str, Any]) -> CallEvent:
    """The event of :meth:`CallEvent.to_json`; fields that this version does not know are left out.

    Never fails on what another version wrote: an unknown type or a missing field gives an
    :class:`UnknownEvent`.
    """
    kind = _kinds().get(str(data.get("type")))
    if kind is not None:
        names = {f.name for f in fields(kind)}
        values: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in data.items() if k in names
        }
        try:
            return kind(**values)
        except TypeError:  # a field is missing
            pass
    return UnknownEvent(at_ms=_int(data.get("at_ms")), turn=_int(data.get("turn")), payload=dict(data))


def _int(value: Any) -> int:
    return value if isinstance(value, int) else 0
