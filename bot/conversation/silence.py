"""What to do when the caller says nothing: follow up once, offer the keypad, then a person. Pure; milliseconds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.models import ExpectKind

FIRST_MS: dict[ExpectKind, int] = {
    ExpectKind.OPEN: 7_000,
    ExpectKind.YES_NO: 7_000,
    ExpectKind.CHOICE: 7_000,
    ExpectKind.DIGITS: 9_000,  # the bill has to be found
    ExpectKind.DATE: 7_000,
    ExpectKind.STEP: 30_000,  # hands are at the box
}
NEXT_MS = 7_000


class SilenceStep(StrEnum):
    """The rungs, in order."""

    REPROMPT = "reprompt"
    KEYPAD = "keypad"
    HUMAN = "human"


_RUNGS = tuple(SilenceStep)


@dataclass
class SilenceLadder:
    """The silence of one call: counts from the moment the floor is the caller's."""

    _since: int | None = None
    _rung: int = 0

    def floor_free(self, now: int) -> None:
        """The bot has finished: the caller may speak from ``now``."""
        self._since = now

    def floor_busy(self) -> None:
        """Somebody speaks or a turn is being answered: silence does not count."""
        self._since = None

    def answered(self) -> None:
        """The caller said or keyed something: back to the first rung."""
        self._since, self._rung = None, 0

    def tick(self, now: int, kind: ExpectKind) -> SilenceStep | None:
        """The step to take now, once each; None while there is none."""
        if self._since is None or self._rung >= len(_RUNGS) or kind is ExpectKind.NOTHING:
            return None
        if now - self._since < (FIRST_MS[kind] if self._rung == 0 else NEXT_MS):
            return None
        step = _RUNGS[self._rung]
        self._rung += 1
        self._since = None
        return step
