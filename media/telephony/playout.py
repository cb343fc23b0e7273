"""The bot's voice on its way through Asterisk's queue: what to send next, and how far it has been played. Pure.

Asterisk keeps what it is sent in a queue, plays one packet of 20 ms at a time and never drops a backlog by itself. It
is kept a little ahead of what it plays, never more: enough that a busy machine leaves no hole in a word, and, since
nothing is sent while nothing is said, no backlog can build up. Every batch is followed by a mark, which Asterisk
returns when the batch has been played; between two marks time tells, but never past a mark that is still out. So what
has been played is known to a packet without waiting for anything, and a flush loses nothing but what nobody heard.

Positions count packets since the last flush. Times are seconds on one clock that never goes back.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog

log = structlog.get_logger(__name__)

PACKET_BYTES = 640
"""20 ms of slin16."""
PACKET_S = 0.02
MAX_BINARY_BYTES = 65_531
"""Asterisk ends the call at a longer binary message: with its header it may have 65,535 bytes."""
MAX_COMMAND_BYTES = 128
"""Asterisk drops a longer text command without a word."""

LEAD = 30
"""Packets that Asterisk may have in hand: 0.6 s. An event loop that is 0.4 s late then leaves no hole in a word."""
STEP = 5
"""Packets sent at a time where there are more: ten messages a second, not fifty."""
_BACKLOG = LEAD + 10
"""A queue longer than this holds what we do not know of."""
_STUCK_S = 3.0
"""Asterisk takes nothing for this long: what waits is too old to be said."""
_STATUS_EVERY_S = 2.0
_LONGEST = 15_000
"""Packets that may wait here: five minutes, longer than any reply."""


def command(name: str, **fields: str) -> str:
    """One command to Asterisk."""
    return json.dumps({"command": name, **fields}, separators=(",", ":"))


FLUSH = command("FLUSH_MEDIA")
HANGUP = command("HANGUP")
_START = command("START_MEDIA_BUFFERING")
_STOP = command("STOP_MEDIA_BUFFERING")
_STATUS = command("GET_STATUS")


@dataclass(frozen=True)
class Place:
    """One packet of the voice. ``epoch``: how many flushes came before it."""

    epoch: int
    position: int


class Playout:
    """The voice of one call, from :meth:`feed` to what Asterisk has played."""

    def __init__(self) -> None:
        self._epoch = 0
        self._marks_made = 0
        self._status_asked = 0.0
        self._forget()

    def _forget(self) -> None:
        self._waiting = bytearray()
        self._ends: deque[int] = deque()
        self._outbox: deque[str | bytes] = deque()
        self._marks: deque[tuple[str, int]] = deque()
        self._sent = self._played = self._followed = 0
        self._anchor = (0, 0.0)  # a position, and when its packet began
        self._buffering = False
        self._off_since: float | None = None

    # --- from the pipeline

    def feed(self, audio: bytes) -> None:
        """More of the utterance: any number of bytes of slin16. What is beyond five minutes is dropped."""
        if self._fed < _LONGEST:
            self._waiting += audio
        else:
            log.error("voice dropped: too much waits to be said")

    def end(self) -> None:
        """The utterance is whole; its last packet is filled up with silence."""
        self._waiting += bytes(-len(self._waiting) % PACKET_BYTES)
        if self._fed > (self._ends[-1] if self._ends else 0):
            self._ends.append(self._fed)

    def flush(self) -> str | None:
        """Say no more of what was fed. Returns the command that silences Asterisk, None when it is silent already."""
        busy = self._waiting or self._outbox or self._marks or self._buffering
        self._epoch += 1
        self._forget()
        return FLUSH if busy else None

    # --- to the socket

    def next(self, now: float) -> str | bytes | None:
        """The next message to send, in order; None when there is none now."""
        if self._is_stuck(now):
            self.give_up("nothing is played")
        if not self._outbox and self._off_since is None:
            self._plan(now)
        return self._outbox.popleft() if self._outbox else None

    def pause_s(self, now: float) -> float | None:
        """How long :meth:`next` may have nothing if nothing else happens; None: for ever."""
        if self._outbox:
            return 0.0
        if self._off_since is None and (ready := self._ready):
            return max(1, min(STEP, ready) - self._room(now)) * PACKET_S
        return _STUCK_S / 4 if self._waiting or self._marks else None

    def give_up(self, why: str) -> None:
        """Drop what waits here and what Asterisk has in hand: it is too late to be said."""
        log.warning("voice flushed", why=why, packets=self._fed - self._played)
        self.flush()
        self._outbox.append(FLUSH)

    # --- from Asterisk

    def take(self, event: Mapping[str, Any], now: float) -> None:
        """One event of Asterisk; those that do not concern the voice are ignored."""
        match event.get("event"):
            case "MEDIA_MARK_PROCESSED":
                self._mark_played(event.get("correlation_id"), now)
            case "MEDIA_XOFF":
                self._off_since = now
                self._outbox.append(_STATUS)
            case "MEDIA_XON":
                self._off_since = None
            case "STATUS":
                length = event.get("queue_length")
                if isinstance(length, int) and length > _BACKLOG:
                    self.give_up("a backlog at Asterisk")

    # --- to the ear

    def follow(self) -> Place | None:
        """The next packet to be listened for; None when it was flushed before it could be."""
        if self._followed >= self._fed:
            return None
        self._followed += 1
        return Place(self._epoch, self._followed - 1)

    def is_gone(self, place: Place) -> bool:
        """Whether that packet was flushed: nobody knows of it any more."""
        return place.epoch != self._epoch

    def due_s(self, place: Place, now: float) -> float:
        """How long until that packet begins, as far as is known now; 0: it has begun."""
        ahead = place.position - self.played(now)
        if ahead <= 0 and place.position < self._sent:
            return 0.0
        return max(1, ahead) * PACKET_S

    def played(self, now: float) -> int:
        """Packets played to their end since the last flush."""
        position, at = self._anchor
        known = self._marks[0][1] if self._marks else self._sent
        self._played = max(self._played, min(known, position + int((now - at) / PACKET_S + 1e-6)))
        return self._played

    @property
    def drained(self) -> bool:
        """Whether everything fed has been played, or flushed."""
        return not (self._waiting or self._outbox or self._marks)

    # --- inside

    @property
    def _fed(self) -> int:
        return self._sent + -(-len(self._waiting) // PACKET_BYTES)

    @property
    def _ready(self) -> int:
        """Packets of the utterance at hand that could be sent."""
        return (self._ends[0] - self._sent) if self._ends else len(self._waiting) // PACKET_BYTES

    def _room(self, now: float) -> int:
        return LEAD - (self._sent - self.played(now))

    def _plan(self, now: float) -> None:
        if self._ends and self._ends[0] == self._sent:
            self._ends.popleft()
            if self._buffering:
                self._buffering = False
                self._outbox.append(_STOP)
        ready = self._ready
        count = min(ready, self._room(now))
        if count <= 0 or (count < STEP and count < ready):
            return
        if not self._marks:  # Asterisk is silent: it begins with what comes now
            self._played, self._anchor = self._sent, (self._sent, now)
        if not self._buffering:
            self._buffering = True
            self._outbox.append(_START)
        self._outbox.append(bytes(self._waiting[: count * PACKET_BYTES]))
        del self._waiting[: count * PACKET_BYTES]
        self._sent += count
        self._marks_made += 1
        self._marks.append((mark := f"m{self._marks_made}", self._sent))
        self._outbox.append(command("MARK_MEDIA", correlation_id=mark))
        if now - self._status_asked >= _STATUS_EVERY_S:
            self._status_asked = now
            self._outbox.append(_STATUS)

    def _mark_played(self, mark: object, now: float) -> None:
        if not any(name == mark for name, _ in self._marks):
            return  # flushed meanwhile
        position = self._sent
        while self._marks:
            name, position = self._marks.popleft()
            if name == mark:
                break
        self._played = max(self._played, position)
        self._anchor = (position, now)

    def _is_stuck(self, now: float) -> bool:
        if self._off_since is not None and self._waiting and now - self._off_since > _STUCK_S:
            return True
        if not self._marks:
            return False
        position, at = self._anchor
        return now - at > _STUCK_S + (self._marks[0][1] - position) * PACKET_S
