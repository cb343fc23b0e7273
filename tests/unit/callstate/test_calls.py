"""The calls that happen, step by step."""

from __future__ import annotations

import pytest

from bot.models import RingResult
from media.telephony.callstate import (
    AddToBridge,
    Answer,
    CallState,
    CreateBridge,
    DestroyBridge,
    Dial,
    DropAgent,
    Ending,
    EndLeg,
    Failed,
    GiveUp,
    HangUp,
    Hold,
    Input,
    Join,
    Leg,
    LegGone,
    LegRinging,
    LegSilent,
    LegUp,
    Mark,
    Order,
    Originate,
    Place,
    Refusal,
    RemoveFromBridge,
    Ring,
    SendToRescue,
    StartBotLeg,
    StartMusic,
    StopMusic,
    TakeBack,
    Whisper,
    ring_result,
    step,
)
from tests.unit.callstate.rules import ASIDE, BOT, CALL, CALLER, ROOM, inbound, outbound

AGENT = "agent-c-1"
RING = Ring(AGENT, "PJSIP/sites/sip:a@b", "token", 20)


def after(*given: Input, start: CallState | None = None) -> CallState:
    state = start or inbound()
    for one in given:
        made = step(state, one)
        assert made.refused is None, (one, made.refused)
        state = made.state
    return state


TALKING = (LegUp(CALLER), LegUp(BOT))
ON_HOLD = (*TALKING, Hold())
RINGING = (*ON_HOLD, RING, LegRinging(AGENT))
ANSWERED = (*RINGING, LegUp(AGENT))
WHISPERING = (*ANSWERED, Whisper())
JOINED = (*WHISPERING, Join())


def orders(given: Input, *before: Input) -> tuple[Order, ...]:
    made = step(after(*before), given)
    assert made.refused is None
    return made.orders


def test_a_caller_is_answered_and_the_bot_is_called() -> None:
    assert orders(LegUp(CALLER)) == (
        Mark(CALLER, CALL),
        Answer(CALLER),
        CreateBridge(ROOM),
        AddToBridge(ROOM, CALLER),
        StartBotLeg(BOT),
    )


def test_the_bot_joins_the_caller_when_its_leg_is_up() -> None:
    assert orders(LegUp(BOT), LegUp(CALLER)) == (AddToBridge(ROOM, BOT),)


def test_a_hold_before_the_bot_is_up_keeps_it_aside() -> None:
    assert orders(LegUp(BOT), LegUp(CALLER), Hold()) == ()
    assert orders(TakeBack(), LegUp(CALLER), Hold(), LegUp(BOT)) == (StopMusic(ROOM), AddToBridge(ROOM, BOT))


def test_the_bot_leaves_before_the_music_starts_and_comes_back_after_it_stops() -> None:
    assert orders(Hold(), *TALKING) == (RemoveFromBridge(ROOM, BOT), StartMusic(ROOM))
    assert orders(Hold(), *ON_HOLD) == ()
    assert orders(TakeBack(), *ON_HOLD) == (StopMusic(ROOM), AddToBridge(ROOM, BOT))
    assert orders(TakeBack(), *TALKING) == ()


def test_an_agent_is_rung_while_the_caller_stays_where_they_are() -> None:
    assert orders(RING, *ON_HOLD) == (Originate(AGENT, RING.address, 20, "agent", "token"),)
    assert orders(RING, *TALKING) == (Originate(AGENT, RING.address, 20, "agent", "token"),)


def test_an_agent_who_answers_waits_in_a_room_of_their_own() -> None:
    assert orders(LegUp(AGENT), *RINGING) == (
        CreateBridge(ASIDE),
        AddToBridge(ASIDE, AGENT, keys_stay_out=True),
    )
    assert after(*ANSWERED).rung is RingResult.ANSWERED


def test_the_whisper_is_in_the_agents_room() -> None:
    assert orders(Whisper(), *ANSWERED) == (AddToBridge(ASIDE, BOT),)


def test_a_whisper_from_the_conversation_holds_the_caller_first() -> None:
    assert orders(Whisper(), *ANSWERED, TakeBack()) == (
        RemoveFromBridge(ROOM, BOT),
        StartMusic(ROOM),
        AddToBridge(ASIDE, BOT),
    )


def test_the_music_stops_before_the_agent_comes_in() -> None:
    assert orders(Join(), *WHISPERING) == (
        RemoveFromBridge(ASIDE, BOT),
        StopMusic(ROOM),
        RemoveFromBridge(ASIDE, AGENT),
        AddToBridge(ROOM, AGENT),
        DestroyBridge(ASIDE),
    )
    assert orders(Join(), *JOINED) == ()


def test_an_agent_who_leaves_gives_the_caller_music_and_the_bot_takes_them_back() -> None:
    assert orders(LegGone(AGENT, 16), *JOINED) == (StartMusic(ROOM),)
    assert orders(TakeBack(), *JOINED, LegGone(AGENT, 16)) == (StopMusic(ROOM), AddToBridge(ROOM, BOT))


