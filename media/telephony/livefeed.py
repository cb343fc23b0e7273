"""Live sound, which never pauses, into Asterisk's queue without a backlog. Pure.

Asterisk plays one packet of 20 ms at a time, keeps what comes faster and never drops it by itself: a microphone whose
clock runs a thousandth fast would be heard four seconds late after an hour. So what is sent is counted against the time
that passes: a packet that would be heard more than 200 ms late is dropped here. Asterisk's clock is not ours: every
five seconds it is asked how long its queue is, and a long one is emptied before anything more is sent, as is one that
Asterisk itself calls full (``MEDIA_XOFF``).

Times are seconds on one clock that never goes back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from media.telephony.playout import FLUSH, PACKET_BYTES, PACKET_S, command

AHEAD_S = 0.2
"""How far what is sent may run ahead of what is played: as much as a network's jitter asks for."""
BACKLOG = 15
"""Packets at Asterisk, 0.3 s, that cannot come from jitter alone."""
ASK_EVERY_S = 5.0

_STATUS = command("GET_STATUS")


class LiveFeed:
    """What to send of one live source."""

    def __init__(self) -> None:
        self._played_until = 0.0
        self._asked: float | None = None
        self._waiting = bytearray()
        self._flush = False
        self.dropped = 0
        """Packets that were not sent."""

    def feed(self, pcm: bytes, now: float) -> list[str | bytes]:
        """The messages to send, in order, now that this sound (slin16, any whole number of samples) has come."""
        messages: list[str | bytes] = []
        if self._flush:
            self._flush = False
            self._played_until = now
            messages.append(FLUSH)
        self._waiting += pcm
        while len(self._waiting) >= PACKET_BYTES:
            packet = bytes(self._waiting[:PACKET_BYTES])
            del self._waiting[:PACKET_BYTES]
            begins = max(now, self._played_until)
            if begins - now > AHEAD_S + 1e-6:
                self.dropped += 1
                continue
            self._played_until = begins + PACKET_S
            messages.append(packet)
        if self._asked is None:
            self._asked = now
        elif now - self._asked >= ASK_EVERY_S:
            self._asked = now
            messages.append(_STATUS)
        return messages

    def take(self, event: Mapping[str, Any]) -> None:
        """One event of Asterisk; those that do not concern its queue are ignored."""
        match event.get("event"):
            case "MEDIA_XOFF":
                self._flush = True
            case "STATUS":
                length = event.get("queue_length")
                self._flush = self._flush or (isinstance(length, int) and length > BACKLOG)
