"""Plain data passed between the parts of a call. No logic, no imports that could start a cycle.

Times named ``*_ms`` are milliseconds since the call was answered, unless a docstring says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

import numpy as np
import numpy.typing as npt

Pcm = npt.NDArray[np.int16]
"""Mono signed 16-bit samples, shape ``(n,)``."""


class Channel(StrEnum):
    """How the subscriber reached us."""

    PHONE = "phone"
    BROWSER = "browser"
    TEXT = "text"


class InputMode(StrEnum):
    """How one turn was given."""

    VOICE = "voice"
    KEYPAD = "keypad"
    TEXT = "text"


class ExpectKind(StrEnum):
    """What the bot expects next; it decides patience, decoding and the meaning of keys."""

    OPEN = "open"  # anything: a request in the caller's own words
    YES_NO = "yes_no"
    DIGITS = "digits"  # a number dictated or keyed
    CHOICE = "choice"  # one of a few options, each with a key
    DATE = "date"
    STEP = "step"  # the caller is doing something at the box: long silences are normal
    NOTHING = "nothing"  # the call is ending


@dataclass(frozen=True)
class Expectation:
    """What the bot expects next.

    ``lengths``: accepted digit counts for ``DIGITS`` (empty: any). ``check``: check-digit scheme,
    ``"luhn"`` or ``""``. ``options``: key pressed → message sent to the dialogue (``/affirm``).
    ``secret``: the digits are personal data (a birth date) and never logged or stored.
    """

    kind: ExpectKind = ExpectKind.OPEN
    name: str = ""
    lengths: tuple[int, ...] = ()
    check: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    secret: bool = False


@dataclass(frozen=True)
class RecognitionHint:
    """What helps the recogniser on this utterance.

    ``prompt``: text the decoder is conditioned on. ``hypotheses``: how many alternatives are wanted.
    """

    prompt: str = ""
    hypotheses: int = 1


@dataclass(frozen=True)
class Hypothesis:
    """One reading of an utterance. ``score``: mean log-probability a token, ≤ 0."""

    text: str
    score: float


@dataclass(frozen=True)
class Recognition:
    """The recogniser's answer for one utterance, best hypothesis first; empty when nothing was said.

    ``no_speech``: probability 0–1 that the audio holds no speech. ``audio_ms``: length decoded.
    ``decode_ms``: time in the decoder. ``queue_ms``: time waiting for it.
    """

    hypotheses: tuple[Hypothesis, ...]
    no_speech: float
    audio_ms: int
    decode_ms: int
    queue_ms: int = 0

    @property
    def text(self) -> str:
        """Best reading, or the empty string."""
        return self.hypotheses[0].text if self.hypotheses else ""

    @property
    def confidence(self) -> float:
        """``exp(score)`` of the best reading, 0–1; 0 when nothing was heard."""
        return float(np.exp(self.hypotheses[0].score)) if self.hypotheses else 0.0


@dataclass(frozen=True)
class Utterance:
    """One caller turn as the dialogue gets it.

    ``raw``: as recognised or typed. ``text``: numbers and dates normalised (``douze`` → ``12``).
    ``confidence``: 0–1 from recognition; 1 for keypad and text.
    """

    text: str
    raw: str
    mode: InputMode
    confidence: float = 1.0
    started_ms: int = 0
    ended_ms: int = 0


@dataclass(frozen=True)
class Say:
    """One reply to speak. ``text`` is written French; the voice verbalises it.

    ``private``: holds personal data, so its audio is never cached. ``for_agent``: whispered to an agent; no part
    of what the caller was told.
    """

    text: str
    private: bool = False
    for_agent: bool = False


@dataclass(frozen=True)
class Understanding:
    """What the dialogue understood of the last turn. ``confidence``: 0–1."""

    intent: str
    confidence: float
    entities: tuple[Mapping[str, object], ...] = ()
    slots: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class SpeechChunk:
    """Synthesised speech: mono int16 samples at ``sample_rate`` Hz."""

    samples: Pcm
    sample_rate: int


@dataclass(frozen=True)
class CallRequest:
    """A call arriving at a door.

    ``caller_number``: E.164 or empty. ``call_id``: a UUID given by the door, or empty for a new one.
    ``now``: the time the caller rehearses at (aware), None for the real one. ``user_to_user``: what came with the
    call in ``User-to-User`` (RFC 7433), decoded, or empty. ``resumes``: the id of a call of the same caller that a
    failure cut: its dialogue goes on. ``callback``: the id of the callback this call keeps (we rang them), or empty.
    """

    channel: Channel
    caller_number: str = ""
    call_id: str = ""
    now: datetime | None = None
    user_to_user: str = ""
    resumes: str = ""
    callback: str = ""


@dataclass(frozen=True)
class KeysPressed:
    """Keys the caller pressed, in order: one or more of ``0-9*#``."""

    digits: str


@dataclass(frozen=True)
class Muted:
    """The caller turned the microphone off (``on``) or on again: a silence that is meant."""

    on: bool


@dataclass(frozen=True)
class HungUp:
    """The caller is gone. ``reason``: ``hung_up`` | ``lost`` (the network) | ``never_connected``."""

    reason: str


CallerControl = KeysPressed | Muted | HungUp
"""What a caller does at a door besides speaking."""


@dataclass(frozen=True)
class SiteLine:
    """Where the agents of a site are rung. ``site``: its id. ``address``: a SIP URI, or an Asterisk endpoint's name."""

    site: str
    address: str


class RingResult(StrEnum):
    """How ringing somebody ended."""

    ANSWERED = "answered"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    DECLINED = "declined"
    FAILED = "failed"  # dead trunk, no common codec, unknown address: nobody was rung


@dataclass(frozen=True)
class MissedCall:
    """A caller whom the line could bring to nobody while no bot was there, and told that they would be rung back.

    ``id``: the line's name of the call, never used twice. ``number``: E.164. ``at``: when they were told, aware.
    """

    id: str
    number: str = field(repr=False)
    at: datetime
