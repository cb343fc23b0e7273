"""The journal: takes every event of every call at once, shows it live, and gets it into the database.

``append`` only touches memory. One writer task hands the events to the store in batches; while the store
fails they go to the spool on disk, and from there to the store when it is back. An entry has an identity
(call and number), so writing it twice changes nothing. A process that is killed loses at most what came
within the last ``linger_s`` and the write under way.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Protocol

import structlog

from bot.errors import StoreError, StoreRejectedError
from bot.events import CallEnded, CallEvent
from bot.record.codec import Entry
from bot.record.live import LiveHub, Subscription
from bot.record.redact_events import CallRedactor
from bot.record.spool import Spool
from bot.record.view import CallView

log = structlog.get_logger(__name__)


class EventSink(Protocol):
    """Where the journal ends up (:class:`bot.record.store.CallStore`)."""

    async def write(self, entries: Sequence[Entry]) -> None:
        """Store entries in one transaction; those already stored change nothing.

        Raises:
            StoreRejectedError: the data itself is refused.
            StoreError: anything else: try again later.
        """
        ...


@dataclass(frozen=True)
class JournalLimits:
    """Bounds and pauses, in entries and seconds.

    ``queue``: entries waiting for the writer. ``batch``: entries in one transaction. ``linger_s``: how
    long a batch fills up. ``retry_s``: how long a failing write is tried before it is spooled, with pauses
    from ``first_pause_s`` doubling to ``longest_pause_s``. ``probe_s``: how often a failed store is tried
    again. ``recent``: ended calls kept in memory.
    """

    queue: int = 20_000
    batch: int = 500
    linger_s: float = 0.02
    retry_s: float = 5.0
    first_pause_s: float = 0.05
    longest_pause_s: float = 1.0
    probe_s: float = 5.0
    recent: int = 500


@dataclass(frozen=True)
class JournalState:
    """``pending``: entries not yet written. ``spooling``: the store is down. ``lost``: entries that neither
    the store nor the disk would take, since the start."""

    pending: int
    spooling: bool
    lost: int

    @property
    def whole(self) -> bool:
        """Whether every entry is stored, or will be: none lost, and the store takes them."""
        return not self.spooling and not self.lost


@dataclass
class _Call:
    """A call in memory. ``settled``: entries that are in the database, on disk, or ``lost``."""

    view: CallView
    redactor: CallRedactor = field(default_factory=CallRedactor)
    settled: int = 0
    lost: int = 0
    waiters: list[tuple[int, asyncio.Future[None]]] = field(default_factory=list)


class CallJournal:
    """Implements :class:`bot.ports.Journal`. Start it in the event loop that appends to it."""

    def __init__(
        self,
        sink: EventSink,
        spool: Spool,
        *,
        limits: JournalLimits | None = None,
        hub: LiveHub | None = None,
        in_thread: Callable[..., Awaitable[Any]] = asyncio.to_thread,
    ) -> None:
        self._sink = sink
        self._spool = spool
        self._limits = limits or JournalLimits()
        self._hub = hub or LiveHub()
        self._in_thread = in_thread
        self._calls: OrderedDict[str, _Call] = OrderedDict()
        self._queue: asyncio.Queue[Entry | None] = asyncio.Queue(maxsize=self._limits.queue)
        self._batch: list[Entry] = []  # in the writer's hands
        self._down = False
        self._lost = 0
        self._closed = False
        self._writer: asyncio.Task[None] | None = None
        self._replayed = asyncio.Event()

    # --- lifecycle

    async def start(self) -> None:
        """Start the writer; it first replays what an earlier run left in the spool."""
        if self._writer is None:
            self._writer = asyncio.create_task(self._run(), name="journal-writer")

    async def replayed(self, timeout: float = 10.0) -> bool:
        """Wait until what an earlier run left in the spool has been written, or found impossible to write now.

        False: not in ``timeout`` seconds.
        """
        try:
            async with asyncio.timeout(timeout):
                await self._replayed.wait()
        except TimeoutError:
            return False
        return True

    async def stop(self, timeout: float = 10.0) -> None:
        """Write what is left within ``timeout`` seconds, spool the rest, end the live readers."""
        self._hub.close()
        writer, self._writer = self._writer, None
        if writer is None:
            return
        try:
            async with asyncio.timeout(timeout):
                await self._queue.put(None)
                await asyncio.shield(writer)
        except TimeoutError:
            writer.cancel()
            await asyncio.wait([writer])
        self._closed = True
        self._rescue()  # what came while the writer finished

    # --- the port

    def append(self, call_id: str, event: CallEvent) -> None:
        """Keep one event, never blocking and never raising."""
        try:
            self._append(call_id, event)
        except Exception as err:  # noqa: BLE001  # whatever is wrong with the record, the call goes on
            self._lost += 1
            log.error(
                "journal.append_failed",
                call_id=call_id,
                event_type=type(event).__name__,
                error=type(err).__name__,
            )

    async def flush(self, call_id: str, timeout: float = 5.0) -> bool:
        """Wait until all that was appended for the call is in the database or on disk.

        False: not in ``timeout`` seconds, or something of it was lost.
        """
        call = self._calls.get(call_id)
        if call is None or call.settled >= len(call.view.events):
            return call is None or not call.lost
        done = asyncio.get_running_loop().create_future()
        call.waiters.append((len(call.view.events), done))
        try:
            async with asyncio.timeout(timeout):
                await done
        except TimeoutError:
            return False
        return not call.lost

    # --- readers

    def view(self, call_id: str) -> CallView | None:
        """The call as it stands, while it runs and for a while after; not to be changed."""
        call = self._calls.get(call_id)
        return call.view if call else None

    def views(self) -> list[CallView]:
        """The calls in memory, oldest first."""
        return [call.view for call in self._calls.values()]

    def subscribe(self, call_id: str) -> Subscription | None:
        """All events of a call in memory so far, then the next ones until it ends.

        None: the call is not in memory, or there are too many readers. Give it back with
        :meth:`unsubscribe`.
        """
        view = self.view(call_id)
        if view is None:
            return None
        past = [Entry(call_id, seq, event) for seq, event in enumerate(view.events, start=1)]
        return self._hub.subscribe(call_id, past, running=not view.ended)

    def unsubscribe(self, call_id: str, subscription: Subscription) -> None:
        """End a reader."""
        self._hub.unsubscribe(call_id, subscription)

    @property
    def state(self) -> JournalState:
        """How the journal is, for the health page."""
        return JournalState(self._queue.qsize() + len(self._batch), self._down, self._lost)

    # --- inside

    def _append(self, call_id: str, event: CallEvent) -> None:
        call = self._calls.get(call_id) or self._calls.setdefault(call_id, _Call(CallView(call_id=call_id)))
        clean = call.redactor.event(event)
        call.view.apply(clean)
        entry = Entry(call_id, len(call.view.events), clean)
        if self._closed or self._queue.full():
            self._overflow(entry)
        else:
            self._queue.put_nowait(entry)
        self._hub.publish(entry)
        if isinstance(event, CallEnded):
            self._hub.end(call_id)
            self._evict()

    def _overflow(self, entry: Entry) -> None:
        """No writer, or one hopelessly behind: a short write to the disk's cache, rather than a lost entry."""
        try:
            self._spool.write([entry], sync=False)
            self._mark([entry])
        except StoreError:
            self._lose([entry])

    def _evict(self) -> None:
        spare = len(self._calls) - self._limits.recent
        old = (i for i, c in self._calls.items() if c.view.ended and c.settled >= len(c.view.events))
        for call_id in list(islice(old, max(0, spare))):
            del self._calls[call_id]

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        running = True
        try:
            await self._replay()
            self._replayed.set()
            probe_at = loop.time() + self._limits.probe_s
            while running:
                running = await self._fill_batch(probe_at - loop.time() if self._down else None)
                await self._settle_batch()
                if self._down and loop.time() >= probe_at:
                    await self._replay()
                    probe_at = loop.time() + self._limits.probe_s
        except asyncio.CancelledError:
            self._rescue()
            raise

    async def _fill_batch(self, wait: float | None) -> bool:
        """Move entries into the batch, waiting for the first at most ``wait`` seconds. False: the end."""
        try:
            async with asyncio.timeout(None if wait is None else max(0.0, wait)):
                first = await self._queue.get()
        except TimeoutError:
            return True
        if first is None:
            return False
        self._batch.append(first)
        await asyncio.sleep(self._limits.linger_s)
        while len(self._batch) < self._limits.batch and not self._queue.empty():
            entry = self._queue.get_nowait()
            if entry is None:
                return False
            self._batch.append(entry)
        return True

    async def _settle_batch(self) -> None:
        """Get the batch into the store, or into the spool."""
        if not self._batch:
            return
        if self._down or not await self._store(self._batch):
            self._set_down(True)
            await self._to_spool(self._batch)
        self._batch = []

    async def _store(self, entries: Sequence[Entry]) -> bool:
        """Write entries, trying again for a while. False: the store is down."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._limits.retry_s
        pause = self._limits.first_pause_s
        while True:
            try:
                await self._write(entries)
            except StoreError as err:
                if loop.time() + pause > deadline:
                    log.warning("journal.store_down", code=err.code, entries=len(entries))
                    return False
                await asyncio.sleep(pause)
                pause = min(2 * pause, self._limits.longest_pause_s)
            else:
                self._mark(entries)
                return True

    async def _write(self, entries: Sequence[Entry]) -> None:
        """Write entries; of those that are refused for themselves, only they are set aside.

        Raises:
            StoreError: the store is not well.
        """
        try:
            await self._sink.write(entries)
            return
        except StoreRejectedError as err:
            reason = err.code
        except StoreError:
            raise
        except Exception as err:  # noqa: BLE001  # a defect must not stop the writer nor the other entries
            reason = type(err).__name__
        if len(entries) == 1:
            await self._set_aside(entries[0], reason)
            return
        middle = len(entries) // 2
        await self._write(entries[:middle])
        await self._write(entries[middle:])

    async def _set_aside(self, entry: Entry, reason: str) -> None:
        log.error("journal.entry_rejected", call_id=entry.call_id, seq=entry.seq, reason=reason)
        try:
            await self._in_thread(self._spool.set_aside, [entry])
        except StoreError:
            self._lose([entry])

    async def _to_spool(self, entries: Sequence[Entry]) -> None:
        try:
            await self._in_thread(self._spool.write, list(entries))
        except StoreError:
            self._lose(entries)
        else:
            self._mark(entries)

    async def _replay(self) -> None:
        """Write what lies in the spool; the store is up when that works, or when one entry of it does."""
        try:
            for path in await self._in_thread(self._spool.take):
                entries = await self._in_thread(lambda p=path: list(self._spool.read(p)))
                for start in range(0, len(entries), self._limits.batch):
                    await self._write(entries[start : start + self._limits.batch])
                await self._in_thread(self._spool.drop, path)
                log.info("journal.replayed", entries=len(entries))
        except StoreError as err:
            log.warning("journal.replay_failed", code=err.code)
            self._set_down(True)
        else:
            self._set_down(False)

    def _rescue(self) -> None:
        """Nobody writes any more: put what is left on disk, now, for there may be no later."""
        left = self._batch
        while not self._queue.empty():
            entry = self._queue.get_nowait()
            if entry is not None:
                left.append(entry)
        if left:
            try:
                self._spool.write(left)
                self._mark(left)
            except StoreError:
                self._lose(left)
        self._batch = []

    def _set_down(self, down: bool) -> None:
        if down != self._down:
            log.info("journal.state", spooling=down)
        self._down = down

    def _lose(self, entries: Sequence[Entry]) -> None:
        self._lost += len(entries)
        log.error("journal.lost", entries=len(entries), call_ids=sorted({e.call_id for e in entries})[:5])
        for entry in entries:
            if (call := self._calls.get(entry.call_id)) is not None:
                call.lost += 1
        self._mark(entries)

    def _mark(self, entries: Sequence[Entry]) -> None:
        """Note entries as settled and wake who waits for them."""
        for call_id, count in Counter(e.call_id for e in entries).items():
            call = self._calls.get(call_id)
            if call is None:
                continue
            call.settled += count
            for needed, done in call.waiters:
                if call.settled >= needed and not done.done():
                    done.set_result(None)
            call.waiters = [w for w in call.waiters if not w[1].done()]
