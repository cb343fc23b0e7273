"""Loudness beside Silero: what stands out of the line is a caller, unless the bot is speaking."""

from __future__ import annotations

import numpy as np
import pytest
from pipecat.audio.vad.vad_analyzer import VADState

from bot.models import Pcm
from bot.pipeline.voice_activity import SAMPLE_RATE, LineVad, Lull, NoiseFloor


def tone(seconds: float, dbfs: float) -> Pcm:
    """A hum that Silero takes for no speech."""
    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return (np.sin(2 * np.pi * 300 * t) * 32768 * 10 ** (dbfs / 20) * np.sqrt(2)).astype(np.int16)


async def states(vad: LineVad, audio: Pcm) -> set[VADState]:
    return {await vad.analyze_audio(audio[i : i + 320].tobytes()) for i in range(0, len(audio), 320)}


def test_loud_is_what_stands_far_out_of_the_background() -> None:
    floor = NoiseFloor()
    assert not any(floor.is_loud(-60.0) for _ in range(50))
    assert floor.is_loud(-25.0)
    assert not floor.is_loud(-50.0)


def test_a_noise_that_stays_becomes_background() -> None:
    floor = NoiseFloor()
    for _ in range(200):
        floor.is_loud(-25.0)
    assert not floor.is_loud(-25.0)


@pytest.mark.parametrize("bot_audible", [False, True])
async def test_loudness_counts_only_while_the_bot_is_silent(bot_audible: bool) -> None:
    vad = LineVad()
    vad.bot_audible = bot_audible
    await states(vad, np.zeros(SAMPLE_RATE, np.int16))
    heard = await states(vad, tone(0.5, -20.0))
    assert (VADState.SPEAKING in heard) is not bot_audible


async def test_a_quiet_line_is_quiet() -> None:
    vad = LineVad()
    noise = np.random.default_rng(1).normal(0, 30, 2 * SAMPLE_RATE).astype(np.int16)
    assert await states(vad, noise) == {VADState.QUIET}


def powers(*levels_db: float) -> list[float]:
    return [32768.0**2 * 10 ** (level / 10) for level in levels_db]


def heard(*levels_db: float) -> Lull:
    lull = Lull()
    for power in powers(*levels_db):
        lull.hear(power, 20)
    return lull


def test_a_lull_is_counted_from_the_last_loud_frame() -> None:
    assert heard(*[-20.0] * 50, *[-60.0] * 6).quiet_ms == 120


def test_weak_consonants_are_no_lull() -> None:
    assert heard(*[-20.0] * 50, *[-38.0] * 6).quiet_ms == 0


def test_a_click_does_not_end_a_lull_and_speech_does() -> None:
    assert heard(*[-20.0] * 50, *[-60.0] * 4, -20.0, *[-60.0] * 2).quiet_ms == 120
    assert heard(*[-20.0] * 50, *[-60.0] * 4, -20.0, -20.0).quiet_ms == 0


def test_on_a_noisy_line_there_is_no_lull() -> None:
    assert heard(*[-20.0] * 50, *[-40.0] * 50).quiet_ms == 0
