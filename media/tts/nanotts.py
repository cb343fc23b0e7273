"""SVOX Pico in French through ``py-nanotts``: small, instant, always there. The embedded voice.

It lives in a child process for three reasons found in the library: it holds the interpreter's lock while it
synthesises (14 ms for 3.5 s of speech), it is C code that a strange text could bring down, and its markup can
write files (``media.tts.engine.plain`` removes it beforehand).
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from multiprocessing.connection import Connection, Pipe
from pathlib import Path

import numpy as np
import structlog

from bot.errors import VoiceError
from bot.models import Pcm
from media import audio
from media.tts.engine import Pacing
from media.tts.voice import EngineVoice

log = structlog.get_logger(__name__)

_CHILD = Path(__file__).with_name("nanotts_child.py")
_PACING = Pacing(first=200, longest=200)  # 0.005 times real time: nothing is won by cutting sentences
_ANSWER_TIMEOUT_S = 8.0
_STOP_TIMEOUT_S = 2.0
_PROOF = "Bonjour."  # said once at start: the process runs and its voice data can be read

# Pico says the x of "soixante-dix" as in "taxi" where a hyphen follows, and runs the parts of a number together;
# with spaces it says the words (docs/voice.md). Words that are no number keep their hyphen: "rendez-vous".
_NUMBER = (
    "zéro|une?|deux|trois|quatre|cinq|six|sept|huit|neuf|dix|onze|douze|treize|quatorze|quinze|seize|vingts?|trente|"
    "quarante|cinquante|soixante|septante|huitante|octante|nonante|cents?|mille|et"
)
_HYPHENATED_NUMBER = re.compile(rf"\b(?:{_NUMBER})(?:-(?:{_NUMBER}))+\b", re.IGNORECASE)

# Pico's sound is dull: 80 % of its energy lies below 300 Hz, where a telephone passes nothing, and consonants are
# 15 to 20 dB weaker than in natural speech. This tilts it back: on a telephone line at the
# same loudness, words misheard fall from 25 to 16 % (docs/voice.md).
PRE_EMPHASIS = 0.95

# Pico reads memory it never wrote: the same text came out differently, up to 0.8 s in 10 s. With a fixed threshold
# the C library takes its working memory fresh from the system each time, which is zeroed, and all runs agree.
_ZEROED_MEMORY = {"MALLOC_MMAP_THRESHOLD_": "131072"}


class NanoTtsEngine:
    """The child process; started at once, and again after it died."""

    pacing = _PACING
    sample_rate = 16000

    def __init__(self, *, speed: float, pitch: float, pre_emphasis: float = PRE_EMPHASIS) -> None:
        self.name = f"nanotts:fr-FR:{speed:g}:{pitch:g}"
        self._prosody = {"speed": speed, "pitch": pitch}
        self._pre_emphasis = pre_emphasis
        self._child: subprocess.Popen[bytes] | None = None
        self._pipe: Connection | None = None
        self._closed = False
        try:
            self.synthesise(_PROOF)
        except VoiceError:
            self._stop()
            raise

    @property
    def pid(self) -> int | None:
        """Process id of the child, None when none runs."""
        return self._child.pid if self._child else None

    def synthesise(self, text: str) -> Pcm:
        """See :meth:`media.tts.engine.Engine.synthesise`."""
        if self._closed:
            raise VoiceError(f"{self.name} is closed")
        pipe = self._pipe or self._start()
        try:
            pipe.send_bytes(json.dumps({"text": numbers_apart(text), **self._prosody}).encode())
            if not pipe.poll(_ANSWER_TIMEOUT_S):
                raise TimeoutError
            answer = pipe.recv_bytes()
        except (EOFError, OSError) as err:  # TimeoutError is an OSError
            self._stop()
            log.warning("voice.child_lost", voice=self.name, error=type(err).__name__)
            raise VoiceError(f"{self.name} was lost: {type(err).__name__}") from err
        if answer[:1] != b"\0":
            raise VoiceError(f"{self.name} failed: {answer[1:].decode(errors='replace')}")
        return _brighten(audio.from_bytes(answer[1:]), self._pre_emphasis)

    def close(self) -> None:
        """End the child."""
        self._closed = True
        self._stop()

    def _start(self) -> Connection:
        ours, theirs = Pipe()
        try:
            # -P: the folder of the child's file is not searched for modules (its neighbour is called piper).
            command = [sys.executable, "-P", str(_CHILD), str(theirs.fileno())]
            self._child = subprocess.Popen(
                command,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env={**os.environ, **_ZEROED_MEMORY},
            )
        except OSError as err:
            ours.close()
            raise VoiceError(f"{self.name} cannot be started: {err}") from err
        finally:
            theirs.close()  # only the child holds it: its death is an end of file here
        self._pipe = ours
        return ours

    def _stop(self) -> None:
        if self._pipe is not None:
            self._pipe.close()  # the child ends at end of file
            self._pipe = None
        if self._child is not None:
            try:
                self._child.wait(_STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()
            self._child = None


def numbers_apart(text: str) -> str:
    """``text`` with spaces for the hyphens inside number words: "soixante-dix-huit" is "soixante dix huit"."""
    return _HYPHENATED_NUMBER.sub(lambda number: number[0].replace("-", " "), text)


def _brighten(samples: Pcm, tilt: float) -> Pcm:
    """First-order pre-emphasis, y(n) = (x(n) − a·x(n−1)) / (1 + a): the constant gain keeps it from clipping."""
    x = samples.astype(np.float64)
    brighter = (x - tilt * np.concatenate([[0.0], x[:-1]])) / (1 + tilt)
    return np.rint(brighter).astype(np.int16)


class NanoTtsVoice(EngineVoice):
    """The embedded French voice. ``speed`` and ``pitch``: multipliers of the engine's own (0.2–5, 0.5–2).

    Raises:
        VoiceError: its process cannot be started.
    """

    CLEAR_SPEED = 0.92
    """A little slower than the engine, so that a number can be written down; as well understood: docs/voice.md."""

    def __init__(self, *, speed: float = CLEAR_SPEED, pitch: float = 1.0) -> None:
        super().__init__(NanoTtsEngine(speed=speed, pitch=pitch))
