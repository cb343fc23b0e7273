"""The browser door: a WebRTC peer that offers what the subscriber's page offers, one audio track and a data channel."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Sequence
from fractions import Fraction
from types import TracebackType
from typing import Any

import aioice.ice
import numpy as np
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription
from aiortc.exceptions import InvalidStateError
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame
from av.audio.resampler import AudioResampler

from bot.errors import TransportError
from bot.models import Pcm
from media.audio import from_bytes
from simulator.api import Server, post_json
from simulator.line import FRAME
from simulator.voices import RATE

_CONNECT_TIMEOUT_S = 10.0
_LOOPBACK = "127.0.0.1"
_QUEUED_FRAMES = 50


class PlayoutBuffer:
    """Evens out sound that arrives in lumps. Pure.

    Waits until ``ready`` frames are there, plays one a tick, and waits again when it has run dry; what piles up
    beyond ``most`` frames is dropped, oldest first, so that no delay stays for the rest of the call.
    """

    def __init__(self, ready: int = 3, most: int = 15) -> None:
        self._samples: deque[Pcm] = deque()
        self._ready, self._most = ready, most
        self._playing = False
        self._rest = np.zeros(0, dtype=np.int16)

    def put(self, samples: Pcm) -> None:
        """Sound that arrived, any number of samples."""
        samples = np.concatenate([self._rest, samples])
        whole = len(samples) // FRAME * FRAME
        self._rest = samples[whole:]
        self._samples.extend(samples[start : start + FRAME] for start in range(0, whole, FRAME))
        if len(self._samples) > self._most:
            for _ in range(len(self._samples) - self._ready):
                self._samples.popleft()

    def take(self) -> Pcm:
        """The frame heard in this tick; silence when there is none."""
        if not self._playing and len(self._samples) >= self._ready:
            self._playing = True
        if self._playing and self._samples:
            return self._samples.popleft()
        self._playing = False
        return np.zeros(FRAME, dtype=np.int16)


class _Microphone(MediaStreamTrack):
    """Gives the peer connection the frames that the call's ticks put in; it has no clock of its own."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._frames: asyncio.Queue[Pcm] = asyncio.Queue(_QUEUED_FRAMES)
        self._sent = 0

    def put(self, samples: Pcm) -> None:
        """One frame; the oldest is dropped when the network takes none, as a sound card does."""
        if self._frames.full():
            self._frames.get_nowait()
        self._frames.put_nowait(samples)

    async def recv(self) -> AudioFrame:
        """See aiortc."""
        samples = await self._frames.get()
        frame = AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = RATE
        frame.pts, frame.time_base = self._sent, Fraction(1, RATE)
        self._sent += len(samples)
        return frame


class BrowserDoor:
    """One call through ``POST /api/browser/offer``. ``call_id``: given by the bot."""

    def __init__(self, server: Server, caller_number: str, now: str | None = None) -> None:
        self._server = server
        self._caller_number = caller_number
        self._now = now
        self._microphone = _Microphone()
        self._heard = PlayoutBuffer()
        self._resampler = AudioResampler(format="s16", layout="mono", rate=RATE)
        self._listening: asyncio.Task[None] | None = None
        self._connected = asyncio.Event()
        self._peer: Any = None
        self._channel: Any = None
        self.faults: Sequence[str] = ()
        self.call_id = ""
        self.ended = False

    async def __aenter__(self) -> BrowserDoor:
        if self._server.is_loopback:
            _offer_loopback()
        self._peer = RTCPeerConnection()
        self._peer.addTrack(self._microphone)
        self._channel = self._peer.createDataChannel("events")
        self._peer.on("track", self._on_track)
        self._peer.on("connectionstatechange", self._on_state)
        try:
            await self._connect()
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.hang_up()

    async def exchange(self, sent: Pcm) -> tuple[Pcm, Pcm]:
        """One tick of 20 ms: hand the frame to the peer connection; it, and what the caller hears."""
        self._microphone.put(sent)
        return sent, self._heard.take()

    async def key(self, digit: str) -> None:
        """Press one key of the page's keypad."""
        self._tell({"type": "keys", "digits": digit})

    async def hang_up(self) -> None:
        """Press the page's red button, then leave."""
        if not self.ended:
            self._tell({"type": "hang_up"})
            await asyncio.sleep(0.1)  # the channel sends in its own time; closing drops what it has not sent
        await self._close()

    async def _connect(self) -> None:
        await self._peer.setLocalDescription(await self._peer.createOffer())
        local = self._peer.localDescription
        offer = {"sdp": local.sdp, "type": local.type, "caller_number": self._caller_number}
        if self._now is not None:
            offer["now"] = self._now
        answer = await post_json(self._server, "/api/browser/offer", offer)
        try:
            self.call_id = str(answer["call_id"])
            description = RTCSessionDescription(answer["sdp"], answer["type"])
            await self._peer.setRemoteDescription(description)
        except (KeyError, ValueError, TypeError, InvalidStateError) as err:
            raise TransportError(
                f"{self._server.url}: the answer to the offer cannot be used: {err}"
            ) from err
        try:
            await asyncio.wait_for(self._connected.wait(), _CONNECT_TIMEOUT_S)
        except TimeoutError as err:
            raise TransportError(f"{self._server.url}: no media path to the bot was found") from err

    def _on_track(self, track: Any) -> None:
        if track.kind == "audio" and self._listening is None:
            self._listening = asyncio.create_task(self._listen(track), name="browser-door-listen")

    def _on_state(self) -> None:
        if self._peer.connectionState == "connected":
            self._connected.set()
        elif self._peer.connectionState in ("failed", "closed", "disconnected"):
            self.ended = True

    async def _listen(self, track: Any) -> None:
        try:
            while True:
                for frame in self._resampler.resample(await track.recv()):
                    self._heard.put(from_bytes(bytes(frame.planes[0])[: 2 * frame.samples]))
        except MediaStreamError:
            self.ended = True  # the bot closed its side

    def _tell(self, message: dict[str, str]) -> None:
        if self._channel.readyState == "open":
            self._channel.send(json.dumps(message))

    async def _close(self) -> None:
        self.ended = True
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
        await self._peer.close()


_addresses = aioice.ice.get_host_addresses


def _offer_loopback() -> None:
    """Let this process's peers be reached at 127.0.0.1: the one place where aioice is patched, and only to call a
    bot on this very machine. aioice leaves loopback out and has no setting for it."""

    def with_loopback(use_ipv4: bool, use_ipv6: bool) -> list[str]:
        found = [address for address in _addresses(use_ipv4, use_ipv6) if address != _LOOPBACK]
        return [_LOOPBACK, *found] if use_ipv4 else found

    aioice.ice.get_host_addresses = with_loopback
