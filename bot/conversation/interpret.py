"""From what was recognised to what the dialogue is told: numbers, dates, yes/no, and the read-back of digits. Pure."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import date

from bot.french.answers import asks_for_person, cuts_both_ways, is_backchannel, is_no, is_yes, leads_with
from bot.french.digits import DigitsReading, correct, read_digits
from bot.french.numbers import normalise
from bot.models import Expectation, ExpectKind, Recognition

SURE_ANSWER = 0.45
"""Recognition's confidence from which a clear yes or no is taken for one (``bench/yesno.py``)."""
SURE_WORDS = 0.6
"""The same for a few words that are neither: under it every second one was a misheard yes or no."""
FEW_WORDS = 4

AFFIRM, DENY, NOT_UNDERSTOOD = "/affirm", "/deny", "/nlu_fallback"

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


@dataclass(frozen=True)
class Doubtful:
    """A yes or no is expected and this may have been either: ask which, guess nothing."""


Reading = Message | ReadBack | Missed | Doubtful


def number_message(digits: str) -> str:
    """The intent message of a number."""
    return "/inform_number" + json.dumps({"number": digits})


def date_message(day: date) -> str:
    """The intent message of a date."""
    return "/inform_date" + json.dumps({"date": day.isoformat()})


def answer_of(text: str) -> str:
    """``AFFIRM`` or ``DENY`` when ``text`` is clearly that and nothing else; empty otherwise."""
    return AFFIRM if is_yes(text) else DENY if is_no(text) else ""


def leaning_of(text: str) -> str:
    """What ``text`` would be if it were an answer: as :func:`answer_of`, or by the word it begins with."""
    return answer_of(text) or {"yes": AFFIRM, "no": DENY, "": ""}[leads_with(text)]


def is_doubtful(recognition: Recognition) -> bool:
    """Whether this is no answer to rely on where a yes or no is expected. Whoever asks for a person is understood."""
    text = recognition.text
    if answer_of(text):
        return recognition.confidence < SURE_ANSWER
    if not text or asks_for_person(text) or any(char.isdigit() for char in text):
        return False
    if (
        leads_with(text) and recognition.confidence < SURE_ANSWER
    ):  # of any length: "oui" and something misheard
        return True
    return len(text.split()) <= FEW_WORDS and recognition.confidence < SURE_WORDS


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
    _doubted: str | None = None
    """How a doubtful answer to this question leaned (``AFFIRM``, ``DENY``, empty); None: no doubt so far."""
    _read: tuple[Recognition, Expectation, DigitsReading] | None = None

    def expect(self, expectation: Expectation) -> None:
        """A question was asked. The same one again does not begin anew: a doubt is asked about once."""
        if (expectation.kind, expectation.name) != (self.expectation.kind, self.expectation.name):
            self._doubted = None
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
        if self.pending and (answered := self._read_back_answered(recognition)):
            return answered
        if self._asks_yes_or_no and (answered := self._answered(recognition, today)):
            return answered
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

    @property
    def _asks_yes_or_no(self) -> bool:
        """Whether yes and no are answers here; to "Autre chose ?" they are, beside anything else."""
        return self.expectation.kind is ExpectKind.YES_NO or self.expectation.options.get("1") == AFFIRM

    def _read_back_answered(self, recognition: Recognition) -> Reading | None:
        """What comes of an answer to digits read back; None when it is none."""
        raw = recognition.text
        if fixed := correct(self.pending, raw, self.expectation):
            self.pending = fixed
            return ReadBack(fixed)
        digits, answer = self.pending, answer_of(raw)
        if is_doubtful(recognition):
            if self._first_doubt(raw):
                return ReadBack(digits)
            answer = self._said_again(raw) or DENY  # not understood twice: the keypad
        self.pending, self._doubted = "", None
        if answer == AFFIRM:
            return Message(number_message(digits), digits, self.expectation.secret)
        return Missed() if answer == DENY else None

    def _answered(self, recognition: Recognition, today: date) -> Reading | None:
        """What comes of an answer to a yes or no; None when it is neither and the dialogue has to say what it is.

        Asked about once; after that the dialogue is told that it was not understood, and brings in a person in time.
        """
        raw = recognition.text
        answer = answer_of(raw)
        only = self.expectation.kind is ExpectKind.YES_NO  # "Autre chose ?" may be answered with anything
        if (only or answer) and is_doubtful(recognition):
            if self._first_doubt(raw):
                return Doubtful()
            if not (again := self._said_again(raw)):
                return Message(NOT_UNDERSTOOD, normalise(raw, today=today))
            self._doubted = None
            return Message(again, normalise(raw, today=today))
        self._doubted = None
        # A clear answer needs no understanding: "oui merci" is a yes, not thanks.
        if answer and only and not cuts_both_ways(raw):
            return Message(answer, normalise(raw, today=today))
        return None

    def _first_doubt(self, raw: str) -> bool:
        if self._doubted is not None:
            return False
        self._doubted = leaning_of(raw)
        return True

    def _said_again(self, raw: str) -> str:
        """The answer, when it leans the way it did when it was doubted: heard badly twice, but the same twice."""
        before, self._doubted = self._doubted, leaning_of(raw)
        return self._doubted if self._doubted == before else ""


def as_read(digits: str, name: str) -> str:
    """As a person reads it back: ``12345674`` → ``12 34 56 74``, a postcode as one."""
    if name == "postcode":
        return f"code postal {digits}"
    head = digits[: len(digits) % 2]
    return " ".join(
        part for part in (head, *(digits[i : i + 2] for i in range(len(head), len(digits), 2))) if part
    )


def _mostly_digits(text: str) -> bool:
    letters = sum(c.isalpha() for c in text)
    digits = sum(c.isdigit() for c in text)
    return digits >= 2 and digits * 2 >= letters
