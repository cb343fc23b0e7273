"""The telephone line: Asterisk's calls, each with its machine and its control; implements :class:`bot.ports.Telephone`.

    Asterisk ── events ──▶ AsteriskLine ──▶ LineCall (state machine, orders) ──▶ Asterisk
                                │ claim(token)
                                ▼
        the media door: the bot's leg has arrived, here is its call

A call that comes in gets a bot leg; Asterisk opens it as a WebSocket to the bot's media door with a token in its query;
the door claims the call with it. The token opens one call, once, for ten seconds. So does that of
an agent's headset, which is a leg of the same kind.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
import uuid
from collections.abc import Callable, Coroutine
from dataclasses import replace

import structlog

from bot.errors import LineError
from bot.models import CallRequest, MissedCall, RingResult
from bot.models import Channel as CallerChannel
from bot.ports import ClaimedCall, ClaimedLeg, Headset
from media.telephony.ari import (
    AriEvent,
    Channel,
    ChannelDestroyed,
    ChannelDtmfReceived,
    ChannelStateChange,
    Dial,
    StasisEnd,
    StasisStart,
)
from media.telephony.call import LineCall
from media.telephony.caller import e164, user_to_user
from media.telephony.callstate import (
    AGENT_PREFIX,
    BOT_PREFIX,
    CALLEE_PREFIX,
    CallState,
    GiveUp,
    Input,
    LegGone,
    LegRinging,
    LegUp,
    Order,
)
from media.telephony.missed import VARIABLE as MISSED_VARIABLE
from media.telephony.missed import missed_calls
from media.telephony.orders import CALL_VARIABLE, UUI_VARIABLE, Ari, LineSettings, carry_out
from media.telephony.rehearsal import read_rehearsal
from media.telephony.rescue import call_of, help_out, is_caller, orphans, scene_of

log = structlog.get_logger(__name__)

TOKEN_LIVES_S = 10.0
_STOP_WITHIN_S = 3.0
_RESCUE = "rescue"
_ALERTING = {"RINGING", "PROGRESS"}
_E164 = re.compile(r"\+[1-9][0-9]{5,14}")


class AsteriskLine:
    """Every call of one Asterisk application. Used from one loop; ``start`` it, ``stop`` it.

    ``headsets(agent id)``: their headset, if they have one. ``clock``: seconds, for the tokens' age.
    """

    def __init__(
        self,
        ari: Ari,
        settings: LineSettings,
        *,
        headsets: Callable[[str], Headset | None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ari = ari
        self._settings = settings
        self._headsets = headsets
        self._clock = clock
        self._calls: dict[str, LineCall] = {}
        self._by_caller: dict[str, LineCall] = {}
        self._tokens: dict[str, tuple[LineCall, Headset | None, float]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False
        self.room: Callable[[], bool] = lambda: True
        """Whether the bot can take one more call; a caller who comes when it cannot waits with music."""

    @property
    def up(self) -> bool:
        """See :class:`bot.ports.Telephone`."""
        return self._ari.up and not self._stopping

    @property
    def calls(self) -> int:
        """Calls in progress."""
        return len(self._calls)

    async def start(self) -> None:
        """Begin to serve; returns at once, whether Asterisk is there or not."""
        self._ari.listen(on_event=self._on_event, on_up=self._reconcile, on_down=lambda: None)
        await self._ari.start()

    async def stop(self) -> None:
        """Let every caller go to the rescue, but those who talk to an agent; then drop the line."""
        self._stopping = True
        for call in list(self._calls.values()):
            self._tell(call, GiveUp())
        tasks = {task for task in self._tasks if not task.done()}
        if tasks:
            await asyncio.wait(tasks, timeout=_STOP_WITHIN_S)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._ari.stop()

    def claim(self, token: str) -> ClaimedCall | ClaimedLeg | None:
        """The call that a media connection belongs to, by the bot's leg or by that of an agent's headset; None for a
        token that is unknown, used or too old.
        """
        call, headset, until = self._tokens.pop(token, (None, None, 0.0))
        if call is None or self._clock() >= until or call.over:
            return None
        return ClaimedLeg(call.call_id, headset) if headset else ClaimedCall(call.request, call)

    async def dial(
        self, number: str, *, ring_s: float, callback: str, on_ringing: Callable[[], None] | None = None
    ) -> RingResult:
        """See :class:`bot.ports.Telephone`; cancelling stops the ringing.

        Raises:
            LineError: the line is down, or the number is not E.164.
        """
        if not self.up:
            raise LineError("the line is down")
        if not _E164.fullmatch(number):
            raise LineError("not a number in E.164")
        call_id = str(uuid.uuid4())
        request = CallRequest(CallerChannel.PHONE, number, call_id, callback=callback)
        call = self._open(CallState(call_id, CALLEE_PREFIX + call_id, dialled=True), request)
        return await call.dial(f"PJSIP/trunk/sip:{number}@{self._settings.trunk_host}", ring_s, on_ringing)

    # --- events

    def _on_event(self, event: AriEvent) -> None:
        match event:
            case StasisStart(channel=channel, args=args):
                self._arrived(channel, args)
            case StasisEnd(channel=Channel(id=leg)):
                # Legs that we made are not let go but ended: what follows says why, which this does not.
                if is_caller(leg):
                    self._tell_leg(leg, LegGone(leg))
            case ChannelDestroyed(channel=Channel(id=leg), cause=cause, tech_cause=status):
                self._tell_leg(leg, LegGone(leg, cause, status))
            case ChannelStateChange(channel=Channel(id=leg, state="Ringing")):
                self._tell_leg(leg, LegRinging(leg))
            case Dial(peer=Channel(id=leg), status=status) if status in _ALERTING:
                self._tell_leg(leg, LegRinging(leg))
            case ChannelDtmfReceived(channel=Channel(id=leg), digit=digit):
                if call := self._call(leg):
                    call.key(leg, digit)
            case _:
                pass

    def _arrived(self, channel: Channel, args: tuple[str, ...]) -> None:
        leg = channel.id
        call = self._call(leg)
        if call is not None and not (is_caller(leg) and call.over and _RESCUE in args):
            self._tell(call, LegUp(leg))
        elif not is_caller(leg) or (leg.startswith(CALLEE_PREFIX) and _RESCUE not in args):
            log.warning("leg of no call of ours", leg=leg)
            self._spawn(self._end(leg), f"end:{leg}")
        elif self._stopping:
            self._spawn(self._let_go(leg, self._settings.rescue_context), f"rescue:{leg}")
        else:
            resumes = _uuid(channel.variables.get(CALL_VARIABLE, "")) if _RESCUE in args else ""
            # Who comes back to a case has room: the call that was cut is still counted, and makes way for them.
            if not resumes and not self.room():
                self._spawn(self._let_go(leg, self._settings.busy_context), f"busy:{leg}")
            else:
                self._receive(channel, resumes)

    def _receive(self, channel: Channel, resumes: str) -> None:
        """A caller: new, or one whose call ``resumes`` a failure cut off, and who comes from the rescue."""
        said = user_to_user(channel.variables.get(UUI_VARIABLE, ""))
        rehearsed = read_rehearsal(said) if self._settings.rehearsal else None
        chosen = rehearsed.call_id if rehearsed and not resumes else ""
        call_id = chosen if chosen and chosen not in self._calls else str(uuid.uuid4())
        number = e164(channel.caller_number)
        if number == self._settings.number:
            number = ""  # a call that we made: the channel shows our own number
        request = CallRequest(
            CallerChannel.PHONE,
            number,
            call_id,
            rehearsed.now if rehearsed else None,
            user_to_user=said,
            resumes=resumes,
        )
        log.info("call in", call_id=call_id, resumes=request.resumes, withheld=not number)
        call = self._open(CallState(call_id, channel.id), request)
        call.made.add(channel.id)
        self._tell(call, LegUp(channel.id))

    def _open(self, state: CallState, request: CallRequest) -> LineCall:
        async def order(one: Order) -> None:
            await carry_out(
                one,
                self._ari,
                self._settings,
                state.call_id,
                lambda: self._new_token(call, None),
                lambda agent: self._new_token(call, self._free_headset(agent)),
            )

        call = LineCall(state, request, order)
        self._calls[state.call_id] = call
        self._by_caller[state.caller_id] = call
        self._spawn(self._run(call), f"line:{state.call_id}")
        return call

    async def _run(self, call: LineCall) -> None:
        try:
            await call.run()
        finally:
            self._calls.pop(call.call_id, None)
            if self._by_caller.get(call.state.caller_id) is call:  # else they are back, in another call
                del self._by_caller[call.state.caller_id]

    def _new_token(self, call: LineCall, headset: Headset | None) -> str:
        now = self._clock()
        self._tokens = {token: kept for token, kept in self._tokens.items() if kept[2] > now}
        token = secrets.token_urlsafe(32)
        self._tokens[token] = (call, headset, now + TOKEN_LIVES_S)
        return token

    def _free_headset(self, agent: str) -> Headset:
        headset = self._headsets(agent)
        if headset is None or not headset.free:
            raise LineError("the agent's headset is away, or in a call")
        return headset

    def _call(self, leg: str) -> LineCall | None:
        return self._by_caller.get(leg) or self._calls.get(call_of(leg))

    def _tell_leg(self, leg: str, given: Input) -> None:
        if call := self._call(leg):
            self._tell(call, given)

    def _tell(self, call: LineCall, given: Input) -> None:
        try:
            call.take(given)
        except LineError as err:
            log.error("event of a call lost", call_id=call.call_id, why=str(err))

    async def missed_calls(self) -> tuple[MissedCall, ...]:
        """Callers whom Asterisk brought to nobody while no bot was there; it forgets the oldest, and never the others.

        Raises:
            LineError: it does not answer.
        """
        return missed_calls(await self._ari.get_global(MISSED_VARIABLE))

    # --- after a connection

    async def _reconcile(self) -> None:
        """Put our picture right after the link was lost: ends that we missed, legs that nobody looks after.

        Raises:
            LineError: Asterisk does not answer; the link tries again.
        """
        # Before the lists are read: a leg made meanwhile may not be in them.
        known = [(call, call.state.legs & call.made) for call in self._calls.values()]
        scene = await scene_of(self._ari, self._settings.app)
        states = {channel.id: channel.state for channel in scene.channels}
        for call, legs in known:
            for leg in sorted(legs - states.keys()):
                self._tell(call, LegGone(leg))
            for leg in sorted(legs & states.keys()):
                if states[leg] == "Up" and leg.startswith((BOT_PREFIX, AGENT_PREFIX, CALLEE_PREFIX)):
                    self._tell(call, LegUp(leg))
        alone = orphans(scene, self._calls)
        # In a room of ours, or just arriving: those are told by events that wait until we are done here.
        rooms = {leg for bridge in scene.bridges if call_of(bridge.id) for leg in bridge.channels}
        alone = replace(alone, callers=alone.callers & rooms)
        log.info(
            "line reconciled", calls=len(self._calls), callers=len(alone.callers), legs=len(alone.legs),
            bridges=len(alone.bridges),
        )  # fmt: skip
        self._spawn(help_out(self._ari, alone, self._settings.rescue_context), "reconcile")

    # --- small orders outside any call

    async def _end(self, leg: str) -> None:
        try:
            await self._ari.hangup(leg)
        except LineError as err:
            log.warning("leg not ended", why=str(err))

    async def _let_go(self, leg: str, context: str) -> None:
        try:
            await self._ari.continue_in_dialplan(leg, context)
        except LineError as err:
            log.warning("caller not let go", why=str(err))

    def _spawn(self, work: Coroutine[None, None, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (err := task.exception()):
            log.error("line task crashed", task=task.get_name(), exc_info=err)


def _uuid(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        return ""
