"""What the call needs from the outside, as Protocols; adapters live in ``media`` and in ``bot``'s I/O packages."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from bot.events import CallEvent
from bot.models import (
    CallRequest,
    Pcm,
    Recognition,
    RecognitionHint,
    RingResult,
    SiteLine,
    SpeechChunk,
    Understanding,
)


class Transcriber(Protocol):
    """Speech to text over one model shared by every call in the process."""

    sample_rate: int  # Hz of the audio it takes: 16000

    @property
    def spare(self) -> bool:
        """Whether a decode given now would start at once."""
        ...

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

    def speak(self, text: str, *, sample_rate: int, cacheable: bool) -> AsyncGenerator[SpeechChunk, None]:
        """Synthesise verbalised French, sentence by sentence, resampled to ``sample_rate`` Hz.

        Close it (``contextlib.aclosing``) when it is not heard to its end: that frees the engine for other calls.

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

    async def confidence(self, text: str) -> float:
        """How sure the dialogue is of what ``text`` asks for, 0–1; 0 when it cannot tell. No turn is taken.

        Raises:
            DialogueError: as for :meth:`turn`.
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


class CallControl(Protocol):
    """The legs under one call: the caller's, the bot's, and an agent's when one is rung.

    The bot is in one place at a time: with the caller, with the agent (the whisper), or aside. A caller on hold hears
    music. When the caller hangs up, every leg is ended at once and whatever is being awaited here raises
    ``CallerGoneError``. Every method has a time limit of its own and raises ``LineError`` when the line does not obey.
    """

    def reaches(self, address: str) -> bool:
        """Whether such an address (see :class:`bot.models.SiteLine`) can be rung from this call at all: a caller in the
        browser cannot be put through to a telephone.
        """
        ...

    async def hold(self) -> None:
        """The caller hears music; the bot is aside. No effect when on hold already.

        An agent who is joined is parted from the caller, hears nothing and stays; :meth:`join` puts the two together
        again.
        """
        ...

    async def ring(self, line: SiteLine, *, token: str, ring_s: float) -> RingResult:
        """Ring a site's agent; returns when somebody answered, or why not. The caller stays where they are.

        ``token``: the signed reference that travels in ``User-to-User``. ``ring_s``: seconds to ring at most.
        Cancelling the awaiting task stops the ringing.

        Raises:
            CallerGoneError: the caller hung up meanwhile.
        """
        ...

    async def whisper(self) -> None:
        """Put the bot with the agent, alone: what it says from now on, only the agent hears.

        Raises:
            AgentGoneError: the agent hung up.
            CallerGoneError: the caller hung up.
        """
        ...

    async def agent_key(self, *, within_s: float) -> str:
        """The next key the agent presses; empty when none comes in time.

        Raises:
            AgentGoneError: the agent hung up.
            CallerGoneError: the caller hung up.
        """
        ...

    async def join(self) -> None:
        """Put the agent and the caller together; the bot is aside.

        Raises:
            AgentGoneError: the agent hung up before.
            CallerGoneError: the caller hung up before.
        """
        ...

    async def agent_left(self) -> None:
        """Return when the agent's leg has ended; at once when there is none. The caller then hears music.

        Raises:
            CallerGoneError: the caller hung up first.
        """
        ...

    async def drop_agent(self) -> None:
        """End the agent's leg, if there is one."""
        ...

    async def take_back(self) -> None:
        """The caller is with the bot again, off hold. A ringing agent goes on being rung.

        Raises:
            CallerGoneError: the caller hung up.
        """
        ...

    async def hang_up(self) -> None:
        """End every leg of this call. Never raises."""
        ...


class Telephone(Protocol):
    """The line to the outside."""

    @property
    def up(self) -> bool:
        """Whether orders can be given now."""
        ...

    async def dial(
        self, number: str, *, ring_s: float, callback: str, on_ringing: Callable[[], None] | None = None
    ) -> RingResult:
        """Ring a subscriber (E.164) through the trunk; when they answer, the bot is with them as on any call.

        ``callback``: the id of the callback that is kept so; the call's ``CallRequest`` carries it. ``on_ringing``:
        called once their telephone rings, where the trunk tells.

        Raises:
            LineError: the line is down.
        """
        ...


@dataclass(frozen=True)
class ClaimedCall:
    """A call of the telephone line whose media has just reached a door: what it is, and the legs under it."""

    request: CallRequest
    control: CallControl


class HeadsetLeg(Protocol):
    """An agent's headset as long as one call has it. Sound is int16 mono at 16 kHz, any whole number of samples."""

    def play(self, pcm: bytes) -> None:
        """Live sound to the agent. Never waits: what piles up is dropped."""
        ...

    async def say(self, pcm: bytes) -> None:
        """Sound made faster than it is heard; returns when the agent is about to hear it."""
        ...

    async def flush(self) -> None:
        """Drop what the agent has not heard yet."""
        ...

    async def end(self) -> None:
        """Let the headset go. No effect when it is gone."""
        ...


