"""The bot killed in mid-call, the link between bot and Asterisk cut: nobody is dropped, nothing is left behind."""

from __future__ import annotations

import asyncio

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


async def calls_of(line: TelephoneLine) -> list[dict[str, str]]:
    """Every call, newest first."""
    async with httpx.AsyncClient(headers=dict(line.server.headers), timeout=5.0) as client:
        return list((await client.get(f"{line.server.url}/api/calls")).json()["calls"])


async def test_the_bot_killed_in_mid_call(line: TelephoneLine, hearing: WhisperTranscriber) -> None:
    async with line.call() as call:
        await call.says("Bonjour, je voudrais connaître le montant de ma facture.")
        await call.event("caller_said")
        case = (await line.record(call.call_id))["case_id"]
        killed = call.now
        await line.stack.end("bot", kill=True)
        await line.stack.begin("bot")

        async def taken_up() -> bool:
            return (await calls_of(line))[0]["call_id"] != call.call_id

        assert await eventually(taken_up, 30.0), "a fresh bot takes the caller"
        again = call.now
        await call.until_quiet(again, quiet_s=1.0)
        assert call.phone.in_call
        sentence = call.heard(killed + 0.3, killed + 0.3 + 4.0 + SENTENCE_S).heard
        waited, back = call.heard(killed + 0.3, again).heard, call.heard(again).heard
        fresh = await calls_of(line)
    first = judge.first_sound_s(sentence)
    assert first is not None
    assert first < SENTENCE_S * SPARE
    assert "coup" in (await read(hearing, sentence)).lower(), "nous avons été coupés"
    assert judge.longest_silence_s(waited) < SENTENCE_S * SPARE
    assert judge.speech_s(back) > 1.0
    assert fresh[0]["case_id"] == case, "the fresh bot knows the case"


async def test_the_bot_killed_while_an_agent_has_the_caller(line: TelephoneLine) -> None:
    async with line.agent("first") as agent, line.call() as call:
        await asks_for_a_person(call)
        await accepted(call, agent)
        await line.stack.end("bot", kill=True)
        killed = call.now
        await asyncio.sleep(2.0)
        assert call.phone.in_call, "the two go on"
        assert agent.in_call
        assert judge.tone_s(call.heard(killed + 0.5, killed + 2.0).heard, judge.AGENT_HZ) >= 0.75
        starting = asyncio.create_task(line.stack.begin("bot"), name="bot")
        agent.hang_up()
        left = call.now
        await call.until_quiet(left + 0.5, quiet_s=1.0, within_s=60.0)
        await starting
        assert call.phone.in_call, "the caller comes to a bot again"
        assert judge.longest_silence_s(call.heard(left, left + 6.0).heard) < SENTENCE_S * SPARE


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
