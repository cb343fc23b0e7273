"""The line on a fake Asterisk, on a virtual clock: what the bot asks, what the line does, who hears whom."""

from __future__ import annotations

import asyncio
import uuid

import pytest

from bot.errors import AgentGoneError, CallerGoneError, LineError
from bot.models import Channel, RingResult, SiteLine
from bot.ports import CallControl
from media.telephony.call import ALIVE_WITHIN_S
from media.telephony.line import TOKEN_LIVES_S
from tests.unit.line.fake_asterisk import Desk, on_a_line, settle

SITE = SiteLine("rennes", "sip:rennes@127.0.0.1:5090")


async def ring(desk: Desk, control: CallControl, *, ring_s: float = 20) -> asyncio.Task[RingResult]:
    task = asyncio.create_task(control.ring(SITE, token="h1.abc", ring_s=ring_s))
    await settle()
    return task


async def answered(desk: Desk, control: CallControl) -> str:
    """An agent has answered; their leg."""
    await control.hold()
    ringing = await ring(desk, control)
    agent = desk.asterisk.only("agent-")
    desk.asterisk.rings(agent)
    desk.asterisk.answers(agent)
    assert await ringing is RingResult.ANSWERED
    await settle()
    return agent


# --- coming in


@on_a_line
async def test_a_caller_is_answered_marked_and_with_the_bot(desk: Desk) -> None:
    request, _ = await desk.call_in(number="06 12 34 56 78", DECROCHE_UUI="6162;encoding=hex")
    assert request.channel is Channel.PHONE
    assert request.caller_number == "+33612345678"
    assert request.user_to_user == "ab"
    assert (request.resumes, request.callback) == ("", "")
    caller = desk.asterisk.channels["caller-1"]
    assert caller.state == "Up"
    assert caller.variables["DECROCHE_CALL"] == request.call_id
    assert desk.asterisk.with_("caller-1") == {f"bot-{request.call_id}"}
    assert desk.asterisk.kinds == {"mixing,dtmf_events,video_sfu"}, "a silent bot would send no sound at all"


@on_a_line
async def test_a_hostile_header_costs_the_header_not_the_call(desk: Desk) -> None:
    request, _ = await desk.call_in(number="<script>", DECROCHE_UUI="61" * 4096)
    assert (request.user_to_user, request.caller_number) == ("", "")


@on_a_line
async def test_a_caller_from_the_rescue_resumes_their_call(desk: Desk) -> None:
    old = str(uuid.uuid4())
    request, _ = await desk.call_in(args="rescue", DECROCHE_CALL=old)
    assert request.resumes == old
    assert request.call_id != old
    assert desk.asterisk.channels["caller-1"].variables["DECROCHE_CALL"] == request.call_id


@on_a_line
async def test_a_new_caller_resumes_nothing_whatever_the_variable_says(desk: Desk) -> None:
    request, _ = await desk.call_in(DECROCHE_CALL=str(uuid.uuid4()))
    assert request.resumes == ""
    request, _ = await desk.call_in("caller-2", args="rescue", DECROCHE_CALL="../x")
    assert request.resumes == ""


@on_a_line
async def test_who_comes_while_every_line_is_taken_waits_with_music_and_keeps_no_call(desk: Desk) -> None:
    desk.line.room = lambda: False
    desk.asterisk.call_in("caller-1")
    await settle()
    assert desk.asterisk.busy == ["caller-1"]
    assert "DECROCHE_CALL" not in desk.asterisk.channels["caller-1"].variables
    assert desk.line.calls == 0
    desk.line.room = lambda: True
    request, _ = await desk.call_in(args="rescue")
    assert request.resumes == ""


@on_a_line
async def test_who_comes_back_to_a_case_is_not_sent_away_for_lack_of_lines(desk: Desk) -> None:
    desk.line.room = lambda: False
    old = str(uuid.uuid4())
    request, _ = await desk.call_in(args="rescue", DECROCHE_CALL=old)
    assert request.resumes == old


@on_a_line
async def test_a_token_opens_one_call_once(desk: Desk) -> None:
    desk.asterisk.call_in("caller-1")
    desk.asterisk.call_in("caller-2")
    await settle()
    first, second = desk.asterisk.tokens
    assert first != second
    assert len(first) >= 32
    assert desk.line.claim("") is None
    assert desk.line.claim(first[:-1]) is None
    claimed = desk.line.claim(second)
    assert claimed
    assert desk.line.claim(second) is None
    assert desk.line.claim(first)


