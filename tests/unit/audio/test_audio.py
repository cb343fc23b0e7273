"""Sound arithmetic: what the simulator, the doors and the voices rely on."""

from __future__ import annotations

import shutil
import subprocess
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bot.models import Pcm
from media import audio

EVERY_SAMPLE: Pcm = np.arange(-32768, 32768).astype(np.int16)
EVERY_CODE = bytes(range(256))
LAWS = {
    "alaw": (audio.alaw_encode, audio.alaw_decode),
    "ulaw": (audio.ulaw_encode, audio.ulaw_decode),
}
pcm = hnp.arrays(np.int16, st.integers(0, 2000))


def tone(hz: float, rate: int, seconds: float = 1.0, level: float = 0.5) -> Pcm:
    t = np.arange(int(rate * seconds)) / rate
    return audio.from_float(level * np.sin(2 * np.pi * hz * t))


# --- G.711


def alaw_decision_values() -> list[float]:
    """x(n) of G.711 table 1a, in the 13-bit units of the table (full scale 4096)."""
    values = [float(x) for x in range(0, 64, 2)]
    for start, end in pairwise((64, 128, 256, 512, 1024, 2048, 4096)):
        values += [start + (end - start) / 16 * step for step in range(16)]
    return [*values, 4096.0]


def ulaw_decision_values() -> list[float]:
    """x(n) of G.711 table 2a, in the 14-bit units of the table (full scale 8159)."""
    values = [0.0, *(float(x) for x in range(1, 31, 2))]
    for start, end in pairwise((31, 95, 223, 479, 991, 2015, 4063, 8159)):
        values += [start + (end - start) / 16 * step for step in range(16)]
    return [*values, 8159.0]


def test_alaw_decodes_to_the_middle_of_the_recommended_steps() -> None:
    expected = [(low + high) / 2 * 8 for low, high in pairwise(alaw_decision_values())]
    codes = bytes((0x80 | n) ^ 0x55 for n in range(128))
    assert audio.alaw_decode(codes).tolist() == expected
    negative = bytes(n ^ 0x55 for n in range(128))
    assert audio.alaw_decode(negative).tolist() == [-value for value in expected]


def test_ulaw_decodes_to_the_middle_of_the_recommended_steps() -> None:
    expected = [0.0, *((low + high) / 2 * 4 for low, high in list(pairwise(ulaw_decision_values()))[1:])]
    assert audio.ulaw_decode(bytes(0xFF - n for n in range(128))).tolist() == expected
    assert audio.ulaw_decode(bytes(0x7F - n for n in range(128))).tolist() == [-value for value in expected]


@pytest.mark.parametrize(
    ("law", "sample", "code"),
    [
        ("alaw", 0, 0xD5),  # the idle pattern of an A-law line
        ("alaw", -1, 0x55),
        ("alaw", 32767, 0xAA),
        ("alaw", -32768, 0x2A),
        ("alaw", 1024, 0xE5),
        ("ulaw", 0, 0xFF),  # the idle pattern of a µ-law line
        ("ulaw", 32767, 0x80),
        ("ulaw", -32768, 0x00),
    ],
)
def test_known_codes(law: str, sample: int, code: int) -> None:
    encode, _ = LAWS[law]
    assert encode(np.array([sample], dtype=np.int16)) == bytes([code])


@pytest.mark.parametrize("law", LAWS)
def test_every_code_survives_a_round_trip(law: str) -> None:
    encode, decode = LAWS[law]
    again = encode(decode(EVERY_CODE))
    negative_zero = {"ulaw": {0x7F: 0xFF}, "alaw": {}}[law]  # µ-law has two codes for 0
    assert again == bytes(negative_zero.get(code, code) for code in EVERY_CODE)


@pytest.mark.parametrize("law", LAWS)
def test_quantising_keeps_order_and_relative_precision(law: str) -> None:
    encode, decode = LAWS[law]
    heard = decode(encode(EVERY_SAMPLE)).astype(np.int32)
    assert np.all(np.diff(heard) >= 0)
    # Half a step: a 32nd of the magnitude in every segment, and of 256 in the first one.
    error = np.abs(heard - EVERY_SAMPLE)
    assert np.all(error <= (np.abs(EVERY_SAMPLE.astype(np.int32)) + 256) / 32)


