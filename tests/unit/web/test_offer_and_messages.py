"""What the browser door takes and what it refuses, before any peer exists."""

from __future__ import annotations

import json

import pytest
from aiortc import RTCPeerConnection
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import InputError
from bot.models import HungUp, KeysPressed, Muted
from media.webrtc.messages import Allowance, read_message
from media.webrtc.offer import MAX_CANDIDATES, check_offer


@pytest.fixture
async def good(caller) -> str:
    return await caller.offer()


def test_a_browser_offer_is_taken(good):
    check_offer(good)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda sdp: "", "v=0"),
        (lambda sdp: "v=0\r\n", "audio section"),
        (lambda sdp: sdp[: sdp.index("m=audio")] + sdp[sdp.index("m=application") :], "audio section"),
        (lambda sdp: sdp[: sdp.index("m=application")], "data section"),
        (lambda sdp: sdp + sdp[sdp.index("m=audio") : sdp.index("m=application")], "exactly one audio"),
        (lambda sdp: sdp.replace("m=audio", "m=video"), "audio section"),
        (lambda sdp: sdp.replace("a=sendrecv", "a=recvonly"), "sendrecv"),
        (lambda sdp: sdp.replace("a=ice-pwd", "a=ice-gone"), "ICE"),
        (lambda sdp: sdp.replace("a=fingerprint", "a=gone"), "fingerprint"),
        (lambda sdp: sdp + "\r\n" + "x" * 70_000, "longer"),
        (lambda sdp: sdp.replace("m=audio", "m=audio spoons"), "cannot be read"),
        (
            lambda sdp: sdp.replace(
                "a=rtcp-mux",
                "a=candidate:1 1 udp 1 192.0.2.1 1 typ host\r\n" * (MAX_CANDIDATES + 1) + "a=rtcp-mux",
                1,
            ),
            "candidates",
        ),
    ],
)
def test_an_offer_that_cannot_become_a_call_is_refused_with_its_reason(good, change, reason):
    with pytest.raises(InputError, match=reason):
        check_offer(change(good))


def test_an_unknown_codec_is_refused(good):
    lines = []
    for line in good.split("\r\n"):
        lines.append(line.replace("opus/48000", "speex/48000").replace("G722", "L16"))
    odd = "\r\n".join(lines).replace("PCMU", "GSM").replace("PCMA", "LPC")
    with pytest.raises(InputError, match="codec"):
        check_offer(odd)


def test_an_answer_is_not_an_offer(good):
    with pytest.raises(InputError, match="offer"):
        check_offer(good, "answer")


async def test_an_offer_of_another_browser_family_is_taken():
    peer = RTCPeerConnection()
    peer.addTransceiver("audio")
    peer.createDataChannel("events")
    await peer.setLocalDescription(await peer.createOffer())
    check_offer(peer.localDescription.sdp.replace("\r\n", "\n"))
    await peer.close()


@given(cut=st.integers(0, 4000), noise=st.text(max_size=40))
def test_any_damage_is_either_harmless_or_refused(cut, noise):
    sdp = _SAMPLE[:cut] + noise + _SAMPLE[cut:]
    try:
        check_offer(sdp)
    except InputError as err:
        assert str(err)


@given(st.text() | st.binary())
def test_any_message_is_a_control_or_refused(message):
    try:
        read_message(message)
    except InputError as err:
        assert str(err)


@pytest.mark.parametrize(
    ("message", "control"),
    [
        ({"type": "keys", "digits": "0123456789*#"}, KeysPressed("0123456789*#")),
        ({"type": "mute", "on": False}, Muted(False)),
        ({"type": "hang_up"}, HungUp("hung_up")),
    ],
)
def test_messages_of_the_page(message, control):
    assert read_message(json.dumps(message)) == control


@pytest.mark.parametrize(
    "message",
    [
        '{"type": "keys", "digits": ""}',
        '{"type": "keys", "digits": "١"}',
        '{"type": "keys", "digits": "1A"}',
        '{"type": "keys", "digits": 5}',
        '{"type": "mute", "on": "yes"}',
        '{"type": "signalling"}',
        "[" * 900,
        "[]",
        "ping",
        '{"type": "keys", "digits": "' + "1" * 33 + '"}',
        " " * 1025,
    ],
)
def test_odd_messages_are_refused(message):
    with pytest.raises(InputError):
        read_message(message)


def test_a_burst_passes_and_a_flood_does_not():
    allowance = Allowance(burst=3, per_second=2)
    assert [allowance.take(10.0) for _ in range(5)] == [True, True, True, False, False]
    assert [allowance.take(10.5), allowance.take(10.5)] == [True, False]


@given(st.lists(st.floats(0, 5), max_size=200))
def test_no_more_than_the_allowance_ever_passes(gaps):
    allowance, now, passed = Allowance(burst=5, per_second=2), 0.0, 0
    for gap in gaps:
        now += gap
        passed += allowance.take(now)
    assert passed <= 5 + 2 * now + 1e-6


_SAMPLE = """v=0
o=- 1 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
m=audio 9 UDP/TLS/RTP/SAVPF 111
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
a=candidate:1 1 udp 2113937151 127.0.0.1 40000 typ host
a=ice-ufrag:abcd
a=ice-pwd:abcdefghijklmnopqrstuvwx
a=fingerprint:sha-256 00:11:22
a=setup:actpass
a=mid:0
a=sendrecv
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=fmtp:111 minptime=10;useinbandfec=1
a=ssrc:1 cname:x
m=application 9 UDP/DTLS/SCTP webrtc-datachannel
c=IN IP4 0.0.0.0
a=ice-ufrag:abcd
a=ice-pwd:abcdefghijklmnopqrstuvwx
a=fingerprint:sha-256 00:11:22
a=setup:actpass
a=mid:1
a=sctp-port:5000
a=max-message-size:262144
""".replace("\n", "\r\n")
