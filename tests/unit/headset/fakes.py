"""A headset in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from bot.errors import LineError


@dataclass(eq=False)
class FakeHeadset:
    """Implements :class:`bot.ports.Headset` and its leg. ``played``: live sound; ``said``: the bot's voice."""

    alive: bool = True
    played: list[bytes] = field(default_factory=list)
    said: list[bytes] = field(default_factory=list)
    hear: Callable[[bytes], None] | None = None
    gone: Callable[[], None] | None = None

    @property
    def free(self) -> bool:
        return self.alive and self.hear is None

    def connect(self, hear: Callable[[bytes], None], gone: Callable[[], None]) -> FakeHeadset:
        if not self.free:
            raise LineError("not free")
        self.hear, self.gone = hear, gone
        return self

    def speak(self, pcm: bytes) -> None:
        """The agent says something."""
        if self.hear is not None:
            self.hear(pcm)

    def lose(self) -> None:
        """The agent's network is gone for good."""
        gone, self.hear, self.gone, self.alive = self.gone, None, None, False
        if gone is not None:
            gone()

    def play(self, pcm: bytes) -> None:
        self.played.append(pcm)

    async def say(self, pcm: bytes) -> None:
        self.said.append(pcm)

    async def flush(self) -> None: ...

    async def end(self) -> None:
        self.hear = self.gone = None
