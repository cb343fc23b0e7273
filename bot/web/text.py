"""The text door: the same conversation without sound, on a clock the client pushes forward.

For scripts, tests and engineers. WebSocket ``/api/text``, Bearer token, JSON both ways:

    client  {"type":"start","caller_number":"+33…","now":null|ISO 8601}  then any of
            {"type":"say","text":"…","interrupts":false} {"type":"keys","digits":"1"}
            {"type":"silence","seconds":8} {"type":"hang_up"}
    server  {"type":"started","call_id"}  {"type":"said","text"}
            {"type":"ready"}  the replies to one input are complete    {"type":"ended","outcome"}
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Literal, TypeVar

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from bot.calls import Calls
from bot.conversation.clock import CallClock
from bot.conversation.conversation import Conversation
from bot.conversation.inputs import CallerTurn
from bot.errors import AccessDeniedError, CapacityError, InputError, RateLimitedError, UnauthenticatedError
from bot.models import CallRequest, Channel, Hypothesis, InputMode, Recognition, Say
from bot.web.access import Access

_SILENCE_STEP_MS = 500
_START_WITHIN_S = 10.0
_IDLE_LIMIT_S = 300.0
"""A client that sends nothing for this long is gone."""


class _Wire(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Start(_Wire):
    """The first message."""

    type: Literal["start"]
    caller_number: str = Field(default="", pattern=r"^(\+\d{6,15})?$")
    now: AwareDatetime | None = None


class SayIn(_Wire):
    """The caller says this."""

    type: Literal["say"]
    text: str = Field(max_length=2000)
    interrupts: bool = False


class Keys(_Wire):
    """The caller presses these."""

    type: Literal["keys"]
    digits: str = Field(pattern=r"^[0-9*#]{1,64}$")


class Silence(_Wire):
    """The caller says nothing for so many seconds."""

    type: Literal["silence"]
    seconds: float = Field(ge=0, le=600)


class HangUpIn(_Wire):
    """The caller leaves."""

    type: Literal["hang_up"]


_START: TypeAdapter[Start] = TypeAdapter(Start)
_INPUT: TypeAdapter[SayIn | Keys | Silence | HangUpIn] = TypeAdapter(
    Annotated[SayIn | Keys | Silence | HangUpIn, Field(discriminator="type")]
)
_T = TypeVar("_T")


class TextCall:
    """One call by text. Implements the conversation's ``Mouth``."""

    def __init__(self, calls: Calls, start: Start, send: Callable[[dict[str, str]], Awaitable[None]]) -> None:
        request = CallRequest(Channel.TEXT, start.caller_number, now=start.now)
        self.started = calls.admit(request)
        self._clock = CallClock(calls.operator.zone, start.now)
        self._send = send
        self._last = ""
        self.conversation: Conversation = calls.converse(self.started, self._clock, self)

    async def say(self, says: Sequence[Say], *, yields: bool = False) -> None:
        """See :class:`bot.conversation.parts.Mouth`: text is said at once."""
        self._last = " ".join(say.text for say in says)
        for say in says:
            self.conversation.said(say)
            await self._send({"type": "said", "text": say.text})

    async def heard(self) -> None:
        """See :class:`bot.conversation.parts.Mouth`: nothing is left to be heard."""

    async def hush(self) -> None:
        """See :class:`bot.conversation.parts.Mouth`: what was sent has been read."""

    async def end(self) -> None:
        """See :class:`bot.conversation.parts.Mouth`: nothing is left to be heard."""

    async def take(self, item: SayIn | Keys | Silence | HangUpIn) -> None:
        """Pass one input to the conversation and wait until it has been answered."""
        conversation = self.conversation
        match item:
            case Silence(seconds=seconds):
                await self._pass_time(round(seconds * 1000))
            case SayIn(text=text, interrupts=interrupts):
                now = self._clock.now_ms()
                heard = self._last[: len(self._last) // 2] if interrupts else ""
                if interrupts:
                    conversation.interrupted(heard)
                typed = Recognition((Hypothesis(text, 0.0),) if text.strip() else (), 0.0, 0, 0)
                conversation.hear(CallerTurn(typed, InputMode.TEXT, now, now, interrupts, heard))
            case Keys(digits=digits):
                conversation.press(digits)
            case HangUpIn():
                conversation.hung_up()
        await conversation.settled()

    async def _pass_time(self, ms: int) -> None:
        """In small steps, as if waiting: a follow-up that is said starts the silence anew."""
        self.conversation.floor_free()
        while ms > 0 and not self.conversation.ended:
            step = min(ms, _SILENCE_STEP_MS)
            ms -= step
            self._clock.advance(step)
            self.conversation.tick()
            if self.conversation.busy:
                await self.conversation.settled()
                self.conversation.floor_free()


def text_router(calls: Calls, access: Access) -> APIRouter:
    """The router; the socket carries the API token."""
    router = APIRouter()

    @router.websocket("/api/text")
    async def text(socket: WebSocket) -> None:
        try:
            access.holder(socket)
        except (AccessDeniedError, RateLimitedError, UnauthenticatedError) as err:
            await socket.close(1008, str(err)[:120])
            return
        await socket.accept()
        try:
            await _serve(socket, calls)
        except WebSocketDisconnect:
            pass
        except CapacityError as err:
            await socket.close(1013, str(err))
        except InputError as err:
            await socket.close(1007, str(err)[:120])

    return router


async def _serve(socket: WebSocket, calls: Calls) -> None:
    start = await _receive(socket, _START, _START_WITHIN_S)
    call = TextCall(calls, start, socket.send_json)
    talk = calls.own(call.started.call_id, call.conversation.run())
    try:
        await socket.send_json({"type": "started", "call_id": call.started.call_id})
        await call.conversation.settled()
        while not call.conversation.ended:
            await socket.send_json({"type": "ready"})
            await call.take(await _receive(socket, _INPUT, _IDLE_LIMIT_S))
        await socket.send_json({"type": "ended", "outcome": call.conversation.outcome})
        await socket.close()
    finally:
        call.conversation.hung_up()
        await asyncio.wait({talk})


async def _receive(socket: WebSocket, kind: TypeAdapter[_T], within_s: float) -> _T:
    try:
        async with asyncio.timeout(within_s):
            return kind.validate_json(await socket.receive_text())
    except TimeoutError as err:
        raise InputError("nothing came in time") from err
    except ValidationError as err:
        fault = err.errors()[0]
        raise InputError(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}") from err
