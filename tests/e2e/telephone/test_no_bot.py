"""No bot at all: Asterisk itself says a sentence, looks for a bot, and rings the fallback number."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from bot.stack import PHONE_PARTS
from simulator.sip import Manner, SipPhone, State
from tests.e2e.telephone import judge
from tests.e2e.telephone.rig import FALLBACK, SPARE, SUBSCRIBER, TelephoneLine, telephone_line

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def botless(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TelephoneLine]:
    async with telephone_line(
        tmp_path_factory.mktemp("botless"), PHONE_PARTS[:1], {"DECROCHE_RESCUE_TRIES": "2"}
    ) as line:
        yield line


async def test_a_sentence_then_the_fallback_number(botless: TelephoneLine) -> None:
    person = Manner(hum=judge.tone(judge.AGENT_HZ))
    async with botless.carrier(person) as carrier, SipPhone(SUBSCRIBER) as caller:
        answered = await caller.connect(botless.uri)
        picked_up = await carrier.until(State.UP, 30.0)
        caller.hum(judge.tone(judge.CALLER_HZ))
        with pytest.raises(TimeoutError):
            await caller.until(State.OVER, 2.0)
        (invitation,) = carrier.invitations
        waiting = caller.sound(answered, picked_up).heard
        talking = caller.sound(picked_up + 0.7, picked_up + 1.9).heard
        there = carrier.sound(picked_up + 0.7, picked_up + 1.9).heard
    assert f"sip:{FALLBACK}@" in invitation.request
    first = judge.first_sound_s(waiting)
    assert first is not None
    assert first < 0.5 * SPARE, "the sentence follows the answer"
    assert judge.speech_s(waiting) > 3.0, "two sentences were said"
    assert judge.music_s(waiting) > 3.0, "and music between the tries to find a bot"
    assert judge.longest_silence_s(waiting) < 2.0
    assert judge.tone_s(talking, judge.AGENT_HZ) >= 0.75
    assert judge.tone_s(there, judge.CALLER_HZ) >= 0.75
    assert await botless.is_quiet()
