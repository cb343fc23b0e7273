"""Who may open the phone door, and as which call."""

from __future__ import annotations

from typing import Any, cast

import pytest
import structlog.testing
from fastapi import FastAPI
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from bot.calls import Calls
from bot.errors import CapacityError
from bot.models import CallRequest, Channel
from bot.ports import CallControl, ClaimedCall
from bot.web.phone import Claim, phone_router

HERE, AWAY = ("127.0.0.1", 5000), ("192.0.2.7", 5000)
CONTROL = cast(CallControl, object())
CLAIMED = ClaimedCall(CallRequest(Channel.PHONE, "+33611223344", user_to_user="abc"), CONTROL)
START = {
    "event": "MEDIA_START",
    "format": "slin16",
    "channel_id": "c",
    "channel_variables": {"DECROCHE_FROM": "+33699999999"},
}


class Started:
    """Takes every call, does nothing with it."""

    def __init__(self, full: bool = False) -> None:
        self.calls: list[tuple[CallRequest, CallControl | None]] = []
        self.full = full

    async def start(
        self, request: CallRequest, transport: object, *, control: CallControl | None = None
    ) -> str:
        if self.full:
            raise CapacityError("all lines are busy")
        self.calls.append((request, control))
        return "call"

    async def wait(self, call_id: str) -> None: ...


def once(*tokens: str) -> Claim:
    """A line with one call for each token."""
    left = set(tokens)

    def claim(token: str) -> ClaimedCall | None:
        if token not in left:
            return None
        left.discard(token)
        return CLAIMED

    return claim


NO_CALLS = once()


def door(
    calls: Started, *, peer: tuple[str, int] = HERE, shared: str = "", claim: Claim = NO_CALLS
) -> TestClient:
    app = FastAPI()
    app.include_router(phone_router(cast(Calls, calls), shared, rehearsal=False, claim=claim))
    return TestClient(app, client=peer)


def address(token: str) -> str:
    return "/media" + (f"?token={token}" if token else "")


def enter(client: TestClient, token: str = "") -> None:
    """Come in, as Asterisk does."""
    with client.websocket_connect(address(token)) as socket:
        socket.send_json(START)


def refused(client: TestClient, token: str = "", start: dict[str, Any] = START) -> int:
    """The code with which the connection was ended."""
    with pytest.raises(WebSocketDisconnect) as ended, client.websocket_connect(address(token)) as socket:
        socket.send_json(start)
        socket.receive_json()
    return ended.value.code


def test_a_token_opens_the_call_it_stands_for() -> None:
    calls = Started()
    enter(door(calls, peer=AWAY, shared="shared", claim=once("one")), "one")
    assert calls.calls == [(CLAIMED.request, CONTROL)], "and what the channel says of itself is not asked"


def test_a_token_is_good_once() -> None:
    calls = Started()
    client = door(calls, claim=once("one"))
    enter(client, "one")
    assert refused(client, "one") == 1008
    assert len(calls.calls) == 1


@pytest.mark.parametrize("token", ["forged", "one%00", "ONE", "x" * 5000, "%F0%9F%93%9E"])
@pytest.mark.parametrize("peer", [HERE, AWAY])
@pytest.mark.parametrize("shared", ["", "shared"])
def test_a_forged_token_is_refused_wherever_it_comes_from_and_not_logged(
    token: str, peer: tuple[str, int], shared: str
) -> None:
    calls = Started()
    with structlog.testing.capture_logs() as logs:
        assert refused(door(calls, peer=peer, shared=shared, claim=once("one")), token) == 1008
    assert calls.calls == []
    assert logs == [{"event": "media refused", "why": "no or wrong token", "log_level": "warning"}]


def test_a_simulated_caller_comes_from_this_machine() -> None:
    calls = Started()
    enter(door(calls))
    assert calls.calls == [(CallRequest(Channel.PHONE, "+33699999999"), None)]
    assert refused(door(calls, peer=AWAY)) == 1008


def test_a_simulated_caller_comes_with_the_shared_token() -> None:
    calls = Started()
    enter(door(calls, peer=AWAY, shared="shared"), "shared")
    assert len(calls.calls) == 1
    assert refused(door(calls, peer=HERE, shared="shared")) == 1008


def test_no_free_line() -> None:
    assert refused(door(Started(full=True), claim=once("one")), "one") == 1013


@pytest.mark.parametrize(
    "start",
    [{}, {"event": "DTMF_END"}, START | {"format": "ulaw"}, {"event": ["MEDIA_START"]}],
)
def test_what_does_not_begin_as_asterisk_does_is_refused(start: dict[str, Any]) -> None:
    calls = Started()
    assert refused(door(calls, claim=once("one")), "one", start) == 1007
    assert calls.calls == []
