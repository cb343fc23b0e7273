"""The watch at work on an Asterisk in memory, on a virtual clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from media.telephony.orders import RESCUE_CONTEXT
from media.telephony.rescue import LOOK_EVERY_S, LOST_S, STRAY_S, watch_over
from tests.unit.line.fake_asterisk import Desk, on_a_line, settle


def watched(test: Callable[[Desk], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """With a line, and the watch beside it."""

    async def both(desk: Desk) -> None:
        watch = asyncio.create_task(watch_over(desk.asterisk, "decroche", RESCUE_CONTEXT))
        try:
            await test(desk)
        finally:
            watch.cancel()
            with pytest.raises(asyncio.CancelledError):
                await watch

    return on_a_line(both)


async def die(desk: Desk) -> None:
    """The bot process is killed: no events are taken, its legs end."""
    desk.asterisk.link_down()
    for leg in [leg for leg in desk.asterisk.channels if leg.startswith("bot-")]:
        desk.asterisk.ends(leg, 38)


@watched
async def test_callers_of_a_bot_that_died_are_helped_within_a_second(desk: Desk) -> None:
    for leg in ("caller-1", "caller-2"):
        await desk.call_in(leg)
    await settle(5)
    assert desk.asterisk.rescued == []
    await die(desk)
    await settle(LOST_S + 2 * LOOK_EVERY_S + 0.05)
    assert sorted(desk.asterisk.rescued) == ["caller-1", "caller-2"]
    await settle(5)
    assert len(desk.asterisk.rescued) == 2, "once each"


@watched
async def test_what_the_line_does_by_itself_is_left_to_it(desk: Desk) -> None:
    await desk.call_in()
    desk.asterisk.ends(desk.asterisk.only("bot-"), 38)
    await settle(5)
    assert desk.asterisk.rescued == ["caller-1"]
    await desk.call_in(args="rescue")
    await settle(10)
    assert desk.asterisk.rescued == ["caller-1"]


@watched
async def test_an_agent_who_was_being_rung_is_let_off(desk: Desk) -> None:
    _, control = await desk.call_in()
    await control.hold()
    await desk.asterisk.originate("agent-old-1", "x")
    await settle(STRAY_S + 1)
    assert "agent-old-1" not in desk.asterisk.channels


@watched
async def test_a_line_out_of_sight_is_looked_at_anew(desk: Desk) -> None:
    await desk.call_in()
    await settle(1)
    desk.asterisk.failing.add("list_channels")
    await settle(3)
    desk.asterisk.failing.clear()
    await settle(1)
    assert desk.asterisk.rescued == []
    await die(desk)
    await settle(1.5)
    assert desk.asterisk.rescued == ["caller-1"]


@watched
async def test_who_cannot_be_helped_now_is_helped_at_the_next_look(desk: Desk) -> None:
    await desk.call_in()
    await settle(1)
    desk.asterisk.failing.add("continue")
    await die(desk)
    await settle(2)
    assert desk.asterisk.rescued == []
    desk.asterisk.failing.clear()
    await settle(1)
    assert desk.asterisk.rescued == ["caller-1"]
