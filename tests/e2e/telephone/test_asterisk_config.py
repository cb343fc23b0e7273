"""Real Asterisk loads what we render, without a word of complaint, and does with calls what it says."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import socket
import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import websockets
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bot.asterisk import prepare_sounds
from bot.errors import TransportError
from bot.operator import load_operator
from bot.settings import ROOT, Settings
from media.asterisk.config import AsteriskConfig, Rescue, Tls, Trunk
from media.asterisk.installed import default_folder
from media.telephony.ari import AriClient, AriSettings
from media.telephony.missed import VARIABLE, missed_calls
from media.tts.factory import EMBEDDED
from simulator.sip import Manner, SipAgent, SipPhone, State
from tests.e2e.telephone import judge
from tests.e2e.telephone.alone import Alone, config_for, running

SUBSCRIBER = "+33612345678"
CRYPTO = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sounds")
    settings = Settings(sounds=folder, piper_voice=EMBEDDED)
    asyncio.run(prepare_sounds(settings, load_operator(ROOT / "operator.yml")))
    return folder


@pytest.fixture
def config(tmp_path: Path, sounds: Path) -> AsteriskConfig:
    return replace(config_for(tmp_path), sounds=sounds)


@pytest.fixture
async def plain(config: AsteriskConfig) -> AsyncIterator[Alone]:
    async with running(config) as alone:
        yield alone


def certificate(folder: Path) -> Tls:
    """A certificate for localhost that nobody but ourselves has signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    (folder / "certificate.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return Tls(folder / "certificate.pem", folder / "key.pem", host="127.0.0.1", port=_free_port())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# --- it loads


async def test_it_loads_without_a_word(plain: Alone) -> None:
    assert plain.faults == []
    transports = await plain.console("pjsip show transports")
    assert f"127.0.0.1:{plain.config.sip_port}" in transports
    assert "Objects found: 1" in transports
    assert f"Bound to 127.0.0.1:{plain.config.ari.port}" in await plain.console("http show status")
    endpoints = await plain.console("pjsip show endpoints")
    assert "Endpoint:  trunk" in endpoints
    assert "Endpoint:  sites" in endpoints
    assert "websocket_client" in (plain.config.folder / "etc/websocket_client.conf").read_text()
    music = await plain.console("moh show files")
    assert f"{plain.config.sounds}/music/hold" in music


@pytest.mark.parametrize(
    "context",
    [
        "from-trunk",
        "decroche-inbound",
        "decroche-rescue",
        "decroche-busy",
        "decroche-fallback",
        "decroche-nobody",
    ],
)
async def test_the_dialplan_has_its_contexts(plain: Alone, context: str) -> None:
    shown = await plain.console(f"dialplan show {context}")
    assert f"Context '{context}'" in shown


async def test_every_module_asked_for_is_running(plain: Alone) -> None:
    wanted = {
        line.removeprefix("load = ")
        for line in (plain.config.folder / "etc/modules.conf").read_text().splitlines()
        if line.startswith("load = ")
    }
    rows = [line.split() for line in (await plain.console("module show")).splitlines()]
    assert {row[0] for row in rows if row and row[0].endswith(".so") and "Running" in row} == wanted


async def test_an_account_with_registration_loads_too(config: AsteriskConfig) -> None:
    account = Trunk(config.trunk.host, user="lumia", password="p4ss,word=!", register=True)
    async with running(replace(config, trunk=account)) as alone:
        assert alone.faults == []
        assert f"sip:{account.host}" in await alone.console("pjsip show registrations")
        assert "lumia" in await alone.console("pjsip show auths")


async def test_a_configuration_behind_a_router_loads_too(config: AsteriskConfig) -> None:
    async with running(
        replace(
            config, sip_host="0.0.0.0", public_address="203.0.113.9", local_networks=("10.0.0.0/8",),
            trunk=Trunk("192.0.2.10:5080", ("192.0.2.0/24", "198.51.100.7")),
        )
    ) as alone:  # fmt: skip
        assert alone.faults == []
        assert "192.0.2.0/24" in await alone.console("pjsip show identifies")


# --- the public side


async def test_the_public_side_speaks_tls_and_takes_encrypted_sound_only(
    config: AsteriskConfig, tmp_path: Path
) -> None:
    tls = certificate(tmp_path)
    async with running(replace(config, tls=tls)) as alone:
        assert alone.faults == []
        trust = ssl.create_default_context(cafile=str(tls.certificate))
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", tls.port, ssl=trust, server_hostname="localhost"
        )
        try:
            secured = writer.get_extra_info("ssl_object")
            assert secured.version() == "TLSv1.2"
            plain = await _invite(reader, writer, alone, "RTP/AVP", branch="plain")
            assert plain.startswith("SIP/2.0 488"), plain
            answer = await _invite(reader, writer, alone, "RTP/SAVP", branch="srtp")
            assert answer.startswith("SIP/2.0 200"), answer
            assert "RTP/SAVP" in answer
            assert "a=crypto:1 AES_CM_128_HMAC_SHA1_80" in answer
        finally:
            writer.close()
            with contextlib.suppress(OSError, ssl.SSLError):
                await writer.wait_closed()