@pytest.mark.skipif(shutil.which("sox") is None, reason="sox is not installed")
@pytest.mark.parametrize(("law", "name"), [("alaw", "a-law"), ("ulaw", "mu-law")])
def test_sox_agrees(law: str, name: str) -> None:
    encode, decode = LAWS[law]
    g711 = ["-t", "raw", "-r", "8000", "-c", "1", "-e", name, "-b", "8", "-"]
    linear = ["-t", "raw", "-r", "8000", "-c", "1", "-e", "signed", "-b", "16", "-L", "-"]

    def sox(source: list[str], target: list[str], data: bytes) -> bytes:
        command = ["sox", "-D", "-V1", *source, *target]
        return subprocess.run(command, input=data, capture_output=True, check=True, timeout=20).stdout

    assert audio.from_bytes(sox(g711, linear, EVERY_CODE)).tolist() == decode(EVERY_CODE).tolist()
    theirs = decode(sox(linear, g711, audio.to_bytes(EVERY_SAMPLE))).astype(np.int32)
    ours = decode(encode(EVERY_SAMPLE)).astype(np.int32)
    # sox rounds to 13 or 14 bits before it encodes: at the border of two steps it may take the next one.
    assert np.mean(ours != theirs) < 0.02
    one_step = (np.abs(EVERY_SAMPLE.astype(np.int32)) + 256) / 16
    assert np.all(np.abs(ours - theirs) <= one_step)


# --- int16


@given(pcm)
def test_bytes_and_floats_give_the_samples_back(samples: Pcm) -> None:
    assert np.array_equal(audio.from_bytes(audio.to_bytes(samples)), samples)
    assert np.array_equal(audio.from_float(audio.to_float(samples)), samples)


def test_bytes_are_little_endian_and_whole() -> None:
    assert audio.to_bytes(np.array([1, -2], dtype=np.int16)) == b"\x01\x00\xfe\xff"
    with pytest.raises(ValueError, match="multiple of element size"):
        audio.from_bytes(b"\x01\x00\xfe")


def test_decoded_bytes_may_be_written_to() -> None:
    samples = audio.from_bytes(b"\x01\x00")
    samples[0] = 2
    assert samples.tolist() == [2]


def test_floats_outside_the_range_saturate() -> None:
    floats = np.array([2.0, -2.0, np.nan, np.inf, 0.5])
    assert audio.from_float(floats).tolist() == [32767, -32768, 0, 32767, 16384]


@given(pcm, pcm)
def test_mixing_saturates_and_keeps_the_longer_length(one: Pcm, other: Pcm) -> None:
    mixed = audio.mix(one, other)
    assert len(mixed) == max(len(one), len(other))
    assert np.array_equal(mixed, audio.mix(other, one))
    assert np.array_equal(audio.mix(one), one)
    if len(one) and len(other):
        assert int(mixed[0]) == max(-32768, min(32767, int(one[0]) + int(other[0])))


@given(pcm, st.integers(1, 500))
def test_frames_are_the_samples_in_order(samples: Pcm, size: int) -> None:
    cut = list(audio.frames(samples, size))
    assert all(len(frame) == size for frame in cut[:-1])
    assert np.array_equal(np.concatenate([np.zeros(0, dtype=np.int16), *cut]), samples)


def test_a_frame_size_must_be_positive() -> None:
    with pytest.raises(ValueError, match="positive"):
        audio.frames(EVERY_SAMPLE, 0)


def test_silence_lasts_as_asked() -> None:
    assert audio.duration_ms(audio.silence(250, 8000), 8000) == 250
    assert not audio.silence(250, 8000).any()


# --- levels


def test_levels_of_known_signals() -> None:
    full = np.full(100, -32768, dtype=np.int16)
    assert audio.rms_dbfs(full) == audio.peak_dbfs(full) == 0
    assert audio.rms_dbfs(tone(1000, 8000)) == pytest.approx(-9.03, abs=0.01)  # half scale: −6.02 − 3.01
    assert audio.peak_dbfs(tone(1000, 8000)) == pytest.approx(-6.02, abs=0.01)


@pytest.mark.parametrize("samples", [np.zeros(0, dtype=np.int16), np.zeros(500, dtype=np.int16)])
def test_silence_has_a_finite_level(samples: Pcm) -> None:
    assert audio.rms_dbfs(samples) == audio.peak_dbfs(samples) == audio.SILENCE_DBFS
    assert audio.active_rms_dbfs(samples, 8000) == audio.SILENCE_DBFS


