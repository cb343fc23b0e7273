"""A brake on guessing passwords: too many failures lock a login, and an address. Pure but for the clock."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

_REMEMBERED = 10_000


class Lockout:
    """``most`` failures within ``window_s`` seconds lock a key until ``lock_s`` seconds after the last of them."""

    def __init__(
        self,
        most: int,
        *,
        window_s: float = 900.0,
        lock_s: float = 300.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most = most
        self._window_s = window_s
        self._lock_s = lock_s
        self._clock = clock
        self._failures: OrderedDict[str, list[float]] = OrderedDict()

    def locked_s(self, key: str) -> float:
        """How long a key is still locked; 0: it is not."""
        times = self._failures.get(key, [])
        if len(times) < self._most:
            return 0.0
        return max(0.0, times[-1] + self._lock_s - self._clock())

    def fail(self, key: str) -> None:
        """One more failure."""
        now = self._clock()
        recent = [at for at in self._failures.get(key, []) if now - at < self._window_s]
        self._failures[key] = [*recent, now][-self._most :]
        self._failures.move_to_end(key)
        while len(self._failures) > _REMEMBERED:
            self._failures.popitem(last=False)

    def forgive(self, key: str) -> None:
        """It was the right one."""
        self._failures.pop(key, None)
