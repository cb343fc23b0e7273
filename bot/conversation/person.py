"""Bringing a person to the call: the transfer in a task of its own, while the conversation stays free to end it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

import structlog

from bot.conversation.inputs import HungUp, Input, TransferOver
from bot.errors import CallerGoneError, DecrocheError, LineError
from bot.events import CallEvent, Fault
from bot.handoff.packet import build_packet, packet_id
from bot.handoff.token import HandoffTokens
from bot.handoff.transfer import Desk, Speech, Times, Transfer, Words
from bot.operator import Operator, Site
from bot.ports import Agents, CallControl
from bot.routing.french import spoken_wait

log = structlog.get_logger(__name__)


class PersonSeeker:
    """One telephone call's way to the people at the sites.

    ``note(event)``: keeps a fact. ``tell(input)``: says that the transfer is over. ``now_ms``: milliseconds since the
    call was answered. ``agents``: those signed in at the desk; None: every site is rung at its own line.
    """

    def __init__(
        self,
        call_id: str,
        control: CallControl,
        tokens: HandoffTokens,
        operator: Operator,
        speech: Speech,
        *,
        note: Callable[[CallEvent], None],
        tell: Callable[[Input], None],
        now_ms: Callable[[], int],
        agents: Agents | None = None,
    ) -> None:
        self._agents = agents
        self._call_id = call_id
        self._control = control
        self._tokens = tokens
        self._operator = operator
        self._speech = speech
        self._note = note
        self._tell = tell
        self._now_ms = now_ms
        self._transfer: Transfer | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def seeking(self) -> bool:
        """Whether a person is being brought, or is with the caller: the bot's ears are closed."""
        return self._task is not None

    @property
    def with_agent(self) -> bool:
        """Whether the caller is talking to an agent."""
        return self._transfer is not None and self._transfer.joined

    def begin(
        self,
        sites: Iterable[Site],
        events: Sequence[CallEvent],
        turn: int,
        wait_s: float | None = None,
        *,
        skill: str = "general",
        reason: str = "",
    ) -> None:
        """Ring ``sites`` in order for a call of which ``events`` tell; ``tell`` is called once it is over.

        ``wait_s``: what the caller may be told of how long it takes, seconds; None: nothing. ``skill``, ``reason``: of
        the handoff.
        """
        phrases, telephony = self._operator.phrases, self._operator.telephony
        packet = build_packet(events, call_id=self._call_id)
        self._transfer = Transfer(
            self._control,
            self._speech,
            sites=sites,
            token_of=lambda site: self._tokens.issue(packet_id(self._call_id), site),
            words=Words(
                wait=(
                    phrases.handoff_wait
                    if wait_s is None
                    else phrases.handoff_wait_known.format(wait=spoken_wait(wait_s))
                ),
                news=phrases.handoff_news,
                whisper=phrases.handoff_whisper.format(case=packet.whisper),
                greeting=packet.whisper,
            ),
            times=Times(telephony.ring_s, telephony.accept_s, telephony.news_s),
            note=self._note,
            turn=turn,
            now_ms=self._now_ms,
            desk=(
                Desk(self._agents, self._call_id, packet.handoff_id, skill, reason) if self._agents else None
            ),
        )
        self._task = asyncio.create_task(self._run(self._transfer, turn), name=f"transfer:{self._call_id}")

    def over(self) -> None:
        """The end of the transfer has been taken note of: the caller is the conversation's again."""
        self._transfer = self._task = None

    async def stop(self) -> None:
        """End the transfer at once, and whoever is being rung or briefed; two who talk to each other go on."""
        if self._task is None or self._transfer is None:
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        if not self._transfer.joined:
            try:
                await self._control.drop_agent()
            except LineError as err:  # the caller hung up, and the line has ended every leg
                log.debug("agent not dropped", code=err.code)
        self.over()

    async def take_back(self) -> None:
        """Bring the caller back from wherever a line that failed left them; it may fail again.

        Raises:
            CallerGoneError: the caller hung up.
        """
        try:
            await self._control.drop_agent()
            await self._control.take_back()
        except CallerGoneError:
            raise
        except LineError as err:
            log.error("caller not taken back", call_id=self._call_id, code=err.code)

    async def _run(self, transfer: Transfer, turn: int) -> None:
        try:
            end = await transfer.run()
        except CallerGoneError:
            self._tell(HungUp())
        except DecrocheError as err:
            log.error("transfer failed", call_id=self._call_id, code=err.code)
            self._note(Fault(self._now_ms(), turn, "line", err.code))
            self._tell(TransferOver(None))
        except Exception:  # a bug must not leave the caller on hold for ever
            log.exception("transfer failed", call_id=self._call_id)
            self._note(Fault(self._now_ms(), turn, "line", DecrocheError.code))
            self._tell(TransferOver(None))
        else:
            self._tell(TransferOver(end, transfer.then, transfer.site))
