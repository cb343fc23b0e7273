"""The headsets of agents: one WebRTC connection for each, opened when they go on shift, kept between calls.

    browser ── offer ──▶ Headsets.open ──▶ answer
    a call  ── Headsets.get(agent).connect(hear, gone) ──▶ a leg: sound both ways until it ends, or the headset is lost

A headset outlives its connections: an agent whose network was away is in the same call when they are back in time. What
is said to them waits in a short buffer that drops what grows old; what they say is given to the call as it comes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import structlog
from aiortc import (
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCIceServer,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame
from av.audio.resampler import AudioResampler

from bot.errors import InputError, LineError, TransportError
from media.webrtc.audio_out import FRAME_MS, OutboundAudio, OutboundTrack
from media.webrtc.ice import IceServer
from media.webrtc.offer import check_offer

log = structlog.get_logger(__name__)

SAMPLE_RATE: Final = 16_000
FRAME_BYTES: Final = SAMPLE_RATE * FRAME_MS // 1000 * 2

_CLOSE_S: Final = 5.0
_WATCH_S: Final = 0.25


@dataclass(frozen=True)
class HeadsetSettings:
    """``ice_servers``: asked for each connection, as passwords expire. Times in seconds.

    ``answer_within``: gathering candidates and answering. ``silent_after``: a browser sends sound without pause, muted
    or not; one from which nothing has come for so long cannot be rung. ``lost_after``: it is given up. ``left_after``:
    the same for one that said goodbye; a page that is loaded again comes back sooner.
    """

    ice_servers: Callable[[], tuple[IceServer, ...]] = tuple
    answer_within: float = 8.0
    silent_after: float = 4.0
    lost_after: float = 30.0
    left_after: float = 5.0


class _Peer:
    """One connection of a headset. ``heard(pcm)``: 20 ms of sound came. ``left()``: the browser said goodbye."""

    def __init__(
        self,
        settings: HeadsetSettings,
        audio: OutboundAudio,
        heard: Callable[[bytes], None],
        left: Callable[[], None],
    ) -> None:
        servers = [RTCIceServer(s.urls, s.username, s.credential) for s in settings.ice_servers()]
        self._pc = RTCPeerConnection(
            RTCConfiguration(iceServers=servers, bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
        )
        self._track = OutboundTrack(audio)
        self._heard = heard
        self._left = left
        self._listening: asyncio.Task[None] | None = None
        self._pc.on("track", self._on_track)
        self._pc.on("connectionstatechange", self._on_state)

    async def answer(self, sdp: str) -> str:
        """The answer to a checked offer. aiortc raises anything on odd ones."""
        await self._pc.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
        self._pc.addTrack(self._track)
        await self._pc.setLocalDescription(await self._pc.createAnswer())
        return str(self._pc.localDescription.sdp)

    async def close(self) -> None:
        """Close it; never raises."""
        self._pc.remove_all_listeners()
        self._track.stop()
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
        with suppress(TimeoutError):  # nothing more can be done for a peer that does not close
            async with asyncio.timeout(_CLOSE_S):
                await self._pc.close()

    def _on_track(self, track: MediaStreamTrack) -> None:
        if track.kind == "audio" and self._listening is None:
            self._listening = asyncio.create_task(self._listen(track), name="headset-listen")

    def _on_state(self) -> None:
        if self._pc.connectionState in ("closed", "failed"):
            self._left()

    async def _listen(self, track: MediaStreamTrack) -> None:
        resampler = AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
        waiting = bytearray()
        with suppress(MediaStreamError):  # the end
            while True:
                frame = await track.recv()
                if not isinstance(frame, AudioFrame):
                    continue
                for part in resampler.resample(frame):
                    waiting += bytes(part.planes[0])[: 2 * part.samples]
                while len(waiting) >= FRAME_BYTES:
                    self._heard(bytes(waiting[:FRAME_BYTES]))
                    del waiting[:FRAME_BYTES]


class AgentHeadset:
    """One agent's headset; implements :class:`bot.ports.Headset`. Made and ended by :class:`Headsets`."""

    def __init__(self, agent_id: str, settings: HeadsetSettings) -> None:
        self.agent_id = agent_id
        self.audio = OutboundAudio(SAMPLE_RATE)
        self.over = False
        self._settings = settings
        self._opening = asyncio.Lock()
        self._peer: _Peer | None = None
        self._leg: _Leg | None = None
        self._arrived = False
        self._heard_at = self._now()
        self._left_at: float | None = None

    @property
    def alive(self) -> bool:
        """See :class:`bot.ports.Headset`."""
        fresh = self._now() - self._heard_at < self._settings.silent_after
        return self._arrived and fresh and self._left_at is None and not self.over

    @property
    def free(self) -> bool:
        """See :class:`bot.ports.Headset`."""
        return self.alive and self._leg is None

    @property
    def connected(self) -> bool:
        """Whether an offer has been answered."""
        return self._peer is not None

    @property
    def lost(self) -> bool:
        """Whether it has been away for too long."""
        left = self._left_at is not None and self._now() - self._left_at >= self._settings.left_after
        return left or self._now() - self._heard_at >= self._settings.lost_after

    def connect(self, hear: Callable[[bytes], None], gone: Callable[[], None]) -> _Leg:
        """See :class:`bot.ports.Headset`."""
        if not self.free:
            raise LineError("the headset is away, or in a call")
        self._leg = _Leg(self, hear, gone)
        return self._leg

    def release(self, leg: _Leg) -> None:
        """That leg has ended."""
        if self._leg is leg:
            self._leg = None

    async def open(self, sdp: str) -> str:
        """Answer a checked offer and move to its connection; the old one stays when that fails."""
        async with self._opening:
            peer = _Peer(self._settings, self.audio, self._heard, self._leaves)
            try:
                async with asyncio.timeout(self._settings.answer_within):
                    answer = await peer.answer(sdp)
            except BaseException:  # whatever it was, the peer must not be left behind
                await peer.close()
                raise
            if self._peer is not None:
                await self._peer.close()
            self._peer, self._left_at = peer, None
            self._heard_at, self._arrived = self._now(), False
            return answer

    async def end(self) -> None:
        """Close it for good; a call that has it is told."""
        self.over = True
        leg, self._leg = self._leg, None
        if leg is not None:
            leg.lose()
        peer, self._peer = self._peer, None
        if peer is not None:
            await peer.close()
        await self.audio.flush()

    def _heard(self, pcm: bytes) -> None:
        self._heard_at, self._arrived, self._left_at = self._now(), True, None
        if self._leg is not None:
            self._leg.hear(pcm)

    def _leaves(self) -> None:
        if self._left_at is None:
            self._left_at = self._now()

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


