"""Who hears whom, for every order that the call machine can give, in any order of events."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from media.telephony.callstate import (
    CallState,
    DropAgent,
    Ending,
    HangUp,
    Hold,
    Input,
    Join,
    Leg,
    LegGone,
    LegUp,
    Place,
    Ring,
    TakeBack,
    Whisper,
    step,
)
from media.webrtc.patch import Patch, Rooms, Source

LEGS = ("agent-c-1", "agent-c-2", "agent-c-3")
START = CallState("c", "page-c", caller=Leg.UP, bot=Leg.UP, room=True)

inputs = st.one_of(
    st.sampled_from((Hold(), Whisper(), Join(), TakeBack(), DropAgent())),
    st.sampled_from(LEGS).map(LegUp),
    st.sampled_from(LEGS).map(LegGone),
    st.sampled_from(LEGS).map(lambda leg: Ring(leg, "headset:a", "", 20)),
    st.sampled_from((LegGone("page-c"), HangUp(), Hold(), Join())),
)


def play(given: list[Input]) -> list[tuple[CallState, Patch, bool]]:
    """The patch after every order; True where the step is complete."""
    state, rooms, seen = START, Rooms.of(START), [(START, Rooms.of(START).patch(START), True)]
    for one in given:
        made = step(state, one)
        state = made.state
        if isinstance(one, LegGone):
            rooms = Rooms({k: v for k, v in rooms.places.items() if k != one.leg}, rooms.music)
        for place, order in enumerate(made.orders, 1):
            rooms = rooms.after(order)
            seen.append((state, rooms.patch(state), place == len(made.orders)))
    return seen


@settings(max_examples=500)
@given(st.lists(inputs, max_size=30))
def test_rules(given: list[Input]) -> None:
    for state, patch, complete in play(given):
        assert not (patch.caller_hears is Source.BOT and patch.agent_hears is Source.BOT)
        assert patch.agent_hears not in (Source.MUSIC, Source.AGENT)
        assert patch.caller_hears is not Source.CALLER
        assert (patch.caller_hears is Source.AGENT) == (patch.agent_hears is Source.CALLER)
        assert (patch.bot_hears is Source.CALLER) == (patch.caller_hears is Source.BOT)
        assert patch.bot_hears in (Source.CALLER, Source.NOBODY)
        if patch.agent_hears is Source.BOT:
            assert patch.caller_hears is Source.MUSIC, "the caller hears the whisper"
        if not complete:
            continue
        if state.over is not Ending.NO:
            assert patch == Patch(Source.NOBODY, Source.NOBODY, Source.NOBODY)
        elif state.music:
            assert patch.caller_hears is Source.MUSIC
        elif state.joined:
            assert patch.caller_hears is Source.AGENT
        elif state.place is Place.CALLER:
            assert patch == Patch()


def test_a_whole_transfer() -> None:
    first = LEGS[0]
    asked = [
        Hold(),
        Ring(first, "headset:a", "", 20),
        LegUp(first),
        Whisper(),
        Join(),
        LegGone(first),
        TakeBack(),
    ]
    heard = [patch for _, patch, complete in play(asked) if complete]
    assert [(p.caller_hears, p.agent_hears) for p in heard] == [
        (Source.BOT, Source.NOBODY),
        (Source.MUSIC, Source.NOBODY),
        (Source.MUSIC, Source.NOBODY),  # ringing
        (Source.MUSIC, Source.NOBODY),  # connected
        (Source.MUSIC, Source.BOT),
        (Source.AGENT, Source.CALLER),
        (Source.MUSIC, Source.NOBODY),
        (Source.BOT, Source.NOBODY),
    ]
