"""Phrases are synthesised once, shared, bounded, and never kept when they are personal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import VoiceError
from bot.models import SpeechChunk
from media.tts.cache import CachedVoice, PhraseCache


class StepVoice:
    """A voice that gives three chunks, one for each permit of ``steps``."""

    name = "step"

    def __init__(self, permits: int = 1000) -> None:
        self.steps = asyncio.Semaphore(permits)
        self.said: list[str] = []
        self.ended = 0
        self.fails_at = -1
        self.closed = False

    async def speak(self, text: str, *, sample_rate: int, cacheable: bool) -> AsyncIterator[SpeechChunk]:
        self.said.append(text)
        try:
            for n in range(3):
                await self.steps.acquire()
                if n == self.fails_at:
                    raise VoiceError("broke")
                yield SpeechChunk(np.full(100, n, dtype=np.int16), sample_rate)
        finally:
            self.ended += 1

    async def close(self) -> None:
        self.closed = True


async def heard(
    voice: CachedVoice, text: str = "Bonjour.", rate: int = 8000, *, cacheable: bool = True
) -> list[int]:
    stream = voice.speak(text, sample_rate=rate, cacheable=cacheable)
    return [int(chunk.samples[0]) async for chunk in stream]


async def settle() -> None:
    """Let every task that can run do so."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_phrase_is_synthesised_once() -> None:
    inner = StepVoice()
    voice = CachedVoice(inner)
    assert await heard(voice) == await heard(voice) == [0, 1, 2]
    assert inner.said == ["Bonjour."]


async def test_rate_and_text_tell_phrases_apart() -> None:
    inner = StepVoice()
    voice = CachedVoice(inner)
    for text, rate in [("Oui.", 8000), ("Oui.", 16000), ("Non.", 8000)]:
        await heard(voice, text, rate)
    assert inner.said == ["Oui.", "Oui.", "Non."]


async def test_personal_texts_are_never_kept() -> None:
    inner = StepVoice()
    voice = CachedVoice(inner)
    await heard(voice, cacheable=False)
    await heard(voice, cacheable=False)
    assert len(inner.said) == 2
    assert await heard(voice) == [0, 1, 2]  # and not taken from what was private
    assert len(inner.said) == 3


async def test_calls_at_the_same_time_share_one_synthesis_and_hear_all_of_it() -> None:
    inner = StepVoice(permits=0)
    voice = CachedVoice(inner)
    early = asyncio.create_task(heard(voice), name="early")
    await settle()
    inner.steps.release()
    await settle()
    late = asyncio.create_task(heard(voice), name="late")
    await settle()
    for _ in range(2):
        inner.steps.release()
    assert await early == await late == [0, 1, 2]
    assert inner.said == ["Bonjour."]


async def test_the_first_chunk_does_not_wait_for_the_last() -> None:
    inner = StepVoice(permits=1)
    voice = CachedVoice(inner)
    async with aclosing(voice.speak("Bonjour.", sample_rate=8000, cacheable=True)) as stream:
        assert (await anext(stream)).samples[0] == 0


async def test_synthesis_stops_when_the_last_listener_leaves() -> None:
    inner = StepVoice(permits=1)
    voice = CachedVoice(inner)
    stream = voice.speak("Bonjour.", sample_rate=8000, cacheable=True)
    await anext(stream)
    other = asyncio.create_task(heard(voice), name="other")
    await settle()
    await stream.aclose()
    assert inner.ended == 0  # somebody still listens
    other.cancel()
    await asyncio.wait([other])
    assert inner.ended == 1
    for _ in range(5):
        inner.steps.release()
    assert await heard(voice) == [0, 1, 2]  # what was cut short is not in the cache
    assert len(inner.said) == 2


async def test_leaving_a_private_text_closes_the_voice_under_it() -> None:
    inner = StepVoice(permits=1)
    stream = CachedVoice(inner).speak("Bonjour.", sample_rate=8000, cacheable=False)
    await anext(stream)
    await stream.aclose()
    assert inner.ended == 1


async def test_a_failure_reaches_every_listener_and_is_not_kept() -> None:
    inner = StepVoice(permits=0)
    inner.fails_at = 1
    voice = CachedVoice(inner)
    calls = [asyncio.create_task(heard(voice), name=f"call {n}") for n in range(3)]
    await settle()
    for _ in range(5):
        inner.steps.release()
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(result) for result in results] == [VoiceError] * 3
    inner.fails_at = -1
    assert await heard(voice) == [0, 1, 2]


async def test_prewarmed_phrases_need_no_synthesis() -> None:
    inner = StepVoice()
    voice = CachedVoice(inner)
    await voice.prewarm(["Bonjour.", "Un instant."], 8000)
    assert inner.said == ["Bonjour.", "Un instant."]
    await heard(voice, "Un instant.")
    assert len(inner.said) == 2


async def test_shared_samples_cannot_be_changed() -> None:
    voice = CachedVoice(StepVoice())
    async for chunk in voice.speak("Bonjour.", sample_rate=8000, cacheable=True):
        with pytest.raises(ValueError, match="read-only"):
            chunk.samples[0] = 7


async def test_closing_stops_what_is_under_way() -> None:
    inner = StepVoice(permits=1)
    voice = CachedVoice(inner)
    listener = asyncio.create_task(heard(voice), name="listener")
    await settle()
    await voice.close()
    with pytest.raises(VoiceError):
        await listener
    assert (inner.ended, inner.closed) == (1, True)


# --- the bounded store itself


def phrase(size: int) -> tuple[SpeechChunk, ...]:
    return (SpeechChunk(np.zeros(size, dtype=np.int16), 8000),)


def test_the_least_recently_used_phrase_goes_first() -> None:
    cache = PhraseCache(max_bytes=500)
    cache.put(("v", 8000, "un"), phrase(100))
    cache.put(("v", 8000, "deux"), phrase(100))
    assert cache.get(("v", 8000, "un"))
    cache.put(("v", 8000, "trois"), phrase(100))
    assert cache.get(("v", 8000, "deux")) is None
    assert cache.get(("v", 8000, "un"))


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 400))))
def test_the_cache_never_holds_more_than_its_bound(puts: list[tuple[str, int]]) -> None:
    cache = PhraseCache(max_bytes=1000)
    for text, size in puts:
        cache.put(("v", 8000, text), phrase(size))
        assert cache.bytes <= 1000
        kept = [cache.get(("v", 8000, key)) for key in "abcdef"]
        assert sum(chunk.samples.nbytes for chunks in kept if chunks for chunk in chunks) == cache.bytes
        assert sum(chunks is not None for chunks in kept) == len(cache)
