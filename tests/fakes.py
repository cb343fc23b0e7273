"""Stand-ins at the ports, for tests of what is on our side of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.events import CallEvent
from bot.models import RingResult, Understanding
from bot.ports import DialogueReply


@dataclass
class ScriptedDialogue:
    """Answers each message from a table (default: one sentence); at the port, in place of the HTTP client."""

    answers: dict[str, Any] = field(default_factory=dict)
    default: list[dict[str, Any]] = field(default_factory=lambda: [{"text": "Très bien."}])
    received: list[str] = field(default_factory=list)
    metadata: list[Mapping[str, Any]] = field(default_factory=list)
    senders: list[str] = field(default_factory=list)
    gate: asyncio.Event | None = None
    in_flight: int = 0
    most_in_flight: int = 0

    async def turn(self, call_id: str, message: str, metadata: Mapping[str, Any]) -> DialogueReply:
        self.received.append(message)
        self.metadata.append(metadata)
        self.senders.append(call_id)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            if self.gate is not None and not message.startswith("/call"):
                await self.gate.wait()
            answer = self.answers.get(message, [] if message.startswith("/call") else self.default)
            if isinstance(answer, Exception):
                raise answer
            return DialogueReply(tuple(answer))
        finally:
            self.in_flight -= 1

    async def confidence(self, text: str) -> float:
        return 0.9

    async def understanding(self, call_id: str) -> Understanding:
        return Understanding("billing_amount", 0.9)


@dataclass
class MemoryJournal:
    events: list[CallEvent] = field(default_factory=list)

    def append(self, call_id: str, event: CallEvent) -> None:
        self.events.append(event)

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


@dataclass
class ScriptedTelephone:
    """A telephone line that answers each ringing from a script: a result, an error, or what a function makes of it.

    ``gate``: while set and not open, everything goes on ringing. ``dialled``: number and callback, in order.
    """

    script: list[Any] = field(default_factory=list)
    default: RingResult = RingResult.ANSWERED
    up: bool = True
    tells_ringing: bool = True
    gate: asyncio.Event | None = None
    dialled: list[tuple[str, str]] = field(default_factory=list)
    ringing: set[str] = field(default_factory=set)
    most_ringing: int = 0

    async def dial(
        self, number: str, *, ring_s: float, callback: str, on_ringing: Callable[[], None] | None = None
    ) -> RingResult:
        assert number not in self.ringing, "the same number is rung twice at once"
        self.dialled.append((number, callback))
        self.ringing.add(number)
        self.most_ringing = max(self.most_ringing, len(self.ringing))
        try:
            if on_ringing is not None and self.tells_ringing:
                on_ringing()
            if self.gate is not None:
                await self.gate.wait()
            answer = self.script.pop(0) if self.script else self.default
            if isinstance(answer, Exception):
                raise answer
            return answer() if callable(answer) else answer
        finally:
            self.ringing.discard(number)
