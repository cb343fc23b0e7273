"""The frames our processors exchange beside pipecat's own."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipecat.frames.frames import DataFrame

from bot.models import Say


@dataclass
class SayFrame(DataFrame):
    """Speak this. ``last``: nothing of this reply follows."""

    say: Say
    last: bool = True


@dataclass
class SentenceFrame(DataFrame):
    """Travels with the audio: the samples after it, up to the next mark, speak ``text``.

    ``say``: set on the first sentence of a reply. ``total_ms``: filled in once the sentence is synthesised.
    """

    text: str
    say: Say | None = None
    total_ms: list[int] = field(default_factory=lambda: [0])