@on_a_line
async def test_a_token_grows_old(desk: Desk) -> None:
    desk.asterisk.call_in("caller-1")
    await settle(TOKEN_LIVES_S + 0.1)
    assert desk.line.claim(desk.asterisk.tokens[0]) is None


@on_a_line
async def test_a_caller_who_left_cannot_be_claimed(desk: Desk) -> None:
    desk.asterisk.call_in("caller-1")
    await settle(0.001)
    desk.asterisk.ends("caller-1")
    await settle()
    assert all(desk.line.claim(token) is None for token in desk.asterisk.tokens)
    assert desk.idle()


@on_a_line
async def test_a_bot_that_cannot_be_reached_sends_the_caller_to_the_rescue(desk: Desk) -> None:
    desk.asterisk.bot = "refuses"
    desk.asterisk.call_in("caller-1")
    await settle()
    assert desk.asterisk.rescued == ["caller-1"]
    assert desk.line.calls == 0
    assert not desk.asterisk.bridges


@on_a_line
async def test_a_rescued_caller_comes_back_to_a_new_call(desk: Desk) -> None:
    request, control = await desk.call_in()
    desk.asterisk.ends(desk.asterisk.only("bot-"), 38)
    await settle()
    assert desk.asterisk.rescued == ["caller-1"]
    with pytest.raises(CallerGoneError):
        await control.hold()
    again, control = await desk.call_in(args="rescue")
    assert again.resumes == request.call_id
    await control.hold()
    assert desk.asterisk.with_("caller-1") == {"music"}


@on_a_line
async def test_a_bot_that_closes_its_leg_without_a_word_does_not_end_the_call(desk: Desk) -> None:
    await desk.call_in()
    desk.asterisk.ends(desk.asterisk.only("bot-"), 16)
    await settle()
    assert desk.asterisk.rescued == ["caller-1"]


# --- the transfer


@on_a_line
async def test_hold_and_take_back(desk: Desk) -> None:
    request, control = await desk.call_in()
    await control.hold()
    assert desk.asterisk.with_("caller-1") == {"music"}
    await control.hold()
    await control.take_back()
    assert desk.asterisk.with_("caller-1") == {f"bot-{request.call_id}"}


@on_a_line
async def test_a_whole_warm_transfer(desk: Desk) -> None:
    request, control = await desk.call_in()
    bot = f"bot-{request.call_id}"
    agent = await answered(desk, control)
    made = desk.asterisk.originated[agent]
    assert made["endpoint"] == "PJSIP/sites/sip:rennes@127.0.0.1:5090"
    assert made["caller_id"] == "+33180880000"
    assert made["variables"] == {
        "PJSIP_HEADER(add,User-to-User)": b"h1.abc".hex() + ";encoding=hex",
        "PJSIP_HEADER(add,X-Call-Id)": request.call_id,
    }
    assert desk.asterisk.with_("caller-1") == {"music"}
    assert agent in desk.asterisk.absorbed, "the bot would take the agent's keys for the caller's"
    await control.whisper()
    assert desk.asterisk.with_(agent) == {bot}
    assert desk.asterisk.with_("caller-1") == {"music"}
    desk.asterisk.presses("caller-1", "2")
    desk.asterisk.presses(agent, "1")
    assert await control.agent_key(within_s=5) == "1"
    await control.join()
    assert desk.asterisk.with_("caller-1") == {agent}
    left = asyncio.create_task(control.agent_left())
    await settle()
    assert not left.done()
    desk.asterisk.ends(agent)
    await left
    await settle()
    assert desk.asterisk.with_("caller-1") == {"music"}
    await control.agent_left()
    await control.take_back()
    assert desk.asterisk.with_("caller-1") == {bot}
    await control.hang_up()
    await settle()
    assert desk.idle()


@on_a_line
async def test_the_caller_hears_news_while_the_agent_rings_on(desk: Desk) -> None:
    request, control = await desk.call_in()
    await control.hold()
    ringing = await ring(desk, control)
    await control.take_back()
    assert desk.asterisk.with_("caller-1") == {f"bot-{request.call_id}"}
    await control.hold()
    assert not ringing.done()
    desk.asterisk.answers(desk.asterisk.only("agent-"))
    assert await ringing is RingResult.ANSWERED


@pytest.mark.parametrize(
    ("cause", "status", "result"),
    [
        (17, 486, RingResult.BUSY),
        (21, 603, RingResult.DECLINED),
        (19, 480, RingResult.NO_ANSWER),
        (58, 488, RingResult.FAILED),
        (34, 503, RingResult.FAILED),
    ],
)
def test_how_ringing_ends(cause: int, status: int, result: RingResult) -> None:
    @on_a_line
    async def run(desk: Desk) -> None:
        _, control = await desk.call_in()
        ringing = await ring(desk, control)
        desk.asterisk.ends(desk.asterisk.only("agent-"), cause, status)
        assert await ringing is result

    run()


