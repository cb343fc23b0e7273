"""Audio towards the caller: a short buffer paced by a monotonic clock, and the track that empties it.

Why not pipecat's ``RawAudioTrack`` (1.14.0, ``transports/smallwebrtc/transport.py``): it paces on ``time.time()``;
after a stall of the event loop it sends the missed time in one burst, which the caller's jitter buffer then keeps
as delay (and barge-in cannot take back); it has no flush; and it starts a new clock with every connection.
"""

from __future__ import annotations

import asyncio
import fractions
import time
from collections import deque
from collections.abc import Callable
from typing import Final

import numpy as np
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame

FRAME_MS: Final = 20
"""Length of one frame handed to the encoder, which is also what Opus packs: one packet a frame."""

AHEAD_MS: Final = 60
"""How much a writer may be ahead of the caller: hides the event loop's hiccups, costs barge-in nothing (flushed)."""

LIVE_MS: Final = 200
"""How far live sound, which comes at its own pace, may run ahead: as much as a network's jitter asks for."""

STALL_MS: Final = 100
"""Being this late is a stall: the missed time is skipped in the timestamps instead of being sent in a burst."""


class OutboundAudio:
    """Mono int16 audio waiting to be sent, cut into frames of 20 ms; silence where there is none.

    It outlives peer connections, so a resumed call goes on where it stood.
    """

    def __init__(self, sample_rate: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.sample_rate = sample_rate
        self._clock = clock
        self._frame_bytes = sample_rate * FRAME_MS // 1000 * 2
        self._frames: deque[bytes] = deque()
        self._partial = bytearray()
        self._room = asyncio.Condition()
        self._due: float | None = None
        self._timestamp = 0

    @property
    def backlog_ms(self) -> int:
        """Audio not sent yet, in milliseconds."""
        return len(self._frames) * FRAME_MS

    async def write(self, pcm: bytes) -> None:
        """Take audio and return once at most ``AHEAD_MS`` of it waits. Nothing drains while no peer is connected."""
        self._cut(pcm)
        async with self._room:
            await self._room.wait_for(lambda: self.backlog_ms <= AHEAD_MS)

    def push(self, pcm: bytes) -> None:
        """Take live sound, never waiting.

        A frame that comes late leaves a hole and is then itself the buffer that the next late one needs; where that has
        grown beyond ``LIVE_MS``, or nothing drains, the oldest is dropped, so that no delay stays.
        """
        self._cut(pcm)
        if self.backlog_ms > LIVE_MS:
            while self.backlog_ms > AHEAD_MS:
                self._frames.popleft()

    async def flush(self) -> None:
        """Drop everything that has not been sent (barge-in) and let writers go on."""
        self._frames.clear()
        self._partial.clear()
        async with self._room:
            self._room.notify_all()

    def _cut(self, pcm: bytes) -> None:
        self._partial += pcm
        while len(self._partial) >= self._frame_bytes:
            self._frames.append(bytes(self._partial[: self._frame_bytes]))
            del self._partial[: self._frame_bytes]

    async def next_frame(self) -> tuple[bytes, int]:
        """The next 20 ms when they are due, with their timestamp in samples."""
        now = self._clock()
        if self._due is None:
            self._due = now
        late = now - self._due
        if late * 1000 >= STALL_MS:
            missed = int(late * 1000) // FRAME_MS
            self._due += missed * FRAME_MS / 1000
            self._timestamp += missed * self._frame_bytes // 2
        elif late < 0:
            await asyncio.sleep(-late)
        self._due += FRAME_MS / 1000
        timestamp = self._timestamp
        self._timestamp += self._frame_bytes // 2
        if not self._frames:
            return bytes(self._frame_bytes), timestamp
        frame = self._frames.popleft()
        async with self._room:
            self._room.notify_all()
        return frame, timestamp


class OutboundTrack(MediaStreamTrack):
    """What one peer connection sends of an :class:`OutboundAudio`."""

    kind = "audio"

    def __init__(self, audio: OutboundAudio) -> None:
        super().__init__()
        self._audio = audio

    async def recv(self) -> AudioFrame:
        """The next frame, when it is due.

        Raises:
            MediaStreamError: the track was stopped.
        """
        if self.readyState != "live":
            raise MediaStreamError
        pcm, timestamp = await self._audio.next_frame()
        frame = AudioFrame.from_ndarray(np.frombuffer(pcm, dtype=np.int16)[None, :], layout="mono")
        frame.sample_rate = self._audio.sample_rate
        frame.pts = timestamp
        frame.time_base = fractions.Fraction(1, self._audio.sample_rate)
        return frame
