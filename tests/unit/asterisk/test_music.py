"""The hold music, measured: level, seam, clicks, and that it is nothing like speech."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from bot.models import Pcm
from media import audio
from media.telephony.music import LEVEL_DBFS, LOOP_S, NOTES_HZ, hold_music

RATES = pytest.mark.parametrize("rate", [8000, 16000])


def near_the_notes(samples: Pcm, rate: int) -> float:
    """The share of the energy of the telephone band within 8 Hz of a note, over windows of a quarter of a second."""
    size = rate // 4
    blocks = samples[: len(samples) // size * size].reshape(-1, size) * np.hanning(size)
    power = np.square(np.abs(np.fft.rfft(blocks, axis=1))).sum(axis=0)
    hertz = np.fft.rfftfreq(size, 1 / rate)
    power[(hertz < 300) | (hertz > 3400)] = 0
    near = np.abs(hertz[:, None] - np.array(NOTES_HZ)).min(axis=1) <= 8
    return float(power[near].sum() / power.sum())


def steps(samples: Pcm) -> npt.NDArray[np.int32]:
    return np.abs(np.diff(samples.astype(np.int32)))


@RATES
def test_it_lasts_as_long_and_is_as_loud_as_it_says(rate: int) -> None:
    loop = hold_music(rate)
    assert audio.duration_ms(loop, rate) == LOOP_S * 1000
    assert audio.rms_dbfs(loop) == pytest.approx(LEVEL_DBFS, abs=0.05)
    assert audio.peak_dbfs(loop) < -12


@RATES
def test_it_is_the_same_every_time(rate: int) -> None:
    assert np.array_equal(hold_music(rate), hold_music(rate))


@RATES
def test_its_end_runs_into_its_beginning_without_a_click(rate: int) -> None:
    loop = hold_music(rate)
    seam = np.concatenate([loop[-rate // 10 :], loop[: rate // 10]])
    assert steps(seam).max() <= steps(loop).max()
    # A click is energy where the music has none: compare the highest band at the seam with that of any other place.
    high = np.abs(np.fft.rfft(seam * np.hanning(len(seam))))[-len(seam) // 8 :].max()
    elsewhere = loop[rate : rate + len(seam)]
    assert high < 4 * np.abs(np.fft.rfft(elsewhere * np.hanning(len(seam))))[-len(seam) // 8 :].max()


@RATES
def test_no_sample_jumps_more_than_its_highest_note_can(rate: int) -> None:
    loop = hold_music(rate)
    highest = np.max(np.abs(loop.astype(np.int32))) * 2 * np.pi * max(NOTES_HZ) / rate
    assert steps(loop).max() < highest


@RATES
def test_it_is_never_silent(rate: int) -> None:
    quietest = min(audio.rms_dbfs(block) for block in audio.frames(hold_music(rate), rate // 2))
    assert quietest > LEVEL_DBFS - 8


@RATES
def test_its_energy_is_on_its_notes_even_through_a_codec(rate: int) -> None:
    loop = hold_music(rate)
    assert near_the_notes(loop, rate) > 0.95
    if rate == 8000:
        assert near_the_notes(audio.alaw_decode(audio.alaw_encode(loop)), rate) > 0.95


def test_noise_with_the_spectrum_of_speech_is_not_on_its_notes() -> None:
    rng = np.random.default_rng(7)
    noise = audio.telephone_band((rng.standard_normal(8000 * 10) * 3000).astype(np.int16), 8000)
    assert near_the_notes(noise, 8000) < 0.15


def test_every_note_is_inside_the_telephone_band() -> None:
    assert min(NOTES_HZ) > 300
    assert max(NOTES_HZ) < 3400
