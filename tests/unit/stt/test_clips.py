"""Clips are cut to what Whisper takes without losing sound, and spectrograms are padded with silence."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.stt import clips


@pytest.mark.parametrize(
    ("frames", "wanted"),
    [(50, 1000), (900, 1000), (901, 1001), (1500, 1600), (2950, 3000), (3400, 3000)],
)  # fmt: skip
def test_the_mel_is_the_clip_and_a_second_but_ten_at_least(frames: int, wanted: int) -> None:
    features = np.random.default_rng(0).random((80, frames), np.float32)
    fitted = clips.fit(features)
    assert fitted.shape == (80, wanted)
    assert np.array_equal(fitted[:, : min(frames, wanted)], features[:, : min(frames, wanted)])


def test_the_padding_is_silence() -> None:
    features = np.full((80, 300), 0.5, np.float32)
    features[3, 7] = -0.8
    assert np.all(clips.fit(features)[:, 300:] == np.float32(-0.8))


def test_levels() -> None:
    tone = (16384 * np.sin(np.arange(16000) * 0.3)).astype(np.int16)
    assert clips.loudest_dbfs(tone, 16000) == pytest.approx(-9.03, abs=0.3)
    assert clips.loudest_dbfs(np.zeros(16000, np.int16), 16000) == float("-inf")
    assert clips.loudest_dbfs(np.zeros(0, np.int16), 16000) == float("-inf")


def test_one_click_in_silence_is_loud() -> None:
    click = np.zeros(16000, np.int16)
    click[8000:8010] = 30000
    assert clips.loudest_dbfs(click, 16000) > -20


@given(st.integers(0, 90_000))
@settings(deadline=None)
def test_splitting_loses_nothing_and_keeps_to_the_limit(samples: int) -> None:
    audio = np.random.default_rng(samples).integers(-9000, 9000, samples).astype(np.int16)
    pieces = clips.split(audio, 1000, 28.0)
    assert all(len(piece) <= 28_000 for piece in pieces)
    assert np.array_equal(np.concatenate(pieces), audio)


def test_a_long_clip_is_cut_in_a_pause() -> None:
    audio = np.random.default_rng(1).integers(-9000, 9000, 40_000).astype(np.int16)
    audio[24_000:24_500] = 0
    first, _ = clips.split(audio, 1000, 28.0)
    assert 24_000 <= len(first) <= 24_500
