"""Phrases that are said in every call are synthesised once."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import aclosing
from dataclasses import dataclass, field

from bot.errors import VoiceError
from bot.models import SpeechChunk
from bot.ports import Voice

Key = tuple[str, int, str]
"""Voice name, sample rate in Hz, text."""

DEFAULT_BYTES = 32 << 20
"""About 17 minutes of speech at 16 kHz: the whole static part of the dialogue several times over."""


class PhraseCache:
    """Least recently used phrases go first once ``max_bytes`` of samples are held."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._phrases: OrderedDict[Key, tuple[SpeechChunk, ...]] = OrderedDict()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._phrases)

    def get(self, key: Key) -> tuple[SpeechChunk, ...] | None:
        """The phrase, now the most recently used, or None."""
        if key in self._phrases:
            self._phrases.move_to_end(key)
        return self._phrases.get(key)

    def put(self, key: Key, phrase: Iterable[SpeechChunk]) -> None:
        """Keep a phrase, unless it alone is larger than the cache."""
        chunks = tuple(phrase)
        size = _size(chunks)
        if size > self._max_bytes:
            return
        if (old := self._phrases.pop(key, None)) is not None:
            self.bytes -= _size(old)
        self._phrases[key] = chunks
        self.bytes += size
        while self.bytes > self._max_bytes:
            _, oldest = self._phrases.popitem(last=False)
            self.bytes -= _size(oldest)


def _size(chunks: tuple[SpeechChunk, ...]) -> int:
    return sum(chunk.samples.nbytes for chunk in chunks)


@dataclass
class _Flight:
    """A phrase being synthesised, and how many calls listen to it."""

    listeners: int = 0
    chunks: list[SpeechChunk] = field(default_factory=list)
    failure: VoiceError | None = None
    landed: bool = False
    news: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None

    def announce(self) -> None:
        """Wake everybody who waits for more."""
        self.news.set()
        self.news = asyncio.Event()


class CachedVoice:
    """``bot.ports.Voice`` that keeps cacheable phrases of the voice it wraps.

    Calls that need the same phrase at the same time share one synthesis, each hearing it from its beginning
    as it comes; when all of them are interrupted, it stops. Texts that are not cacheable pass by untouched.
    """

    def __init__(self, voice: Voice, max_bytes: int = DEFAULT_BYTES) -> None:
        self.name = voice.name
        self._voice = voice
        self._cache = PhraseCache(max_bytes)
        self._flights: dict[Key, _Flight] = {}

    async def speak(
        self, text: str, *, sample_rate: int, cacheable: bool
    ) -> AsyncGenerator[SpeechChunk, None]:
        """See :meth:`bot.ports.Voice.speak`. Chunks of cacheable phrases are shared: their samples are read-only."""
        if not cacheable:
            async with aclosing(self._voice.speak(text, sample_rate=sample_rate, cacheable=False)) as chunks:
                async for chunk in chunks:
                    yield chunk
            return
        key = (self.name, sample_rate, text)
        if (kept := self._cache.get(key)) is not None:
            for chunk in kept:
                yield chunk
            return
        flight = self._flights.get(key) or self._take_off(key)
        flight.listeners += 1
        try:
            async for chunk in _follow(flight):
                yield chunk
        finally:
            flight.listeners -= 1
            if not flight.listeners and not flight.landed:
                await self._call_off(key, flight)

    async def prewarm(self, texts: Iterable[str], sample_rate: int) -> None:
        """Synthesise phrases before the first call needs them, one after the other.

        ``texts``: exactly as they will be given to :meth:`speak`.

        Raises:
            VoiceError: the voice cannot say one of them.
        """
        for text in texts:
            async for _ in self.speak(text, sample_rate=sample_rate, cacheable=True):
                pass

    async def close(self) -> None:
        """Stop what is being synthesised, then close the voice."""
        for key, flight in list(self._flights.items()):
            await self._call_off(key, flight)
        await self._voice.close()

    def _take_off(self, key: Key) -> _Flight:
        flight = self._flights[key] = _Flight()
        flight.task = asyncio.create_task(self._fly(key, flight), name="voice-phrase")
        return flight

    async def _fly(self, key: Key, flight: _Flight) -> None:
        _, sample_rate, text = key
        try:
            async with aclosing(self._voice.speak(text, sample_rate=sample_rate, cacheable=True)) as chunks:
                async for chunk in chunks:
                    chunk.samples.flags.writeable = False
                    flight.chunks.append(chunk)
                    flight.announce()
            self._cache.put(key, flight.chunks)
        except asyncio.CancelledError:
            flight.failure = VoiceError("synthesis was called off")
            raise
        except VoiceError as err:
            flight.failure = err  # raised to every listener
        finally:
            flight.landed = True
            if self._flights.get(key) is flight:
                del self._flights[key]
            flight.announce()

    async def _call_off(self, key: Key, flight: _Flight) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]  # whoever comes now starts afresh
        if flight.task is not None:
            flight.task.cancel()
            await asyncio.wait([flight.task])


async def _follow(flight: _Flight) -> AsyncIterator[SpeechChunk]:
    heard = 0
    while True:
        news = flight.news
        while heard < len(flight.chunks):
            yield flight.chunks[heard]
            heard += 1
        if flight.landed:
            break
        await news.wait()  # already set when more came while the chunks were being taken
    if flight.failure is not None:
        raise flight.failure
