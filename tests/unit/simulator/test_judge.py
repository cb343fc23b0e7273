"""The judges of the telephone tests, on sounds whose content is known."""

from __future__ import annotations

import numpy as np
import pytest

from bot.models import Pcm
from media.audio import amplify, mix
from media.telephony.music import hold_music
from simulator.line import by_telephone
from simulator.script import Caller
from simulator.voices import Voices
from tests.e2e.telephone import judge


@pytest.fixture(scope="module")
def music() -> Pcm:
    return by_telephone(hold_music(judge.RATE)[: 10 * judge.RATE])


@pytest.fixture
async def speech() -> Pcm:
    return by_telephone(
        await Voices().speak(Caller(), "Madame Martin, box sans signal, déjà redémarrée, identifiée.")
    )


def test_music_is_music(music: Pcm) -> None:
    assert judge.music_s(music) > 8.5
    assert judge.speech_s(music) < 1.0
    assert judge.tone_s(music, judge.AGENT_HZ) == 0


async def test_speech_is_speech(speech: Pcm, music: Pcm) -> None:
    seconds = len(speech) / judge.RATE
    assert judge.speech_s(speech) > 0.7 * seconds
    assert judge.music_s(speech) < 0.5
    over = judge.speech_s(mix(music[: len(speech)], speech))
    assert over > 0.5 * seconds, "a voice over the music is heard"


def test_tones() -> None:
    both = mix(judge.tone(judge.AGENT_HZ, 2.0), amplify(judge.tone(judge.CALLER_HZ, 2.0), -40))
    heard = by_telephone(both)
    assert judge.tone_s(heard, judge.AGENT_HZ) == pytest.approx(2.0, abs=0.3)
    assert judge.tone_s(heard, judge.CALLER_HZ) == 0
    assert judge.music_s(heard) == judge.speech_s(heard) == 0


def test_silence() -> None:
    quiet = np.zeros(judge.RATE, dtype=np.int16)
    sound = np.concatenate([quiet, judge.tone(1000, 0.5), quiet, quiet])
    assert judge.longest_silence_s(sound) == pytest.approx(2.0)
    assert judge.first_sound_s(sound) == pytest.approx(1.0)
    assert judge.last_sound_s(sound) == pytest.approx(1.5)
    assert judge.first_sound_s(quiet) is None
    assert judge.last_sound_s(quiet) == 0


async def test_the_same_sound_is_found_even_under_another(speech: Pcm, music: Pcm) -> None:
    elsewhere = music.copy()
    elsewhere[16_000 : 16_000 + len(speech)] = mix(
        elsewhere[16_000 : 16_000 + len(speech)], amplify(speech, -12)
    )
    assert judge.likeness(speech, np.concatenate([np.zeros(5000, dtype=np.int16), speech])) > 0.95
    assert judge.likeness(speech, elsewhere) > 0.2, "a quiet leak under loud music"
    assert judge.likeness(speech, music) < 0.1