class Headset(Protocol):
    """The headset of an agent who is signed in with a browser, connected between calls too."""

    @property
    def alive(self) -> bool:
        """Whether sound arrives from it now."""
        ...

    @property
    def free(self) -> bool:
        """Whether a call could have it now: alive, and in no other call."""
        ...

    def connect(self, hear: Callable[[bytes], None], gone: Callable[[], None]) -> HeadsetLeg:
        """Give it to a call.

        ``hear(pcm)``: what the agent says, 20 ms at a time. ``gone()``: called once, when it is lost or closed.

        Raises:
            LineError: it is not free.
        """
        ...


@dataclass(frozen=True)
class ClaimedLeg:
    """An agent's leg of a call of the telephone line whose media has just reached a door: the headset of that agent."""

    call_id: str
    headset: Headset


@dataclass(frozen=True)
class CallbackContext:
    """Why a subscriber is being rung back.

    ``kind``: ``web`` (asked for on a page or by the operator's systems), ``promised`` (by us) or ``level2``.
    ``reason``: the subscriber's words for a web callback, else the code of the promise. ``case_id``, ``call_id``: the
    case and call it continues, or empty. ``subscriber``: masked name (``Mme D.``) or empty; whoever answers has not
    been identified by that. ``summary``: French, what happened in the earlier call, or empty. ``requested_at``: aware.
    """

    callback_id: str
    kind: str
    reason: str
    requested_at: datetime
    case_id: str = ""
    call_id: str = ""
    subscriber: str = ""
    summary: str = ""


class Callbacks(Protocol):
    """The calls that were promised to subscribers."""

    async def context(self, callback_id: str) -> CallbackContext | None:
        """What a call that keeps this callback should know; None: no such callback.

        Raises:
            StoreError: the record cannot be read now.
        """
        ...


@dataclass(frozen=True)
class HandoffOffer:
    """A call that is offered to the people signed in at the desk of one site.

    ``call_id``, ``handoff_id``: the call and its context packet. ``skill``: what they must be able to do. ``reason``:
    why a person is wanted, as in the packet's ``handoff``. ``level``: 1, or 2 for the level-2 team of that site.
    """

    call_id: str
    handoff_id: str
    site: str
    skill: str
    reason: str
    level: int = 1


class OfferResult(StrEnum):
    """How an offer ended."""

    ACCEPTED = "accepted"
    DECLINED = "declined"  # by everybody whom it was shown to
    NO_ANSWER = "no_answer"
    NOBODY = "nobody"  # nobody idle there with that skill: no screen rang


@dataclass(frozen=True)
class OfferAnswer:
    """``agent``: the id of who accepted, else empty. ``address``: what :meth:`CallControl.ring` is then given: the SIP
    URI of that agent's phone, or ``headset:<agent id>`` for the headset of their browser. ``site``: where they are.
    """

    result: OfferResult
    agent: str = ""
    address: str = ""
    site: str = ""


class GiveBack(StrEnum):
    """What the bot goes on with when an agent gives the caller back to it."""

    SURVEY = "survey"
    PAY = "pay"
    CONTINUE = "continue"


class Talk(Protocol):
    """What an agent may do with the call they are in. Every method is for one who is joined to its caller.

    Each raises CallerGoneError or AgentGoneError when one of the two has left, and LineError when the line does not
    obey.
    """

    async def hold(self) -> None:
        """The caller hears music, the agent nothing."""
        ...

    async def unhold(self) -> None:
        """The two are together again."""
        ...

    async def give_back(self, then: GiveBack) -> None:
        """The agent's leg ends and the caller is with the bot, which goes on with ``then``."""
        ...

    async def hand_over(self, to: OfferAnswer) -> None:
        """A colleague who accepted an offer takes the call: the first agent's leg ends, the caller hears music while
        the colleague's is connected, then the two are together. Returns as soon as this has begun.
        """
        ...


class Agents(Protocol):
    """The people signed in at the desk.

    Of one call: ``offer`` until somebody accepts; ``joined`` once their leg is with the caller; then ``left`` when it
    ends or could not be connected, or ``gone`` when the caller hung up, whichever is first. A call may be
    offered again.
    """

    def idle(self, site: str, skill: str) -> int:
        """How many could be offered a call now."""
        ...

    async def offer(self, offer: HandoffOffer, *, ring_s: float) -> OfferAnswer:
        """Ring the screens of the idle agents of a site, at most ``ring_s`` seconds; the first to accept has it.

        Cancelling the awaiting task takes the offer off every screen.
        """
        ...

    def joined(self, call_id: str, talk: Talk) -> None:
        """The agent who accepted and the caller are together; ``talk``: what the agent can do from now on."""
        ...

    def left(self, call_id: str) -> None:
        """The agent is no longer with the call, or their leg could not be connected. The caller is with the bot."""
        ...

    def gone(self, call_id: str) -> None:
        """The caller hung up, in whatever state the offer or the talk was. No effect when nobody knows the call."""
        ...


class Audit(Protocol):
    """Who opened which case. Append-only."""

    async def opened(
        self, who: str, site: str, packet: str, *, field: str | None = None, reason: str | None = None
    ) -> None:
        """Keep that ``who`` (an agent's id, or the name of a client) at ``site`` opened ``packet`` (a handoff id).

        ``field``: the one that was unmasked, with the ``reason`` given for it; None: the packet as it is, masked.

        Raises:
            StoreError: it could not be kept; then nothing may be shown.
        """
        ...
