"""A voice over an engine: pieces in order, off the loop, levelled, stopped when nobody listens."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import aclosing

import numpy as np
import pytest

from bot.errors import VoiceError
from bot.models import Pcm, SpeechChunk
from media import audio
from media.tts import voice as voice_module
from media.tts.engine import Pacing
from media.tts.pieces import SENTENCE_PAUSE_MS
from media.tts.shape import TARGET_DBFS
from media.tts.voice import CHUNK_MS, EngineVoice


class BeepEngine:
    """10 ms of a square wave a character between silences, as real engines pad. A shut ``gate`` holds it at work."""

    name = "beep"
    sample_rate = 16000
    pacing = Pacing(first=20, longest=40)

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.threads: set[int] = set()
        self.gate = threading.Event()
        self.gate.set()
        self.started = threading.Event()
        self.fails = False
        self.closed = False

    def synthesise(self, text: str) -> Pcm:
        self.texts.append(text)
        self.threads.add(threading.get_ident())
        self.started.set()
        self.gate.wait(10)
        if self.fails:
            raise VoiceError("beep failed")
        if "silence" in text:
            return np.zeros(1600, dtype=np.int16)
        wave = np.where(np.arange(160 * len(text)) % 16 < 8, 8000, -8000).astype(np.int16)
        pad = np.zeros(4800, dtype=np.int16)
        return np.concatenate([pad, wave, pad])

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def engine() -> BeepEngine:
    return BeepEngine()


@pytest.fixture
async def voice(engine: BeepEngine) -> AsyncIterator[EngineVoice]:
    voice = EngineVoice(engine)
    yield voice
    engine.gate.set()
    await voice.close()


async def heard(voice: EngineVoice, text: str, rate: int = 8000) -> list[SpeechChunk]:
    return [chunk async for chunk in voice.speak(text, sample_rate=rate, cacheable=False)]


def joined(chunks: list[SpeechChunk]) -> Pcm:
    return np.concatenate([chunk.samples for chunk in chunks])


async def test_sentences_are_synthesised_in_order_off_the_event_loop(
    voice: EngineVoice, engine: BeepEngine
) -> None:
    await heard(voice, "Un instant. Je vérifie ! Vous êtes là ?")
    assert engine.texts == ["Un instant.", "Je vérifie !", "Vous êtes là ?"]
    assert len(engine.threads) == 1
    assert threading.get_ident() not in engine.threads


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 48000])
async def test_speech_comes_at_the_asked_rate_and_length(voice: EngineVoice, rate: int) -> None:
    chunks = await heard(voice, "Bonjour à vous.", rate)
    assert {chunk.sample_rate for chunk in chunks} == {rate}
    assert all(len(chunk.samples) <= CHUNK_MS * rate // 1000 for chunk in chunks)
    # 15 characters of 10 ms, up to 70 ms kept around them, and the pause: the engine's 600 ms of silence are gone.
    assert audio.duration_ms(joined(chunks), rate) == pytest.approx(150 + 35 + SENTENCE_PAUSE_MS, abs=40)


async def test_speech_is_at_telephone_level(voice: EngineVoice) -> None:
    level = audio.active_rms_dbfs(joined(await heard(voice, "Bonjour à vous tous.", 16000)), 16000)
    assert level == pytest.approx(TARGET_DBFS, abs=1)


async def test_two_utterances_sound_like_one(voice: EngineVoice) -> None:
    apart = await heard(voice, "Un instant.") + await heard(voice, "Je vérifie.")
    assert np.array_equal(joined(apart), joined(await heard(voice, "Un instant. Je vérifie.")))


async def test_the_first_words_come_before_the_rest_is_synthesised(
    voice: EngineVoice, engine: BeepEngine
) -> None:
    async with aclosing(voice.speak("Un. Deux. Trois. Quatre.", sample_rate=8000, cacheable=False)) as stream:
        await anext(stream)
        assert len(engine.texts) <= 2  # the one heard and, at most, the next


@pytest.mark.parametrize("text", ["", "   ", "…", "?!", "<>"])
async def test_nothing_to_say_is_no_sound_and_no_error(voice: EngineVoice, text: str) -> None:
    assert await heard(voice, text) == []


async def test_a_failing_engine_is_a_voice_error_and_not_the_end(
    voice: EngineVoice, engine: BeepEngine
) -> None:
    engine.fails = True
    with pytest.raises(VoiceError, match="beep failed"):
        await heard(voice, "Un instant.")
    engine.fails = False
    assert await heard(voice, "Un instant.")


async def test_a_text_without_sound_does_not_pass_for_said(voice: EngineVoice) -> None:
    with pytest.raises(VoiceError, match="no sound"):
        await heard(voice, "silence.")
    assert await heard(voice, "silence. Bonjour.")


async def test_an_interrupted_reply_stops_the_work(voice: EngineVoice, engine: BeepEngine) -> None:
    async with aclosing(voice.speak("Un. Deux. Trois. Quatre.", sample_rate=8000, cacheable=False)) as stream:
        await anext(stream)
    await heard(voice, "Fin.")
    assert engine.texts[-1] == "Fin."
    assert "Trois." not in engine.texts


async def test_cancelling_a_call_drops_its_waiting_piece(voice: EngineVoice, engine: BeepEngine) -> None:
    engine.gate.clear()
    first = asyncio.create_task(heard(voice, "Un."), name="first")
    await asyncio.to_thread(engine.started.wait, 5)
    waiting = asyncio.create_task(heard(voice, "Deux."), name="waiting")
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    engine.gate.set()
    assert await first
    assert engine.texts == ["Un."]


async def test_calls_take_turns(voice: EngineVoice, engine: BeepEngine) -> None:
    engine.gate.clear()
    long = asyncio.create_task(heard(voice, "Un. Deux. Trois. Quatre."), name="long")
    await asyncio.to_thread(engine.started.wait, 5)
    short = asyncio.create_task(heard(voice, "Bref."), name="short")
    await asyncio.sleep(0)
    engine.gate.set()
    await asyncio.gather(long, short)
    assert engine.texts.index("Bref.") < engine.texts.index("Quatre.")


async def test_too_many_waiting_calls_are_refused(
    voice: EngineVoice, engine: BeepEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(voice_module, "_MOST_WAITING", 2)
    engine.gate.clear()
    calls = [asyncio.create_task(heard(voice, "Oui."), name=f"call {n}") for n in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(VoiceError, match="waiting"):
        await heard(voice, "Non.")
    engine.gate.set()
    assert all(await asyncio.gather(*calls))


async def test_a_stuck_engine_is_given_up(
    voice: EngineVoice, engine: BeepEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(voice_module, "_PIECE_TIMEOUT_S", 0.01)
    engine.gate.clear()
    with pytest.raises(VoiceError, match="did not finish"):
        await heard(voice, "Un instant.")


async def test_a_closed_voice_refuses_and_frees_its_engine(engine: BeepEngine) -> None:
    voice = EngineVoice(engine)
    await heard(voice, "Oui.")
    await voice.close()
    await voice.close()
    assert engine.closed
    with pytest.raises(VoiceError, match="closed"):
        await heard(voice, "Non.")