@on_a_line
async def test_a_dead_far_end_is_given_up_soon_and_one_that_rings_after_its_time(desk: Desk) -> None:
    _, control = await desk.call_in()
    loop = asyncio.get_running_loop()
    began = loop.time()
    assert await control.ring(SITE, token="", ring_s=20) is RingResult.FAILED
    assert loop.time() - began == pytest.approx(ALIVE_WITHIN_S, abs=0.1)
    began = loop.time()
    ringing = await ring(desk, control)
    desk.asterisk.rings(desk.asterisk.only("agent-"))
    assert await ringing is RingResult.NO_ANSWER
    assert loop.time() - began == pytest.approx(20, abs=0.1)
    await settle()
    assert not [leg for leg in desk.asterisk.channels if leg.startswith("agent-")]


@on_a_line
async def test_cancelling_the_ring_stops_it_and_a_late_answer_is_hung_up(desk: Desk) -> None:
    request, control = await desk.call_in()
    ringing = await ring(desk, control)
    agent = desk.asterisk.only("agent-")
    ringing.cancel()
    desk.asterisk.answers(agent)
    await settle()
    assert agent not in desk.asterisk.channels
    assert desk.asterisk.with_("caller-1") == {f"bot-{request.call_id}"}


@on_a_line
async def test_a_second_ring_while_one_goes_on_is_refused(desk: Desk) -> None:
    _, control = await desk.call_in()
    ringing = await ring(desk, control)
    with pytest.raises(LineError):
        await control.ring(SITE, token="", ring_s=5)
    assert not ringing.done()
    await control.drop_agent()
    assert await ringing is RingResult.NO_ANSWER


@on_a_line
async def test_an_endpoint_that_asterisk_refuses_is_a_failure(desk: Desk) -> None:
    _, control = await desk.call_in()
    desk.asterisk.failing.add("originate")
    assert await control.ring(SITE, token="", ring_s=20) is RingResult.FAILED


@on_a_line
async def test_no_key_in_time_is_no_key(desk: Desk) -> None:
    _, control = await desk.call_in()
    agent = await answered(desk, control)
    assert await control.agent_key(within_s=15) == ""
    desk.asterisk.presses(agent, "2")
    desk.asterisk.presses(agent, "1")
    await settle()
    assert await control.agent_key(within_s=15) == "2"
    assert await control.agent_key(within_s=15) == "1"


@on_a_line
async def test_an_agent_who_hangs_up_is_told_as_such(desk: Desk) -> None:
    _, control = await desk.call_in()
    agent = await answered(desk, control)
    await control.whisper()
    key = asyncio.create_task(control.agent_key(within_s=15))
    await settle()
    desk.asterisk.ends(agent)
    with pytest.raises(AgentGoneError):
        await key
    with pytest.raises(AgentGoneError):
        await control.join()
    with pytest.raises(AgentGoneError):
        await control.whisper()
    assert desk.asterisk.with_("caller-1") == {"music"}
    await control.agent_left()
    await control.drop_agent()


@on_a_line
async def test_keys_of_one_agent_are_not_the_next_ones(desk: Desk) -> None:
    _, control = await desk.call_in()
    agent = await answered(desk, control)
    desk.asterisk.presses(agent, "1")
    await settle()
    await control.drop_agent()
    await answered(desk, control)
    assert await control.agent_key(within_s=1) == ""


@pytest.mark.parametrize("moment", ["ring", "agent_key", "agent_left", "hold"])
def test_a_caller_who_hangs_up_frees_whoever_waits_and_ends_every_leg(moment: str) -> None:
    @on_a_line
    async def run(desk: Desk) -> None:
        _, control = await desk.call_in()
        if moment == "ring":
            waiting: asyncio.Task[object] = asyncio.create_task(control.ring(SITE, token="", ring_s=20))
        else:
            await answered(desk, control)
            await control.whisper()
            if moment == "agent_key":
                waiting = asyncio.create_task(control.agent_key(within_s=15))
            elif moment == "agent_left":
                await control.join()
                waiting = asyncio.create_task(control.agent_left())
            else:
                waiting = asyncio.create_task(control.hold())
                await asyncio.sleep(0)
        if moment != "hold":
            await settle()
        before = asyncio.get_running_loop().time()
        desk.asterisk.ends("caller-1")
        with pytest.raises(CallerGoneError):
            await waiting
        assert asyncio.get_running_loop().time() - before < 0.05
        await settle()
        assert desk.idle()
        for order in (control.hold, control.whisper, control.join, control.take_back, control.agent_left):
            with pytest.raises(CallerGoneError):
                await order()
        await control.hang_up()
        await control.drop_agent()

    run()


