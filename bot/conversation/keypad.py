"""Keys into input: digits gathered to a number, or one key that chooses. Pure; milliseconds."""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.models import Expectation, ExpectKind

HUMAN_KEY = "0"
HUMAN_MESSAGE = "/human_request"
END_KEY = "#"
CLEAR_KEY = "*"
PAUSE_MS = 4_000
"""A number keyed without ``#`` is over after this pause."""

YES_NO_OPTIONS = {"1": "/affirm", "2": "/deny"}


@dataclass(frozen=True)
class KeyedNumber:
    """A whole number was keyed."""

    digits: str


@dataclass(frozen=True)
class KeyedChoice:
    """A key that stands for a message to the dialogue."""

    key: str
    message: str


@dataclass
class KeypadBuffer:
    """The keys of one call."""

    expectation: Expectation = field(default_factory=Expectation)
    _digits: str = ""
    _last: int = 0

    def expect(self, expectation: Expectation) -> None:
        """Keys now answer another question; digits gathered for the last one are dropped."""
        self.expectation, self._digits = expectation, ""

    def means(self, key: str) -> bool:
        """Whether this key would count now: a ``#`` after a number that was taken at its length does not."""
        if self.expectation.kind in (ExpectKind.DIGITS, ExpectKind.DATE):
            return key.isdecimal() or (key == END_KEY and bool(self._digits))
        return key.isdecimal() and self._choice(key) is not None

    def press(self, key: str, now: int) -> KeyedNumber | KeyedChoice | None:
        """One key. Keys other than ``0-9*#`` are ignored."""
        self._last = now
        if key == CLEAR_KEY:
            self._digits = ""
            return None
        if key == END_KEY:
            return self._take()
        if not (key.isdecimal() and key.isascii() and len(key) == 1):
            return None
        if self.expectation.kind not in (ExpectKind.DIGITS, ExpectKind.DATE):
            return self._choice(key)
        self._digits += key
        if self.expectation.lengths and len(self._digits) >= max(self.expectation.lengths):
            return self._take()
        return None

    def tick(self, now: int) -> KeyedNumber | KeyedChoice | None:
        """Time passed: a number left standing is taken."""
        return self._take() if self._digits and now - self._last >= PAUSE_MS else None

    def _choice(self, key: str) -> KeyedChoice | None:
        options = dict(self.expectation.options)
        if self.expectation.kind is ExpectKind.YES_NO:
            options = {**YES_NO_OPTIONS, **options}
        if key == HUMAN_KEY:
            options.setdefault(HUMAN_KEY, HUMAN_MESSAGE)
        return KeyedChoice(key, options[key]) if key in options else None

    def _take(self) -> KeyedNumber | KeyedChoice | None:
        digits, self._digits = self._digits, ""
        if digits == HUMAN_KEY:
            return KeyedChoice(HUMAN_KEY, HUMAN_MESSAGE)
        return KeyedNumber(digits) if digits else None
