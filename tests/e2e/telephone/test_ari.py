"""The ARI client against a real Asterisk with our configuration."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
import pytest_asyncio
import structlog.testing
from websockets.asyncio.server import ServerConnection, serve

from bot.errors import LineError
from media.telephony.ari import (
    AriClient,
    AriEvent,
    AriSettings,
    ChannelDestroyed,
    ChannelDtmfReceived,
    ChannelEnteredBridge,
    ChannelHangupRequest,
    ChannelLeftBridge,
    ChannelStateChange,
    Dial,
    PlaybackFinished,
    PlaybackStarted,
    RefusedError,
    StasisEnd,
    StasisStart,
)
from simulator.sip import SipPhone, State
from tests.e2e.telephone.alone import Alone, config_for, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

E = TypeVar("E", bound=AriEvent)
ANSWERS = "Local/s@decroche-rescue"
"""A far end that answers; it then comes to our application too, with the argument ``rescue``."""
WITHIN_S = 20.0
"""For what takes milliseconds on a machine with nothing else to do."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def asterisk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Alone]:
    async with running(config_for(tmp_path_factory.mktemp("ari"))) as alone:
        yield alone


def settings_for(asterisk: Alone, port: int | None = None) -> AriSettings:
    ari = asterisk.config.ari
    url = f"http://127.0.0.1:{port or ari.port}/ari"
    return AriSettings(url, ari.user, ari.password, ari.app, request_timeout_s=WITHIN_S)


class Line:
    """A client, and every event since it was made."""

    def __init__(self, settings: AriSettings) -> None:
        self.client = AriClient(settings)
        self.events: list[AriEvent] = []
        self.ups: list[set[str]] = []
        """The ids of all channels, at every connection."""
        self.downs: list[float] = []
        self._changed = asyncio.Event()
        self.client.listen(on_event=self._event, on_up=self._up, on_down=self._down)

    async def until(self, done: Callable[[], bool]) -> None:
        """Return once something that happened to this line has made ``done`` true."""
        async with asyncio.timeout(WITHIN_S):
            while not done():
                self._changed.clear()
                await self._changed.wait()

    async def first(self, kind: type[E], wanted: Callable[[E], bool] = lambda event: True) -> E:
        """The first event of this kind that is wanted, past ones included."""

        def found() -> E | None:
            return next((e for e in self.events if isinstance(e, kind) and wanted(e)), None)

        await self.until(lambda: found() is not None)
        event = found()
        assert event is not None
        return event

    async def connected(self, times: int) -> None:
        """Return once the link has come up so many times."""
        await self.until(lambda: len(self.ups) >= times)
        await asyncio.wait_for(self.client.wait_up(), WITHIN_S)

    async def down(self) -> None:
        """Return once the link has been lost."""
        await self.until(lambda: len(self.downs) > 0)

    async def answered_leg(self, variables: Mapping[str, str] | None = None) -> str:
        """A leg of ours that has been answered."""
        leg = f"leg-{uuid4().hex}"
        await self.client.originate(leg, ANSWERS, app_args="agent,k-1", variables=variables)
        await self.first(StasisStart, lambda event: event.channel.id == leg)
        return leg

    async def _up(self) -> None:
        self.ups.append({leg.id for leg in await self.client.list_channels()})
        self._changed.set()

    def _event(self, event: AriEvent) -> None:
        self.events.append(event)
        self._changed.set()

    def _down(self) -> None:
        self.downs.append(time.monotonic())
        self._changed.set()


@asynccontextmanager
async def connected(settings: AriSettings) -> AsyncIterator[Line]:
    """A line that is up; at the end it leaves no channel behind."""
    line = Line(settings)
    await line.client.start()
    try:
        await line.connected(1)
        yield line
    finally:
        with contextlib.suppress(LineError):
            for leg in await line.client.list_channels():
                await line.client.hangup(leg.id)
        await line.client.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def line(asterisk: Alone) -> AsyncIterator[Line]:
    async with connected(settings_for(asterisk)) as line:
        yield line


