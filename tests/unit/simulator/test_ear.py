"""The caller's ear, without audio and without a clock."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.ear import Ear, Heard

LOUD, QUIET = -20.0, -70.0


def hear(levels: list[float], seconds: float = 0.02) -> list[Heard]:
    ear = Ear()
    changes = (ear.feed(level, seconds) for level in levels)
    return [change for change in changes if change is not None]


def test_speech_starts_and_finishes() -> None:
    assert hear([QUIET] * 10 + [LOUD] * 50 + [QUIET] * 50) == [Heard.STARTED, Heard.FINISHED]


def test_a_click_is_no_speech() -> None:
    assert hear([QUIET, LOUD, LOUD, QUIET] * 20) == []


def test_a_pause_between_two_sentences_is_not_the_end() -> None:
    assert hear([LOUD] * 50 + [QUIET] * 30 + [LOUD] * 50) == [Heard.STARTED]


def test_the_last_speech_is_known_when_the_end_is() -> None:
    ear = Ear()
    for level in [LOUD] * 50 + [QUIET] * 40:
        change = ear.feed(level, 0.02)
    assert change is Heard.FINISHED
    assert ear.last_speech == pytest.approx(1.0)


@given(st.lists(st.sampled_from([LOUD, QUIET]), max_size=300))
def test_start_and_finish_alternate(levels: list[float]) -> None:
    changes = hear(levels)
    assert changes[::2] == [Heard.STARTED] * len(changes[::2])
    assert changes[1::2] == [Heard.FINISHED] * len(changes[1::2])
