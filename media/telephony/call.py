"""One call of the line: its machine's state, its orders carried out in turn, and the ``CallControl`` of the bot."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import NoReturn

import structlog

from bot.errors import AgentGoneError, CallerGoneError, LineError
from bot.models import CallRequest, RingResult, SiteLine
from media.telephony.callstate import (
    AGENT_PREFIX,
    FORGIVEN,
    CallState,
    Dial,
    DropAgent,
    Ending,
    EndLeg,
    Failed,
    HangUp,
    Hold,
    Input,
    Join,
    Leg,
    LegGone,
    LegSilent,
    Order,
    Originate,
    Refusal,
    Ring,
    StartBotLeg,
    TakeBack,
    Whisper,
    step,
)
from media.telephony.orders import HEADSET_PREFIX

log = structlog.get_logger(__name__)

OBEY_WITHIN_S = 5.0
"""For one order of the bot, which is up to six of Asterisk's at a few milliseconds each."""
ALIVE_WITHIN_S = 6.0
"""A far end that has not begun to ring by then is dead, or its network is: the next site is tried."""
FORGET_AFTER_S = 30.0
"""A call that is over is kept so long at most for legs whose end nobody tells."""
_MAX_BATCHES = 128
_MAX_KEYS = 16


@dataclass(eq=False)
class _Batch:
    """The orders of one step."""

    orders: tuple[Order, ...]
    done: bool = False
    error: LineError | None = None


