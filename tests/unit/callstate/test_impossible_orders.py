"""Inputs in orders that no line should give: doubled, late, swapped, with orders that fail."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from media.telephony.callstate import (
    FORGIVEN,
    CallState,
    Dial,
    DropAgent,
    Ending,
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
    Order,
    Ring,
    TakeBack,
    Whisper,
    step,
)
from tests.unit.callstate.rules import BOT, CALLER, View, checked, inbound, outbound

LEGS = (CALLER, BOT, "agent-c-1", "agent-c-2", "agent-c-3", "agent-other")

inputs: st.SearchStrategy[Input] = st.one_of(
    st.builds(LegUp, st.sampled_from(LEGS)),
    st.builds(LegRinging, st.sampled_from(LEGS)),
    st.builds(LegSilent, st.sampled_from(LEGS)),
    st.builds(LegGone, st.sampled_from(LEGS), st.sampled_from((0, 16, 17, 19, 21, 38)), st.none()),
    st.builds(Ring, st.sampled_from(LEGS), st.just("PJSIP/x"), st.just("t"), st.just(20.0)),
    st.builds(DropAgent, st.sampled_from(("", *LEGS))),
    st.sampled_from((Dial("PJSIP/x", 20), Hold(), Whisper(), Join(), TakeBack(), TakeBack(), GiveUp(), HangUp())),
)  # fmt: skip
starts = st.sampled_from((inbound(), outbound()))


@settings(max_examples=600, deadline=None)
@given(starts, st.lists(inputs, max_size=60))
def test_any_inputs_in_any_order_keep_the_rules(state: CallState, given_: list[Input]) -> None:
    view = View()
    for one in given_:
        made, view = checked(state, view, one)
        state = made.state


@settings(max_examples=300, deadline=None)
@given(starts, st.lists(inputs, max_size=40), st.data())
def test_after_any_beginning_a_hang_up_and_the_ends_of_its_legs_close_the_call(
    state: CallState, given_: list[Input], data: st.DataObject
) -> None:
    for one in given_:
        state = step(state, one).state
    state = step(state, HangUp()).state
    if state.over is Ending.NO:
        raise AssertionError("a hang-up always ends the call")
    for leg in data.draw(st.permutations(sorted(state.legs))):
        state = step(state, LegGone(leg)).state
    assert state.closed


@settings(max_examples=400, deadline=None)
@given(starts, st.lists(inputs, max_size=40), st.data())
def test_a_line_that_fails_orders_leaves_no_leg_behind(
    state: CallState, given_: list[Input], data: st.DataObject
) -> None:
    """As the line does it: what follows a failed order in its batch is not carried out, and the failure is told."""
    todo = list(given_)
    told_to_end: set[str] = set()
    while todo:
        made = step(state, todo.pop(0))
        state = made.state
        for order in made.orders:
            if leg := getattr(order, "leg", ""):
                assert leg not in state.gone
            if type(order).__name__ in ("EndLeg", "SendToRescue"):
                told_to_end.add(order.leg)  # type: ignore[union-attr]
            elif not isinstance(order, FORGIVEN) and data.draw(st.booleans(), "fails"):
                todo.insert(0, Failed(order))
                break
        if state.over is not Ending.NO:
            assert state.legs <= told_to_end
            if state.caller is Leg.UP:
                assert CALLER in told_to_end


@given(st.sampled_from(LEGS), st.integers(0, 3))
def test_a_failed_order_of_a_call_that_is_over_changes_nothing(leg: str, which: int) -> None:
    state = step(step(inbound(), LegUp(CALLER)).state, HangUp()).state
    orders: tuple[Order, ...] = step(inbound(), LegUp(CALLER)).orders
    assert step(state, Failed(orders[which % len(orders)])).state == state
