"""From what was recognised to what the dialogue is told: numbers, dates, yes/no, and the read-back of digits. Pure."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import date

from bot.french.answers import is_backchannel, is_no, is_yes
from bot.french.digits import DigitsReading, correct, read_digits
from bot.french.numbers import normalise
from bot.models import Expectation, ExpectKind, Recognition

_ISO_DATE = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")
_ADULT_YEARS = 14
"""A date this far in the past is a birth date, whatever was asked: it is personal."""


@dataclass(frozen=True)
class Message:
    """For the dialogue. ``text``: normalised. ``secret``: not to be kept or logged."""

    message: str
    text: str
    secret: bool = False


@dataclass(frozen=True)
class ReadBack:
    """Say the digits back and ask; nothing goes to the dialogue yet."""

    digits: str


@dataclass(frozen=True)
class Missed:
    """A number was dictated and not understood: offer the keypad."""


Reading = Message | ReadBack | Missed


def number_message(digits: str) -> str:
    """The intent message of a number."""
    return "/inform_number" + json.dumps({"number": digits})


def date_message(day: date) -> str:
    """The intent message of a date."""
    return "/inform_date" + json.dumps({"date": day.isoformat()})


def keyed_date(digits: str) -> date | None:
    """``JJMMAAAA`` as keyed, or None when there is no such day."""
    try:
        return date(int(digits[4:8]), int(digits[2:4]), int(digits[0:2])) if len(digits) == 8 else None
    except ValueError:
        return None


@dataclass
class Interpreter:
    """Reads the caller's turns of one call against what is expected.

    ``pending``: digits read back and not yet confirmed.
    """

    expectation: Expectation = field(default_factory=Expectation)
    pending: str = ""
    _read: tuple[Recognition, Expectation, DigitsReading] | None = None

    def expect(self, expectation: Expectation) -> None:
        """Another question was asked."""
        self.expectation, self.pending = expectation, ""

    @property
    def effective(self) -> Expectation:
        """What the caller is really asked now: a yes or no while digits are read back."""
        return Expectation(ExpectKind.YES_NO, name="digits_read_back") if self.pending else self.expectation

    def _digits(self, recognition: Recognition) -> DigitsReading:
        """The number in it, kept: reading takes up to 0.1 s, and a turn is looked at before it is taken."""
        if self._read is None or self._read[0] is not recognition or self._read[1] is not self.expectation:
            self._read = (recognition, self.expectation, read_digits(recognition, self.expectation))
        return self._read[2]

    def is_complete(self, recognition: Recognition) -> bool:
        """Whether this already is a whole answer of the kind expected. Up to 0.1 s where digits are expected."""
        text = recognition.text
        match self.effective.kind:
            case ExpectKind.YES_NO:
                return is_yes(text) or is_no(text)
            case ExpectKind.DIGITS:
                reading = self._digits(recognition)
                return bool(reading.digits) and reading.certain
            case _:
                return False

    def is_backchannel(self, recognition: Recognition) -> bool:
        """Whether this does not ask for the floor ("mm-hm", "d'accord" over the bot's voice)."""
        return is_backchannel(recognition.text)

    def interpret(self, recognition: Recognition, today: date) -> Reading:
        """Read one whole turn."""
        raw = recognition.text
        if self.pending:
            if fixed := correct(self.pending, raw, self.expectation):
                self.pending = fixed
                return ReadBack(fixed)
            if is_yes(raw):
                digits, self.pending = self.pending, ""
                return Message(number_message(digits), digits, self.expectation.secret)
            self.pending = ""
            if is_no(raw):
                return Missed()
        if self.expectation.kind is ExpectKind.DIGITS:
            reading = self._digits(recognition)
            if reading.digits and reading.certain:
                return Message(number_message(reading.digits), reading.digits, self.expectation.secret)
            if reading.digits:
                self.pending = reading.digits
                return ReadBack(reading.digits)
        text = normalise(raw, today=today)
        if found := _ISO_DATE.search(text):
            day = date.fromisoformat(found.group())
            secret = self.expectation.secret or today.year - day.year >= _ADULT_YEARS
            if self.expectation.kind is ExpectKind.DATE or secret:
                return Message(date_message(day), text, secret)
        if self.expectation.kind is ExpectKind.DIGITS and _mostly_digits(text):
            return Missed()
        return Message(text.lstrip("/ "), text, self.expectation.secret and any(c.isdigit() for c in text))


def _mostly_digits(text: str) -> bool:
    letters = sum(c.isalpha() for c in text)
    digits = sum(c.isdigit() for c in text)
    return digits >= 2 and digits * 2 >= letters
