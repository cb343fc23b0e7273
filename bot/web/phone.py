"""The telephone's door: Asterisk's media WebSocket at ``/media`` becomes a call."""

from __future__ import annotations

import hmac
import ipaddress
from datetime import datetime

import structlog
from fastapi import APIRouter, WebSocket

from bot.calls import Calls
from bot.errors import CapacityError, InputError
from bot.models import CallRequest, Channel
from media.telephony.asterisk import media_transport, read_start

log = structlog.get_logger(__name__)

CALL_VARIABLE = "DECROCHE_CALL"
FROM_VARIABLE = "DECROCHE_FROM"


NOW_VARIABLE = "DECROCHE_NOW"


def phone_router(calls: Calls, media_token: str, *, rehearsal: bool) -> APIRouter:
    """The router.

    ``media_token``: shared with the telephone edge; empty: loopback peers only. ``rehearsal``: a simulated caller
    may say what time it is.
    """
    router = APIRouter()

    @router.websocket("/media")
    async def media(socket: WebSocket) -> None:
        if not _authorised(socket, media_token):
            await socket.close(1008, "no or wrong token")
            return
        await socket.accept(subprotocol="media" if "media" in socket.scope.get("subprotocols", ()) else None)
        try:
            start = await read_start(socket)
            request = CallRequest(
                Channel.PHONE,
                _e164(start.variables.get(FROM_VARIABLE, "")),
                start.variables.get(CALL_VARIABLE, ""),
                _time(start.variables.get(NOW_VARIABLE, "")) if rehearsal else None,
            )
            call_id = await calls.start(request, media_transport(socket))
        except CapacityError as err:
            await socket.close(1013, str(err))
            return
        except InputError as err:
            log.warning("media refused", why=str(err))
            await socket.close(1007, str(err)[:120])
            return
        await calls.wait(call_id)

    return router


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


def _authorised(socket: WebSocket, token: str) -> bool:
    if token:
        given = socket.query_params.get("token", "")
        return hmac.compare_digest(given.encode(), token.encode())
    try:
        return socket.client is not None and ipaddress.ip_address(socket.client.host).is_loopback
    except ValueError:
        return False
