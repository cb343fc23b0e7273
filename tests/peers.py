"""A WebRTC peer with a tone for a microphone and a recording for an ear, on this machine's loopback."""

from __future__ import annotations

import asyncio
import fractions
import time

import numpy as np
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, AudioResampler

from bot.models import Pcm

RATE = 16_000
_FRAME = 320


class ToneTrack(MediaStreamTrack):
    """A tone of ``hertz`` in real time, 20 ms a frame; silence where ``hertz`` is 0."""

    kind = "audio"

    def __init__(self, hertz: float) -> None:
        super().__init__()
        self.hertz = hertz
        self._sent = 0
        self._began: float | None = None

    async def recv(self) -> AudioFrame:
        """See aiortc."""
        if self.readyState != "live":
            raise MediaStreamError
        self._began = self._began or time.monotonic()
        await asyncio.sleep(max(0.0, self._began + self._sent / RATE - time.monotonic()))
        at = (self._sent + np.arange(_FRAME)) / RATE
        pcm = (8000 * np.sin(2 * np.pi * self.hertz * at)).astype(np.int16)
        frame = AudioFrame.from_ndarray(pcm[None, :], layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, self._sent, fractions.Fraction(1, RATE)
        self._sent += _FRAME
        return frame


class Peer:
    """One browser. ``data``: with the page's "events" channel, as subscribers have; agents' headsets have none."""

    def __init__(self, hertz: float, *, data: bool) -> None:
        self.pc = RTCPeerConnection()
        self.microphone = ToneTrack(hertz)
        self.pc.addTrack(self.microphone)
        if data:
            self.pc.createDataChannel("events")
        self._heard: list[tuple[float, Pcm]] = []
        self._listening: asyncio.Task[None] | None = None
        self.pc.on("track", self._on_track)

    async def offer(self) -> str:
        """The SDP, candidates gathered."""
        await self.pc.setLocalDescription(await self.pc.createOffer())
        return str(self.pc.localDescription.sdp)

    async def take(self, answer: str) -> None:
        """Connect."""
        await self.pc.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    def heard(self, since: float = 0.0) -> Pcm:
        """What arrived since then, ``time.monotonic()``."""
        parts = [part for at, part in self._heard if at >= since]
        return np.concatenate(parts) if parts else np.zeros(0, np.int16)

    async def close(self) -> None:
        """Say goodbye."""
        await self.pc.close()
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)

    def _on_track(self, track: MediaStreamTrack) -> None:
        self._listening = asyncio.create_task(self._listen(track), name="peer-listen")

    async def _listen(self, track: MediaStreamTrack) -> None:
        mono = AudioResampler("s16", "mono", RATE)
        try:
            while True:
                frame = await track.recv()
                self._heard += [(time.monotonic(), part.to_ndarray()[0]) for part in mono.resample(frame)]
        except MediaStreamError:
            return
