"""A caller is handed over to a person: what each of the three hears, judged on the recordings."""

from __future__ import annotations

import asyncio
import re

import pytest

from bot.handoff.token import HandoffTokens
from media.stt.whisper import WhisperTranscriber
from media.telephony.caller import user_to_user
from simulator.sip import Codec, Manner, SipAgent, State
from tests.e2e.telephone import judge
from tests.e2e.telephone.rig import SPARE, Call, TelephoneLine, read

pytestmark = pytest.mark.asyncio(loop_scope="session")

SILENCE_S = 2.0
"""A caller is never left in silence for longer."""
HUM = judge.tone(judge.AGENT_HZ)


async def asks_for_a_person(call: Call) -> float:
    """Press zero; when the bot has understood."""
    await call.event("bot_said")
    call.phone.press("0")
    at, _ = await call.event("handoff_requested")
    return at


async def accepted(call: Call, agent: SipAgent) -> float:
    """The agent hears the whisper out and presses 1; when the two are together."""
    up = await agent.until(State.UP, 20.0)
    await asyncio.sleep(3.0)
    agent.press("1")
    at, _ = await call.event("agent_joined")
    assert at > up
    return at


async def test_who_hears_what(line: TelephoneLine, hearing: WhisperTranscriber) -> None:
    async with line.agent("first") as agent, line.call() as call:
        asked = await asks_for_a_person(call)
        joined = await accepted(call, agent)
        picked_up = await agent.until(State.UP, 1.0)
        call.phone.hum(judge.tone(judge.CALLER_HZ))
        await asyncio.sleep(2.0)
        left = call.now
        agent.hang_up()
        call.phone.hum(judge.tone(0))
        await call.event("agent_left")
        await call.event("bot_said", after=left)
        await call.until_quiet(left + 0.3)
        end = call.now
        caller, briefed = call.phone.sound(), agent.sound(picked_up, joined).heard
        waiting = call.heard(picked_up, joined).heard
        together = (joined + 0.7, left)
        with_agent, with_caller = call.heard(*together).heard, agent.sound(*together).heard
        agent_heard = agent.sound().heard
        from_request = call.heard(asked, end).heard
        record = await line.record(call.call_id)
        (invitation,) = agent.invitations
    # The agent is briefed, and hears neither the music nor anything of the caller before.
    assert judge.speech_s(briefed) > 1.0
    assert re.search(r"appel|personne|identi", await read(hearing, briefed), re.IGNORECASE)
    assert judge.music_s(agent_heard) == 0
    # The caller hears music meanwhile, and nothing of the whisper.
    assert judge.music_s(waiting) > 0.7 * len(waiting) / judge.RATE
    whisper = briefed[round((judge.first_sound_s(briefed) or 0) * judge.RATE) :][: 2 * judge.RATE]
    assert judge.likeness(whisper, caller.heard) < 0.3
    assert judge.likeness(whisper, agent_heard) > 0.9, "the judge can tell"
    # Together, each hears the other.
    assert judge.tone_s(with_agent, judge.AGENT_HZ) >= 0.75
    assert judge.tone_s(with_caller, judge.CALLER_HZ) >= 0.75
    assert judge.music_s(with_agent) == 0
    # Never left in silence, from the request to the bot's return.
    assert judge.longest_silence_s(from_request) < SILENCE_S
    # The agent's telephone was told which case this is.
    assert invitation.header("X-Call-Id") == call.call_id
    token = user_to_user(invitation.header("User-to-User"))
    assert invitation.header("User-to-User").endswith(";encoding=hex")
    key = (line.stack.var / "handoff-key").read_text().strip().encode()
    assert HandoffTokens(key).read(token, site="first").handoff_id == record["handoff"]["handoff_id"]
    assert "first" not in invitation.header("From")
    rung = [event for event in record["events"] if event["type"] == "site_rung"]
    assert [(one["site"], one["result"]) for one in rung] == [("first", "answered")]


async def test_declined_busy_and_no_common_codec_then_a_callback_is_offered(line: TelephoneLine) -> None:
    manner = Manner(answer_after_s=0.3)
    async with (
        line.agent("first", Manner(refuse=603)),
        line.agent("second", Manner(refuse=486)),
        line.agent("third", manner, codec=Codec.UNKNOWN),
        line.call() as call,
    ):
        asked = await asks_for_a_person(call)
        for site, result in (("first", "declined"), ("second", "busy"), ("third", "failed")):
            await call.event("site_rung", site=site, result=result)
        offered, said = await call.event("bot_said", after=call.now - 0.5)
        await call.until_quiet(offered)
        assert judge.longest_silence_s(call.heard(asked).heard) < SILENCE_S
        assert "rappel" in said["text"].lower()
        call.phone.press("1")
        await call.event("callback_promised")
        await call.event("call_ended", outcome="callback", by="bot")


async def test_no_answer_an_answering_machine_and_a_refusal_by_key(line: TelephoneLine) -> None:
    machine = Manner(hum=HUM)  # answers, makes its sound, presses nothing
    async with (
        line.agent("first", Manner(answer_after_s=None)) as silent,
        line.agent("second", machine) as second,
        line.agent("third", Manner(hum=HUM)) as third,
        line.call() as call,
    ):
        asked = await asks_for_a_person(call)
        await call.event("site_rung", site="first", result="no_answer")
        await silent.until(State.OVER, 1.0 * SPARE)
        await call.event("site_rung", 40.0, site="second", result="no_answer")
        await second.until(State.OVER, 1.0 * SPARE)
        await third.until(State.UP, 20.0)
        await asyncio.sleep(1.0)
        third.press("2")
        await call.event("site_rung", site="third", result="declined")
        declined = call.now
        _, said = await call.event("bot_said", after=declined - 0.5)
        await call.until_quiet(declined)
        assert judge.longest_silence_s(call.heard(asked).heard) < SILENCE_S
        assert "rappel" in said["text"].lower()
        for agent in (second, third):
            assert judge.music_s(agent.sound().heard) == 0
            assert judge.likeness(HUM, call.heard(asked).heard) < 0.3, "no agent was put through"


async def test_the_caller_hangs_up_while_a_site_rings(line: TelephoneLine) -> None:
    async with line.agent("first", Manner(answer_after_s=None)) as agent, line.call() as call:
        await asks_for_a_person(call)
        await agent.wait("invited", 10.0)
        await asyncio.sleep(0.5)
        gone = call.now
        call.phone.hang_up()
        stopped = await agent.until(State.OVER, 5.0)
        assert stopped - gone < 0.5 * SPARE, "the ringing stops at once"


async def test_the_caller_hangs_up_during_the_whisper(line: TelephoneLine) -> None:
    async with line.agent("first") as agent, line.call() as call:
        await asks_for_a_person(call)
        await agent.until(State.UP, 20.0)
        await asyncio.sleep(1.0)
        gone = call.now
        call.phone.hang_up()
        assert await agent.until(State.OVER, 5.0) - gone < 0.5 * SPARE


async def test_the_caller_hangs_up_on_the_agent(line: TelephoneLine) -> None:
    async with line.agent("first") as agent, line.call() as call:
        await asks_for_a_person(call)
        await accepted(call, agent)
        gone = call.now
        call.phone.hang_up()
        assert await agent.until(State.OVER, 5.0) - gone < 0.5 * SPARE
