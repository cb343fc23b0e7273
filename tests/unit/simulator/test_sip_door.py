"""The SIP door, against a SIP telephone that answers in the bot's place."""

from __future__ import annotations

import asyncio
from datetime import datetime

import numpy as np
import pytest

from bot.errors import TransportError
from media.audio import rms_dbfs
from media.telephony.caller import user_to_user
from media.telephony.rehearsal import read_rehearsal
from simulator.doors.sip import SipDoor
from simulator.line import FRAME
from simulator.sip import Manner, SipAgent
from tests.unit.simulator.test_sip import pitch, tone

NOW = datetime.fromisoformat("2027-03-16T10:00:00+01:00")


async def test_ticks_of_a_real_call() -> None:
    async with SipAgent(manner=Manner(hum=tone(1000), keys=((0.1, "7"),))) as bot:
        async with SipDoor(bot.uri, "+33611223344", NOW) as door:
            said = tone(500, 1.0)
            ticks = [await door.exchange(said[at : at + FRAME]) for at in range(0, len(said), FRAME)]
            await door.key("4")
            ticks += [await door.exchange(np.zeros(FRAME, dtype=np.int16)) for _ in range(25)]
            assert not door.ended
            await door.hang_up()
        heard = np.concatenate([frame for _, frame in ticks])
        sent = np.concatenate([frame for frame, _ in ticks])
        await asyncio.sleep(0.2)
    assert pitch(heard[16_000:]) == pytest.approx(1000, abs=5)
    began = int(np.flatnonzero(sent)[0]) - 1  # a tone's first sample is 0
    assert 2 * FRAME <= began <= 6 * FRAME
    assert (sent[began:][: len(said)] == said).all(), "what left is on tape as it left"
    assert bot.keys == "4"
    assert not bot.in_call
    rehearsal = read_rehearsal(user_to_user(bot.invitations[0].header("User-to-User")))
    assert rehearsal is not None
    assert (rehearsal.call_id, rehearsal.now) == (door.call_id, NOW)


async def test_the_bot_hangs_up() -> None:
    async with SipAgent(manner=Manner(stays_s=0.5)) as bot, SipDoor(bot.uri, "") as door:
        ticks = 0
        while not door.ended and ticks < 200:
            _, heard = await door.exchange(np.zeros(FRAME, dtype=np.int16))
            ticks += 1
        assert 10 < ticks < 100
        assert rms_dbfs(heard) < -60
        assert "anonymous" in bot.invitations[0].header("From")


async def test_nobody_there() -> None:
    with pytest.raises(TransportError, match=r"sip:decroche@127\.0\.0\.1"):
        async with SipDoor("sip:decroche@127.0.0.1:9", "", ring_s=0.5):
            pass