class Relay:
    """The network between the bot and Asterisk: it can be cut, and it can fall silent."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._server: asyncio.Server | None = None
        self._links: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._flows = asyncio.Event()
        self._flows.set()
        self.port = 0

    async def open(self) -> None:
        """Let connections through."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """End every connection and accept none."""
        if self._server is not None:
            self._server.close()
        for writer in list(self._links):
            writer.transport.abort()
        self._flows.set()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def freeze(self) -> None:
        """Keep every connection and carry nothing, as a router does that has forgotten them."""
        self._flows.clear()

    def thaw(self) -> None:
        """Carry again."""
        self._flows.set()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        there, here = await asyncio.open_connection("127.0.0.1", self._to)
        self._links |= {writer, here}
        try:
            await asyncio.gather(self._carry(reader, here), self._carry(there, writer))
        finally:
            self._links -= {writer, here}
            self._tasks.discard(task)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65_536):
                await self._flows.wait()
                writer.write(data)
                await writer.drain()
        writer.close()


async def test_the_password_goes_in_a_header_and_a_wrong_one_is_refused(asterisk: Alone) -> None:
    ari = asterisk.config.ari
    wrong = Line(AriSettings(f"http://127.0.0.1:{ari.port}/ari", ari.user, "not-the-password", ari.app))
    with structlog.testing.capture_logs() as logs:
        await wrong.client.start()
        with pytest.raises(RefusedError) as caught:
            await wrong.client.list_channels()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(wrong.client.wait_up(), 1.0)
    assert caught.value.status == 401
    assert not wrong.client.up
    assert [entry["why"] for entry in logs] == ["refused with status 401"]
    await wrong.client.stop()
    async with connected(settings_for(asterisk)) as line:  # the right one, without a word of it in the query
        assert line.client.up


async def test_the_life_of_a_leg(line: Line) -> None:
    client = line.client
    with structlog.testing.capture_logs() as logs:
        leg = await line.answered_leg({"DECROCHE_CALL": "k-é 1"})
        start = await line.first(StasisStart, lambda event: event.channel.id == leg)
        assert (start.args, start.channel.state) == (("agent", "k-1"), "Up")
        assert start.channel.variables["DECROCHE_CALL"] == "k-é 1"
        other = await line.first(StasisStart, lambda event: event.channel.id == f"{leg};2")
        assert other.args == ("rescue",)

        assert await client.get_variable(leg, "DECROCHE_CALL") == "k-é 1"
        await client.set_variable(leg, "DECROCHE_CALL", "k-2, with $}{")
        assert await client.get_variable(leg, "DECROCHE_CALL") == "k-2, with $}{"
        assert await client.get_variable(leg, "DECROCHE_NOTHING") == ""

        bridge = f"call-{uuid4().hex}"
        await client.create_bridge(bridge, name="a call")
        with pytest.raises(RefusedError) as caught:
            await client.create_bridge(bridge)
        assert caught.value.status == 409
        await client.add_channel(bridge, leg)
        entered = await line.first(ChannelEnteredBridge)
        assert (entered.bridge.id, entered.bridge.channels, entered.channel.id) == (bridge, (leg,), leg)
        assert [(each.id, each.name, each.channels) for each in await client.list_bridges()] == [
            (bridge, "a call", (leg,))
        ]
        await client.start_bridge_moh(bridge)
        await client.stop_bridge_moh(bridge)
        await client.stop_bridge_moh(bridge)
        await client.play_on_bridge(bridge, f"play-{leg}", "sound:/no/such/file")
        assert (await line.first(PlaybackFinished)).playback.state == "failed"
        await client.remove_channel(bridge, leg)
        await client.remove_channel(bridge, leg)
        await client.remove_channel(bridge, "no-such-channel")
        left = await line.first(ChannelLeftBridge, lambda event: event.channel.id == leg)
        assert left.bridge.channels == ()
        await client.start_channel_moh(leg)
        await client.stop_channel_moh(leg)
        await client.stop_channel_moh(leg)
        await client.destroy_bridge(bridge)
        await client.destroy_bridge(bridge)
        await client.remove_channel(bridge, leg)

        application = await client.application("decroche")
        assert application is not None
        assert leg in application.channels
        assert "decroche" in {each.name for each in await client.list_applications()}

        await client.hangup(leg)
        await client.hangup(leg)
        gone = await line.first(ChannelDestroyed, lambda event: event.channel.id == leg)
        assert (gone.cause, gone.cause_text) == (16, "Normal Clearing")
        assert await client.channel(leg) is None
    assert [entry for entry in logs if entry["log_level"] != "info"] == []
    mine = [event for event in line.events if leg_of(event) == leg]
    kinds = [type(event) for event in mine]
    order = [
        Dial, ChannelStateChange, Dial, StasisStart, ChannelEnteredBridge, ChannelLeftBridge,
        ChannelHangupRequest, StasisEnd, ChannelDestroyed,
    ]  # fmt: skip
    assert [kind for kind in kinds if kind in order] == order
    assert [event.status for event in mine if isinstance(event, Dial)] == ["", "ANSWER"]


def leg_of(event: AriEvent) -> str:
    """The channel an event is about."""
    channel = event.peer if isinstance(event, Dial) else getattr(event, "channel", None)
    return "" if channel is None else str(channel.id)


async def test_a_sound_begins_is_stopped_and_ends(line: Line) -> None:
    leg = await line.answered_leg()
    await line.client.play_on_channel(leg, f"play-{leg}", "tone:ring")
    started = await line.first(PlaybackStarted)
    assert (started.playback.id, started.playback.target) == (f"play-{leg}", f"channel:{leg}")
    await line.client.stop_playback(f"play-{leg}")
    await line.first(PlaybackFinished)
    await line.client.stop_playback(f"play-{leg}")


async def test_what_refusals_mean(line: Line) -> None:
    client = line.client
    leg = await line.answered_leg()
    await client.create_bridge("a-bridge")

    async def status(order: Awaitable[object]) -> int:
        with pytest.raises(RefusedError) as caught:
            await order
        return caught.value.status

    assert await status(client.answer("nobody")) == 404
    assert await status(client.add_channel("a-bridge", "nobody")) == 400
    assert await status(client.add_channel("no-bridge", leg)) == 404
    assert await status(client.originate("another", "Nonsense/1")) == 500
    assert await status(client.external_media("bot-leg", "no-such-connection", {})) in (400, 500)
    await client.continue_in_dialplan(leg, "decroche-fallback")  # rings a trunk that is not there, then ends
    await line.first(StasisEnd, lambda event: event.channel.id == leg)
    if await client.channel(leg) is not None:
        assert await status(client.start_channel_moh(leg)) in (404, 409)
    await client.destroy_bridge("a-bridge")


async def test_nobody_at_the_other_end(line: Line) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    await line.client.originate("lost", f"PJSIP/trunk/sip:1@127.0.0.1:{port}", timeout_s=1.2)
    gone = await line.first(ChannelDestroyed, lambda event: event.channel.id == "lost")
    assert gone.cause != 16
    assert not any(isinstance(event, StasisStart) for event in line.events)


async def test_the_bots_leg_comes_to_our_door_with_its_token(line: Line, asterisk: Alone) -> None:
    asked: list[str] = []
    done = asyncio.Event()

    async def door(connection: ServerConnection) -> None:
        assert connection.request is not None
        asked.append(connection.request.path)
        await done.wait()

    url = urlsplit(asterisk.config.bot_media)
    params = {"token": "a,b)c&d=é +/", "leg": "1"}
    async with serve(door, url.hostname, url.port, subprotocols=["media"], compression=None):  # type: ignore[list-item]
        await line.client.external_media("bot-leg-1", "bot", params, variables={"DECROCHE_CALL": "k-3"})
        start = await line.first(StasisStart, lambda event: event.channel.id == "bot-leg-1")
        assert start.channel.variables["DECROCHE_CALL"] == "k-3"
        assert parse_qs(urlsplit(asked[0]).query) == {key: [value] for key, value in params.items()}
        await line.client.hangup("bot-leg-1")
        await line.first(ChannelDestroyed, lambda event: event.channel.id == "bot-leg-1")
        done.set()


async def test_a_bots_leg_with_no_bot_is_said_to_be_gone(line: Line) -> None:
    await line.client.external_media("bot-leg-2", "bot", {"token": "x"})  # 200, all the same
    await line.first(ChannelDestroyed, lambda event: event.channel.id == "bot-leg-2")
    assert not any(isinstance(event, StasisStart) for event in line.events)


async def test_a_caller_their_number_keys_and_hanging_up(line: Line, asterisk: Alone) -> None:
    async with SipPhone("+33611223344") as phone:
        phone.call(asterisk.sip, {"User-to-User": "6869;encoding=hex"})
        start = await line.first(StasisStart)
        assert start.args == ("inbound",)
        assert start.channel.caller_number.endswith("611223344")
        assert start.channel.variables["DECROCHE_UUI"] == "6869;encoding=hex"
        assert start.channel.state == "Ring"
        await line.client.ring(start.channel.id)
        await line.client.answer(start.channel.id)
        await line.client.answer(start.channel.id)
        await line.first(ChannelStateChange, lambda event: event.channel.state == "Up")
        await phone.until(State.UP, WITHIN_S)
        for digit in "1*#":
            phone.press(digit)
            await line.first(ChannelDtmfReceived, lambda event, digit=digit: event.digit == digit)  # type: ignore[misc]
        phone.hang_up()
        request = await line.first(ChannelHangupRequest)
        assert request.cause in (None, 16)
        await line.first(StasisEnd)
        await phone.until(State.OVER, WITHIN_S)
    # The end of a channel that we did not make is told by StasisEnd alone.
    await line.client.hangup(start.channel.id)
    assert not any(isinstance(event, ChannelDestroyed) for event in line.events)


async def test_a_hostile_invite_costs_its_name_and_not_the_call(line: Line, asterisk: Alone) -> None:
    """A name that is not UTF-8, with control characters; a user part that would begin a header; an endless token."""
    port = asterisk.config.sip_port
    loop = asyncio.get_running_loop()
    with socket.socket(type=socket.SOCK_DGRAM) as phone, structlog.testing.capture_logs() as logs:
        phone.bind(("127.0.0.1", 0))
        phone.connect(("127.0.0.1", port))
        phone.setblocking(False)
        via = f"SIP/2.0/UDP 127.0.0.1:{phone.getsockname()[1]};rport;branch=z9hG4bK{uuid4().hex}"
        head = [
            f"Via: {via}".encode(),
            b'From: "\xff\xfe\x1b[2J\x07Jean" <sip:%0d%0aX-Evil@127.0.0.1>;tag=1',
            b"Call-ID: an-id",
            b"Max-Forwards: 70",
        ]
        sdp = b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 39998 RTP/AVP 8\r\n"
        invite = [
            f"INVITE {asterisk.sip} SIP/2.0".encode(),
            *head,
            f"To: <{asterisk.sip}>".encode(),
            b"CSeq: 1 INVITE",
            f"Contact: <sip:evil@127.0.0.1:{phone.getsockname()[1]}>".encode(),
            b"User-to-User: " + b"61" * 4_096 + b";encoding=hex",
            b"Content-Type: application/sdp",
            f"Content-Length: {len(sdp)}".encode(),
        ]
        await loop.sock_sendall(phone, b"\r\n".join([*invite, b"", sdp]))
        start = await line.first(StasisStart)
        await line.client.hangup(start.channel.id, "rejected")
        await line.first(StasisEnd)
        final = b""
        async with asyncio.timeout(WITHIN_S):
            while final[8:9] not in (b"4", b"5", b"6"):
                final = await loop.sock_recv(phone, 65_536)
        to = next(each for each in final.split(b"\r\n") if each.startswith(b"To:"))
        ack = [
            f"ACK {asterisk.sip} SIP/2.0".encode(),
            *head,
            to,
            b"CSeq: 1 ACK",
            b"Content-Length: 0",
            b"",
            b"",
        ]
        await loop.sock_sendall(phone, b"\r\n".join(ack))
    assert (start.channel.caller_name, start.channel.caller_number) == ("", "")
    assert len(start.channel.variables["DECROCHE_UUI"]) <= 512
    assert len(line.ups) == 1
    assert {entry["event"] for entry in logs} == {"ARI field refused"}


async def test_a_link_that_is_cut_comes_back_and_shows_what_is_left(asterisk: Alone) -> None:
    relay = Relay(asterisk.config.ari.port)
    await relay.open()
    side = AriClient(settings_for(asterisk))  # to act while the line is away
    async with connected(settings_for(asterisk, relay.port)) as line:
        stays, goes = await line.answered_leg(), await line.answered_leg()
        await relay.cut()
        await line.down()
        with pytest.raises(LineError):
            await line.client.answer(stays)
        await side.hangup(goes)
        await relay.open()
        await line.connected(2)
        assert stays in line.ups[1]
        assert goes not in line.ups[1]
        assert line.client.up
        await line.client.hangup(stays)
        await line.first(ChannelDestroyed, lambda event: event.channel.id == stays)
        assert not any(isinstance(e, ChannelDestroyed) and e.channel.id == goes for e in line.events)
    await side.stop()
    await relay.cut()


async def test_a_link_that_falls_silent_is_noticed_within_five_seconds(asterisk: Alone) -> None:
    relay = Relay(asterisk.config.ari.port)
    await relay.open()
    async with connected(settings_for(asterisk, relay.port)) as line:
        began = time.monotonic()
        relay.freeze()
        await line.down()
        assert line.downs[0] - began < 5.0
        relay.thaw()
        await line.connected(2)
    await relay.cut()


async def test_who_loses_the_application_is_told_and_the_other_has_it(asterisk: Alone) -> None:
    first, second = Line(settings_for(asterisk)), Line(settings_for(asterisk))
    with structlog.testing.capture_logs() as logs:
        await first.client.start()
        await first.connected(1)
        await second.client.start()
        await second.connected(1)
        await first.down()
    assert not first.client.up
    assert [entry["why"] for entry in logs if entry["log_level"] == "error"] == [
        "another process took our application"
    ]
    await first.client.stop()  # which leaves the application with the second
    leg = await second.answered_leg()
    await second.client.hangup(leg)
    await second.client.stop()


async def test_an_asterisk_that_is_started_again_is_found_again(tmp_path: Path) -> None:
    config = config_for(tmp_path)
    async with running(config) as asterisk:
        line = Line(settings_for(asterisk))
        await line.client.start()
        await line.connected(1)
        leg = await line.answered_leg()
    await line.down()
    async with running(config):
        await line.connected(2)
        assert leg not in line.ups[1]
        await line.answered_leg()
    await line.client.stop()
