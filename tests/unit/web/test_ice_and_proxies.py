"""TURN passwords expire, and only a trusted proxy is believed."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable

import httpx
import pytest
from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection
from fastapi import FastAPI, Request
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.errors import ConfigurationError
from bot.settings import Settings
from bot.web.browser import SecurityHeaders
from bot.web.server import http_config, trusted_proxies
from media.webrtc.door import WebRtcDoor, WebRtcSettings
from media.webrtc.ice import IceServer, IceServers, turn_password

STUN, TURN = "stun:stun.lumia.example:3478", "turns:turn.lumia.example:5349?transport=tcp"


def test_a_password_is_what_coturn_computes() -> None:
    """coturn: base64(hmac(sha1, static-auth-secret, username)); the value was made with openssl."""
    # printf 1767225600:caller | openssl dgst -sha1 -hmac north -binary | base64
    assert turn_password("north", "1767225600:caller") == "a4jsxDrZcvT3Po/B1MVmWe8tZDw="


def test_turn_gets_credentials_that_expire_and_stun_none() -> None:
    stun, turn = IceServers((STUN, TURN), "north", 3600, clock=lambda: 1_767_225_600.9).fresh()
    assert stun.to_json() == {"urls": STUN}
    assert set(turn.to_json()) == {"urls", "username", "credential"}
    assert turn.username is not None
    assert turn.username.startswith("1767229200:")
    assert turn.credential == turn_password("north", turn.username)


def test_every_call_has_a_name_of_its_own() -> None:
    servers = IceServers((TURN,), "north")
    assert len({servers.fresh()[0].username for _ in range(50)}) == 50


@given(st.text(min_size=1), st.integers(0, 4_000_000_000))
def test_a_name_changed_by_a_caller_has_another_password(secret: str, now: int) -> None:
    (turn,) = IceServers((TURN,), secret, clock=lambda: now).fresh()
    assert turn.username is not None
    later = f"{int(turn.username.partition(':')[0]) + 1}:{turn.username.partition(':')[2]}"
    assert turn_password(secret, later) != turn.credential
    digest = hmac.new(secret.encode(), turn.username.encode(), hashlib.sha1).digest()
    assert base64.b64decode(turn.credential or "") == digest


@pytest.mark.parametrize(
    "url",
    [STUN, "stun:[2001:db8::1]:3478", "turn:10.0.0.1", "turn:a.b:3478?transport=udp", TURN],
)
def test_urls_a_browser_takes(url: str) -> None:
    IceServers((url,), "s").fresh()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "stun.lumia.example",
        "http://a.b",
        "turn:a b",
        "stun:a.b?transport=udp",
        "turn:a.b?transport=tls",
        "turn://a.b",
    ],
)
def test_urls_no_browser_takes_stop_the_start(url: str) -> None:
    with pytest.raises(ConfigurationError, match="DECROCHE_ICE_SERVERS"):
        IceServers((url,), "s")


def test_turn_without_a_secret_stops_the_start() -> None:
    with pytest.raises(ConfigurationError, match="DECROCHE_TURN_SECRET"):
        IceServers((TURN,))
    assert IceServers((STUN,)).fresh() == (IceServer(STUN),)


async def test_the_server_side_asks_anew_for_each_call() -> None:
    made: list[tuple[IceServer, ...]] = []
    servers = IceServers(("turn:127.0.0.1:1",), "north")

    def fresh() -> tuple[IceServer, ...]:
        made.append(servers.fresh())
        return made[-1]

    for _ in range(2):
        await WebRtcDoor(WebRtcSettings(ice_servers=fresh)).close()
    assert len({one[0].credential for one in made}) == 2


async def test_aiortc_takes_the_credentials() -> None:
    (turn,) = IceServers(("turn:127.0.0.1:1",), "north").fresh()
    peer = RTCPeerConnection(RTCConfiguration([RTCIceServer(turn.urls, turn.username, turn.credential)]))
    peer.addTransceiver("audio")
    await peer.close()


# --- proxies


@pytest.mark.parametrize(
    ("value", "found"),
    [("", []), ("127.0.0.1, ::1", ["127.0.0.1", "::1"]), ("10.0.0.0/8,", ["10.0.0.0/8"]), ("*", ["*"])],
)
def test_proxies_are_addresses_and_networks(value: str, found: list[str]) -> None:
    assert trusted_proxies(value) == found


@pytest.mark.parametrize("value", ["proxy.lumia.example", "10.0.0.1/8", "127.0.0.1;::1"])
def test_a_proxy_that_nobody_would_trust_stops_the_start(value: str) -> None:
    with pytest.raises(ConfigurationError, match="DECROCHE_TRUSTED_PROXIES"):
        trusted_proxies(value)


@pytest.fixture
def ask() -> Callable[..., httpx.AsyncClient]:
    """A client at ``address`` of an application that says where requests come from, served as the bot is."""

    def client(proxies: str, address: str) -> httpx.AsyncClient:
        app = FastAPI()
        app.add_middleware(SecurityHeaders)

        @app.get("/")
        async def where(request: Request) -> dict[str, str]:
            assert request.client is not None
            return {"host": request.client.host, "scheme": request.url.scheme}

        config = http_config(app, Settings(trusted_proxies=proxies))
        config.load()
        transport = httpx.ASGITransport(config.loaded_app, client=(address, 1))
        forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "198.51.100.7"}
        return httpx.AsyncClient(transport=transport, base_url="http://bot", headers=forwarded)

    return client


@pytest.mark.parametrize(
    ("proxies", "address"), [("127.0.0.1,::1", "127.0.0.1"), ("10.0.0.0/8", "10.1.2.3"), ("*", "203.0.113.9")]
)
async def test_behind_a_trusted_proxy_a_page_is_https_and_told_so(
    ask: Callable[..., httpx.AsyncClient], proxies: str, address: str
) -> None:
    async with ask(proxies, address) as client:
        answer = await client.get("/")
        assert answer.json() == {"host": "198.51.100.7", "scheme": "https"}
        assert answer.headers["Strict-Transport-Security"].startswith("max-age=")


@pytest.mark.parametrize(("proxies", "address"), [("", "127.0.0.1"), ("127.0.0.1", "10.1.2.3")])
async def test_nobody_else_is_believed(
    ask: Callable[..., httpx.AsyncClient], proxies: str, address: str
) -> None:
    async with ask(proxies, address) as client:
        answer = await client.get("/")
        assert answer.json() == {"host": address, "scheme": "http"}
        assert "Strict-Transport-Security" not in answer.headers


def test_a_password_shorter_than_a_call_is_refused() -> None:
    with pytest.raises(ValidationError):
        Settings(turn_validity_s=60)
