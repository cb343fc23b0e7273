"""The "events" data channel, inwards: what a page may send, and how much of it. Pure, fed with a clock reading."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Final

from bot.errors import InputError
from bot.models import CallerControl, HungUp, KeysPressed, Muted

MAX_MESSAGE_BYTES: Final = 1024
"""Longest message taken; the longest a page sends is about 60."""

_KEYS: Final = re.compile(r"[0-9*#]{1,32}")


def read_message(message: str | bytes) -> CallerControl:
    """One message of the page as a control.

    ``{"type": "keys", "digits": "75011#"}``, ``{"type": "mute", "on": true}`` or ``{"type": "hang_up"}``.

    Raises:
        InputError: it is none of these.
    """
    if not isinstance(message, str):
        raise InputError("message: text is expected")
    if len(message) > MAX_MESSAGE_BYTES or len(message.encode("utf-8", "replace")) > MAX_MESSAGE_BYTES:
        raise InputError(f"message: longer than {MAX_MESSAGE_BYTES} bytes")
    try:
        value = json.loads(message)
    except (ValueError, RecursionError) as err:
        raise InputError("message: not JSON") from err
    if not isinstance(value, dict):
        raise InputError("message: an object is expected")
    match value:
        case {"type": "keys", "digits": str(digits)} if _KEYS.fullmatch(digits):
            return KeysPressed(digits)
        case {"type": "mute", "on": bool(on)}:
            return Muted(on)
        case {"type": "hang_up"}:
            return HungUp("hung_up")
        case _:
            raise InputError("message: unknown type or wrong value")


@dataclass
class Allowance:
    """A token bucket: ``burst`` messages at once, then ``per_second`` of them. Times in seconds, any clock."""

    burst: float = 20.0
    per_second: float = 10.0
    _tokens: float = field(init=False)
    _at: float | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self._tokens = self.burst

    def take(self, now: float) -> bool:
        """Whether one more message fits at ``now``."""
        elapsed = 0.0 if self._at is None else max(0.0, now - self._at)
        self._at = now
        self._tokens = min(self.burst, self._tokens + elapsed * self.per_second)
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True
