"""The call script: what the simulated subscriber does and what must come of it, read from YAML.

``docs/simulator.md`` shows every key. Reading never guesses: a key that is not known, given twice or of the
wrong type is refused with file, line and key.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from bot.errors import InputError
from bot.models import Channel


class Sound(StrEnum):
    """What a caller's end of the line lets through besides words. Nothing of it is addressed to the bot."""

    COUGH = "cough"
    HUM = "hum"  # "mm-hm": I am listening, go on
    TELEVISION = "television"  # another voice, further away
    STREET = "street"


class Deed(StrEnum):
    """The kinds of things a turn can do."""

    SAY = "say"
    KEYS = "keys"
    PLAY = "play"
    SILENCE = "silence"
    NOISE = "noise"
    AGAIN = "again"
    HANG_UP = "hang_up"


def _regex(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as err:
        raise ValueError(f"not a regular expression: {err}") from err
    return pattern


def _digits(keys: str) -> str:
    if not re.fullmatch(r"[0-9*#]{1,32}", keys):
        raise ValueError("keys are 1 to 32 of 0-9, * and #, in quotes")
    return keys


def _e164(number: str) -> str:
    if number and not re.fullmatch(r"\+[1-9][0-9]{5,14}", number):
        raise ValueError('a caller number is E.164, such as "+33611223344", or empty when withheld')
    return number


Regex = Annotated[str, Field(min_length=1), AfterValidator(_regex)]
"""Searched in the text, whatever the case."""

Names = tuple[str, ...]

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WEEKLY = rf"^({'|'.join(_DAYS)}) ([01][0-9]|2[0-3]):[0-5][0-9]$"
_PARIS = ZoneInfo("Europe/Paris")  # the scripts' callers are French, wherever the suite runs


class _Strict(BaseModel):
    """Unknown keys refused, values not coerced to something else, never changed after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Caller(_Strict):
    """Who calls. ``number``: E.164, empty when withheld. ``voice``: see ``simulator.voices``.

    ``speed``: 1.0 is the voice's own pace. ``noise_db``: level of steady background noise in dBFS, None for a
    silent room (the voice itself is at −20 dBFS).
    """

    number: Annotated[str, AfterValidator(_e164)] = ""
    voice: Annotated[str, Field(pattern=r"^(pico|espeak|mbrola-fr[1-7])$")] = "pico"
    speed: Annotated[float, Field(ge=0.5, le=2.0)] = 1.0
    noise_db: Annotated[float, Field(ge=-90, le=-15)] | None = None


class Act(_Strict):
    """One thing the caller does: exactly one of the keys below.

    ``silence``: seconds. ``play``: a wav file, relative to the script; ``text``: the words in it, typed in its
    place when there is no sound. ``again``: the last thing said, keyed or played, once more.
    """

    say: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    keys: Annotated[str, AfterValidator(_digits)] | None = None
    play: Path | None = None
    silence: Annotated[float, Field(gt=0, le=120)] | None = None
    noise: Sound | None = None
    again: Literal[True] | None = None
    hang_up: Literal[True] | None = None
    text: str = ""

    @model_validator(mode="after")
    def _one_deed(self) -> Act:
        done = [deed for deed in Deed if getattr(self, deed) is not None]
        if len(done) != 1:
            raise ValueError(
                f"a turn does exactly one of {', '.join(Deed)}; this one does {' and '.join(done) or 'nothing'}"
            )
        if self.text and self.play is None:
            raise ValueError("text goes with play: it is what the recording says")
        return self

    @property
    def deed(self) -> Deed:
        """Which of the keys is given."""
        return next(deed for deed in Deed if getattr(self, deed) is not None)

    @property
    def words(self) -> str:
        """What is said or keyed, as a reader of the script would write it; empty when no words are."""
        return self.say or self.keys or self.text

    @property
    def addressed(self) -> bool:
        """Whether the bot is expected to answer it."""
        return self.deed in (Deed.SAY, Deed.KEYS, Deed.PLAY, Deed.AGAIN)


class Turn(Act):
    """An act and its moment.

    ``when``: regex the bot's last reply must hold before the turn is taken. ``after``: seconds after the bot
    began that reply, cutting into it; without it the caller waits until the bot has finished. ``within``:
    seconds to wait for the moment before giving up.
    """

    when: Regex | None = None
    after: Annotated[float, Field(ge=0, le=60)] | None = None
    within: Annotated[float, Field(gt=0, le=300)] | None = None


class Reaction(Act):
    """What the caller does whenever the bot's reply holds ``when``, at most ``times`` times.

    For what may or may not happen on a real line: asked to repeat, to use the keypad, to confirm a number.
    """

    when: Regex
    times: Annotated[int, Field(ge=1, le=10)] = 2

    @model_validator(mode="after")
    def _addressed(self) -> Reaction:
        if not self.addressed:
            raise ValueError("a reaction says, keys, plays or repeats something")
        return self


class ActionExpected(_Strict):
    """An action by name, and whether it succeeded when that matters."""

    action: str
    ok: bool | None = None


class OfferExpected(_Strict):
    """An offer by id, and the caller's answer."""

    offer: str
    answer: Literal["proposed", "accepted", "refused"]


class HandoffExpected(_Strict):
    """What the handoff must hold; what is not given is not looked at."""

    reason: str | None = None
    skill: str | None = None
    video: bool | None = None
    verified: bool | None = None


class SoundExpected(_Strict):
    """What only a call with sound can show.

    ``interruptions``: how often the bot was cut short. ``max_voice_to_voice_ms``: upper bound of the median
    measured on the recording.
    """

    interruptions: Annotated[int, Field(ge=0)] | None = None
    max_voice_to_voice_ms: Annotated[int, Field(gt=0)] | None = None


class Expect(_Strict):
    """What must come of the call. Everything given must hold; everything left out is not looked at.

    Lists are ordered subsets: other things may happen in between. ``slots``: as they stand at the end; null for
    unset. ``said``: regexes found in what the bot said, in order. ``not_said``: regexes found nowhere in it.
    """

    outcome: Literal["resolved", "handoff", "callback", "abandoned", "failed"] | None = None
    intents: Names = ()
    not_intents: Names = ()
    actions: tuple[str | ActionExpected, ...] = ()
    not_actions: Names = ()
    slots: dict[str, str | int | float | bool | None] = Field(default_factory=dict)
    said: tuple[Regex, ...] = ()
    not_said: tuple[Regex, ...] = ()
    handoff: HandoffExpected | Literal[False] | None = None
    offers: tuple[OfferExpected, ...] | None = None
    verified: bool | None = None
    silences: Names | None = None
    ended_by: Literal["caller", "bot"] | None = None
    max_turns: Annotated[int, Field(ge=0)] | None = None
    sound: SoundExpected = Field(default_factory=SoundExpected)


class Script(_Strict):
    """A whole call. ``title``: one line for a reader. ``tags``: to choose among scripts.

    ``now``: when the call takes place, where opening hours or dates matter: a time with offset, or the next such day
    and hour in Paris, such as ``tue 10:00``.
    """

    title: str = ""
    tags: Names = ()
    channel: Literal[Channel.PHONE, Channel.BROWSER] = Channel.PHONE
    now: datetime | Annotated[str, Field(pattern=_WEEKLY)] | None = None
    caller: Caller = Field(default_factory=Caller)
    turns: tuple[Turn, ...] = ()
    reactions: tuple[Reaction, ...] = ()
    expect: Expect = Field(default_factory=Expect)

    @model_validator(mode="after")
    def _consistent(self) -> Script:
        if isinstance(self.now, datetime) and self.now.tzinfo is None:
            raise ValueError('now needs an offset, such as "2027-03-16T10:00:00+01:00"')
        for number, turn in enumerate(self.turns[:-1], start=1):
            if turn.hang_up:
                raise ValueError(f"turn {number} hangs up, yet turns follow it")
        if self.turns and self.turns[0].again:
            raise ValueError("the first turn has nothing to say again")
        return self

    def moment(self, today: date) -> datetime | None:
        """``now`` as a time with offset; a weekly one is the first on or after ``today``. None: the real time."""
        if not isinstance(self.now, str):
            return self.now
        day, hour = self.now.split()
        ahead = (_DAYS.index(day) - today.weekday()) % len(_DAYS)
        return datetime.combine(today + timedelta(days=ahead), time.fromisoformat(hour), tzinfo=_PARIS)


# --- reading ---------------------------------------------------------------------------------------------


def load(path: Path) -> Script:
    """Read one script.

    Raises:
        InputError: unreadable, not YAML, or not a script; each fault on its line as ``file:line: key: reason``.
    """
    try:
        source = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as err:
        raise InputError(f"{path}: cannot be read: {err}") from err
    return parse(source, path)


def parse(source: str, path: Path) -> Script:
    """Read a script from its text; ``path`` is for messages and for the files it plays.

    Raises:
        InputError: as :func:`load`.
    """
    try:
        root = yaml.compose(source, Loader=yaml.SafeLoader)
        data = yaml.safe_load(source)
    except yaml.MarkedYAMLError as err:
        line = err.problem_mark.line + 1 if err.problem_mark else 1
        raise InputError(f"{path}:{line}: not YAML: {err.problem}") from err
    except yaml.YAMLError as err:
        raise InputError(f"{path}: not YAML: {err}") from err
    except ValueError as err:  # YAML's implicit types: an impossible date such as 2027-02-30
        raise InputError(f"{path}: a value has the shape of a date or number but is none: {err}") from err
    if not isinstance(root, yaml.MappingNode):
        raise InputError(f"{path}:1: a script is a mapping with channel, caller, turns and expect")
    faults = [f"{path}:{line}: {key}: given twice" for line, key in _repeated(root)]
    if faults:
        raise InputError("\n".join(faults))
    try:
        script = Script.model_validate(data)
    except ValidationError as err:
        raise InputError("\n".join(_faults(err, root, path))) from err
    return _with_files(script, path)


def find(paths: Sequence[Path]) -> list[Path]:
    """Script files in the given files and directories, directories searched deep and sorted by name.

    Raises:
        InputError: a path does not exist, or no script is found.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(file for file in path.rglob("*") if file.suffix in (".yml", ".yaml"))
        elif path.is_file():
            found.append(path)
        else:
            raise InputError(f"{path}: no such script or directory")
    if not found:
        raise InputError(f"no script (.yml) in {', '.join(map(str, paths))}")
    return list(dict.fromkeys(found))


def _with_files(script: Script, path: Path) -> Script:
    """The script with ``play`` files found beside it."""
    turns = []
    for number, turn in enumerate(script.turns):
        if turn.play is not None:
            file = path.parent / turn.play
            if not file.is_file():
                raise InputError(f"{path}: turns.{number}.play: no such file: {file}")
            turn = turn.model_copy(update={"play": file})
        turns.append(turn)
    return script.model_copy(update={"turns": tuple(turns)})


_REASONS = {"extra_forbidden": "unknown key"}


def _faults(err: ValidationError, root: yaml.Node, path: Path) -> Iterator[str]:
    for fault in err.errors(include_url=False):
        keys, line = _place(root, fault["loc"])
        if fault["type"] == "missing":
            keys.append(str(fault["loc"][-1]))
        reason = _REASONS.get(fault["type"], fault["msg"].removeprefix("Value error, "))
        yield f"{path}:{line}: {'.'.join(keys) or 'script'}: {reason}"


def _place(node: yaml.Node, loc: Sequence[int | str]) -> tuple[list[str], int]:
    """Keys as written and line of the deepest node that ``loc`` reaches; pydantic's union branches are passed over."""
    keys: list[str] = []
    line = node.start_mark.line + 1
    for step in loc:
        found = _child(node, step)
        if found is None:
            continue
        key, node = found
        keys.append(str(step))
        line = key.start_mark.line + 1
    return keys, line


def _child(node: yaml.Node, step: int | str) -> tuple[yaml.Node, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        return next(((key, value) for key, value in node.value if key.value == str(step)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step]
    return None


def _repeated(node: yaml.Node) -> Iterator[tuple[int, str]]:
    """Keys given twice in one mapping (YAML itself lets the last one win in silence)."""
    if isinstance(node, yaml.MappingNode):
        seen: set[Any] = set()
        for key, value in node.value:
            if key.value in seen:
                yield key.start_mark.line + 1, str(key.value)
            seen.add(key.value)
            yield from _repeated(value)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _repeated(item)
