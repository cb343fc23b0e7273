"""What a stranger may send: the call is kept or refused, and the next caller is served as ever."""

from __future__ import annotations

import asyncio
import json

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from tests.e2e.telephone.raw import invite
from tests.e2e.telephone.rig import TelephoneLine

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def served_as_ever(line: TelephoneLine) -> None:
    """Bot and Asterisk are the same processes as before and take a call."""
    assert line.stack.is_running("bot")
    assert line.stack.is_running("asterisk")
    async with line.call() as call:
        await call.event("bot_said")


@pytest.mark.parametrize(
    "headers",
    [
        b"User-to-User: " + b"41" * 4096 + b";encoding=hex\r\n",
        b"User-to-User: " + b"\x01\x02\x1b[31m\x7f" * 20 + b";encoding=hex\r\n",
        b"User-to-User: 0d0a582d496e6a65637465643a2031;encoding=hex\r\n",  # a line break in hex
        b"User-to-User: ff00fe80;encoding=hex\r\n",  # not text
        b"User-to-User: ${SHELL(id)},1)Dial(PJSIP/trunk/sip:+33899000000);encoding=ascii\r\n",
        b"User-to-User: 7265686561727361;encoding=hex\r\nUser-to-User: 41;encoding=hex\r\n" * 20,
        b"X-Call-Id: ../../etc/passwd\r\nP-Asserted-Identity: <sip:+33899000000@127.0.0.1>\r\n",
    ],
    ids=["8kB", "control", "line-break", "not-text", "dialplan", "many", "others"],
)
async def test_headers(line: TelephoneLine, headers: bytes) -> None:
    answer = await asyncio.to_thread(invite, line.stack.ports.sip, headers=headers)
    assert answer.kept or 400 <= answer.status < 700, answer
    await served_as_ever(line)


@pytest.mark.parametrize(
    "user",
    [b"", b"%00%01", b"1" * 2000, b"${EXTEN}", "numéro".encode(), b'"><script>', b"+33" + b"9" * 60],
    ids=["none", "nul", "long", "dialplan", "utf8", "markup", "too-many-digits"],
)
async def test_caller_numbers(line: TelephoneLine, user: bytes) -> None:
    answer = await asyncio.to_thread(invite, line.stack.ports.sip, from_user=user)
    assert answer.kept or answer.status == 0 or 400 <= answer.status < 700, answer
    await served_as_ever(line)


@pytest.mark.parametrize("token", ["forged", "A" * 4000, "%00", "../../", "0" * 43])
async def test_a_forged_media_token_opens_nothing(line: TelephoneLine, token: str) -> None:
    address = f"ws://127.0.0.1:{line.stack.ports.bot}/media?token={token}"
    with pytest.raises((ConnectionClosed, InvalidHandshake)):
        async with connect(address, subprotocols=["media"], proxy=None) as socket:  # type: ignore[list-item]
            await socket.send(json.dumps({"event": "MEDIA_START", "format": "slin16", "channel_id": "x"}))
            await asyncio.wait_for(socket.recv(), 5.0)
    await served_as_ever(line)
