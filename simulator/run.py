"""When the subscriber does what: the scheduler of a call, a pure state machine on seconds.

It is told what happens (the bot starts, says, stops) and asked, as often as one likes, what to do now. It
reads no clock and does no I/O, so a ten-minute call is tested in microseconds.

The caller's manners, which a script need not spell out:

- a turn waits until the bot has finished answering, and ``when`` must be found in that answer;
- ``after`` cuts into the answer instead, so many seconds after it began (with ``when``: after the sentence
  that holds it began);
- a silence or a noise asks for no answer: the next turn only waits for the bot not to be speaking;
- after the last turn the caller hears the answer out, waits a moment and hangs up.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from simulator.script import Act, Deed, Reaction, Turn


@dataclass(frozen=True)
class Patience:
    """Seconds. ``answer``: without any answer; ``match``: after an answer that does not hold ``when``;
    ``linger``: after the answer to the last turn, before hanging up."""

    answer: float = 30.0
    match: float = 12.0
    linger: float = 3.0


@dataclass(frozen=True)
class Wait:
    """Nothing to do yet. ``until``: when something will be, if nothing else happens; None: only an event helps."""

    until: float | None = None


@dataclass(frozen=True)
class Do:
    """Do ``act`` now. ``turn``: its place in the script from 1, 0 for a reaction.

    ``interrupts``: into the bot's speech.
    """

    act: Act
    turn: int
    interrupts: bool = False


@dataclass(frozen=True)
class HangUp:
    """Hang up: the script is over."""


@dataclass(frozen=True)
class GiveUp:
    """Hang up: the call does not go as the script says. ``reason``: a sentence for the report."""

    reason: str


_SOUND_FOLLOWS_S = 3.0  # a sentence not heard by then will not be

Step = Wait | Do | HangUp | GiveUp


@dataclass(frozen=True)
class _Heard:
    at: float
    text: str


class Player:
    """Plays the turns of one script.

    All times are seconds on one clock that never goes back, 0 when the call was placed.
    """

    def __init__(
        self, turns: Sequence[Turn], reactions: Sequence[Reaction] = (), patience: Patience | None = None
    ) -> None:
        self._turns = turns
        self._reactions = reactions
        self._left = [reaction.times for reaction in reactions]
        self._patience = patience or Patience()
        self._next = 0
        self._acting: Do | None = None
        self._last_act: Act | None = None
        self._needs_answer = True  # the caller waits for the welcome first
        self._silent_since = 0.0  # the caller's last sound, or the start of a meant silence
        self._reply: list[_Heard] = []
        self._reply_began: float | None = None
        self._reply_done: float | None = None
        self._speaking = False
        self._complete = False
        self._announced: float | None = None  # words are known of which no sound was heard yet

    # --- what happens

    def bot_started(self, at: float) -> None:
        """The bot's voice began."""
        self._speaking = True
        self._announced = None
        self._reply_done = None
        self._complete = False
        if self._reply_began is None:
            self._reply_began = at

    def bot_said(self, text: str, at: float) -> None:
        """The bot began a sentence with these words; on a line, they are known a moment before they are heard."""
        self._reply.append(_Heard(at, text))
        if not self._speaking:
            self._announced = at

    def bot_interrupted(self) -> None:
        """The bot fell silent for the caller: what it had begun to say is no longer its last reply."""
        self._reply.clear()
        self._reply_began = None

    def bot_finished(self, at: float, *, last_speech: float, complete: bool = False) -> None:
        """The bot is taken to have finished; its last sound was at ``last_speech``.

        ``complete``: nothing more will come before the caller does something (known without sound only).
        """
        self._speaking = False
        self._complete = complete
        if complete or last_speech > self._silent_since:
            self._reply_done = at
        else:  # the tail of a reply that the caller talked over is no answer
            self._reply_began = None

    def act_finished(self, at: float) -> None:
        """The act last asked for is done."""
        if self._acting is None:
            return
        if self._acting.act.addressed:
            self._silent_since = at
            self._reply_began = at if self._speaking else None
            self._reply_done = None
        self._acting = None

    # --- what to do

    def decide(self, at: float) -> Step:
        """What to do at ``at``; a ``Do`` is under way from then on, until :meth:`act_finished`."""
        if self._acting is not None:
            return Wait()
        if self._announced is not None:
            if at < self._announced + _SOUND_FOLLOWS_S:
                return Wait(self._announced + _SOUND_FOLLOWS_S)
            self._announced = None
        if self._next == len(self._turns):
            return self._close(at)
        turn = self._turns[self._next]
        if turn.after is not None:
            moment = self._cut_in(turn)
            if moment is not None and moment <= at:
                return self._take(turn, at)
            if moment is not None:
                return Wait(moment)
        elif self._may_speak and self._holds(turn.when):
            reaction = self._reaction() if turn.when is None else None
            return self._react(reaction, at) if reaction is not None else self._take(turn, at)
        if self._may_speak and (reaction := self._reaction()) is not None:
            return self._react(reaction, at)
        return self._endure(turn, at)

    @property
    def left(self) -> Sequence[Turn]:
        """Turns not taken, less a closing ``hang_up``, which the bot may well do first."""
        left = self._turns[self._next :]
        return [turn for turn in left if not turn.hang_up]

    @property
    def last_reply(self) -> str:
        """What the bot has said since the caller's last act."""
        return " ".join(heard.text for heard in self._reply)

    # --- the moment

    @property
    def _may_speak(self) -> bool:
        answered = self._reply_done is not None or not self._needs_answer
        return answered and not self._speaking

    def _holds(self, when: str | None) -> bool:
        return when is None or _found(when, self.last_reply)

    def _cut_in(self, turn: Turn) -> float | None:
        """When to cut into the reply; None while it has not begun."""
        assert turn.after is not None
        if turn.when is None:
            began = self._reply_began
        else:
            began = next((heard.at for heard in self._reply if _found(turn.when, heard.text)), None)
        return None if began is None else began + turn.after

    def _close(self, at: float) -> Step:
        if self._may_speak:
            reaction = self._reaction()
            if reaction is not None:
                return self._react(reaction, at)
            since = self._silent_since if self._reply_done is None else self._reply_done
            leave = since if self._complete else since + self._patience.linger
            return HangUp() if at >= leave else Wait(leave)
        if self._speaking:
            return Wait()
        limit = self._silent_since + self._patience.answer
        if at >= limit:
            return GiveUp(f"the bot said nothing for {self._patience.answer:g} s after the last turn")
        return Wait(limit)

    def _endure(self, turn: Turn, at: float) -> Step:
        """Wait for the turn's moment as long as its patience lasts."""
        if self._speaking:
            return Wait()
        if self._reply_began is None and self._reply_done is None and self._needs_answer:
            limit = self._silent_since + (turn.within or self._patience.answer)
            reason = f"the bot said nothing for {limit - self._silent_since:g} s"
        else:
            since = self._silent_since if self._reply_done is None else self._reply_done
            limit = since + (0 if self._complete else turn.within or self._patience.match)
            reason = f"waited for /{turn.when}/, but the bot's reply was «{self.last_reply}»"
        if at < limit:
            return Wait(limit)
        return GiveUp(f"turn {self._next + 1} ({_short(turn)}): {reason}")

    # --- taking turns

    def _take(self, turn: Turn, at: float) -> Step:
        self._next += 1
        if turn.deed is Deed.HANG_UP:
            return HangUp()
        return self._begin(Do(turn, turn=self._next, interrupts=self._speaking or turn.after is not None), at)

    def _reaction(self) -> int | None:
        """The first reaction that the reply calls for."""
        return next(
            (
                place
                for place, reaction in enumerate(self._reactions)
                if self._left[place] and _found(reaction.when, self.last_reply)
            ),
            None,
        )

    def _react(self, place: int, at: float) -> Step:
        self._left[place] -= 1
        return self._begin(Do(self._reactions[place], turn=0), at)

    def _begin(self, do: Do, at: float) -> Step:
        act = do.act
        if act.deed is Deed.AGAIN and self._last_act is not None:
            do = Do(self._last_act, do.turn, do.interrupts)
        if act.addressed:
            self._needs_answer = True
            self._last_act = do.act
            if not do.interrupts:  # the bot may go on with a reply that a murmur did not stop
                self._reply.clear()
        elif act.deed is Deed.SILENCE:
            self._needs_answer = False
            self._silent_since = at
            self._reply.clear()
            self._reply_began = self._reply_done = None
        self._acting = do
        return do


def _found(pattern: str, text: str) -> bool:
    return re.search(pattern, text, re.IGNORECASE) is not None


def _short(turn: Turn) -> str:
    words = turn.words or turn.deed
    return f"{turn.deed}: {words}" if turn.words else words
