"""Live readers of running calls: everything said so far, then each event as it happens.

Publishing never waits: a reader has a bounded queue, and one that does not keep up is cut off.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable

from bot.events import CallEvent
from bot.record.codec import Entry

QUEUE_SIZE = 512
"""Events a reader may lag behind; a call has a few hundred in all."""


class Subscription:
    """One reader of one call: an async iterator of entries that ends with the call.

    ``lagged``: the reader was cut off because it did not keep up.
    """

    def __init__(self, past: Iterable[Entry], size: int) -> None:
        self._past = list(past)
        self._queue: asyncio.Queue[Entry | None] = asyncio.Queue(maxsize=size + 1)  # and the end
        self._closed = False
        self.lagged = False

    @classmethod
    def of_past(cls, call_id: str, events: Iterable[CallEvent]) -> Subscription:
        """A reader of a call that is over."""
        subscription = cls([Entry(call_id, seq, event) for seq, event in enumerate(events, start=1)], 1)
        subscription.close()
        return subscription

    def offer(self, entry: Entry) -> None:
        """Give one entry; cuts the reader off when its queue is full."""
        if self._closed:
            return
        if self._queue.qsize() == self._queue.maxsize - 1:
            self.lagged = True
            self.close()
        else:
            self._queue.put_nowait(entry)

    def close(self) -> None:
        """No more entries will come."""
        if self._closed:
            return
        self._closed = True
        self._queue.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[Entry]:
        for entry in self._past:
            yield entry
        self._past.clear()
        while (entry_or_end := await self._queue.get()) is not None:
            yield entry_or_end


class LiveHub:
    """Who reads which running call."""

    def __init__(self, *, queue_size: int = QUEUE_SIZE, max_readers: int = 200) -> None:
        self._queue_size = queue_size
        self._max_readers = max_readers
        self._readers: dict[str, set[Subscription]] = {}
        self._count = 0

    def subscribe(self, call_id: str, past: Iterable[Entry], *, running: bool) -> Subscription | None:
        """A reader that first gets ``past``; None when there are too many readers already."""
        subscription = Subscription(past, self._queue_size)
        if not running:
            subscription.close()
            return subscription
        if self._count >= self._max_readers:
            return None
        self._readers.setdefault(call_id, set()).add(subscription)
        self._count += 1
        return subscription

    def unsubscribe(self, call_id: str, subscription: Subscription) -> None:
        """Forget a reader; harmless when it is not known."""
        readers = self._readers.get(call_id)
        if readers and subscription in readers:
            readers.discard(subscription)
            self._count -= 1
            if not readers:
                del self._readers[call_id]
        subscription.close()

    def publish(self, entry: Entry) -> None:
        """Give one entry to the readers of its call, never waiting."""
        for reader in tuple(self._readers.get(entry.call_id, ())):
            reader.offer(entry)
            if reader.lagged:
                self.unsubscribe(entry.call_id, reader)

    def end(self, call_id: str) -> None:
        """The call is over: its readers get what is left and end."""
        for reader in tuple(self._readers.get(call_id, ())):
            self.unsubscribe(call_id, reader)

    def close(self) -> None:
        """End every reader: the program stops."""
        for call_id in tuple(self._readers):
            self.end(call_id)
