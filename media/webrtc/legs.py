"""The legs under a browser caller's call: the telephone line's call machine, its orders carried out in this process.

    CallControl ──▶ LineCall (state machine) ── orders ──▶ rooms ──▶ who hears whom ──▶ the board

So a transfer, a hold, a hang-up in the middle behave for a caller in the browser as they do on the telephone. An agent
is reached at their headset only (``headset:<agent id>``): a site's SIP line cannot be rung from here (``reaches``), and
``ring`` answers with ``RingResult.FAILED``. There is no rescue either: it is the bot that carries the sound, and a page
whose bot is gone has lost its call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final

import structlog

from bot.errors import LineError
from bot.models import CallRequest, Channel
from bot.ports import CallControl, Headset
from media.telephony.call import LineCall
from media.telephony.callstate import CallState, EndLeg, Leg, LegGone, LegUp, Order, Originate
from media.telephony.orders import HEADSET_PREFIX
from media.webrtc.board import Board
from media.webrtc.patch import Rooms

log = structlog.get_logger(__name__)

CALLER_PREFIX: Final = "page-"
_CLOSE_S: Final = 2.0


class BrowserLegs:
    """One call's legs; it begins with the caller and the bot together. ``start`` it, ``close`` it.

    ``headsets(agent id)``: an agent's headset, if they have one.
    """

    def __init__(self, call_id: str, board: Board, headsets: Callable[[str], Headset | None]) -> None:
        state = CallState(call_id, CALLER_PREFIX + call_id, caller=Leg.UP, bot=Leg.UP, room=True)
        self._rooms = Rooms.of(state)
        self._board = board
        self._headsets = headsets
        self._agent_leg = ""
        self._call = LineCall(
            state, CallRequest(Channel.BROWSER, call_id=call_id), self._carry_out, telephones=False
        )
        self._call.made |= {state.caller_id, state.bot_id}
        self._task: asyncio.Task[None] | None = None

    @property
    def control(self) -> CallControl:
        """For the bot."""
        return self._call

    def start(self) -> None:
        """Begin to obey."""
        self._task = asyncio.create_task(self._call.run(), name=f"legs:{self._call.call_id}")

    def caller_left(self) -> None:
        """The page is gone: every leg ends. May be called again."""
        self._gone(self._call.state.caller_id)

    async def close(self) -> None:
        """Return when every leg has ended, or could not be."""
        self.caller_left()
        if self._task is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self._task), _CLOSE_S)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _carry_out(self, order: Order) -> None:
        match order:
            case Originate(leg, address):
                await self._connect(leg, address)
            case EndLeg(leg):
                self._gone(leg)
        self._rooms = self._rooms.after(order)
        await self._board.follow(self._rooms.patch(self._call.state))
        if isinstance(order, EndLeg) and order.leg == self._agent_leg:
            await self._board.take_agent(None)

    async def _connect(self, leg: str, address: str) -> None:
        if not address.startswith(HEADSET_PREFIX):
            raise LineError("a caller in the browser can be put through to a headset only")
        headset = self._headsets(address.removeprefix(HEADSET_PREFIX))
        if headset is None:
            raise LineError("the agent has no headset")
        await self._board.take_agent(headset.connect(self._board.agent_says, partial(self._gone, leg)))
        self._agent_leg = leg
        self._call.take(LegUp(leg))

    def _gone(self, leg: str) -> None:
        self._rooms = self._rooms.after(EndLeg(leg))
        try:
            self._call.take(LegGone(leg))
        except LineError as err:  # too many orders wait: the call's end will catch up with this
            log.error("end of a leg lost", call_id=self._call.call_id, why=str(err))
