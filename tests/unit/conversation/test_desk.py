"""A conversation whose caller is taken by somebody at the desk, and given back with something to go on with."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bot.events import AgentJoined, AgentLeft, CallEnded, SurveyDue
from bot.ports import GiveBack
from desk.floor import AgentFloor
from desk.models import Agent, Contact
from desk.presence import State
from tests import fake_line
from tests.unit.conversation.test_person import OPERATOR, SAY, Call
from tests.virtual_time import run_virtual

BILL = [{"text": "Vous devez quarante euros."}, {"custom": {"expect": {"kind": "open"}}}]


class _Forgets:
    def keep(self, contact: Contact) -> None:
        pass


def staffed() -> AgentFloor:
    """Somebody idle at each site."""
    floor = AgentFloor(_Forgets(), wall=lambda: asyncio.get_running_loop().time())
    for site in OPERATOR.sites:
        agent = Agent(f"at-{site.id}", site.id, site.id, site.id, skills=frozenset({"billing"}))
        floor.connect(agent)
        floor.ready(agent.id)
    return floor


async def in_a_talk(floor: AgentFloor, call: Call) -> None:
    """One agent of the site that is rung first takes the caller."""
    await call.asks_for_a_person()
    while not (rung := [a.id for a, p in floor.presences() if p.state is State.OFFERED]):  # noqa: ASYNC110
        await asyncio.sleep(0.1)
    floor.accept(rung[0], "c1")
    while not call.journal.of(AgentJoined):  # noqa: ASYNC110  # virtual time
        await asyncio.sleep(0.1)


@pytest.mark.parametrize("then", list(GiveBack))
def test_what_the_agent_says_is_what_comes_next(then: GiveBack) -> None:
    async def script() -> None:
        floor = staffed()
        picks_up = {site.id: fake_line.Agent(rings_s=1, talks_s=None) for site in OPERATOR.sites}
        answers: dict[str, Any] = {"/billing_due": BILL}
        async with Call(picks_up, answers, desk=floor) as call:
            await in_a_talk(floor, call)
            (joined,) = call.journal.of(AgentJoined)
            assert joined.agent == f"at-{joined.site}"
            await asyncio.sleep(30)
            await floor.give_back(joined.agent, "c1", then)
            await call.until_back()
            (left,) = call.journal.of(AgentLeft)
            assert (left.agent, left.then) == (joined.agent, then.value)
            match then:
                case GiveBack.SURVEY:
                    await call.over()
                    assert call.said[-1] == SAY.survey_later
                    assert [e.site for e in call.journal.of(SurveyDue)] == [joined.site]
                    assert call.outcome == "handoff"
                case GiveBack.PAY:
                    assert call.said[-2:] == [SAY.handoff_pay, "Vous devez quarante euros."]
                    assert call.dialogue.received[-2:] == ["/call_returned", "/billing_due"]
                case GiveBack.CONTINUE:
                    assert call.said[-1] == SAY.handoff_returned
            assert floor.presence(joined.agent).state is State.WRAP_UP
        await floor.stop()

    run_virtual(script())


def test_a_caller_who_leaves_while_a_screen_rings_takes_it_off() -> None:
    async def script() -> None:
        floor = staffed()
        async with Call(desk=floor) as call:
            await call.asks_for_a_person()
            await asyncio.sleep(8)
            assert any(p.state is State.OFFERED for _, p in floor.presences())
            call.conversation.hung_up()
            call.line.caller_hangs_up()
            await call.over()
            assert call.journal.of(CallEnded)
            assert all(p.state is State.IDLE for _, p in floor.presences())
        await floor.stop()

    run_virtual(script())