@dataclass(eq=False)
class LineCall:
    """A call. ``run`` it in a task; ``take`` is given what happens. Implements :class:`bot.ports.CallControl`.

    ``carry_out``: gives one order to the line. ``request``: the call as the bot is told of it.
    """

    state: CallState
    request: CallRequest
    carry_out: Callable[[Order], Awaitable[None]]
    telephones: bool = True
    """Whether SIP addresses can be rung; headsets can in any case."""
    made: set[str] = field(default_factory=set)
    """Legs that the line has certainly heard of: its lists show them for as long as they live."""
    _todo: asyncio.Queue[_Batch] = field(default_factory=lambda: asyncio.Queue(_MAX_BATCHES))
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _keys: deque[str] = field(default_factory=lambda: deque(maxlen=_MAX_KEYS))
    _rung: int = 0
    _on_ringing: Callable[[], None] | None = None

    @property
    def call_id(self) -> str:
        """As in ``request``."""
        return self.state.call_id

    @property
    def over(self) -> bool:
        """Whether the caller is gone, or no longer ours."""
        return self.state.over is not Ending.NO

    # --- from the line

    def take(self, given: Input) -> None:
        """Something happened. Never blocks."""
        self._take(given)

    def key(self, leg: str, digit: str) -> None:
        """A key was pressed; only an agent's count here: the caller's reach the bot with the sound."""
        if leg == self.state.agent_id:
            self._keys.append(digit)
            self._notify()

    async def run(self) -> None:
        """Carry out the orders, one after the other, until the call is closed."""
        while not (self.state.closed and self._todo.empty()):
            try:
                async with asyncio.timeout(FORGET_AFTER_S if self.over else None):
                    batch = await self._todo.get()
            except TimeoutError:
                log.warning("legs whose end nobody told", call_id=self.call_id, legs=len(self.state.legs))
                return
            await self._carry_out(batch)
            batch.done = True
            self._notify()

    async def _carry_out(self, batch: _Batch) -> None:
        for order in batch.orders:
            try:
                await self.carry_out(order)
            except LineError as err:
                # The order's name only: what it holds are numbers and tokens.
                log.warning("order failed", call_id=self.call_id, order=type(order).__name__, why=str(err))
                if isinstance(order, FORGIVEN):
                    continue
                batch.error = err
                self._take(Failed(order))
                return
            if isinstance(order, Originate | StartBotLeg):
                self.made.add(order.leg)
            elif isinstance(order, EndLeg) and order.leg not in self.made:
                self._take(LegGone(order.leg))  # it was never made: nobody else will tell its end

    def _take(self, given: Input) -> _Batch | Refusal:
        before = self.state
        made = step(before, given)
        if made.refused:
            return made.refused
        batch = _Batch(made.orders, done=not made.orders)
        if made.orders or (made.state.closed and not before.closed):  # the latter to let ``run`` end
            try:
                self._todo.put_nowait(batch)
            except asyncio.QueueFull:
                raise LineError("more orders for one call than the line takes") from None
        self.state = made.state
        if self._on_ringing and before.caller is not Leg.RINGING and self.state.caller is Leg.RINGING:
            self._on_ringing()
        if before.over is Ending.NO and self.over:
            log.info("call over", call_id=self.call_id, how=self.state.over.value)
        self._notify()
        return batch

    # --- for the bot: see bot.ports.CallControl

    def reaches(self, address: str) -> bool:
        """Whether it can be rung from here."""
        return self.telephones or address.startswith(HEADSET_PREFIX)

    async def hold(self) -> None:
        """Music for the caller."""
        await self._obey(Hold())

    async def ring(self, line: SiteLine, *, token: str, ring_s: float) -> RingResult:
        """Ring an agent."""
        self._rung += 1
        leg = f"{AGENT_PREFIX}{self.call_id}-{self._rung}"
        self._keys.clear()
        self._demand(Ring(leg, _dial_string(line.address), token, ring_s))
        try:
            await self._answered(
                leg, ring_s, lambda: self.state.agent if self.state.agent_id == leg else Leg.GONE
            )
        finally:
            if self.state.agent_id == leg and self.state.agent is not Leg.UP:
                self._take(DropAgent(leg))
        self._check_caller()
        return self.state.rung or RingResult.FAILED

    async def whisper(self) -> None:
        """The bot to the agent."""
        await self._obey(Whisper())
        self._check_agent()

    async def agent_key(self, *, within_s: float) -> str:
        """The agent's next key."""
        with contextlib.suppress(TimeoutError):
            await self._until(lambda: bool(self._keys) or self.over or not self._agent_is_there, within_s)
        self._check_caller()
        self._check_agent()
        return self._keys.popleft() if self._keys else ""

    async def join(self) -> None:
        """The agent to the caller."""
        await self._obey(Join())
        self._check_agent()

    async def agent_left(self) -> None:
        """Wait for the agent's end."""
        await self._until(lambda: self.over or not self._agent_is_there, None)
        self._check_caller()

    async def drop_agent(self) -> None:
        """End the agent's leg."""
        await self._done(self._demand(DropAgent()))

    async def take_back(self) -> None:
        """The bot to the caller."""
        await self._obey(TakeBack())

    async def hang_up(self) -> None:
        """End every leg."""
        with contextlib.suppress(LineError):
            await self._done(self._demand(HangUp()))

    # --- for the line's own ringing

    async def dial(
        self, address: str, ring_s: float, on_ringing: Callable[[], None] | None = None
    ) -> RingResult:
        """Ring the caller (a callback). Cancelling stops the ringing.

        ``on_ringing``: called when their telephone begins to ring.

        Raises:
            LineError: this is no call that we make.
        """
        self._on_ringing = on_ringing
        self._demand(Dial(address, ring_s))
        try:
            await self._answered(self.state.caller_id, ring_s, lambda: self.state.caller)
        finally:
            if self.state.caller is not Leg.UP:
                self._take(HangUp())
        return self.state.callee or RingResult.FAILED

    # --- waiting

    async def _answered(self, leg: str, ring_s: float, how_far: Callable[[], Leg]) -> None:
        """Return when the leg is up or gone; one that shows no life, or rings in vain, is ended."""
        loop = asyncio.get_running_loop()
        until = loop.time() + ring_s
        for within_s, stages in (
            (min(ALIVE_WITHIN_S, ring_s), {Leg.STARTING}),
            (ring_s, {Leg.STARTING, Leg.RINGING}),
        ):
            left_s = max(0.0, min(within_s, until - loop.time()))
            try:
                await self._until(partial(self._has_left, stages, how_far), left_s)
            except TimeoutError:
                self._take(LegSilent(leg))

    def _has_left(self, stages: set[Leg], how_far: Callable[[], Leg]) -> bool:
        return self.over or how_far() not in stages

    async def _obey(self, given: Input) -> None:
        """Return once it is so, or the caller is gone; raises what the port promises."""
        await self._done(self._demand(given), or_over=True)
        self._check_caller()

    def _demand(self, given: Input) -> _Batch:
        taken = self._take(given)
        if isinstance(taken, Refusal):
            _raise(taken)
        return taken

    async def _done(self, batch: _Batch, *, or_over: bool = False) -> None:
        try:
            await self._until(lambda: batch.done or (or_over and self.over), OBEY_WITHIN_S)
        except TimeoutError:
            raise LineError(f"the line did not obey within {OBEY_WITHIN_S:g} s") from None
        if batch.error:
            self._check_caller()
            raise LineError("the line does not obey") from batch.error

    async def _until(self, ready: Callable[[], bool], within_s: float | None) -> None:
        """Raises ``TimeoutError``."""
        async with asyncio.timeout(within_s):
            while not ready():
                await self._changed.wait()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    @property
    def _agent_is_there(self) -> bool:
        return self.state.agent is Leg.UP

    def _check_caller(self) -> None:
        if self.over:
            raise CallerGoneError("the caller hung up")

    def _check_agent(self) -> None:
        if not self._agent_is_there:
            raise AgentGoneError("the agent hung up")


def _raise(refused: Refusal) -> NoReturn:
    match refused:
        case Refusal.CALLER_GONE:
            raise CallerGoneError("the caller hung up")
        case Refusal.AGENT_GONE:
            raise AgentGoneError("the agent hung up")
        case Refusal.NOT_NOW:
            raise LineError("not possible in this state of the call")


def _dial_string(address: str) -> str:
    """``address``: a SIP URI, reached by the ``sites`` endpoint, the name of an endpoint, or an agent's headset."""
    if address.startswith(HEADSET_PREFIX):
        return address
    return f"PJSIP/sites/{address}" if address.startswith(("sip:", "sips:")) else f"PJSIP/{address}"
