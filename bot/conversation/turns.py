"""Who has the floor: when the caller's turn is over, and when the caller really interrupts. Pure; milliseconds.

The pipeline feeds it what the voice detector hears, what the recogniser reads and whether the bot is audible;
it answers with acts to carry out. It never looks at a clock: every call is given ``now``.

    QUIET ──speech──▶ SPEAKING ──pause──▶ PAUSED ──patience over──▶ QUIET (+ EndTurn)
                         ▲                   │
                         └──── speech ───────┘

A pause is decoded at once, while we still wait to see whether the caller goes on: that is where the response
time is won. Speech that resumes makes that decode stale. The level of the line tells of a pause a fifth of a second
before the voice detector confirms it; no turn ends before it has.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import Enum
from statistics import median

from bot.conversation.endpointing import patience_ms
from bot.models import Expectation, ExpectKind, Recognition


@dataclass(frozen=True)
class TurnPolicy:
    """Times in milliseconds, levels in dB.

    ``vad_start_ms``/``vad_stop_ms``: how late the voice detector reports a start and a stop.
    ``lull_ms``: the level of the line that far down for this long is worth a decode: longer than the silence within a
    consonant, shorter than most pauses between sentences. ``trailing_ms``: the detector hears the last sound for
    about 80 ms longer than it lasts; speech for this much longer than the lull says was really there.
    ``barge_in_ms``: speech this long over the bot's voice is an interruption (a cough or "mm-hm" is shorter).
    ``longest_ms``: a turn is taken after this much speech, whatever happens.
    ``background_db``: speech this far under the caller's usual level is somebody else (the television).
    """

    vad_start_ms: int = 60
    vad_stop_ms: int = 200
    lull_ms: int = 100
    trailing_ms: int = 250
    barge_in_ms: int = 500
    longest_ms: int = 24_000
    background_db: float = 14.0


@dataclass(frozen=True)
class Decode:
    """Decode the utterance as it stands. ``seq`` names this state of it."""

    seq: int


@dataclass(frozen=True)
class StopBot:
    """The caller interrupts: silence the bot now."""


@dataclass(frozen=True)
class EndTurn:
    """The caller's turn is over. Times of first and last speech."""

    recognition: Recognition
    started_ms: int
    ended_ms: int
    interrupted: bool


@dataclass(frozen=True)
class Discard:
    """It was nothing (a cough, "mm-hm", the television). ``interrupted``: the bot had been stopped for it."""

    interrupted: bool


Act = Decode | StopBot | EndTurn | Discard


class _State(Enum):
    QUIET = "quiet"
    SPEAKING = "speaking"
    PAUSED = "paused"