@on_a_line
async def test_a_line_that_does_not_obey_is_told_as_such_and_the_caller_rescued(desk: Desk) -> None:
    _, control = await desk.call_in()
    desk.asterisk.failing.add("remove_channel")
    with pytest.raises(LineError):
        await control.hold()
    await settle()
    assert desk.asterisk.rescued == ["caller-1"]


@on_a_line
async def test_a_join_that_fails_costs_the_agent_only(desk: Desk) -> None:
    _, control = await desk.call_in()
    agent = await answered(desk, control)
    await control.whisper()
    desk.asterisk.failing.add("add_channel")
    with pytest.raises(LineError):
        await control.join()
    desk.asterisk.failing.clear()
    await settle()
    assert agent not in desk.asterisk.channels
    assert desk.asterisk.with_("caller-1") == {"music"}
    assert not [bridge for bridge in desk.asterisk.bridges if bridge.startswith("aside-")]
    await control.take_back()


@on_a_line
async def test_an_endpoint_name_is_dialled_as_it_is(desk: Desk) -> None:
    _, control = await desk.call_in()
    ringing = asyncio.create_task(control.ring(SiteLine("lab", "lab-desk"), token="", ring_s=5))
    await settle()
    made = desk.asterisk.originated[desk.asterisk.only("agent-")]
    assert made["endpoint"] == "PJSIP/lab-desk"
    assert "PJSIP_HEADER(add,User-to-User)" not in made["variables"]
    ringing.cancel()


# --- callbacks


@on_a_line
async def test_a_callback_that_is_answered_is_a_call_with_its_context(desk: Desk) -> None:
    rang: list[bool] = []
    dialled = asyncio.create_task(
        desk.line.dial("+33612345678", ring_s=25, callback="cb-1", on_ringing=lambda: rang.append(True))
    )
    await settle()
    callee = desk.asterisk.only("callee-")
    made = desk.asterisk.originated[callee]
    assert made["endpoint"] == "PJSIP/trunk/sip:+33612345678@carrier.example:5060"
    assert made["app_args"] == "callback"
    assert rang == []
    desk.asterisk.rings(callee)
    await settle()
    assert rang == [True]
    desk.asterisk.answers(callee)
    assert await dialled is RingResult.ANSWERED
    assert rang == [True]
    await settle()
    claimed = desk.line.claim(desk.asterisk.tokens[0])
    assert claimed
    assert (claimed.request.callback, claimed.request.caller_number) == ("cb-1", "+33612345678")
    assert desk.asterisk.with_(callee) == {f"bot-{claimed.request.call_id}"}
    await claimed.control.hang_up()
    await settle()
    assert desk.idle()


@on_a_line
async def test_a_callback_that_is_not_answered(desk: Desk) -> None:
    dialled = asyncio.create_task(desk.line.dial("+33612345678", ring_s=25, callback="cb-1"))
    await settle()
    desk.asterisk.ends(desk.asterisk.only("callee-"), 17, 486)
    assert await dialled is RingResult.BUSY
    dialled = asyncio.create_task(desk.line.dial("+33612345678", ring_s=25, callback="cb-1"))
    await settle()
    desk.asterisk.rings(desk.asterisk.only("callee-"))
    assert await dialled is RingResult.NO_ANSWER
    await settle()
    assert desk.idle()
    assert not desk.asterisk.tokens


@on_a_line
async def test_a_callback_that_is_cancelled_stops_ringing(desk: Desk) -> None:
    dialled = asyncio.create_task(desk.line.dial("+33612345678", ring_s=25, callback="cb-1"))
    await settle()
    callee = desk.asterisk.only("callee-")
    desk.asterisk.rings(callee)
    dialled.cancel()
    desk.asterisk.answers(callee)
    await settle()
    assert desk.idle()


@pytest.mark.parametrize("number", ["0612345678", "+33612345678@evil", "", "+0", "+33 6"])
def test_only_numbers_are_dialled(number: str) -> None:
    @on_a_line
    async def run(desk: Desk) -> None:
        with pytest.raises(LineError):
            await desk.line.dial(number, ring_s=25, callback="cb-1")
        assert not desk.asterisk.originated

    run()


