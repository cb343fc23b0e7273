"""A script played with sound, in real time, on one clock: a tick is 20 ms sent, 20 ms heard, 20 ms recorded.

The caller's notion of time is the number of ticks; the wall clock only paces them, against a fixed origin so
that nothing drifts.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from bot.models import Pcm
from media.audio import frames, rms_dbfs
from simulator import sounds
from simulator.api import Server
from simulator.doors.browser import BrowserDoor
from simulator.doors.phone import PhoneDoor
from simulator.doors.sip import DEFAULT_URI as SIP_URI
from simulator.doors.sip import SipDoor
from simulator.ear import Ear, Heard
from simulator.line import FRAME, FRAME_S, Line
from simulator.observer import Observer
from simulator.recording import Tape
from simulator.result import Acted, Event
from simulator.run import Do, GiveUp, HangUp, Player
from simulator.script import Act, Script
from simulator.voices import Voices, levelled, read_wav
from simulator.way import Way

_KEY_EVERY_S = 0.25
"""From one key to the next: a brisk thumb."""

_AFTERWARDS_S = 0.4
"""Recorded after the last word, so that it is not cut off."""


class SoundDoor(Protocol):
    """A way into the bot that carries sound. ``ended``: the bot or the network ended the call."""

    call_id: str
    ended: bool

    @property
    def faults(self) -> Sequence[str]:
        """What the bot did at this door that it must not."""
        ...

    async def exchange(self, sent: Pcm) -> tuple[Pcm, Pcm]:
        """One tick: give a frame of 20 ms at 16 kHz to send; the one that went out in this tick and the one heard.

        What goes out may be what was given a few ticks ago, where the door keeps a clock of its own.

        Raises:
            TransportError: the door failed.
        """
        ...

    async def key(self, digit: str) -> None:
        """Press one key."""
        ...

    async def hang_up(self) -> None:
        """End the call."""
        ...


def open_door(
    way: Way, server: Server, script: Script, *, sip: str = SIP_URI
) -> PhoneDoor | SipDoor | BrowserDoor:
    """The door of ``way``, to be entered with ``async with``. ``sip``: where a SIP telephone calls."""
    moment = script.moment(date.today())
    number = script.caller.number
    if way is Way.SIP:
        return SipDoor(sip, number, moment)
    now = moment.isoformat() if moment else None
    return BrowserDoor(server, number, now) if way is Way.BROWSER else PhoneDoor(server, number, now)


async def render(script: Script, voices: Voices) -> Mapping[Act, Pcm]:
    """Every sound that the script may need, before the call is placed.

    Raises:
        VoiceError: a voice failed, or a recording cannot be read.
    """
    clips: dict[Act, Pcm] = {}
    for act in (*script.turns, *script.reactions):
        if act.say is not None:
            clips[act] = await voices.speak(script.caller, act.say)
        elif act.play is not None:
            clips[act] = levelled(read_wav(act.play), str(act.play))
        elif act.noise is not None:
            clips[act] = await sounds.make(act.noise, voices)
    return clips


@dataclass
class _Doing:
    """The act under way: frames and keys still to go, by the time of their tick."""

    do: Do
    began: float
    ends: float
    sound: deque[Pcm]
    keys: deque[tuple[float, str]]


class SoundCall:
    """One call. Results are in its attributes once :meth:`run` is over; ``now`` is seconds since it was placed."""

    def __init__(
        self, player: Player, door: SoundDoor, line: Line, clips: Mapping[Act, Pcm], observer: Observer
    ) -> None:
        self._player = player
        self._door = door
        self._line = line
        self._clips = clips
        self._observer = observer
        self._ear = Ear()
        self._doing: _Doing | None = None
        self._ticks = 0
        self.tape = Tape()
        self.acts: list[Acted] = []
        self.problems: list[str] = []
        self.late_s = 0.0

    @property
    def now(self) -> float:
        """Seconds on the call's clock."""
        return self._ticks * FRAME_S

    def journal(self, event: Event) -> None:
        """A line of the bot's journal came in."""
        match event.get("type"):
            case "bot_said":
                text = str(event.get("text", ""))
                self._player.bot_said(text, self.now)
                self._observer.bot_said(self.now, text)
            case "bot_interrupted":
                self._player.bot_interrupted()
                self._observer.event(self.now, event)
            case _:
                self._observer.event(self.now, event)

    async def run(self) -> None:
        """Play the script until one side hangs up.

        Raises:
            TransportError: the door failed.
        """
        loop = asyncio.get_running_loop()
        origin = loop.time()
        leave_at: float | None = None
        while not self._door.ended:
            await self._tick()
            if leave_at is None:
                leave_at = self._decide()
            elif self.now >= leave_at:
                await self._door.hang_up()
                return
            ahead = origin + self.now - loop.time()
            self.late_s = max(self.late_s, -ahead)
            await asyncio.sleep(max(0.0, ahead))
        if self._doing is not None:
            self._finish(self._doing)
        if left := self._player.left:
            self.problems.append(f"the bot ended the call with {len(left)} turn(s) of the script left")

    async def _tick(self) -> None:
        sent = self._line.idle()
        doing = self._doing
        if doing is not None:
            if doing.sound:
                sent = doing.sound.popleft()
            if doing.keys and doing.keys[0][0] <= self.now:
                await self._door.key(doing.keys.popleft()[1])
        sent, heard = await self._door.exchange(sent)
        self.tape.add(sent, heard)
        self._ticks += 1
        match self._ear.feed(rms_dbfs(heard), FRAME_S):
            case Heard.STARTED:
                self._player.bot_started(self.now)
            case Heard.FINISHED:
                self._player.bot_finished(self.now, last_speech=self._ear.last_speech)
        if doing is not None and self.now >= doing.ends:
            self._finish(doing)

    def _decide(self) -> float | None:
        """Ask the player; when to hang up, if it is time to."""
        match self._player.decide(self.now):
            case Do() as do:
                self._begin(do)
            case GiveUp(reason):
                self.problems.append(reason)
                return self.now
            case HangUp():
                return self.now + _AFTERWARDS_S
        return None

    def _begin(self, do: Do) -> None:
        act, now = do.act, self.now
        self._observer.acting(now, do)
        sound: deque[Pcm] = deque()
        keys: deque[tuple[float, str]] = deque()
        if act.keys is not None:
            keys = deque((now + place * _KEY_EVERY_S, key) for place, key in enumerate(act.keys))
            lasts = len(act.keys) * _KEY_EVERY_S
        elif act.silence is not None:
            lasts = act.silence
        else:
            sound = deque(frames(self._line.clip(self._clips[act]), FRAME))
            lasts = len(sound) * FRAME_S
        self._doing = _Doing(do, now, now + lasts - FRAME_S / 2, sound, keys)

    def _finish(self, doing: _Doing) -> None:
        act = doing.do.act
        self._player.act_finished(self.now)
        self.acts.append(
            Acted(
                doing.do.turn,
                act.deed,
                act.words,
                act.addressed,
                round(doing.began, 3),
                round(self.now, 3),
                interrupts=doing.do.interrupts,
            )
        )
        self._doing = None
