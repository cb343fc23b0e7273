"""What is synthesised at once, and how it sounds at its ends."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bot.models import Pcm
from media import audio
from media.tts.engine import Pacing, plain
from media.tts.pieces import CLAUSE_PAUSE_MS, SENTENCE_PAUSE_MS, Piece, pieces
from media.tts.shape import CEILING_DBFS, TARGET_DBFS, _limit, shape

WIDE = Pacing(first=200, longest=200)
NARROW = Pacing(first=20, longest=40, limit=60)


def test_each_sentence_is_a_piece_with_its_pause() -> None:
    assert pieces("Un instant. Je vérifie… Vous êtes là ? Oui !", WIDE) == [
        Piece(text, SENTENCE_PAUSE_MS) for text in ("Un instant.", "Je vérifie…", "Vous êtes là ?", "Oui !")
    ]


def test_a_long_sentence_is_cut_at_commas_the_first_piece_being_the_shortest() -> None:
    text = "Bonjour, Lumia TV, je suis un assistant automatique, vous pouvez m'interrompre."
    cut = pieces(text, NARROW)
    assert [piece.text for piece in cut] == [
        "Bonjour, Lumia TV,",
        "je suis un assistant automatique,",
        "vous pouvez m'interrompre.",
    ]
    assert [piece.pause_ms for piece in cut] == [CLAUSE_PAUSE_MS, CLAUSE_PAUSE_MS, SENTENCE_PAUSE_MS]


def test_a_sentence_without_commas_stays_whole_up_to_the_limit() -> None:
    assert len(pieces("mot " * 14 + "fin.", NARROW)) == 1
    cut = pieces("mot " * 40, NARROW)
    assert len(cut) > 1
    assert all(set(piece.text.split()) == {"mot"} for piece in cut)


@given(st.text(alphabet="ab é,;.!?… »\")-'\n", max_size=300), st.sampled_from([WIDE, NARROW]))
def test_nothing_is_lost_or_said_twice(text: str, pacing: Pacing) -> None:
    said = "".join(piece.text for piece in pieces(text, pacing))
    assert [c for c in said if c.isalnum()] == [c for c in text if c.isalnum()]


@given(st.text(max_size=300))
def test_any_text_is_cut_within_the_limit(text: str) -> None:
    for piece in pieces(text, NARROW):
        assert 0 < len(piece.text) <= NARROW.limit
        assert piece.text == piece.text.strip()


@given(st.text(max_size=200))
def test_an_engine_gets_no_markup_and_no_control_characters(text: str) -> None:
    cleaned = plain(text)
    assert not set(cleaned) & set("<>[]{}|\\\x00\n\t")
    cleaned.encode()  # no lone surrogates
    assert plain(cleaned) == cleaned


def test_accents_are_composed_and_apostrophes_straight() -> None:
    assert plain("e\u0301te\u0301 l’abonne\u0301") == "été l'abonné"
    assert plain('<genfile file="x">bonjour</genfile>') == 'genfile file="x" bonjour /genfile'


# --- shape


def speech(rate: int = 16000, amplitude: int = 9000, ms: int = 400) -> Pcm:
    n = np.arange(rate * ms // 1000)
    return (amplitude * np.sin(2 * np.pi * 500 * n / rate)).astype(np.int16)


def padded(samples: Pcm, rate: int = 16000) -> Pcm:
    return np.concatenate([audio.silence(300, rate), samples, audio.silence(700, rate)])


@pytest.mark.parametrize("amplitude", [300, 3000, 32000])
def test_loud_and_quiet_speech_end_up_at_one_level(amplitude: int) -> None:
    shaped = shape(padded(speech(amplitude=amplitude)), 16000)
    assert audio.active_rms_dbfs(shaped, 16000) == pytest.approx(TARGET_DBFS, abs=0.6)


def test_loudness_is_what_a_telephone_passes() -> None:
    n = np.arange(6400)
    rumble = speech() + (9000 * np.sin(2 * np.pi * 100 * n / 16000)).astype(np.int16)
    in_band = audio.telephone_band(shape(padded(rumble), 16000), 16000)
    assert audio.active_rms_dbfs(in_band, 16000) == pytest.approx(TARGET_DBFS, abs=0.6)


def test_silence_at_the_ends_is_cut_and_the_decay_kept() -> None:
    shaped = shape(padded(speech(ms=400)), 16000)
    assert 420 <= audio.duration_ms(shaped, 16000) <= 480


def test_the_ends_do_not_click() -> None:
    shaped = shape(speech(ms=400), 16000).astype(np.int32)
    assert abs(shaped[0]) < 10
    assert abs(shaped[-1]) < 10
    steps = np.abs(np.diff(shaped))
    assert np.max(steps[:100]) <= np.max(steps[1000:2000]) + 1  # no steeper than the tone itself


def test_a_burst_is_turned_down_without_making_the_sentence_quiet() -> None:
    calm = shape(speech(amplitude=5000), 16000)
    burst = speech(amplitude=5000)
    burst[3200:3210] = 32000
    shaped = shape(burst, 16000)
    assert audio.peak_dbfs(shaped) <= CEILING_DBFS + 0.01
    before, after = slice(1000, 2800), slice(3600, 5500)
    for part in (before, after):
        assert audio.rms_dbfs(shaped[part]) == pytest.approx(audio.rms_dbfs(calm[part]), abs=2)


def test_the_limiter_leaves_alone_what_needs_it_not() -> None:
    burst = speech(amplitude=5000).astype(np.float64)
    burst[3200:3210] = 32000
    limited = _limit(burst, 16000)
    assert np.array_equal(limited[:3000], burst[:3000])
    assert np.array_equal(limited[3400:], burst[3400:])


@given(hnp.arrays(np.int16, st.integers(0, 3000)), st.sampled_from([8000, 16000, 22050]))
def test_any_sound_can_be_shaped(samples: Pcm, rate: int) -> None:
    shaped = shape(samples, rate)
    assert len(shaped) <= len(samples)
    assert audio.peak_dbfs(shaped) <= CEILING_DBFS + 0.01


@pytest.mark.parametrize("samples", [np.zeros(0, dtype=np.int16), np.zeros(8000, dtype=np.int16)])
def test_silence_stays_nothing(samples: Pcm) -> None:
    assert not len(shape(samples, 16000))
