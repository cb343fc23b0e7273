"""What can happen in a call, and the bounded queue in which it waits for the conversation to answer it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import structlog

from bot.conversation.silence import SilenceStep
from bot.handoff.transfer import TransferEnd
from bot.models import InputMode, Recognition
from bot.ports import GiveBack

log = structlog.get_logger(__name__)

_WAITING = 32
"""Inputs waiting at most."""


@dataclass(frozen=True)
class CallerTurn:
    """A whole turn of the caller. ``heard``: what of the bot's last reply was played before an interruption."""

    recognition: Recognition
    mode: InputMode
    started_ms: int
    ended_ms: int
    interrupted: bool = False
    heard: str = ""


@dataclass(frozen=True)
class Keyed:
    """Keys that mean something. ``message``: for the dialogue. ``text``: the keys."""

    message: str
    text: str
    secret: bool = False


@dataclass(frozen=True)
class Start:
    """The call was answered."""


@dataclass(frozen=True)
class Silence:
    """The caller says nothing."""

    step: SilenceStep


@dataclass(frozen=True)
class Unheard:
    """The caller spoke and it could not be read; ``code``: the error's."""

    code: str


@dataclass(frozen=True)
class Broken:
    """A part that the call cannot do without failed; ``code``: the error's."""

    stage: str
    code: str


@dataclass(frozen=True)
class TransferOver:
    """A transfer ended. ``end``: None when the line failed and where the caller is, is not known.

    ``then``: what an agent told the bot to go on with; None: they just left. ``site``: theirs.
    """

    end: TransferEnd | None
    then: GiveBack | None = None
    site: str = ""


@dataclass(frozen=True)
class HungUp:
    """The caller left."""


Input = CallerTurn | Keyed | Start | Silence | Unheard | Broken | TransferOver | HungUp

_NEVER_DROPPED = (HungUp, TransferOver)


class Inbox:
    """One call's inputs, in order. In a flood (of keys, at a stuck dialogue) the newest are dropped, an end never."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Input] = asyncio.Queue(_WAITING)
        self._unanswered = 0

    def put(self, item: Input) -> None:
        """Add one."""
        if self._queue.full():
            log.warning("input dropped")
            if not isinstance(item, _NEVER_DROPPED):
                return
            self._queue.get_nowait()
            self.answered()
        self._queue.put_nowait(item)
        self._unanswered += 1

    async def get(self) -> Input:
        """The next one; to be followed by :meth:`answered`."""
        return await self._queue.get()

    def answered(self) -> None:
        """What was got has been dealt with."""
        self._unanswered -= 1
        self._queue.task_done()

    def clear(self) -> None:
        """Nobody answers any more."""
        while not self._queue.empty():
            self._queue.get_nowait()
            self.answered()

    async def settled(self) -> None:
        """Return when every input has been answered."""
        await self._queue.join()

    @property
    def empty(self) -> bool:
        """Whether none waits; one may be being answered."""
        return self._queue.empty()

    @property
    def busy(self) -> bool:
        """Whether one waits or is being answered."""
        return self._unanswered > 0
