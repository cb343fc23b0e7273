"""A headset as a leg of the telephone line: the token that stands for it, and the door that carries its sound."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, cast

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from bot.calls import Calls
from bot.errors import AgentGoneError
from bot.models import RingResult, SiteLine
from bot.ports import ClaimedLeg
from bot.web.phone import phone_router
from media.telephony.line import TOKEN_LIVES_S, AsteriskLine
from media.telephony.playout import HANGUP
from tests.unit.headset.fakes import FakeHeadset
from tests.unit.line.fake_asterisk import SETTINGS, Desk, FakeAsterisk, settle
from tests.virtual_time import run_virtual

PACKET = b"\1\0" * 320
AWA = SiteLine("antananarivo", "headset:awa")
START = {"event": "MEDIA_START", "format": "slin16", "channel_id": "agent-c-1"}


def with_headset(test: Callable[[Desk, FakeHeadset], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Run a test on a line whose agent ``awa`` has a headset, on a virtual clock."""

    async def run() -> None:
        asterisk, headset = FakeAsterisk(), FakeHeadset()
        now = asyncio.get_running_loop().time
        line = AsteriskLine(asterisk, SETTINGS, headsets={"awa": headset}.get, clock=now)
        await line.start()
        try:
            await test(Desk(asterisk, line), headset)
        finally:
            await line.stop()

    @wraps(test)
    def wrapped() -> None:
        run_virtual(run())

    del wrapped.__wrapped__  # pytest would look for fixtures named as the test's arguments
    return wrapped


@with_headset
async def test_a_headset_is_rung_by_a_leg_whose_token_stands_for_it_once(
    desk: Desk, headset: FakeHeadset
) -> None:
    request, control = await desk.call_in()
    await control.hold()
    assert await control.ring(AWA, token="h1.abc", ring_s=20) is RingResult.ANSWERED
    await settle()
    leg = f"agent-{request.call_id}-1"
    assert not desk.asterisk.originated, "no SIP leg"
    token = desk.asterisk.tokens[-1]
    assert desk.line.claim(token) == ClaimedLeg(request.call_id, headset)
    assert desk.line.claim(token) is None
    await control.whisper()
    assert desk.asterisk.with_(leg) == {f"bot-{request.call_id}"}
    assert desk.asterisk.with_("caller-1") == {"music"}
    await control.join()
    assert desk.asterisk.with_("caller-1") == {leg}
    left = asyncio.create_task(control.agent_left())
    desk.asterisk.ends(leg)
    await left
    await control.take_back()
    assert desk.asterisk.with_("caller-1") == {f"bot-{request.call_id}"}


@with_headset
async def test_the_token_of_a_headset_grows_old_as_any_other(desk: Desk, headset: FakeHeadset) -> None:
    _, control = await desk.call_in()
    await control.hold()
    await control.ring(AWA, token="", ring_s=20)
    await settle(TOKEN_LIVES_S)
    assert desk.line.claim(desk.asterisk.tokens[-1]) is None


@with_headset
async def test_a_headset_that_cannot_be_had_fails_and_the_call_goes_on(
    desk: Desk, headset: FakeHeadset
) -> None:
    request, control = await desk.call_in()
    await control.hold()
    for address in ("headset:nobody", "headset:"):
        assert await control.ring(SiteLine("x", address), token="", ring_s=20) is RingResult.FAILED
    headset.alive = False
    assert await control.ring(AWA, token="", ring_s=20) is RingResult.FAILED
    headset.alive = True
    headset.connect(lambda _: None, lambda: None)
    assert await control.ring(AWA, token="", ring_s=20) is RingResult.FAILED
    assert len(desk.asterisk.tokens) == 1, "the bot's own"
    with pytest.raises(AgentGoneError):
        await control.whisper()
    await control.take_back()
    assert desk.asterisk.with_("caller-1") == {f"bot-{request.call_id}"}


# --- the door


def door(headset: FakeHeadset) -> TestClient:
    app = FastAPI()
    claim = {"one": ClaimedLeg("c", headset)}.get
    app.include_router(phone_router(cast(Calls, None), "", rehearsal=False, claim=claim))
    return TestClient(app)


def test_sound_goes_both_ways_until_asterisk_ends_the_leg() -> None:
    headset = FakeHeadset()
    with door(headset) as client, client.websocket_connect("/media?token=one") as socket:
        socket.send_json(START)
        socket.send_bytes(PACKET)
        socket.send_json({"event": "MEDIA_XOFF"})
        socket.send_bytes(PACKET)
        client.portal.call(_until, lambda: len(headset.played) == 2)  # type: ignore[union-attr]
        client.portal.call(headset.speak, PACKET)  # type: ignore[union-attr]
        assert "FLUSH" in socket.receive_text()
        assert socket.receive_bytes() == PACKET
        socket.close()
        client.portal.call(_until, lambda: headset.hear is None)  # type: ignore[union-attr]
    assert headset.played == [PACKET, PACKET]


def test_a_headset_that_is_lost_hangs_up_the_leg() -> None:
    headset = FakeHeadset()
    with door(headset) as client, client.websocket_connect("/media?token=one") as socket:
        socket.send_json(START)
        client.portal.call(_until, lambda: headset.hear is not None)  # type: ignore[union-attr]
        client.portal.call(headset.lose)  # type: ignore[union-attr]
        assert socket.receive_text() == HANGUP
        with pytest.raises(WebSocketDisconnect):
            socket.receive_text()


def test_a_headset_that_left_between_the_ring_and_the_door() -> None:
    headset = FakeHeadset(alive=False)
    with door(headset) as client, client.websocket_connect("/media?token=one") as socket:
        socket.send_json(START)
        with pytest.raises(WebSocketDisconnect) as ended:
            socket.receive_text()
    assert ended.value.code == 1013


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)