def test_the_bot_can_take_the_caller_from_the_agent() -> None:
    made = step(after(*JOINED), TakeBack())
    assert made.orders[0] == EndLeg(AGENT)
    assert made.orders[-1] == AddToBridge(ROOM, BOT)
    assert made.state.place is Place.CALLER


def test_a_hold_parts_the_agent_from_the_music() -> None:
    assert orders(Hold(), *JOINED) == (
        CreateBridge(ASIDE),
        AddToBridge(ASIDE, AGENT, keys_stay_out=True),
        StartMusic(ROOM),
    )
    assert orders(Join(), *JOINED, Hold()) == (
        StopMusic(ROOM),
        RemoveFromBridge(ASIDE, AGENT),
        AddToBridge(ROOM, AGENT),
        DestroyBridge(ASIDE),
    )


def test_an_agent_who_leaves_in_the_whisper_leaves_the_bot_aside() -> None:
    assert orders(LegGone(AGENT, 16), *WHISPERING) == (RemoveFromBridge(ASIDE, BOT), DestroyBridge(ASIDE))


def test_whisper_and_join_without_an_agent_are_refused() -> None:
    for before in (TALKING, RINGING, (*ANSWERED, LegGone(AGENT))):
        assert step(after(*before), Whisper()).refused is Refusal.AGENT_GONE
        assert step(after(*before), Join()).refused is Refusal.AGENT_GONE


def test_one_agent_at_a_time() -> None:
    assert step(after(*RINGING), Ring("agent-c-2", "x", "t", 20)).refused is Refusal.NOT_NOW
    assert step(after(*RINGING, DropAgent()), RING).refused is Refusal.NOT_NOW, "a leg's id is used once"
    assert step(after(*RINGING, DropAgent()), Ring("agent-c-2", "x", "t", 20)).refused is None


@pytest.mark.parametrize("before", [RINGING, ANSWERED, WHISPERING, JOINED])
def test_a_caller_who_hangs_up_ends_the_agents_leg_first(before: tuple[Input, ...]) -> None:
    made = step(after(*before), LegGone(CALLER, 16))
    assert made.orders[0] == EndLeg(AGENT)
    assert EndLeg(BOT) in made.orders
    assert EndLeg(CALLER) not in made.orders
    assert step(made.state, Hold()).refused is Refusal.CALLER_GONE


def test_the_answer_after_the_cancel_is_hung_up() -> None:
    state = after(*RINGING, DropAgent())
    assert state.rung is RingResult.NO_ANSWER
    assert step(state, LegUp(AGENT)).orders == (EndLeg(AGENT),)
    assert step(after(*RINGING, LegGone(CALLER)), LegUp(AGENT)).orders == (EndLeg(AGENT),)


def test_the_second_of_two_answers_is_hung_up() -> None:
    state = after(*RINGING, DropAgent(), Ring("agent-c-2", "x", "t", 20), LegUp("agent-c-2"))
    assert step(state, LegUp(AGENT)).orders == (EndLeg(AGENT),)
    assert state.agent_id == "agent-c-2"


def test_an_end_that_overtakes_its_beginning_is_believed() -> None:
    state = after(*RINGING, LegGone(AGENT, 17))
    assert state.rung is RingResult.BUSY
    assert step(state, LegUp(AGENT)) == step(state, LegGone(AGENT, 17))
    assert step(state, LegUp(AGENT)).orders == ()


def test_dropping_an_agent_by_name_leaves_another_alone() -> None:
    assert orders(DropAgent("agent-c-9"), *RINGING) == ()
    assert orders(DropAgent(AGENT), *RINGING) == (EndLeg(AGENT),)


def test_no_sign_of_life_is_a_failure_and_ringing_in_vain_no_answer() -> None:
    assert after(*ON_HOLD, RING, LegSilent(AGENT)).rung is RingResult.FAILED
    assert after(*RINGING, LegSilent(AGENT)).rung is RingResult.NO_ANSWER
    assert after(*ANSWERED, LegSilent(AGENT)).rung is RingResult.ANSWERED


@pytest.mark.parametrize("before", [(LegUp(CALLER),), TALKING, ON_HOLD, RINGING, ANSWERED, WHISPERING])
def test_a_bot_leg_that_breaks_sends_the_caller_to_the_rescue(before: tuple[Input, ...]) -> None:
    made = step(after(*before), LegGone(BOT, 38))
    assert made.orders[0] == SendToRescue(CALLER)
    assert made.state.over is Ending.RESCUED
    assert EndLeg(CALLER) not in made.orders
    if len(before) > len(ON_HOLD):
        assert EndLeg(AGENT) in made.orders
    left = step(made.state, LegGone(CALLER))
    assert left.orders == ()


def test_a_bot_leg_that_breaks_does_not_disturb_caller_and_agent() -> None:
    assert orders(LegGone(BOT, 38), *JOINED) == ()
    assert orders(LegGone(AGENT, 16), *JOINED, LegGone(BOT, 38))[0] == SendToRescue(CALLER)


def test_a_bot_that_is_done_says_so_and_its_leg_is_ended_for_it() -> None:
    assert orders(HangUp(), *TALKING) == (EndLeg(CALLER), EndLeg(BOT), DestroyBridge(ROOM))
    assert orders(LegGone(BOT, 16), *TALKING)[0] == SendToRescue(CALLER), "not even a normal end says so"


