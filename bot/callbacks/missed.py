"""Whoever Asterisk told "we ring you back", while no bot was there, is rung back.

Asterisk's list is only read: the same call never makes a second callback, because its id is the callback's origin.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog

from bot.callbacks.model import Kind
from bot.callbacks.service import CallbackService, Wanted
from bot.errors import InputError, LineError, RateLimitedError, StoreError
from bot.models import MissedCall

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 20.0
REASON = "Appel auquel personne n'a pu répondre"
_REMEMBERED = 500


class MissedCalls(Protocol):
    """Who knows them: the telephone line."""

    @property
    def up(self) -> bool:
        """Whether it can be asked."""
        ...

    async def missed_calls(self) -> tuple[MissedCall, ...]:
        """All that are still known, those taken over included.

        Raises:
            LineError: no answer.
        """
        ...


class MissedCallWatch:
    """Owns the task that looks for missed calls."""

    def __init__(
        self,
        line: MissedCalls,
        callbacks: CallbackService,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._line = line
        self._callbacks = callbacks
        self._sleep = sleep
        self._done: dict[str, None] = {}  # in order, so that the oldest can go
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="missed-calls")

    async def stop(self) -> None:
        """Stop looking."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
            self._task = None

    async def look(self) -> int:
        """Take over what is new; how many callbacks were made of it.

        What cannot be taken over for now (too many at once, no database) is tried again at the next look.
        """
        made = 0
        for missed in await self._line.missed_calls():
            if missed.id in self._done:
                continue
            try:
                made += await self._take(missed)
            except (RateLimitedError, StoreError) as err:
                log.warning("missed_call.later", missed=missed.id, code=err.code)
                continue
            self._done[missed.id] = None
            if len(self._done) > _REMEMBERED:
                del self._done[next(iter(self._done))]
        return made

    async def _take(self, missed: MissedCall) -> bool:
        wanted = Wanted(missed.number, REASON, Kind.PROMISED, origin=f"missed:{missed.id}")
        try:
            requested = await self._callbacks.request(wanted)
        except InputError as err:  # a number that is never rung: said once, here
            log.warning("missed_call.refused", missed=missed.id, code=err.code)
            return False
        return requested.created

    async def _run(self) -> None:
        while True:
            if self._line.up:
                try:
                    await self.look()
                except LineError as err:
                    log.warning("missed_call.line", code=err.code)
            await self._sleep(LOOK_EVERY_S)