@dataclass
class TurnTaker:
    """The floor of one call."""

    policy: TurnPolicy = field(default_factory=TurnPolicy)
    expectation: Expectation = field(default_factory=Expectation)
    _state: _State = _State.QUIET
    _seq: int = 0
    _started: int = 0
    _ended: int = 0
    _recognition: Recognition | None = None
    _voiced: bool = False
    _complete: bool = False
    _understood: bool = False
    _backchannel: bool = False
    _bot_audible: bool = False
    _bot_since: int = 0
    _interrupted: bool = False
    _levels: deque[float] = field(default_factory=lambda: deque(maxlen=8))
    _level: float | None = None

    @property
    def caller_speaking(self) -> bool:
        """Whether the caller holds the floor, a pause within a turn included."""
        return self._state is not _State.QUIET

    @property
    def bot_audible(self) -> bool:
        """Whether the bot's voice can be heard now."""
        return self._bot_audible

    def speech_started(self, now: int) -> list[Act]:
        """The voice detector confirmed speech."""
        if self._state is _State.QUIET:
            self._started = now - self.policy.vad_start_ms
            self._interrupted = False
            self._level = None
        self._voiced = True
        self._go_on()
        return []

    def lull(self, now: int, since: int) -> list[Act]:
        """The line has been quiet since ``since`` although the voice detector has not confirmed a pause yet.

        While the bot speaks it is not asked: what is on the line then may be the bot.
        """
        if self._state is not _State.SPEAKING or self._bot_audible or now - since < self.policy.lull_ms:
            return []
        self._ended = max(self._started, since)
        self._state = _State.PAUSED
        return [Decode(self._seq)]

    def lull_over(self) -> None:
        """The line is loud again: that was no pause."""
        if self._state is _State.PAUSED and self._voiced:
            self._go_on()

    def _go_on(self) -> None:
        self._state = _State.SPEAKING
        self._seq += 1
        self._recognition = None

    def speech_stopped(self, now: int) -> list[Act]:
        """The voice detector confirmed a pause: decode what was said so far."""
        self._voiced = False
        if self._state is _State.PAUSED:  # a lull was seen before, its decode may be there already
            if self._background():
                return self._discard()
            if now - self.policy.vad_stop_ms - self._ended <= self.policy.trailing_ms:
                return self._judge(now) if self._recognition is not None else []
            self._go_on()  # the caller trailed off under their own level: that decode lacks the end
        if self._state is not _State.SPEAKING:
            return []
        self._ended = max(self._started, now - self.policy.vad_stop_ms)
        if self._background():
            return self._discard()
        self._state = _State.PAUSED
        return [Decode(self._seq)]

    def awaits(self, seq: int) -> bool:
        """Whether the reading of state ``seq`` is still of use: nothing was said since."""
        return seq == self._seq and self._state is _State.PAUSED

    def recognised(
        self,
        now: int,
        seq: int,
        recognition: Recognition,
        *,
        complete: bool,
        backchannel: bool,
        understood: bool = False,
    ) -> list[Act]:
        """The recogniser read the utterance in state ``seq``.

        ``complete``: a whole answer of the kind expected. ``understood``: a request that the dialogue is sure of as
        it stands. ``backchannel``: "mm-hm", "d'accord", a hesitation: something that does not ask for the floor.
        """
        if not self.awaits(seq):
            return []
        self._recognition, self._complete, self._backchannel = recognition, complete, backchannel
        self._understood = understood
        return [] if self._voiced else self._judge(now)

    def _judge(self, now: int) -> list[Act]:
        """A pause that is one, with what was said before it."""
        assert self._recognition is not None
        if not self._recognition.text:
            return self._discard()
        if self._backchannel and not self._complete and (self._bot_audible or self._interrupted):
            return self._discard()
        acts: list[Act] = []
        if self._bot_audible and not self._interrupted and self._may_interrupt():
            self._interrupted = True
            acts.append(StopBot())
        return acts + self.tick(now)

    def recognition_failed(self, now: int, seq: int) -> list[Act]:
        """The recogniser failed on state ``seq``: when the pause is one, the turn cannot be read."""
        if not self.awaits(seq):
            return []
        if self._voiced:
            self._go_on()
            return []
        return self._discard()

    def bot_started(self, now: int) -> list[Act]:
        """The bot's voice became audible."""
        self._bot_audible, self._bot_since = True, now
        return []

    def bot_stopped(self, now: int) -> list[Act]:
        """The bot's voice is no longer audible."""
        self._bot_audible = False
        return []

    def tick(self, now: int, level_db: float | None = None) -> list[Act]:
        """Time passed. ``level_db``: level of the caller's speech so far in this turn, dBFS."""
        if level_db is not None and self._state is _State.SPEAKING:
            self._level = level_db
        if self._state is _State.SPEAKING:
            if now - self._started >= self.policy.longest_ms:
                self._ended = now
                self._state = _State.PAUSED
                return [Decode(self._seq)]
            since = max(self._started, self._bot_since)
            if (
                self._bot_audible
                and not self._interrupted
                and now - since >= self.policy.barge_in_ms
                and self._may_interrupt()
                and not self._background()
            ):
                self._interrupted = True
                return [StopBot()]
            return []
        if self._state is _State.PAUSED and self._recognition is not None and not self._voiced:
            wait = patience_ms(
                self.expectation,
                self._recognition.text,
                complete=self._complete,
                understood=self._understood,
            )
            too_long = self._ended - self._started >= self.policy.longest_ms
            if now - self._ended >= wait or too_long:
                return self._end()
        return []

    def _may_interrupt(self) -> bool:
        return self.expectation.kind is not ExpectKind.NOTHING

    def _background(self) -> bool:
        return (
            self._level is not None
            and bool(self._levels)
            and self._level < median(self._levels) - self.policy.background_db
        )

    def _end(self) -> list[Act]:
        assert self._recognition is not None
        recognition, interrupted = self._recognition, self._interrupted
        self._state, self._recognition = _State.QUIET, None
        if self._backchannel and not self._complete and self.expectation.kind is ExpectKind.STEP:
            return [Discard(interrupted)]  # "euh…", "voyons": the caller is at the box, not talking to us
        if self._level is not None:
            self._levels.append(self._level)
        return [EndTurn(recognition, self._started, self._ended, interrupted)]

    def _discard(self) -> list[Act]:
        self._state, self._recognition = _State.QUIET, None
        return [Discard(self._interrupted)]
