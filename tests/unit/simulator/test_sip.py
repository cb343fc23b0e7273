"""SIP telephones that call each other over loopback, without a switch between them."""

from __future__ import annotations

import asyncio
import time

import numpy as np
import pytest

from bot.errors import TransportError
from bot.models import Pcm
from simulator import sip_wire as wire
from simulator.sip import Codec, Manner, SipAgent, SipPhone, State

RATE = wire.RATE


def tone(hertz: float, seconds: float = 1.0) -> Pcm:
    return np.rint(6000 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)).astype(
        np.int16
    )


def pitch(samples: Pcm) -> float:
    """The strongest frequency, Hz."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * RATE / len(samples))


@pytest.mark.parametrize("codec", [Codec.A_LAW, Codec.MU_LAW])
async def test_each_hears_the_other(codec: Codec) -> None:
    manner = Manner(keys=((0.3, "1"),), stays_s=1.6, hum=tone(1000))
    async with SipAgent(manner=manner, codec=codec) as agent, SipPhone("+33611223344", codec=codec) as caller:
        answered = await caller.connect(agent.uri, {"User-to-User": "00ff;encoding=hex"})
        caller.hum(tone(440))
        await asyncio.sleep(0.5)
        caller.press("5")
        over = await caller.until(State.OVER, 5.0, since=answered)
    (invitation,) = agent.invitations
    assert invitation.header("user-to-user") == "00ff;encoding=hex"
    assert "+33611223344" in invitation.header("From")
    assert (agent.keys, caller.keys) == ("5", "1")
    later = (answered + 1.0, answered + 1.5)
    assert pitch(caller.sound(*later).heard) == pytest.approx(1000, abs=5)
    assert pitch(agent.sound(*later).heard) == pytest.approx(440, abs=5)
    assert over - answered == pytest.approx(1.6, abs=0.4)


@pytest.mark.parametrize(
    ("manner", "codec", "reason"),
    [
        (Manner(refuse=603), Codec.A_LAW, "603"),
        (Manner(refuse=486, answer_after_s=0), Codec.A_LAW, "486"),
        (Manner(), Codec.UNKNOWN, "488"),
        (Manner(answer_after_s=None), Codec.A_LAW, "nobody answered"),
    ],
)
async def test_ways_of_not_answering(manner: Manner, codec: Codec, reason: str) -> None:
    async with SipAgent(manner=manner, codec=codec) as agent, SipPhone() as caller:
        with pytest.raises(TransportError, match=reason):
            await caller.connect(agent.uri, ring_s=1.0)
        assert not caller.in_call
        if manner.answer_after_s is None:
            assert await agent.until(State.OVER, 2.0), "ringing stops when the caller gives up"


async def test_sound_goes_out_in_order_and_in_time() -> None:
    async with SipAgent() as agent, SipPhone() as caller:
        await caller.connect(agent.uri)
        await asyncio.sleep(0.3)
        caller.play(tone(700, 0.2))
        caller.play(tone(900, 0.2))
        await asyncio.sleep(0.9)
        sent, heard = caller.sound(), agent.sound()
    assert len(sent.sent) == len(sent.heard) == 320 * len(sent.times)
    loud = np.flatnonzero(np.abs(heard.heard.reshape(-1, 320)).max(axis=1) > 1500)
    began = heard.times[loud[0]]
    left = sent.times[np.flatnonzero(np.abs(sent.sent.reshape(-1, 320)).max(axis=1) > 1500)[0]]
    assert 0 <= began - left < 0.25, "heard a jitter buffer after it was said"
    assert pitch(heard.heard[loud[0] * 320 :][:3200]) == pytest.approx(700, abs=20)
    assert pitch(heard.heard[loud[0] * 320 + 3200 :][:3000]) == pytest.approx(900, abs=20)


async def test_a_phone_that_crashes_is_noticed() -> None:
    async with SipPhone() as phone:
        phone.kill()
        with pytest.raises(TransportError, match="lost"):
            await phone.wait("media", 5.0)


async def test_a_call_to_nobody_is_refused_at_once() -> None:
    async with SipPhone() as phone:
        began = time.monotonic()
        with pytest.raises(TransportError, match=r"not a sip uri|Invalid|PJSIP_EINVALIDURI"):
            await phone.connect("not a sip uri", ring_s=5.0)
        assert time.monotonic() - began < 2


def test_a_tick_is_read_as_it_was_written() -> None:
    sent, heard = bytes(range(256)) * 2 + bytes(128), bytes(wire.FRAME_BYTES)
    message = wire.tick(12.5, sent, heard)
    kind, length = wire.HEAD.unpack_from(message)
    assert (kind, length) == (wire.TICK, len(message) - wire.HEAD.size)
    assert wire.read_tick(message[wire.HEAD.size :]) == (12.5, sent, heard)
