"""The browser door: an SDP offer in; a pipecat transport, an answer and the "events" channel out."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import structlog
from aiortc import RTCDataChannel, RTCIceServer
from aiortc.exceptions import InvalidStateError
from pipecat.transports.base_transport import BaseTransport

from bot.errors import InputError, TransportError
from bot.models import CallerControl, HungUp
from bot.ports import CallControl, Headset
from media.webrtc.audio_out import OutboundAudio
from media.webrtc.board import Board, music_loop
from media.webrtc.connection import DoorConnection
from media.webrtc.ice import IceServer
from media.webrtc.legs import BrowserLegs
from media.webrtc.liveness import Liveness, Presence
from media.webrtc.messages import Allowance, read_message
from media.webrtc.offer import check_offer
from media.webrtc.transport import DoorTransport

log = structlog.get_logger(__name__)

CHANNEL: Final = "events"
"""Label of the one data channel that is listened to."""

_MAX_CONTROLS: Final = 64  # keys, mutes and hang-ups waiting for the call to read them
_MAX_REFUSED: Final = 50  # wrong or too many messages before the peer is taken for hostile
_MAX_EVENTS: Final = 1000  # events kept for a page that comes back; a call makes a few hundred
_MAX_BUFFERED: Final = 262_144  # bytes waiting in the data channel before we hold back
_WATCH_S: Final = 0.25
_LINGER_S: Final = 3.0  # from the pipeline's end to the peer's close, when nobody closes the door before
_CLOSE_S: Final = 5.0


@dataclass(frozen=True)
class WebRtcSettings:
    """How the door behaves. ``ice_servers``: asked for each call, as passwords expire. ``headsets(agent id)``: the
    headset of an agent whom a caller may be put through to, if they have one.

    Times in seconds, ``sample_rate`` in Hz (both ways).

    ``answer_within``: gathering candidates and answering. ``connect_within``: from the offer to a connected
    peer. ``silent_after``, ``resume_within``: see :class:`~media.webrtc.liveness.Liveness`.
    """

    ice_servers: Callable[[], tuple[IceServer, ...]] = tuple
    sample_rate: int = 16_000
    answer_within: float = 8.0
    connect_within: float = 15.0
    silent_after: float = 4.0
    resume_within: float = 8.0
    headsets: Callable[[str], Headset | None] = lambda _: None


class WebRtcDoor:
    """One caller at the door. Made by :func:`accept`; whoever holds it must :meth:`close` it.

    ``transport``: for the pipeline. ``resume_token``: secret that lets the same page resume the call.
    """

    def __init__(self, settings: WebRtcSettings) -> None:
        self.resume_token = secrets.token_urlsafe(24)
        self._settings = settings
        self._audio = OutboundAudio(settings.sample_rate)
        self._board = Board(self._audio)
        self._legs: BrowserLegs | None = None
        self._connection = DoorConnection(
            ice_servers=[RTCIceServer(s.urls, s.username, s.credential) for s in settings.ice_servers()],
            audio=self._audio,
            on_channel=self._open_channel,
            on_released=self._release,
        )
        self._connection.add_event_handler("closed", self._peer_closed)
        self._connection.add_event_handler("failed", self._peer_failed)
        self.transport: BaseTransport = DoorTransport(
            self._connection,
            self._board,
            # A writer waits while the peer connects or resumes; then the watchdog has ended the call already.
            write_timeout_s=settings.connect_within + settings.silent_after + settings.resume_within,
        )
        self._channel: RTCDataChannel | None = None
        self._events: deque[tuple[int, str]] = deque(maxlen=_MAX_EVENTS)
        self._next_event = 0  # number of the next event to be made
        self._next_sent = 0  # number of the next event to be put on the channel
        self._controls: deque[CallerControl] = deque()
        self._news = asyncio.Event()  # a control came, or the end
        self._gone: HungUp | None = None
        self._ended = asyncio.Event()
        self._liveness = Liveness(
            time.monotonic(), settings.connect_within, settings.silent_after, settings.resume_within
        )
        self._arrival: datetime | None = None
        self._allowance = Allowance()
        self._refused = 0
        self._released_at: float | None = None
        self._resuming = asyncio.Lock()
        self._watchdog: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None

    # -- for the call --------------------------------------------------------------------------------------

    async def controls(self) -> AsyncIterator[CallerControl]:
        """What the caller does besides speaking, in order, for one reader.

        The last one is :class:`HungUp` when the caller left; there is none when the door was closed by us.
        """
        while True:
            while self._controls:
                yield self._controls.popleft()
            if self._ended.is_set():
                break
            self._news.clear()
            await self._news.wait()
        if self._gone is not None:
            yield self._gone

    def send_event(self, event: Mapping[str, Any]) -> None:
        """Put one event (plain JSON values) on the "events" channel, numbered by a ``seq`` key from 0.

        Kept until the channel opens and, so that a resumed page misses none, until the call ends. Never blocks.
        """
        number = self._next_event
        self._next_event += 1
        self._events.append((number, json.dumps({"seq": number, **event}, ensure_ascii=False)))
        self._send_waiting()

    def control(self, call_id: str) -> CallControl:
        """The legs under this call, for bringing an agent to the caller. Once, before the call begins."""
        self._legs = BrowserLegs(call_id, self._board, self._settings.headsets)
        self._legs.start()
        if self._ended.is_set():
            self._legs.caller_left()
        return self._legs.control

    async def resume(self, sdp: str, *, seen: int = 0) -> str:
        """Move the call to a new peer connection of the same page and answer its offer.

        ``seen``: how many events the page has; the others are sent again. The pipeline notices nothing.

        Raises:
            InputError: the offer cannot become a call; the old connection stays.
            TransportError: the call is over, or the new connection could not be set up.
        """
        check_offer(sdp)
        async with self._resuming:
            if self._ended.is_set():
                raise TransportError("the call is over")
            self._channel = None
            self._next_sent = max(0, min(seen, self._next_event))
            try:
                async with asyncio.timeout(self._settings.answer_within):
                    await self._connection.renegotiate(sdp, "offer", restart_pc=True)
            except TimeoutError as err:
                raise TransportError("no answer in time") from err
            except Exception as err:  # aiortc lets bare asserts and attribute errors out
                raise TransportError("the connection could not be resumed") from err
            return self.answer

    @property
    def answer(self) -> str:
        """The SDP answer to the last offer."""
        answer = self._connection.get_answer()
        if answer is None:
            raise TransportError("no offer was answered")
        return str(answer["sdp"])

    async def close(self) -> None:
        """Close the peer and end :meth:`controls`. Safe to call again and from several places."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(), name="webrtc-door-close")
        await asyncio.shield(self._closing)

    async def wait_closed(self) -> None:
        """Return once the caller left or the door was closed."""
        await self._ended.wait()

    # -- set-up and end ------------------------------------------------------------------------------------

    async def _answer(self, sdp: str) -> None:
        async with asyncio.timeout(self._settings.answer_within):
            await self._connection.initialize(sdp, "offer")
        self._watchdog = asyncio.create_task(self._watch(), name="webrtc-door-watchdog")

    async def _close(self) -> None:
        self._end()
        if self._watchdog is not None:
            self._watchdog.cancel()
            with suppress(asyncio.CancelledError):
                await self._watchdog
        with suppress(TimeoutError):  # nothing more can be done for a peer that does not close
            async with asyncio.timeout(_CLOSE_S):
                await self._connection.close()
                await self._connection.cleanup()
        if self._legs is not None:
            await self._legs.close()
        await self._board.close()
        await self._audio.flush()  # lets a writer go on that waited for the peer

    def _release(self) -> None:
        """The pipeline ended by itself; from now on a closed peer is not a caller who hung up."""
        self._released_at = time.monotonic()

    async def _peer_closed(self, _connection: object) -> None:
        if not self._resuming.locked():
            self._leave("hung_up")

    async def _peer_failed(self, _connection: object) -> None:
        self._leave("lost")

    def _leave(self, reason: str) -> None:
        """The caller is gone: end the controls and close, once."""
        if self._ended.is_set():
            return
        if self._released_at is None:
            self._gone = HungUp(reason if self._was_here() else "never_connected")
            log.info("caller left the browser door", reason=self._gone.reason)
        self._end()
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(), name="webrtc-door-close")

    def _end(self) -> None:
        self._ended.set()
        self._news.set()
        if self._legs is not None:
            self._legs.caller_left()

    def _was_here(self) -> bool:
        return (
            self._channel is not None
            or self._next_sent > 0
            or self._liveness.presence is not Presence.CONNECTING
        )

    async def _watch(self) -> None:
        while not self._ended.is_set():
            await asyncio.sleep(_WATCH_S)
            now = time.monotonic()
            connected = self._connection.pc.connectionState == "connected"
            presence = self._liveness.step(now, connected=connected, mark=self._last_arrival())
            if presence is Presence.NEVER_CONNECTED:
                self._leave("never_connected")
            elif presence is Presence.LOST:
                self._leave("lost")
            elif self._hoards() or self._refused > _MAX_REFUSED:
                log.warning("peer sends more than it may", refused=self._refused)
                self._leave("hung_up")
            elif self._released_at is not None and now - self._released_at > _LINGER_S:
                self._leave("hung_up")
            else:
                self._send_waiting()

    def _last_arrival(self) -> datetime | None:
        """When the last audio packet arrived, by aiortc's wall clock: only good for noticing that it changes.

        aiortc forgets a source after 10 s, hence the memory.
        """
        for receiver in self._connection.pc.getReceivers():
            for source in receiver.getSynchronizationSources():
                if self._arrival is None or source.timestamp > self._arrival:
                    self._arrival = source.timestamp
        return self._arrival

    def _hoards(self) -> bool:
        """Whether the peer fills our memory: aiortc counts its receive window down but does not enforce it."""
        sctp = self._connection.pc.sctp
        return sctp is not None and sctp._advertised_rwnd <= 0

    # -- the data channel ----------------------------------------------------------------------------------

    def _open_channel(self, channel: RTCDataChannel) -> None:
        if channel.label != CHANNEL or self._channel is not None:
            self._refused += 1
            channel.close()
            return
        self._channel = channel
        channel.on("message", self._take_message)
        self._send_waiting()

    def _take_message(self, message: str | bytes) -> None:
        if not self._allowance.take(time.monotonic()):
            self._refused += 1
            return
        try:
            control = read_message(message)
        except InputError as err:
            self._refused += 1
            log.warning("message from the page refused", reason=str(err))
            return
        if isinstance(control, HungUp):
            self._leave(control.reason)
            return
        if len(self._controls) >= _MAX_CONTROLS:
            self._refused += 1
            return
        self._controls.append(control)
        self._news.set()

    def _send_waiting(self) -> None:
        channel = self._channel
        if channel is None or channel.readyState != "open":
            return
        for number, text in self._events:
            if number < self._next_sent:
                continue
            if channel.bufferedAmount > _MAX_BUFFERED:
                return
            with suppress(InvalidStateError):
                channel.send(text)
                self._next_sent = number + 1


async def accept(sdp: str, kind: str = "offer", *, settings: WebRtcSettings) -> WebRtcDoor:
    """Open the door to one offer.

    The answer is ready when this returns; the peer connects afterwards, or is closed ``connect_within`` later.

    Raises:
        InputError: the offer cannot become a call.
        TransportError: the peer connection could not be set up in time.
    """
    check_offer(sdp, kind)
    await asyncio.to_thread(music_loop, settings.sample_rate)
    door = WebRtcDoor(settings)
    try:
        await door._answer(sdp)
    except asyncio.CancelledError:
        await door.close()
        raise
    except TimeoutError as err:
        await door.close()
        raise TransportError("no answer in time") from err
    except Exception as err:  # aiortc lets bare asserts and attribute errors out on odd offers
        await door.close()
        raise InputError("sdp: the offer cannot be answered") from err
    return door
