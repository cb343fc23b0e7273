"""A call to keep: a billing call that ends with a person."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bot.events import CallEvent, CallStarted
from bot.record.codec import event_from_json

SAMPLE = Path(__file__).parent / "record" / "data" / "billing_handoff.jsonl"


@pytest.fixture
def sample_call() -> Callable[[str], list[CallEvent]]:
    """The events of the sample call under another call id."""

    def under(call_id: str) -> list[CallEvent]:
        lines = SAMPLE.read_text(encoding="utf-8").splitlines()
        events = [event_from_json(json.loads(line)) for line in lines]
        return [replace(e, call_id=call_id) if isinstance(e, CallStarted) else e for e in events]

    return under
