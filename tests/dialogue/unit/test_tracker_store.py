"""Rasa forgets the conversations that are over, and no other."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import yaml
from rasa.core.tracker_store import TrackerStore
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import SlotSet
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.utils.endpoints import EndpointConfig

from ops.rasa_tracker import ForgettingTrackerStore

HOUR = 3600.0
ENDPOINTS = Path(__file__).resolve().parents[3] / "endpoints.yml"


class Kept:
    """A store on a clock of ours."""

    def __init__(self, **settings: Any) -> None:
        self.now = 0.0
        self.store = ForgettingTrackerStore(Domain.empty(), clock=lambda: self.now, **settings)

    def save(self, call_id: str) -> None:
        tracker = DialogueStateTracker(call_id, slots=None)
        tracker.update(SlotSet("topic", call_id))
        asyncio.run(self.store.save(tracker))

    @property
    def calls(self) -> set[str]:
        return set(asyncio.run(self.store.keys()))


def test_a_conversation_is_forgotten_when_it_has_been_silent_long_enough() -> None:
    kept = Kept(keep_hours=2)
    kept.save("old")
    kept.now = 1.9 * HOUR
    kept.save("new")
    assert kept.calls == {"old", "new"}
    kept.now = 2.1 * HOUR
    kept.save("newer")
    assert kept.calls == {"new", "newer"}
    assert asyncio.run(kept.store.retrieve("old")) is None
    assert asyncio.run(kept.store.retrieve("new")) is not None


def test_one_that_goes_on_is_kept_however_long_ago_it_began() -> None:
    kept = Kept(keep_hours=2)
    for hour in range(10):
        kept.now = hour * HOUR
        kept.save("long")
        kept.save(f"short-{hour}")
    assert "long" in kept.calls
    assert len(kept.calls) <= 4


def test_there_are_never_more_than_so_many() -> None:
    kept = Kept(most=50)
    for number in range(200):
        kept.save(str(number))
    assert len(kept.calls) == 50
    assert "199" in kept.calls


def test_rasa_makes_it_from_endpoints() -> None:
    settings = yaml.safe_load(ENDPOINTS.read_text(encoding="utf-8"))["tracker_store"]
    store = TrackerStore.create(EndpointConfig.from_dict(settings), Domain.empty())
    assert isinstance(getattr(store, "_tracker_store", store), ForgettingTrackerStore)
