"""Voice to voice and barge-in, measured on recordings made for it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.models import Pcm
from media.audio import from_float, mix
from simulator.line import by_telephone
from simulator.measure import Span, speech_spans, timings
from simulator.result import Acted, Timing
from simulator.sounds import noise

RATE = 16_000


def track(seconds: float, *spans: tuple[float, float], level: float = 0.3) -> Pcm:
    """A tone where there is speech."""
    t = np.arange(round(seconds * RATE)) / RATE
    on = np.zeros(len(t), dtype=bool)
    for start, end in spans:
        on |= (t >= start) & (t < end)
    return from_float(np.where(on, level * np.sin(2 * np.pi * 500 * t), 0.0))


def said(began: float, ended: float, *, interrupts: bool = False) -> Acted:
    return Acted(1, "say", "un", True, began, ended, interrupts)


@given(st.integers(100, 3000), st.integers(100, 2000))
def test_voice_to_voice_is_the_gap_between_the_two_voices(end_ms: int, gap_ms: int) -> None:
    end, start = end_ms / 1000, (end_ms + gap_ms) / 1000
    caller, bot = track(7, (0.02, end)), track(7, (start, start + 1))
    (timing,) = timings([said(0.0, end)], caller, bot, RATE)
    assert timing.voice_to_voice == pytest.approx(gap_ms, abs=10)


def test_it_is_measured_the_same_over_the_telephone() -> None:
    caller, bot = track(4, (0.5, 1.5)), track(4, (2.1, 3.0))
    (timing,) = timings([said(0.5, 1.5)], by_telephone(caller), by_telephone(bot), RATE)
    assert timing.voice_to_voice == pytest.approx(600, abs=15)


def test_background_noise_is_not_speech() -> None:
    noisy = mix(track(4, (0.5, 1.5)), noise(-45.0, 4.0))
    (timing,) = timings([said(0.5, 1.5)], noisy, track(4, (2.1, 3.0)), RATE)
    assert timing.voice_to_voice == pytest.approx(600, abs=15)


def test_each_turn_has_the_answer_that_follows_it() -> None:
    caller, bot = track(9, (1, 2), (5, 6)), track(9, (2.5, 4), (6.9, 8))
    got = timings([said(1, 2), said(5, 6)], caller, bot, RATE)
    assert [timing.voice_to_voice for timing in got] == pytest.approx([500, 900], abs=10)


def test_an_answer_after_the_next_turn_is_not_this_turns() -> None:
    caller, bot = track(9, (1, 2), (5, 6)), track(9, (6.9, 8))
    got = timings([said(1, 2), said(5, 6)], caller, bot, RATE)
    assert got[0] == Timing(None, None)


def test_a_barge_in_says_how_long_the_bot_went_on() -> None:
    caller, bot = track(6, (2.0, 3.0)), track(6, (0.5, 2.25), (3.8, 5))
    (timing,) = timings([said(2.0, 3.0, interrupts=True)], caller, bot, RATE)
    assert timing.bot_stopped == pytest.approx(250, abs=10)
    assert timing.voice_to_voice == pytest.approx(800, abs=10)


def test_a_bot_that_goes_on_after_a_breath_has_not_stopped() -> None:
    caller, bot = track(6, (2.0, 3.5)), track(6, (0.5, 2.2), (2.5, 3.1), (4.2, 5))
    (timing,) = timings([said(2.0, 3.5, interrupts=True)], caller, bot, RATE)
    assert timing.bot_stopped == pytest.approx(1100, abs=10)
    assert timing.voice_to_voice == pytest.approx(700, abs=10)


def test_an_answer_soon_after_a_short_word_is_no_going_on() -> None:
    caller, bot = track(6, (2.0, 2.3)), track(6, (0.5, 2.2), (2.7, 4.0))
    (timing,) = timings([said(2.0, 2.3, interrupts=True)], caller, bot, RATE)
    assert timing == Timing(pytest.approx(400, abs=10), pytest.approx(200, abs=10))


def test_a_bot_that_goes_on_has_not_answered() -> None:
    caller, bot = track(6, (2.0, 2.5)), track(6, (0.5, 5.0))
    (timing,) = timings([said(2.0, 2.5, interrupts=True)], caller, bot, RATE)
    assert timing.voice_to_voice is None


def test_silence_has_no_speech() -> None:
    assert speech_spans(track(2), RATE) == []
    assert speech_spans(np.zeros(0, dtype=np.int16), RATE) == []


def test_a_word_is_not_cut_at_its_stops_and_a_click_is_none() -> None:
    spans = speech_spans(track(3, (0.5, 0.8), (0.87, 1.2), (2.0, 2.01)), RATE)
    assert spans == [Span(pytest.approx(0.5, abs=0.01), pytest.approx(1.2, abs=0.01))]


def test_a_call_without_turns() -> None:
    assert timings([], track(1), track(1), RATE) == []


def test_keys_and_silences_have_no_timing() -> None:
    acts = [Acted(1, "keys", "1#", True, 0.0, 1.0), Acted(2, "silence", "", False, 1.0, 2.0)]
    assert timings(acts, track(3), track(3, (1.5, 2)), RATE) == [Timing(), Timing()]