@on_a_line
async def test_nothing_is_dialled_on_a_line_that_is_down(desk: Desk) -> None:
    desk.asterisk.link_down()
    assert not desk.line.up
    with pytest.raises(LineError):
        await desk.line.dial("+33612345678", ring_s=25, callback="cb-1")


# --- the link lost and back


@on_a_line
async def test_known_calls_go_on_over_a_lost_link(desk: Desk) -> None:
    request, control = await desk.call_in()
    desk.asterisk.link_down()
    await settle()
    await desk.asterisk.link_up()
    await settle()
    assert desk.asterisk.with_("caller-1") == {f"bot-{request.call_id}"}
    await control.hold()
    assert desk.asterisk.with_("caller-1") == {"music"}


@on_a_line
async def test_a_hang_up_that_was_missed_is_noticed(desk: Desk) -> None:
    _, control = await desk.call_in()
    agent = await answered(desk, control)
    desk.asterisk.link_down()
    desk.asterisk.ends("caller-1")
    await settle()
    await desk.asterisk.link_up()
    await settle()
    assert agent not in desk.asterisk.channels
    assert desk.idle()
    with pytest.raises(CallerGoneError):
        await control.agent_left()


@on_a_line
async def test_an_agent_who_answered_or_left_unseen_is_noticed(desk: Desk) -> None:
    _, control = await desk.call_in()
    ringing = await ring(desk, control)
    agent = desk.asterisk.only("agent-")
    desk.asterisk.link_down()
    desk.asterisk.answers(agent)
    await settle()
    await desk.asterisk.link_up()
    assert await ringing is RingResult.ANSWERED
    await control.whisper()
    desk.asterisk.link_down()
    desk.asterisk.ends(agent)
    await desk.asterisk.link_up()
    await settle()
    with pytest.raises(AgentGoneError):
        await control.join()


@on_a_line
async def test_a_bot_leg_that_was_lost_unseen_sends_the_caller_to_the_rescue(desk: Desk) -> None:
    await desk.call_in()
    desk.asterisk.link_down()
    desk.asterisk.ends(desk.asterisk.only("bot-"), 38)
    await desk.asterisk.link_up()
    await settle()
    assert desk.asterisk.rescued == ["caller-1"]


@on_a_line
async def test_what_another_bot_left_behind_is_put_in_order(desk: Desk) -> None:
    request, _ = await desk.call_in()
    desk.asterisk.link_down()
    desk.asterisk.call_in("left-1")
    desk.asterisk.call_in("talking-1")
    desk.asterisk.call_in("arriving-1")
    for leg in ("bot-old", "agent-old-1", "agent-talk-1"):
        await desk.asterisk.originate(leg, "x")
    desk.asterisk.bridges |= {
        "room-old": ["left-1"],
        "room-talk": ["talking-1", "agent-talk-1"],
        "aside-gone": [],
        "conference": [],
    }
    del desk.asterisk.channels["bot-old"]
    await desk.asterisk.link_up()
    await settle()
    assert desk.asterisk.rescued == ["left-1"], "nobody who talks to an agent, nobody who just comes in"
    assert "agent-old-1" not in desk.asterisk.channels
    assert "agent-talk-1" in desk.asterisk.channels
    assert set(desk.asterisk.bridges) == {f"room-{request.call_id}", "room-talk", "room-old", "conference"}


@on_a_line
async def test_a_leg_of_no_call_of_ours_is_ended(desk: Desk) -> None:
    await desk.asterisk.originate("agent-unknown-1", "x", app_args="agent")
    desk.asterisk.answers("agent-unknown-1")
    await desk.asterisk.originate("callee-unknown", "x", app_args="callback")
    desk.asterisk.answers("callee-unknown")
    await settle()
    assert desk.idle()


@on_a_line
async def test_stopping_lets_callers_go_to_the_rescue_but_not_from_an_agent(desk: Desk) -> None:
    await desk.call_in("caller-1")
    _, control = await desk.call_in("caller-2")
    agent = await answered(desk, control)
    await control.whisper()
    await control.join()
    await desk.line.stop()
    assert desk.asterisk.rescued == ["caller-1"]
    assert desk.asterisk.with_("caller-2") == {agent}


@on_a_line
async def test_a_caller_who_arrives_while_we_stop_goes_to_the_rescue(desk: Desk) -> None:
    stopping = asyncio.create_task(desk.line.stop())
    await asyncio.sleep(0)
    desk.asterisk.up = True
    desk.asterisk.call_in("caller-1")
    await stopping
    await settle()
    assert desk.asterisk.rescued in (["caller-1"], [])
    assert not desk.asterisk.tokens
