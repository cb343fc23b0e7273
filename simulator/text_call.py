"""A script played without sound: typed turns through the text door, on a virtual clock."""

from __future__ import annotations

from simulator.doors.text import Answer, TextDoor
from simulator.observer import Observer
from simulator.result import Acted
from simulator.run import Do, GiveUp, HangUp, Player, Wait
from simulator.script import Deed

_SECONDS_A_CHARACTER = 0.065
"""About the pace of French speech: the virtual clock runs as if every sentence were spoken."""


class TextCall:
    """One call. The results are in its attributes once :meth:`run` is over.

    ``now``: virtual seconds since the call was placed.
    """

    def __init__(self, player: Player, door: TextDoor, observer: Observer) -> None:
        self._player = player
        self._door = door
        self._observer = observer
        self.now = 0.0
        self.acts: list[Acted] = []
        self.problems: list[str] = []

    async def run(self) -> None:
        """Play the script to its end; the call has been started.

        Raises:
            TransportError: the door failed.
        """
        answer = await self._door.answer()
        while True:
            self._hear(answer)
            if answer.ended:
                left = self._player.left
                if left:
                    self.problems.append(
                        f"the bot ended the call with {len(left)} turn(s) of the script left"
                    )
                return
            match self._step():
                case Do() as do:
                    answer = await self._act(do)
                case GiveUp(reason):
                    self.problems.append(reason)
                    await self._door.hang_up()
                    return
                case _:
                    await self._door.hang_up()
                    return

    def _hear(self, answer: Answer) -> None:
        self._player.bot_started(self.now)
        for text in answer.said:
            self._player.bot_said(text, self.now)
            self._observer.bot_said(self.now, text)
            self.now += len(text) * _SECONDS_A_CHARACTER
        # Complete even when nothing was said: without sound nothing more will come by waiting.
        self._player.bot_finished(self.now, last_speech=self.now, complete=True)

    def _step(self) -> Do | GiveUp | HangUp:
        """The next step; waiting is a jump of the virtual clock."""
        while True:
            step = self._player.decide(self.now)
            if not isinstance(step, Wait):
                return step
            if step.until is None or step.until <= self.now:
                return GiveUp("the script waits for something that cannot happen without sound")
            self.now = step.until

    async def _act(self, do: Do) -> Answer:
        act, began = do.act, self.now
        self._observer.acting(began, do)
        match act.deed:
            case Deed.SAY | Deed.PLAY if act.words:
                if do.interrupts:
                    self._player.bot_interrupted()
                self.now += len(act.words) * _SECONDS_A_CHARACTER
                answer = await self._door.say(act.words, interrupts=do.interrupts)
            case Deed.KEYS:
                assert act.keys is not None
                self.now += 0.3 * len(act.keys)
                answer = await self._door.keys(act.keys)
            case Deed.SILENCE:
                assert act.silence is not None
                self.now += act.silence
                answer = await self._door.silence(act.silence)
            case _:  # a sound without words cannot be typed
                answer = Answer(())
        if act.addressed and not (do.interrupts or answer.said or answer.ended):
            self.problems.append(f"the bot said nothing to «{act.words}»")
        self._player.act_finished(self.now)
        self.acts.append(
            Acted(do.turn, act.deed, act.words, act.addressed, began, self.now, interrupts=do.interrupts)
        )
        return answer
