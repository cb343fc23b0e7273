"""What a speech engine is to the rest of the package."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Protocol

from bot.models import Pcm


@dataclass(frozen=True)
class Pacing:
    """How much text an engine is given at once.

    ``first``: characters of the first piece, as short as the engine's speed asks, because nothing is heard
    before it is done. ``longest``: characters of any other piece. Both are wishes: text is cut at
    punctuation only, up to ``limit``, where it is cut at a space.
    """

    first: int
    longest: int
    limit: int = 300


class Engine(Protocol):
    """One loaded voice. Only one thread at a time calls it."""

    name: str
    sample_rate: int  # Hz of what it gives
    pacing: Pacing

    def synthesise(self, text: str) -> Pcm:
        """Samples of one piece of plain text (:func:`plain`); empty when nothing in it can be said. Blocks.

        Raises:
            VoiceError: the engine failed; the next call may succeed.
        """
        ...

    def close(self) -> None:
        """Free the engine; nothing is synthesised afterwards."""
        ...


# Pico obeys markup in its input, down to <genfile file="…">, which writes a file; Piper takes [[…]] for
# phonemes. Text may come from a subscriber system: nothing in it may be an instruction.
_MARKUP = str.maketrans({**dict.fromkeys("<>[]{}|\\^~`_*#", " "), "’": "'", "ʼ": "'"})
_SPACES = re.compile(r"\s+")


def plain(text: str) -> str:
    """``text`` as an engine may have it: composed characters, no markup, no control characters, single spaces."""
    kept = unicodedata.normalize("NFC", text).translate(_MARKUP)
    kept = "".join(" " if unicodedata.category(char)[0] == "C" else char for char in kept)
    return _SPACES.sub(" ", kept).strip()
