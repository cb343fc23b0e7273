"""Asterisk's side of a media WebSocket, without the socket: the rules of ``chan_websocket`` in Asterisk 22.

Sound from the bot goes into a queue played one frame every 20 ms; commands come as JSON and are answered with
JSON events. What Asterisk would drop without a word, or end the call for, is noted in :attr:`MediaChannel.faults`.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

FRAME_BYTES = 640
"""20 ms of slin16."""

XOFF_FRAMES = 900
XON_FRAMES = 800
MAX_FRAMES = 1000
"""A message that finds this many frames in the queue is ignored; one that finds fewer is taken whole."""

MAX_TEXT_BYTES = 128
"""A longer command is dropped silently."""

MAX_BINARY_BYTES = 65_531
"""A longer message ends the call: 65,535 bytes with its header."""

_MAX_FAULTS = 20

Event = dict[str, Any]


@dataclass(frozen=True)
class _Marker:
    """A place in the queue: when it is reached, ``event`` goes out."""

    event: Event


class MediaChannel:
    """One channel in client mode with JSON control."""

    def __init__(self, channel_id: str) -> None:
        self._id = channel_id
        self._queue: deque[bytes | _Marker] = deque()
        self._frames = 0
        self._rest = b""
        self._buffering = False
        self._paused = False
        self._full = False
        self._report_drained = False
        self.hung_up = False
        self.faults: list[str] = []

    def start_event(self, connection_id: str, variables: Mapping[str, str]) -> Event:
        """The first message of a connection."""
        return {
            "event": "MEDIA_START",
            "connection_id": connection_id,
            "channel": f"WebSocket/{connection_id}",
            "channel_id": self._id,
            "format": "slin16",
            "optimal_frame_size": FRAME_BYTES,
            "ptime": 20,
            "channel_variables": dict(variables),
        }

    def key_event(self, digit: str, duration_ms: int) -> Event:
        """A key was released."""
        return {"event": "DTMF_END", "channel_id": self._id, "digit": digit, "duration_ms": duration_ms}

    @property
    def queue_length(self) -> int:
        """Frames waiting to be played."""
        return self._frames

    # --- from the bot

    def binary(self, data: bytes) -> list[Event]:
        """Sound from the bot; the events that go back."""
        if len(data) > MAX_BINARY_BYTES:
            self._fault(
                f"a binary message of {len(data)} bytes: Asterisk ends the call above {MAX_BINARY_BYTES}"
            )
            self.hung_up = True
            return []
        if self._frames >= MAX_FRAMES:
            self._fault(f"the queue is full at {MAX_FRAMES} frames: sound was dropped")
            return []
        if self._buffering:
            data = self._rest + data
            whole = len(data) // FRAME_BYTES * FRAME_BYTES
            self._rest = data[whole:]
            data = data[:whole]
        elif len(data) % FRAME_BYTES:
            self._fault(
                f"a binary message of {len(data)} bytes outside buffering: frames are {FRAME_BYTES} bytes"
            )
            data += bytes(-len(data) % FRAME_BYTES)
        for start in range(0, len(data), FRAME_BYTES):
            self._queue.append(data[start : start + FRAME_BYTES])
        self._frames += len(data) // FRAME_BYTES
        if self._frames >= XOFF_FRAMES and not self._full:
            self._full = True
            return [self._event("MEDIA_XOFF")]
        return []

    def text(self, message: str) -> list[Event]:
        """A command from the bot; the events that go back."""
        if len(message.encode()) > MAX_TEXT_BYTES:
            self._fault(
                f"a command of {len(message.encode())} bytes: Asterisk drops those over {MAX_TEXT_BYTES}"
            )
            return []
        try:
            data = json.loads(message)
        except ValueError:
            self._fault("a text message that is no JSON")
            return [self._event("ERROR") | {"error_text": "Unable to parse JSON command"}]
        if not isinstance(data, dict) or "command" not in data:
            self._fault("a text message that is no command")
            return []
        command = data["command"]
        correlation = {"correlation_id": data.get("correlation_id", "")}
        match command:
            case "START_MEDIA_BUFFERING":
                self._buffering = True
            case "STOP_MEDIA_BUFFERING":
                self._flush_rest()
                self._buffering = False
                self._queue.append(_Marker(self._event("MEDIA_BUFFERING_COMPLETED") | correlation))
            case "MARK_MEDIA":
                self._queue.append(_Marker(self._event("MEDIA_MARK_PROCESSED") | correlation))
            case "FLUSH_MEDIA":
                # Marks waiting are dropped with the sound, and buffering mode ends.
                self._queue.clear()
                self._frames, self._rest = 0, b""
                self._buffering = self._paused = False
            case "PAUSE_MEDIA":
                self._paused = True
            case "CONTINUE_MEDIA":
                self._paused = False
            case "REPORT_QUEUE_DRAINED":
                self._report_drained = True
            case "GET_STATUS":
                return [self._status()]
            case "HANGUP":
                self.hung_up = True
            case "ANSWER":
                pass
            case _:
                self._fault(f"an unknown command: {str(command)[:40]}")
        return []

    # --- to the caller

    def tick(self) -> tuple[bytes | None, list[Event]]:
        """20 ms pass: the frame the caller hears, if any, and the events that go back to the bot."""
        if self._paused:
            return None, []
        events = self._relieved()
        if not self._queue and self._report_drained:
            self._report_drained = False
            events.append(self._event("QUEUE_DRAINED"))
        while self._queue:
            item = self._queue.popleft()
            if isinstance(item, bytes):
                self._frames -= 1
                return item, events
            events.append(item.event)
        return None, events

    def _flush_rest(self) -> None:
        if self._rest:
            self._queue.append(self._rest + bytes(FRAME_BYTES - len(self._rest)))
            self._frames += 1
            self._rest = b""

    def _relieved(self) -> list[Event]:
        if self._full and self._frames < XON_FRAMES:
            self._full = False
            return [self._event("MEDIA_XON")]
        return []

    def _status(self) -> Event:
        return self._event("STATUS") | {
            "queue_length": self._frames,
            "xon_level": XON_FRAMES,
            "xoff_level": XOFF_FRAMES,
            "queue_full": self._full,
            "bulk_media": self._buffering,
            "media_paused": self._paused,
        }

    def _event(self, name: str) -> Event:
        return {"event": name, "channel_id": self._id}

    def _fault(self, what: str) -> None:
        if len(self.faults) < _MAX_FAULTS and what not in self.faults:
            self.faults.append(what)
