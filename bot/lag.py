"""How late the event loop is: the one figure that tells whether something blocks it, and so every call at once."""

from __future__ import annotations

import asyncio
from collections import deque

_EVERY_S = 0.05
_KEPT = round(60 / _EVERY_S)


class LoopLag:
    """Samples the loop of the process it is started in. ``worst_ms``: over the last minute."""

    def __init__(self) -> None:
        self._samples: deque[float] = deque(maxlen=_KEPT)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to sample."""
        self._task = asyncio.create_task(self._sample(), name="loop-lag")

    async def stop(self) -> None:
        """End sampling."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    @property
    def worst_ms(self) -> int:
        """The longest the loop was late in the last minute."""
        return round(max(self._samples, default=0.0) * 1000)

    async def _sample(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + _EVERY_S
            await asyncio.sleep(_EVERY_S)
            self._samples.append(loop.time() - due)