class _Leg:
    """See :class:`bot.ports.HeadsetLeg`."""

    def __init__(
        self, headset: AgentHeadset, hear: Callable[[bytes], None], gone: Callable[[], None]
    ) -> None:
        self.hear = hear
        self._headset: AgentHeadset | None = headset
        self._gone = gone

    def play(self, pcm: bytes) -> None:
        if self._headset is not None:
            self._headset.audio.push(pcm)

    async def say(self, pcm: bytes) -> None:
        if self._headset is not None:
            await self._headset.audio.write(pcm)

    async def flush(self) -> None:
        if self._headset is not None:
            await self._headset.audio.flush()

    async def end(self) -> None:
        headset, self._headset = self._headset, None
        if headset is not None:
            headset.release(self)
            await headset.audio.flush()  # the next call begins with nothing of this one

    def lose(self) -> None:
        """The headset is gone."""
        self._headset = None
        self._gone()


class Headsets:
    """The headsets of all agents, by the agent's id. ``close_all`` it at the end."""

    def __init__(self, settings: HeadsetSettings) -> None:
        self._settings = settings
        self._headsets: dict[str, AgentHeadset] = {}
        self._watchdog: asyncio.Task[None] | None = None

    async def open(self, agent_id: str, sdp: str, kind: str = "offer") -> str:
        """Connect an agent's headset, or connect it again; the SDP answer.

        Raises:
            InputError: the offer cannot become a headset.
            TransportError: it could not be set up in time.
        """
        check_offer(sdp, kind, data=False)
        known = self.get(agent_id)
        headset = known or AgentHeadset(agent_id, self._settings)
        self._headsets[agent_id] = headset
        try:
            answer = await headset.open(sdp)
        except BaseException as err:
            if not headset.connected and self._headsets.get(agent_id) is headset:
                del self._headsets[agent_id]
            match err:
                case TimeoutError():
                    raise TransportError("no answer in time") from err
                case Exception():  # aiortc lets bare asserts and attribute errors out on odd offers
                    raise InputError("sdp: the offer cannot be answered") from err
            raise
        if headset.over or self._headsets.setdefault(agent_id, headset) is not headset:
            await headset.end()  # signed out, or given up, meanwhile
            raise TransportError("the headset was closed")
        log.info("headset connected", agent=agent_id, again=known is not None)
        if self._watchdog is None:
            self._watchdog = asyncio.create_task(self._watch(), name="headsets")
        return answer

    def get(self, agent_id: str) -> AgentHeadset | None:
        """The headset of an agent, whether it can be rung or not; None: they have none."""
        return self._headsets.get(agent_id)

    async def close(self, agent_id: str) -> None:
        """The agent has signed out: a call that has the headset loses it."""
        if headset := self._headsets.pop(agent_id, None):
            await headset.end()

    async def close_all(self) -> None:
        """For the server's shutdown."""
        if self._watchdog is not None:
            self._watchdog.cancel()
            await asyncio.gather(self._watchdog, return_exceptions=True)
            self._watchdog = None
        await asyncio.gather(*(self.close(agent) for agent in tuple(self._headsets)))

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_WATCH_S)
            for agent, headset in tuple(self._headsets.items()):
                if headset.lost and self._headsets.get(agent) is headset:
                    log.info("headset lost", agent=agent)
                    await self.close(agent)
