"""Every reachable state of a call meets every input, in a model of the line; the rules hold throughout."""

from __future__ import annotations

from collections import deque

import pytest

from media.telephony.callstate import (
    CallState,
    Dial,
    DropAgent,
    Failed,
    GiveUp,
    HangUp,
    Hold,
    Input,
    Join,
    LegGone,
    LegRinging,
    LegSilent,
    LegUp,
    Originate,
    Ring,
    StartBotLeg,
    TakeBack,
    Whisper,
)
from tests.unit.callstate.rules import BOT, CALLER, View, checked, inbound, outbound

FIRST, SECOND = "agent-c-1", "agent-c-2"

INPUTS: tuple[Input, ...] = (
    *(LegUp(leg) for leg in (CALLER, BOT, FIRST, SECOND)),
    *(LegRinging(leg) for leg in (CALLER, FIRST)),
    *(LegSilent(leg) for leg in (CALLER, FIRST)),
    *(LegGone(leg, 19) for leg in (CALLER, FIRST, SECOND)),
    LegGone(BOT, 38),
    Failed(StartBotLeg(BOT)),
    Failed(Originate(FIRST, "PJSIP/x", 20, "agent")),
    Dial("PJSIP/x", 20),
    Hold(),
    Ring(FIRST, "PJSIP/x", "t", 20),
    Ring(SECOND, "PJSIP/x", "t", 20),
    Whisper(),
    Join(),
    TakeBack(),
    DropAgent(),
    GiveUp(),
    HangUp(),
)


@pytest.mark.parametrize("start", [inbound(), outbound()], ids=["inbound", "outbound"])
def test_every_input_in_every_reachable_state_keeps_the_rules(start: CallState) -> None:
    seen = {(start, View())}
    todo = deque(seen)
    while todo:
        state, view = todo.popleft()
        for given in INPUTS:
            made, after = checked(state, view, given)
            if (made.state, after) not in seen:
                seen.add((made.state, after))
                todo.append((made.state, after))
    print(len(seen), "states,", len(seen) * len(INPUTS), "transitions")
    assert len(seen) > 1000
