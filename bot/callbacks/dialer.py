"""Rings subscribers whose callbacks are due: one worker, a bounded number of telephones at a time.

A callback is taken by writing a lease into its row before anybody is rung, and let go by writing what came of it. So
two workers never ring the same one, and one whose worker died is found by its lease that ran out.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog

from bot.callbacks.model import Callback, State
from bot.callbacks.policy import CallbackPolicy
from bot.callbacks.promises import import_promises
from bot.callbacks.service import utc_now
from bot.callbacks.store import CallbackStore
from bot.errors import LineError, StoreError
from bot.models import RingResult
from bot.ports import Telephone

log = structlog.get_logger(__name__)

LOOK_EVERY_S: Final = 15.0
"""The longest the worker sleeps: promises, other processes' requests and leases that ran out have no alarm clock."""
_NO_LINE_S: Final = 1.0
"""Before it looks whether the line is up, or a place for a call free."""
_STORE_DOWN_S: Final = 5.0
_SAVE_TRIES: Final = 30
_SAVE_PAUSE_S: Final = 1.0
_STOP_WITHIN_S: Final = 5.0


@dataclass(frozen=True)
class _Dial:
    callback: Callback
    task: asyncio.Task[None]


class CallbackDialer:
    """Owns the worker and the ringing. Start it in the loop of the telephone line.

    ``room``: whether one more call fits, for whoever answers must find the bot there. ``now``: the time, aware.
    """

    def __init__(
        self,
        store: CallbackStore,
        policy: CallbackPolicy,
        telephone: Telephone,
        *,
        room: Callable[[], bool] = lambda: True,
        now: Callable[[], datetime] = utc_now,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._policy = policy
        self._telephone = telephone
        self._room = room
        self._now = now
        self._sleep = sleep
        self._wake = asyncio.Event()
        self._dials: dict[str, _Dial] = {}
        self._worker: asyncio.Task[None] | None = None

    # --- lifecycle

    def start(self) -> None:
        """Begin to ring."""
        if self._worker is None:
            self._worker = asyncio.create_task(self._run(), name="callback-dialer")

    async def stop(self) -> None:
        """End the ringing; what was being rung will be rung again soon, by whoever starts next."""
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.wait({self._worker})
            self._worker = None
        left, self._dials = list(self._dials.values()), {}
        for dial in left:
            dial.task.cancel()
        if left:
            await asyncio.wait({dial.task for dial in left}, timeout=_STOP_WITHIN_S)
        for dial in left:
            if dial.task.cancelled():
                try:
                    await self._change(dial.callback, self._policy.interrupted)
                except StoreError as err:  # its lease will tell
                    log.warning("callback.not_released", callback_id=dial.callback.callback_id, code=err.code)

    def wake(self) -> None:
        """There may be something to do."""
        self._wake.set()

    def abort(self, callback_id: str) -> None:
        """End the ringing of a callback that was called off. No effect when it is not being rung here."""
        if dial := self._dials.get(callback_id):
            dial.task.cancel()

    @property
    def ringing(self) -> int:
        """Subscribers being rung now."""
        return len(self._dials)

    # --- the worker

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            try:
                pause = await self.step()
            except StoreError as err:
                log.warning("callback.store_down", code=err.code)
                pause = _STORE_DOWN_S
            except Exception:  # a defect met by one callback must not leave the others unrung for ever
                log.exception("callback.defect")
                pause = LOOK_EVERY_S
            try:
                async with asyncio.timeout(pause):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def step(self) -> float:
        """Do what is to be done now; seconds until there may be more.

        Raises:
            StoreError: the database failed.
        """
        blocked = await self._ring_due()
        for callback in await self._store.forsaken(self._now()):
            if callback.callback_id not in self._dials:
                log.warning("callback.forsaken", callback_id=callback.callback_id)
                await self._change(callback, self._policy.interrupted)
        await import_promises(self._store, self._policy, self._now())
        due = await self._store.next_due()
        if due is None:
            return LOOK_EVERY_S
        wait = max(0.0, (due - self._now()).total_seconds())
        return min(max(wait, _NO_LINE_S if blocked else 0.0), LOOK_EVERY_S)

    async def _ring_due(self) -> bool:
        """Take what is due and ring it. True: more is due than can be rung now."""
        free = self._policy.rules.concurrent - self.ringing
        due = await self._store.due(self._now(), max(1, free + 1))
        for callback in due:
            if self.ringing >= self._policy.rules.concurrent or not self._telephone.up or not self._room():
                return True
            taken = self._policy.dial(callback, self._now(), uuid.uuid4().hex)
            saved = await self._store.save(callback, taken)
            if saved is not None and saved.state is State.DIALLING:
                self._ring(saved)
            elif saved is not None:
                log.info("callback.put_off", callback_id=saved.callback_id, state=saved.state.value)
        return False

    def _ring(self, callback: Callback) -> None:
        task = asyncio.create_task(self._dial(callback), name=f"callback:{callback.callback_id}")
        self._dials[callback.callback_id] = _Dial(callback, task)
        task.add_done_callback(lambda done: self._over(callback, done))

    def _over(self, callback: Callback, task: asyncio.Task[None]) -> None:
        self._dials.pop(callback.callback_id, None)
        self.wake()
        if not task.cancelled() and (err := task.exception()):
            log.error("callback.defect", callback_id=callback.callback_id, exc_info=err)

    async def _dial(self, callback: Callback) -> None:
        rang_at: list[datetime] = []
        try:
            async with asyncio.timeout(self._policy.dial_limit_s):
                result = await self._telephone.dial(
                    callback.number,
                    ring_s=self._policy.rules.ring_s,
                    callback=callback.callback_id,
                    on_ringing=lambda: rang_at.append(self._now()),
                )
        except (LineError, TimeoutError) as err:
            code = err.code if isinstance(err, LineError) else "line.timeout"
            log.warning("callback.line_failed", callback_id=callback.callback_id, code=code)
            result = RingResult.FAILED
        ended = self._now()
        log.info("callback.rung", callback_id=callback.callback_id, result=result.value)

        def told(read: Callback, _now: datetime) -> Callback:
            ringing = self._policy.ringing(read, rang_at[0]) if rang_at else read
            return self._policy.rung(ringing, ended, result)

        await self._keep(callback, told)

    async def _keep(self, callback: Callback, change: Callable[[Callback, datetime], Callback]) -> None:
        """Write what came of a ringing, also when the database comes back only after a while."""
        for left in reversed(range(_SAVE_TRIES)):
            try:
                await self._change(callback, change)
            except StoreError as err:
                if not left:
                    log.error("callback.result_lost", callback_id=callback.callback_id, code=err.code)
                    return
                await self._sleep(_SAVE_PAUSE_S)
            else:
                return

    async def _change(self, callback: Callback, change: Callable[[Callback, datetime], Callback]) -> None:
        """Change a callback whose lease we hold; nothing when it is no longer ours (called off, or taken over)."""
        current: Callback | None = callback
        while current is not None and current.lease == callback.lease:
            after = change(current, self._now())
            if after is current or await self._store.save(current, after):
                return
            current = await self._store.get(callback.callback_id)
