"""The telephone's door: Asterisk's media WebSocket at ``/media`` becomes a call."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Callable
from datetime import datetime

import structlog
from fastapi import APIRouter, WebSocket

from bot.calls import Calls
from bot.errors import CapacityError, InputError, LineError
from bot.models import CallRequest, Channel
from bot.ports import ClaimedCall, ClaimedLeg
from media.telephony.asterisk import MediaStart, read_start
from media.telephony.headset_leg import carry_headset
from media.telephony.mediasocket import MediaTransport

log = structlog.get_logger(__name__)

CALL_VARIABLE = "DECROCHE_CALL"
FROM_VARIABLE = "DECROCHE_FROM"
NOW_VARIABLE = "DECROCHE_NOW"

_TOKEN_MAX = 256

Claim = Callable[[str], ClaimedCall | ClaimedLeg | None]
"""The call, or the agent's leg of one, that a single-use token stands for, once; None for a token that is forged, spent
or too old."""


def no_line(token: str) -> ClaimedCall | ClaimedLeg | None:
    """No telephone line: no token is known."""
    return None


def phone_router(calls: Calls, media_token: str, *, rehearsal: bool, claim: Claim = no_line) -> APIRouter:
    """The router.

    ``claim``: the telephone line's calls; their media carries a token of its own, good for one connection. Simulated
    callers come with ``media_token``, or, where that is empty, with no token and from this machine. ``rehearsal``: a
    simulated caller may say what time it is.
    """
    router = APIRouter()

    @router.websocket("/media")
    async def media(socket: WebSocket) -> None:
        claimed = _claimed(socket, claim)
        if claimed is None and not _is_simulated_caller(socket, media_token):
            log.warning("media refused", why="no or wrong token")
            await socket.close(1008, "no or wrong token")
            return
        await socket.accept(subprotocol="media" if "media" in socket.scope.get("subprotocols", ()) else None)
        try:
            start = await read_start(socket)
            if isinstance(claimed, ClaimedLeg):
                await carry_headset(socket, claimed.headset)
                return
            call_id = await calls.start(
                claimed.request if claimed else _request(start, rehearsal=rehearsal),
                MediaTransport(socket),
                control=claimed.control if claimed else None,
            )
        except CapacityError as err:
            # A claimed caller is not lost with this socket: the line sees the bot's leg end, and takes them over.
            await socket.close(1013, str(err))
            return
        except LineError as err:  # the headset left between the ring and now
            log.warning("media refused", why=str(err))
            await socket.close(1013, str(err)[:120])
            return
        except InputError as err:
            log.warning("media refused", why=str(err))
            await socket.close(1007, str(err)[:120])
            return
        await calls.wait(call_id)

    return router


def _claimed(socket: WebSocket, claim: Claim) -> ClaimedCall | ClaimedLeg | None:
    token = socket.query_params.get("token", "")
    return claim(token) if 0 < len(token) <= _TOKEN_MAX else None


def _request(start: MediaStart, *, rehearsal: bool) -> CallRequest:
    """What a simulated caller says of the call.

    Raises:
        InputError: a time that is none.
    """
    return CallRequest(
        Channel.PHONE,
        _e164(start.variables.get(FROM_VARIABLE, "")),
        start.variables.get(CALL_VARIABLE, ""),
        _time(start.variables.get(NOW_VARIABLE, "")) if rehearsal else None,
    )


def _time(text: str) -> datetime | None:
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as err:
        raise InputError(f"{NOW_VARIABLE}: not a date and time") from err
    if at.tzinfo is None:
        raise InputError(f"{NOW_VARIABLE}: no time zone")
    return at


def _e164(number: str) -> str:
    """The number when it looks like one; a withheld or odd one is no number."""
    digits = number.removeprefix("+")
    return number if number.startswith("+") and digits.isdecimal() and 6 <= len(digits) <= 15 else ""


def _is_simulated_caller(socket: WebSocket, token: str) -> bool:
    given = socket.query_params.get("token", "")
    if token or given:  # a token that is wrong is refused from wherever it comes
        return bool(token) and hmac.compare_digest(given.encode(), token.encode())
    try:
        return socket.client is not None and ipaddress.ip_address(socket.client.host).is_loopback
    except ValueError:
        return False
