"""Who watches a call as it goes. The call tells; what is shown of it is the watcher's business."""

from __future__ import annotations

from typing import Protocol

from simulator.result import CallResult, Event
from simulator.run import Do
from simulator.script import Script


class Observer(Protocol):
    """Told of everything as it happens. ``at``: seconds on the call's clock."""

    def placed(self, name: str, script: Script, channel: str, url: str) -> None:
        """The call is being placed."""

    def bot_said(self, at: float, text: str) -> None:
        """The bot began a sentence."""

    def acting(self, at: float, do: Do) -> None:
        """The caller begins to do something."""

    def event(self, at: float, event: Event) -> None:
        """A line of the bot's journal came in, other than what the bot says."""

    def finished(self, result: CallResult) -> None:
        """The call is over and judged."""


class Unobserved:
    """Watches nothing: for suites, where the table at the end says it all."""

    def placed(self, name: str, script: Script, channel: str, url: str) -> None:
        """Nothing."""

    def bot_said(self, at: float, text: str) -> None:
        """Nothing."""

    def acting(self, at: float, do: Do) -> None:
        """Nothing."""

    def event(self, at: float, event: Event) -> None:
        """Nothing."""

    def finished(self, result: CallResult) -> None:
        """Nothing."""
