"""What the call needs from the outside, as Protocols; adapters live in ``media`` and in ``bot``'s I/O packages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from bot.events import CallEvent
from bot.models import Pcm, Recognition, RecognitionHint, SpeechChunk, Understanding


class Transcriber(Protocol):
    """Speech to text over one model shared by every call in the process."""

    sample_rate: int  # Hz of the audio it takes: 16000

    async def transcribe(self, audio: Pcm, hint: RecognitionHint) -> Recognition:
        """Decode one utterance (int16 mono at ``sample_rate``) off the event loop.

        Cancelling the awaiting task drops a job that is still queued.

        Raises:
            RecognitionBusyError: the bounded queue is full.
            RecognitionError: the decoder failed.
        """
        ...

    async def close(self) -> None:
        """Finish running decodes and free the model."""
        ...


class Voice(Protocol):
    """Text to speech over one voice shared by every call in the process."""

    name: str

    def speak(self, text: str, *, sample_rate: int, cacheable: bool) -> AsyncIterator[SpeechChunk]:
        """Synthesise verbalised French, sentence by sentence, resampled to ``sample_rate`` Hz.

        ``cacheable``: the text holds no personal data, so its audio may be kept in memory.

        Raises:
            VoiceError: the engine failed.
        """
        ...

    async def close(self) -> None:
        """Free the engine."""
        ...


@dataclass(frozen=True)
class DialogueReply:
    """What the dialogue answers to one turn: messages in order, each a plain JSON object of the contract."""

    messages: tuple[Mapping[str, Any], ...] = field(default_factory=tuple)


class Dialogue(Protocol):
    """The dialogue server."""

    async def turn(self, call_id: str, message: str, metadata: Mapping[str, Any]) -> DialogueReply:
        """Send one turn. Never retried: a turn must not be taken twice.

        Raises:
            DialogueTimeoutError: no answer in time.
            DialogueError: refused, unreachable, or an answer outside the contract.
        """
        ...

    async def understanding(self, call_id: str) -> Understanding:
        """What the dialogue understood of the last turn, and the slots as they stand.

        Raises:
            DialogueError: as for :meth:`turn`.
        """
        ...


class Journal(Protocol):
    """Where the events of a call are kept."""

    def append(self, call_id: str, event: CallEvent) -> None:
        """Keep one event, never blocking and never raising: what cannot be stored now is spooled."""
        ...
