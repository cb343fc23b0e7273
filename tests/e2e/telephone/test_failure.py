"""The bot killed in mid-call, the link between bot and Asterisk cut: nobody is dropped, nothing is left behind."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from media.stt.whisper import WhisperTranscriber
from simulator.sip import State
from tests.e2e.telephone import judge
from tests.e2e.telephone.rig import SPARE, TelephoneLine, eventually, read
from tests.e2e.telephone.test_transfer import accepted, asks_for_a_person
from tests.e2e.telephone.wire import Wire

pytestmark = pytest.mark.asyncio(loop_scope="session")

SENTENCE_S = 2.0
"""A caller whose bot died hears Asterisk within this."""


async def calls_of(line: TelephoneLine, *, running: bool) -> list[dict[str, Any]]:
    """The calls that are running, or are over; newest first."""
    async with httpx.AsyncClient(headers=dict(line.server.headers), timeout=5.0) as client:
        calls = (await client.get(f"{line.server.url}/api/calls")).json()["calls"]
    return [call for call in calls if call["running"] is running]


async def test_the_bot_killed(line: TelephoneLine, hearing: WhisperTranscriber) -> None:
    """One caller talks to the bot, another to an agent, when the process is killed."""
    async with line.agent("first") as agent, line.call() as alone, line.call("+33622334455") as served:
        await asks_for_a_person(served)
        await accepted(served, agent)
        await alone.says("Bonjour, je voudrais connaître le montant de ma facture.")
        await alone.event("caller_said")
        case = (await line.record(alone.call_id))["case_id"]
        killed = alone.now
        await line.stack.end("bot", kill=True)
        # Those who talk to each other go on; when the agent leaves, the caller is not alone.
        await asyncio.sleep(2.0)
        assert judge.tone_s(served.heard(killed + 0.5, killed + 2.0).heard, judge.AGENT_HZ) >= 0.75
        agent.hang_up()
        left = served.now
        await line.stack.begin("bot")

        async def taken_up() -> bool:
            return len(await calls_of(line, running=True)) == 2

        assert await eventually(taken_up, 30.0), "a fresh bot takes both callers"
        again = alone.now
        await asyncio.gather(*(call.until_quiet(again, quiet_s=1.0) for call in (alone, served)))
        assert alone.phone.in_call
        assert served.phone.in_call
        sentence = alone.heard(killed + 0.3, killed + 6.0).heard
        back = alone.heard(again).heard
        cases = [call["case_id"] for call in await calls_of(line, running=True)]
        for waited in (alone.heard(killed, again).heard, served.heard(left, again).heard):
            assert judge.longest_silence_s(waited) < SENTENCE_S * SPARE
    first = judge.first_sound_s(sentence)
    assert first is not None
    assert first < SENTENCE_S * SPARE
    assert "coup" in (await read(hearing, sentence)).lower(), "nous avons été coupés"
    assert judge.speech_s(back) > 1.0
    assert case in cases, "the fresh bot knows the case"


async def test_the_ari_link_lost_and_back(line: TelephoneLine, ari_wire: Wire) -> None:
    async with line.agent("first") as agent, line.call() as stays, line.call("+33622334455") as leaves:
        await stays.event("bot_said")
        await leaves.event("bot_said")
        ari_wire.cut()
        cut = stays.now
        leaves.phone.hang_up()
        await stays.says("Bonjour, je voudrais connaître le montant de ma facture.")
        await stays.event("caller_said", after=cut)  # the conversation goes on without the link
        await stays.event("bot_said", after=cut + 0.5)
        assert stays.phone.in_call
        ari_wire.mend()
        await asyncio.sleep(3.0)
        await leaves.event("call_ended", 10.0)
        stays.phone.press("0")
        await stays.event("handoff_requested")
        await accepted(stays, agent)  # and Asterisk obeys again
        stays.phone.hang_up()
        await agent.until(State.OVER, 5.0)


async def test_the_ari_link_lost_while_a_site_rings(line: TelephoneLine, ari_wire: Wire) -> None:
    async with line.agent("first") as agent, line.call() as call:
        await asks_for_a_person(call)
        await agent.wait("invited", 10.0)
        ari_wire.cut()
        await asyncio.sleep(0.5)
        call.phone.hang_up()
        await asyncio.sleep(1.0)
        ari_wire.mend()
        await agent.until(State.OVER, 15.0)
