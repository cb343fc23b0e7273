"""The running calls of this process: every call has an owner, a name and an end."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import UTC, datetime

import structlog
from pipecat.transports.base_transport import BaseTransport

from bot.conversation.clock import CallClock
from bot.conversation.conversation import Conversation
from bot.conversation.opening import Opening
from bot.conversation.parts import Mouth
from bot.errors import CapacityError, InputError
from bot.events import CallStarted
from bot.handoff.token import HandoffTokens
from bot.models import CallerControl, CallRequest, Expectation, HungUp, KeysPressed, Muted
from bot.openings import Openings
from bot.operator import Operator
from bot.pipeline.call import VoiceCall
from bot.ports import Agents, CallControl, Dialogue, Journal, Transcriber, Voice
from bot.routing.service import SiteRouter

log = structlog.get_logger(__name__)

_STOP_WITHIN_S = 10.0
_CUT_WITHIN_S = 1.0


class Calls:
    """Starts calls and keeps them until they have ended.

    ``openings``: what a call that arrives continues; without it every call begins anew. ``tokens``: sign what travels
    with a caller to a site; needed for calls whose legs we control. ``router``: chooses the sites; without it, each
    call is the first. ``agents``: those signed in at the desk; without them, sites are rung at their own lines.
    """

    def __init__(
        self,
        *,
        operator: Operator,
        dialogue: Dialogue,
        journal: Journal,
        transcriber: Transcriber,
        voice: Voice,
        max_calls: int,
        openings: Openings | None = None,
        tokens: HandoffTokens | None = None,
        router: SiteRouter | None = None,
        agents: Agents | None = None,
    ) -> None:
        self._operator = operator
        self._dialogue = dialogue
        self._journal = journal
        self._transcriber = transcriber
        self._voice = voice
        self._max = max_calls
        self._openings = openings
        self._tokens = tokens
        self._router = router
        self._agents = agents
        self._running: dict[str, asyncio.Task[None]] = {}

    def capacity_left(self) -> bool:
        """Whether one more call fits."""
        return len(self._running) < self._max

    @property
    def running(self) -> int:
        """Calls in progress."""
        return len(self._running)

    async def start(
        self,
        request: CallRequest,
        transport: BaseTransport,
        *,
        controls: AsyncIterator[CallerControl] | None = None,
        control: CallControl | None = None,
    ) -> str:
        """Answer a voice call; it runs in a task of its own.

        ``controls``: keys and hang-up beside the media; without them, the caller leaves with the transport.
        ``control``: the legs under a call of the telephone line, None elsewhere.

        Raises:
            CapacityError: no line is free.
            InputError: a call of that id is running.
        """
        await self._end_cut(request.resumes)
        opening = await self._openings.of(request) if self._openings else Opening(request.user_to_user)
        started = self.admit(request, opening.case_id)
        clock = CallClock(self._operator.zone, request.now)
        call = VoiceCall(
            transport,
            transcriber=self._transcriber,
            voice=self._voice,
            clock=clock,
            open_conversation=lambda mouth, on_idle, on_expectation: self.converse(
                started, clock, mouth, on_idle, on_expectation, control, opening
            ),
        )
        if controls is None:
            transport.add_event_handler("on_client_disconnected", call.hung_up)
        self.own(started.call_id, self._run(call, controls))
        return started.call_id

    async def _end_cut(self, call_id: str) -> None:
        """End our side of a call that has lost its media and comes back as another one."""
        if task := self._running.get(call_id):
            task.cancel()
            await asyncio.wait({task}, timeout=_CUT_WITHIN_S)

    def admit(self, request: CallRequest, case_id: str = "") -> CallStarted:
        """The first event of a new call. ``case_id``: the case that goes on, or empty for a new one.

        Raises:
            CapacityError: no line is free.
            InputError: the id is not a UUID, or a call of that id is running.
        """
        if not self.capacity_left():
            raise CapacityError("all lines are busy")
        try:
            call_id = str(uuid.UUID(request.call_id)) if request.call_id else str(uuid.uuid4())
        except ValueError as err:
            raise InputError("call id: not a UUID") from err
        if call_id in self._running:
            raise InputError("call id: that call is running")
        return CallStarted(
            at_ms=0, turn=0, call_id=call_id, case_id=case_id or str(uuid.uuid4()), channel=request.channel.value,
            caller_number=request.caller_number, started_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        )  # fmt: skip

    def converse(
        self,
        started: CallStarted,
        clock: CallClock,
        mouth: Mouth,
        on_idle: Callable[[], None] = lambda: None,
        on_expectation: Callable[[Expectation], None] = lambda _: None,
        control: CallControl | None = None,
        opening: Opening | None = None,
    ) -> Conversation:
        """A conversation over this process's dialogue and journal."""
        return Conversation(
            started, self._operator, self._dialogue, self._journal, clock, mouth,
            on_idle, on_expectation, control, self._tokens, opening or Opening(), self._router, self._agents,
        )  # fmt: skip

    @property
    def operator(self) -> Operator:
        """Whose calls these are."""
        return self._operator

    async def wait(self, call_id: str) -> None:
        """Return when that call has ended; at once when it is not running."""
        if task := self._running.get(call_id):
            await asyncio.wait({task})

    async def stop(self) -> None:
        """End every call: what was said is kept, callers hear the line close."""
        tasks = set(self._running.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_STOP_WITHIN_S)

    def own(self, call_id: str, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Run a call's work in a task of ours, kept until it ends."""
        task = asyncio.create_task(work, name=f"call:{call_id}")
        self._running[call_id] = task
        task.add_done_callback(lambda done: self._ended(call_id, done))
        return task

    def _ended(self, call_id: str, task: asyncio.Task[None]) -> None:
        self._running.pop(call_id, None)
        if not task.cancelled() and (err := task.exception()):
            log.error("call crashed", call_id=call_id, exc_info=err)

    async def _run(self, call: VoiceCall, controls: AsyncIterator[CallerControl] | None) -> None:
        call_id = call.conversation.call_id
        structlog.contextvars.bind_contextvars(call_id=call_id)
        hands = None
        if controls is not None:
            hands = asyncio.create_task(_obey(call, controls), name=f"controls:{call_id}")
        try:
            await call.run()
        finally:
            if hands is not None:
                hands.cancel()
                await asyncio.gather(hands, return_exceptions=True)


async def _obey(call: VoiceCall, controls: AsyncIterator[CallerControl]) -> None:
    async for control in controls:
        match control:
            case KeysPressed(digits=digits):
                await call.press(digits)
            case Muted(on=on):
                call.conversation.muted(on)
            case HungUp():
                await call.hung_up()
                return
