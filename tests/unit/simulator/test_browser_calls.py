"""A script with sound through the browser door: a real WebRTC peer on either side."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from fractions import Fraction
from typing import Any

import aioice.ice
import numpy as np
import pytest
import uvicorn
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame
from fastapi import FastAPI, WebSocket
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import TransportError
from media.audio import from_float
from simulator.api import Server
from simulator.call import Options
from simulator.doors.browser import BrowserDoor, PlayoutBuffer
from simulator.result import CallResult
from simulator.run import Patience
from simulator.way import Way

RATE = 48_000
FRAME = 960


class Welcome(MediaStreamTrack):
    """One second of tone, then silence."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._sent = 0
        self._began = 0.0

    async def recv(self) -> AudioFrame:
        loop = asyncio.get_running_loop()
        self._began = self._began or loop.time()
        await asyncio.sleep(max(0.0, self._began + self._sent / RATE - loop.time()))
        t = (self._sent + np.arange(FRAME)) / RATE
        samples = from_float(np.where(t < 1.0, 0.2 * np.sin(2 * np.pi * 440 * t), 0.0))
        frame = AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, self._sent, Fraction(1, RATE)
        self._sent += FRAME
        return frame


class Page:
    """The server's side of browser calls."""

    def __init__(self) -> None:
        self.offers: list[dict[str, Any]] = []
        self.messages: list[dict[str, Any]] = []
        self.loudest = 0
        self.peers: list[RTCPeerConnection] = []
        self.over = asyncio.Event()
        self.events: list[dict[str, Any]] = [{"type": "bot_said", "at_ms": 0, "turn": 0, "text": "Bonjour."}]
        self.answers = True

    def app(self) -> FastAPI:
        app = FastAPI()
        app.post("/api/browser/offer")(self.offer)
        app.get("/api/calls/{call_id}")(self.record)
        app.websocket("/api/calls/{call_id}/events")(self.journal)
        return app

    async def offer(self, body: dict[str, Any]) -> dict[str, str]:
        self.offers.append(body)
        peer = RTCPeerConnection()
        self.peers.append(peer)
        peer.addTrack(Welcome())
        peer.on("datachannel", lambda channel: channel.on("message", self.on_message))
        peer.on("track", self.on_track)
        await peer.setRemoteDescription(RTCSessionDescription(body["sdp"], body["type"]))
        await peer.setLocalDescription(await peer.createAnswer())
        sdp = peer.localDescription.sdp if self.answers else "nonsense"
        return {"sdp": sdp, "type": "answer", "call_id": "b1"}

    def on_message(self, message: str) -> None:
        self.messages.append(json.loads(message))
        if self.messages[-1]["type"] == "hang_up":
            self.events.append(
                {"type": "call_ended", "at_ms": 1, "turn": 0, "outcome": "abandoned", "by": "caller"}
            )
            self.over.set()

    def on_track(self, track: MediaStreamTrack) -> None:
        self.listening = asyncio.create_task(self.listen(track), name="page-listens")

    async def listen(self, track: MediaStreamTrack) -> None:
        try:
            while True:
                frame = await track.recv()
                self.loudest = max(self.loudest, int(np.abs(frame.to_ndarray()).max()))
        except MediaStreamError:
            return

    async def record(self, call_id: str) -> dict[str, Any]:
        return {"outcome": "abandoned" if self.over.is_set() else None, "events": self.events}

    async def journal(self, socket: WebSocket, call_id: str) -> None:
        await socket.accept()
        await socket.send_json(self.events[0])
        await self.over.wait()
        await socket.close()


@pytest.fixture
async def page(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Page, Server]]:
    # Both peers live in this process; the address list is put back afterwards, whatever the door made of it.
    monkeypatch.setattr(aioice.ice, "get_host_addresses", aioice.ice.get_host_addresses)
    served = Page()
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(served.app(), log_level="error", lifespan="off"))
    task = asyncio.create_task(server.serve([listener]), name="page-server")
    yield served, Server(f"http://127.0.0.1:{listener.getsockname()[1]}")
    served.over.set()
    for peer in served.peers:
        await peer.close()
    server.should_exit = True
    await task
    listener.close()


PlaceCall = Callable[..., Awaitable[CallResult]]


async def test_a_call_from_the_page(page: tuple[Page, Server], place_call: PlaceCall) -> None:
    served, server = page
    source = """
    channel: browser
    now: "2027-03-16T10:00:00+01:00"
    caller: {number: "+33611223344"}
    turns:
      - {when: bonjour, say: "Bonjour, j'appelle pour ma facture"}
    expect: {outcome: abandoned}
    """
    options = Options(server, patience=Patience(answer=1.5))
    result = await place_call(source, options)
    assert result.outcome == "abandoned"
    assert "said nothing" in result.problems[0]  # this page only ever says its welcome
    assert result.call_id == "b1"
    assert served.offers[0]["caller_number"] == "+33611223344"
    assert served.offers[0]["now"] == "2027-03-16T10:00:00+01:00"
    assert served.messages[-1] == {"type": "hang_up"}
    assert served.loudest > 3000  # the caller was heard


async def test_keys_and_what_is_heard(page: tuple[Page, Server]) -> None:
    served, server = page
    heard = []
    async with BrowserDoor(server, "") as door:
        for _ in range(40):
            heard.append((await door.exchange(np.zeros(320, dtype=np.int16)))[1])
            await asyncio.sleep(0.02)
        await door.key("5")
        await asyncio.sleep(0.1)
    assert np.abs(np.concatenate(heard)).max() > 3000
    assert served.messages == [{"type": "keys", "digits": "5"}, {"type": "hang_up"}]


async def test_an_answer_that_cannot_be_used(page: tuple[Page, Server], place_call: PlaceCall) -> None:
    served, server = page
    served.answers = False
    with pytest.raises(TransportError, match="cannot be used"):
        await place_call("channel: browser", Options(server, channel=Way.BROWSER))


@given(st.lists(st.integers(1, 2000), max_size=60))
def test_what_arrives_in_lumps_is_heard_in_order(sizes: list[int]) -> None:
    buffer, expected, heard = PlayoutBuffer(most=10_000), np.arange(1, sum(sizes) + 1, dtype=np.int64), []
    at = 0
    for size in sizes:
        buffer.put((expected[at : at + size] % 30_000).astype(np.int16))
        at += size
        heard.append(buffer.take())
    heard += [buffer.take() for _ in range(600)]
    sound = np.concatenate(heard)
    sound = sound[sound != 0]
    reference = (expected % 30_000).astype(np.int16)
    reference = reference[reference != 0]
    assert (sound == reference[: len(sound)]).all()
    assert len(reference) - len(sound) < 4 * 320  # what is less than the buffer waits for more


def test_a_delay_does_not_stay() -> None:
    buffer = PlayoutBuffer(ready=3, most=15)
    buffer.put(np.ones(320 * 40, dtype=np.int16))
    frames = [buffer.take() for _ in range(5)]
    assert [bool(frame.any()) for frame in frames] == [True, True, True, False, False]