async def test_with_tls_on_an_unencrypted_caller_is_refused(config: AsteriskConfig, tmp_path: Path) -> None:
    async with running(replace(config, tls=certificate(tmp_path))) as alone, SipPhone(SUBSCRIBER) as caller:
        with pytest.raises(TransportError, match="488"):
            await caller.connect(alone.sip)


async def _invite(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, alone: Alone, profile: str, *, branch: str
) -> str:
    """The final answer to a call over this connection, whole."""
    port = writer.get_extra_info("sockname")[1]
    crypto = f"{CRYPTO}\r\n" if profile == "RTP/SAVP" else ""
    body = (
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        f"m=audio 40000 {profile} 8\r\na=rtpmap:8 PCMA/8000\r\n{crypto}"
    )
    number = alone.config.number
    writer.write(
        (
            f"INVITE sips:{number}@localhost SIP/2.0\r\n"
            f"Via: SIP/2.0/TLS 127.0.0.1:{port};branch=z9hG4bK{branch}\r\nMax-Forwards: 70\r\n"
            f"From: <sips:{SUBSCRIBER}@localhost>;tag={branch}\r\nTo: <sips:{number}@localhost>\r\n"
            f"Call-ID: {branch}@localhost\r\nCSeq: 1 INVITE\r\nContact: <sips:caller@127.0.0.1:{port}>\r\n"
            f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        ).encode()
    )
    async with asyncio.timeout(10):
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = next(
                int(line.split(":")[1])
                for line in head.splitlines()
                if line.lower().startswith("content-length")
            )
            answer = head + (await reader.readexactly(length)).decode()
            if f"tag={branch}" in answer and not answer.startswith(("SIP/2.0 1", "BYE")):
                return answer


# --- calls


async def test_a_stranger_is_not_let_in(config: AsteriskConfig) -> None:
    elsewhere = replace(config, trunk=Trunk(config.trunk.host, ("192.0.2.0/24",)))
    async with running(elsewhere) as alone, SipPhone(SUBSCRIBER) as stranger:
        with pytest.raises(TransportError, match="401"):
            await stranger.connect(alone.sip)


@pytest.mark.parametrize("number", ["+33180880000", "33180880000", "0180880000", "decroche"])
async def test_our_number_is_taken_in_every_form_a_carrier_sends_it(plain: Alone, number: str) -> None:
    async with SipPhone(SUBSCRIBER) as caller:
        await caller.connect(f"sip:{number}@127.0.0.1:{plain.config.sip_port}")


async def test_a_silent_bot_still_sends_the_caller_sound(plain: Alone) -> None:
    """Carriers and routers hang up a call that goes quiet: there is a packet every 20 ms, whatever the bot does."""
    media_port = int(plain.config.bot_media.removesuffix("/media").rpartition(":")[2])
    async with _mute_bot(plain, media_port), SipPhone(SUBSCRIBER) as caller:
        await caller.connect(plain.sip)
        await asyncio.sleep(0.5)
        before = await _sent_packets(plain)
        await asyncio.sleep(2.0)
        assert await _sent_packets(plain) - before >= 80


async def test_a_bot_that_ends_its_call_ends_the_caller_s(plain: Alone) -> None:
    """Stasis that ends well is a goodbye, not an accident: no sentence, no fallback."""
    media_port = int(plain.config.bot_media.removesuffix("/media").rpartition(":")[2])
    async with _mute_bot(plain, media_port) as orders, SipPhone(SUBSCRIBER) as caller:
        answered = await caller.connect(plain.sip)
        (channel,) = [
            one["id"] for one in (await orders.get("/channels")).json() if one["name"].startswith("PJSIP")
        ]
        await orders.post(f"/channels/{channel}/continue")
        await caller.until(State.OVER, 5.0, since=answered)
        assert judge.speech_s(caller.sound().heard) == 0


async def test_a_caller_whom_nobody_takes_is_told_so_and_noted(config: AsteriskConfig) -> None:
    """Two at once, and one who hides their number: the first two are promised a call, and noted for the bot."""
    async with (
        SipAgent("carrier", Manner(refuse=486)) as carrier,
        SipPhone(SUBSCRIBER) as one,
        SipPhone("+33698765432") as two,
        SipPhone() as hidden,
    ):
        callers = (one, two, hidden)
        trunk = Trunk(f"127.0.0.1:{carrier.port}")
        rescue = Rescue(retry_s=1, tries=0, ring_s=5)
        async with running(replace(config, trunk=trunk, rescue=rescue)) as alone:
            since = time.monotonic()
            answered = await asyncio.gather(*(caller.connect(alone.sip) for caller in callers))
            ended = await asyncio.gather(*(caller.until(State.OVER, 40.0, since=since) for caller in callers))
            ari = alone.config.ari
            client = AriClient(AriSettings(f"http://127.0.0.1:{ari.port}/ari", ari.user, ari.password))
            missed = missed_calls(await client.get_global(VARIABLE))
            await client.stop()
            assert sorted(call.number for call in missed) == sorted((SUBSCRIBER, "+33698765432"))
            assert all(abs((datetime.now(UTC) - call.at).total_seconds()) < 60 for call in missed)
        for caller, start, end in zip(callers, answered, ended, strict=True):
            heard = caller.sound(start + 0.5, end - 0.5).heard
            assert judge.speech_s(heard) > 9.0, "three sentences"
            assert judge.longest_silence_s(heard) < 2.0


