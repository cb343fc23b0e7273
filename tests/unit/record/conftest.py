"""A call to keep: a billing call that ends with a person."""

from __future__ import annotations

import asyncio
import json
import selectors
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.events import CallEvent, CallStarted
from bot.record.codec import event_from_json

SAMPLE = Path(__file__).parent / "data" / "billing_handoff.jsonl"


@pytest.fixture
def sample_call() -> Callable[[str], list[CallEvent]]:
    """The events of the sample call under another call id."""

    def under(call_id: str) -> list[CallEvent]:
        lines = SAMPLE.read_text(encoding="utf-8").splitlines()
        events = [event_from_json(json.loads(line)) for line in lines]
        return [replace(e, call_id=call_id) if isinstance(e, CallStarted) else e for e in events]

    return under


class _JumpingSelector(selectors.DefaultSelector):  # type: ignore[misc, valid-type]
    """Passes the time a loop wants to wait at once."""

    def __init__(self, clock: list[float]) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "the loop would wait for ever"
        self._clock[0] += timeout
        return super().select(0)


class _VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose seconds cost nothing; no threads may be used in it."""

    def __init__(self) -> None:
        self._clock = [0.0]
        super().__init__(_JumpingSelector(self._clock))

    def time(self) -> float:
        return self._clock[0]


@pytest.fixture
def run_virtual() -> Callable[[Coroutine[Any, Any, None]], None]:
    """Run a coroutine on a virtual clock."""

    def run(coroutine: Coroutine[Any, Any, None]) -> None:
        with asyncio.Runner(loop_factory=_VirtualLoop) as runner:
            runner.run(coroutine)

    return run
