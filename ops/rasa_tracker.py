"""Where Rasa keeps conversations: in memory, and not for ever (its own in-memory store never forgets one).

Named in ``endpoints.yml``. Nothing but calls in progress needs it: what happened is in the bot's record. A call that
was cut is taken up again within minutes, so hours are plenty. Not under ``actions/``, whose server would import it, and
Rasa with it.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from rasa.core.brokers.broker import EventBroker
from rasa.core.tracker_store import InMemoryTrackerStore
from rasa.shared.core.domain import Domain
from rasa.shared.core.trackers import DialogueStateTracker


class ForgettingTrackerStore(InMemoryTrackerStore):
    """Rasa's in-memory store, less the conversations that nothing was said in for ``keep_hours``.

    ``most``: the longest untouched one is forgotten above this number, whatever its age. ``clock``: seconds, monotonic.
    """

    def __init__(
        self,
        domain: Domain,
        event_broker: EventBroker | None = None,
        *,
        keep_hours: float = 24.0,
        most: int = 20_000,
        clock: Callable[[], float] = time.monotonic,
        **kwargs: Any,
    ) -> None:
        super().__init__(domain, event_broker, **kwargs)
        self._keep_s = keep_hours * 3600
        self._most = most
        self._clock = clock
        self._touched: OrderedDict[str, float] = OrderedDict()  # longest untouched first

    async def save(self, tracker: DialogueStateTracker) -> None:
        """Keep the conversation as it stands, and forget old ones: a few at most, so that no turn waits for it."""
        await super().save(tracker)
        now = self._clock()
        self._touched[tracker.sender_id] = now
        self._touched.move_to_end(tracker.sender_id)
        while len(self._touched) > self._most or now - next(iter(self._touched.values())) >= self._keep_s:
            if len(self._touched) == 1:
                break
            oldest, _ = self._touched.popitem(last=False)
            self.store.pop(oldest, None)