@contextlib.asynccontextmanager
async def _mute_bot(alone: Alone, media_port: int) -> AsyncIterator[httpx.AsyncClient]:
    """A bot that answers every call, puts a leg of its own beside the caller's, and says nothing."""
    ari = alone.config.ari
    at = f"127.0.0.1:{ari.port}/ari"
    orders = httpx.AsyncClient(base_url=f"http://{at}", auth=(ari.user, ari.password), timeout=5.0)

    async def quiet(sound: websockets.ServerConnection) -> None:
        async for _ in sound:
            pass

    async def answer(channel: str) -> None:
        bridge = (await orders.post("/bridges", params={"type": "mixing"})).json()["id"]
        await orders.post(f"/channels/{channel}/answer")
        await orders.post(f"/bridges/{bridge}/addChannel", params={"channel": channel})
        leg = {
            "app": ari.app, "external_host": "bot", "transport": "websocket", "encapsulation": "none",
            "connection_type": "client", "format": "slin16", "transport_data": "f(json)", "channelId": f"bot{bridge}",
        }  # fmt: skip
        await orders.post("/channels/externalMedia", params=leg)

    async def serve(events: websockets.ClientConnection) -> None:
        async for message in events:
            event = json.loads(message)
            channel = event.get("channel", {}).get("id", "")
            if event["type"] == "StasisStart" and channel.startswith("bot"):
                await orders.post(f"/bridges/{channel[3:]}/addChannel", params={"channel": channel})
            elif event["type"] == "StasisStart":
                await answer(channel)

    url = f"ws://{at}/events?app={ari.app}&api_key={ari.user}:{ari.password}"
    async with (
        orders,
        websockets.serve(quiet, "127.0.0.1", media_port, subprotocols=[websockets.Subprotocol("media")]),
        websockets.connect(url) as events,
    ):
        task = asyncio.create_task(serve(events), name="mute-bot")
        try:
            yield orders
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def _sent_packets(alone: Alone) -> int:
    """RTP packets sent to the one caller there is."""
    rows = [line.split() for line in (await alone.console("pjsip show channelstats")).splitlines()]
    (row,) = [row for row in rows if any("trunk-" in word for word in row)]
    # BridgeId ChannelId UpTime Codec | received: count lost pct jitter | sent: count …
    return int(row[8])


# --- fetching it


async def _fetch(folder: Path, **env: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        ROOT / "ops/asterisk.sh", folder, env={**os.environ, **env},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode is not None
    return process.returncode, output.decode()


NOWHERE = {"DECROCHE_DEBIAN_MIRROR": "http://127.0.0.1:9/debian"}


@pytest.fixture
def downloaded(tmp_path: Path) -> Path:
    """A folder that holds the packages and nothing made of them."""
    debs = default_folder() / "debs"
    if not debs.is_dir():
        pytest.skip("this machine has an Asterisk of its own: none was fetched")
    shutil.copytree(debs, tmp_path / "asterisk" / "debs")
    return tmp_path / "asterisk"


async def test_packages_that_were_fetched_once_need_no_network(downloaded: Path) -> None:
    code, output = await _fetch(downloaded, **NOWHERE)
    assert code == 0, output
    assert f"binary={downloaded}/asterisk" in output
    made = (downloaded / "root").stat().st_mtime_ns
    assert (await _fetch(downloaded, **NOWHERE))[0] == 0
    assert (downloaded / "root").stat().st_mtime_ns == made, "nothing is done twice"


async def test_a_package_that_was_changed_is_never_unpacked(downloaded: Path) -> None:
    victim = next((downloaded / "debs").glob("asterisk_*.deb"))
    victim.write_bytes(victim.read_bytes() + b"x")
    code, output = await _fetch(downloaded, **NOWHERE)
    assert code == 1
    assert not (downloaded / "root").exists()
    assert "mirror" in output


async def test_a_mirror_that_cannot_be_reached_is_told(tmp_path: Path) -> None:
    code, output = await _fetch(tmp_path / "asterisk", **NOWHERE)
    assert code == 1
    assert "could not be read from http://127.0.0.1:9/debian" in output
    assert "install Asterisk" in output
    assert not (tmp_path / "asterisk" / "paths").exists()