def test_pauses_do_not_lower_the_active_level() -> None:
    speech = tone(400, 8000)
    paused = np.concatenate([speech, audio.silence(3000, 8000)])
    assert audio.active_rms_dbfs(paused, 8000) == pytest.approx(audio.rms_dbfs(speech), abs=0.1)
    assert audio.rms_dbfs(paused) == pytest.approx(audio.rms_dbfs(speech) - 6.02, abs=0.1)


@given(hnp.arrays(np.int16, st.integers(400, 2000), elements=st.integers(-8000, 8000)), st.floats(-12, 12))
def test_gain_moves_the_level_by_as_much(samples: Pcm, gain_db: float) -> None:
    if audio.rms_dbfs(samples) < -50:
        return  # too few steps left for rounding not to show
    moved = audio.rms_dbfs(audio.amplify(samples, gain_db)) - audio.rms_dbfs(samples)
    assert moved == pytest.approx(gain_db, abs=0.2)


@given(pcm, st.floats(-200, 200))
def test_gain_saturates_and_never_wraps(samples: Pcm, gain_db: float) -> None:
    louder = audio.amplify(samples, gain_db).astype(np.int32)
    assert np.all(louder * samples.astype(np.int32) >= 0)


# --- sample rates

rates = st.sampled_from([8000, 16000, 22050, 24000, 48000])


@given(rates, rates, st.integers(0, 4000))
def test_resampling_keeps_the_duration(source: int, target: int, length: int) -> None:
    samples = np.full(length, 1000, dtype=np.int16)
    assert abs(len(audio.resample(samples, source, target)) - length * target / source) <= 1


@pytest.mark.parametrize(("source", "target"), [(22050, 8000), (16000, 48000), (48000, 16000), (8000, 16000)])
def test_resampling_keeps_a_tone(source: int, target: int) -> None:
    heard = audio.resample(tone(700, source), source, target)[target // 10 : -target // 10]
    wanted = tone(700, target)[target // 10 : -target // 10]
    assert np.max(np.abs(heard.astype(np.int32) - wanted)) < 40  # −58 dB


def test_resampling_down_leaves_no_alias() -> None:
    assert audio.rms_dbfs(audio.resample(tone(6000, 16000), 16000, 8000)[200:-200]) < -80


@given(rates, rates, st.lists(st.integers(0, 900), max_size=8))
def test_streamed_resampling_has_no_seam(source: int, target: int, cuts: list[int]) -> None:
    samples = tone(440, source, seconds=sum(cuts) / source)
    stream = audio.StreamResampler(source, target)
    for _ in range(2):  # a second clip through the same resampler is not touched by the first
        pieces, start = [], 0
        for cut in cuts:
            pieces.append(stream.push(samples[start : start + cut]))
            start += cut
        heard = np.concatenate([*pieces, stream.push(samples[start:]), stream.finish()])
        whole = audio.resample(samples, source, target)
        assert abs(len(heard) - len(whole)) <= 1
        shared = min(len(heard), len(whole))
        difference = np.abs(heard[:shared].astype(np.int32) - whole[:shared])
        assert np.all(difference <= 4)  # soxr dithers its last bit


# --- the telephone band


@pytest.mark.parametrize("rate", [8000, 16000, 48000])
def test_speech_frequencies_pass_the_telephone_and_others_do_not(rate: int) -> None:
    def passed(hz: float) -> float:
        clip = tone(hz, rate)
        middle = slice(rate // 4, -rate // 4)
        return audio.rms_dbfs(audio.telephone_band(clip, rate)[middle]) - audio.rms_dbfs(clip[middle])

    for hz in (500, 1000, 2000, 3000):
        assert passed(hz) == pytest.approx(0, abs=0.2)
    for hz in (300, 3400):
        assert passed(hz) == pytest.approx(-6, abs=0.5)
    for hz in (50, 100, 3700):
        assert passed(hz) < -50


def test_the_telephone_band_neither_delays_nor_shortens() -> None:
    click = np.zeros(999, dtype=np.int16)
    click[500] = 20000
    heard = audio.telephone_band(click, 8000)
    assert len(heard) == len(click)
    assert int(np.argmax(np.abs(heard))) == 500


@given(pcm)
def test_the_telephone_band_takes_any_clip(samples: Pcm) -> None:
    assert len(audio.telephone_band(samples, 8000)) == len(samples)


def test_the_telephone_band_needs_its_rate() -> None:
    with pytest.raises(ValueError, match="8000"):
        audio.telephone_band(EVERY_SAMPLE, 4000)
