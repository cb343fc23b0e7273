"""Whether the peer is still there. A pure state machine fed with seconds.

aiortc has no "disconnected" state: a peer that vanishes without a word (a killed tab, a dead network) stays
"connected" until ICE consent runs out, about 30 s later. A browser sends audio packets without pause, muted or
not, so their absence says it sooner.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Presence(StrEnum):
    """What is known of the peer."""

    CONNECTING = "connecting"
    PRESENT = "present"
    SILENT = "silent"  # nothing arrives: the network may come back, or the page may resume the call
    NEVER_CONNECTED = "never_connected"  # final
    LOST = "lost"  # final


@dataclass
class Liveness:
    """Decides :class:`Presence` from arrivals. All times are seconds on one monotonic clock.

    ``connect_within``: from the offer to the first connection. ``silent_after``: without a packet.
    ``resume_within``: how long a silent peer may take to come back.
    """

    began: float
    connect_within: float
    silent_after: float
    resume_within: float
    presence: Presence = Presence.CONNECTING
    _mark: object = None
    _heard: float | None = None

    def step(self, now: float, *, connected: bool, mark: object) -> Presence:
        """Feed one observation.

        ``mark``: any value that changes whenever something arrives from the peer; falsy before the first arrival.
        """
        if self.presence in {Presence.NEVER_CONNECTED, Presence.LOST}:
            return self.presence
        if self._heard is None:
            if connected:
                # The first packets may take as long as the pipeline takes to start reading.
                grace = 0.0 if mark else self.connect_within - self.silent_after
                self._heard, self._mark = now + max(0.0, grace), mark
                self.presence = Presence.PRESENT
            elif now - self.began >= self.connect_within:
                self.presence = Presence.NEVER_CONNECTED
            return self.presence
        if mark != self._mark:
            self._mark, self._heard = mark, now
        quiet = now - self._heard
        if quiet < self.silent_after:
            self.presence = Presence.PRESENT
        elif quiet < self.silent_after + self.resume_within:
            self.presence = Presence.SILENT
        else:
            self.presence = Presence.LOST
        return self.presence