def test_an_unreachable_bot_sends_the_caller_to_the_rescue() -> None:
    assert orders(LegGone(BOT, 3), LegUp(CALLER))[0] == SendToRescue(CALLER)
    assert orders(Failed(StartBotLeg(BOT)), LegUp(CALLER))[:2] == (SendToRescue(CALLER), EndLeg(BOT))


@pytest.mark.parametrize(
    "order",
    [Answer(CALLER), CreateBridge(ROOM), AddToBridge(ROOM, CALLER), AddToBridge(ROOM, BOT), StopMusic(ROOM)],
)
def test_a_line_that_does_not_obey_sends_the_caller_to_the_rescue(order: Order) -> None:
    assert orders(Failed(order), *ON_HOLD)[0] == SendToRescue(CALLER)


@pytest.mark.parametrize(
    "order",
    [
        Originate(AGENT, "x", 20, "agent"),
        CreateBridge(ASIDE),
        AddToBridge(ASIDE, AGENT),
        AddToBridge(ASIDE, BOT),
        AddToBridge(ROOM, AGENT),
    ],
)
def test_what_fails_for_an_agent_costs_the_agent_only(order: Order) -> None:
    made = step(after(*WHISPERING), Failed(order))
    assert made.state.over is Ending.NO
    assert made.orders[0] == EndLeg(AGENT)
    assert DestroyBridge(ASIDE) in made.orders


@pytest.mark.parametrize("order", [Mark(CALLER, CALL), StartMusic(ROOM), EndLeg(AGENT), DestroyBridge(ASIDE)])
def test_what_does_not_matter_changes_nothing(order: Order) -> None:
    assert orders(Failed(order), *WHISPERING) == ()


def test_giving_up_leaves_caller_and_agent_together() -> None:
    assert orders(GiveUp(), *JOINED) == ()
    assert orders(GiveUp(), *TALKING)[0] == SendToRescue(CALLER)


def test_a_callback_rings_and_is_served_when_answered() -> None:
    state = after(Dial("PJSIP/trunk/sip:+33612345678@carrier", 25), LegRinging(CALLER), start=outbound())
    made = step(state, LegUp(CALLER))
    assert made.orders == (CreateBridge(ROOM), AddToBridge(ROOM, CALLER), StartBotLeg(BOT))
    assert made.state.callee is RingResult.ANSWERED


def test_a_callback_that_is_busy_or_cancelled_ends() -> None:
    ringing = after(Dial("x", 25), LegRinging(CALLER), start=outbound())
    busy = step(ringing, LegGone(CALLER, 17)).state
    assert (busy.callee, busy.closed) == (RingResult.BUSY, True)
    cancelled = step(ringing, HangUp())
    assert cancelled.orders == (EndLeg(CALLER),)
    late = step(cancelled.state, LegUp(CALLER))
    assert late.orders == (EndLeg(CALLER),)
    assert step(ringing, LegSilent(CALLER)).state.callee is RingResult.NO_ANSWER
    assert step(ringing, GiveUp()).orders == (EndLeg(CALLER),)


def test_a_callback_is_dialled_once() -> None:
    state = after(Dial("x", 25), start=outbound())
    assert step(state, Dial("x", 25)).refused is Refusal.NOT_NOW
    assert step(inbound(), Dial("x", 25)).refused is Refusal.NOT_NOW


def test_a_call_is_closed_when_its_last_leg_has_ended() -> None:
    state = after(*RINGING, LegGone(CALLER))
    assert not state.closed
    assert not after(LegGone(BOT, 16), start=state).closed
    assert after(LegGone(BOT, 16), LegGone(AGENT, 16), start=state).closed


def test_a_rescued_caller_is_no_leg_of_ours_any_more() -> None:
    state = after(*TALKING, LegGone(BOT, 38))
    assert state.caller is Leg.UP
    assert state.closed
    assert step(state, LegUp(CALLER)).orders == (), "they come back as another call"


@pytest.mark.parametrize(
    ("cause", "sip", "result"),
    [
        (17, 486, RingResult.BUSY),
        (17, 600, RingResult.BUSY),
        (19, 480, RingResult.NO_ANSWER),
        (18, 408, RingResult.NO_ANSWER),
        (16, None, RingResult.NO_ANSWER),
        (21, 603, RingResult.DECLINED),
        (21, None, RingResult.DECLINED),
        (0, 603, RingResult.DECLINED),
        (21, 403, RingResult.FAILED),
        (1, 404, RingResult.FAILED),
        (34, 503, RingResult.FAILED),
        (38, 500, RingResult.FAILED),
        (58, 488, RingResult.FAILED),
        (0, None, RingResult.FAILED),
        *((cause, None, RingResult.FAILED) for cause in (1, 2, 3, 27, 34, 38, 41, 42, 58, 65, 88, 102, 127)),
    ],
)
def test_causes(cause: int, sip: int | None, result: RingResult) -> None:
    assert ring_result(cause, sip) is result
