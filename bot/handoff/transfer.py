"""The warm transfer of one caller: hold, ring a site, brief the agent in private, put the two together, take back.

    tell the caller ─▶ hold ─▶ ring a site ─▶ whisper ─▶ join ─▶ the agent leaves ─▶ back with the bot
                        ▲          │  │news      │
                        │          ▼  ▼          ▼ 2, nothing pressed, hung up
                        └──── next site ◀── drop the agent
                                   │ none left
                                   ▼
                            back with the bot

While the caller is on hold the bot comes back with a sentence every so often, but never while it is with an agent. What
is said to an agent is cut before the bot moves on, so that the caller never hears it. A hang-up of the caller ends the
whole thing with ``CallerGoneError``; cancelling :meth:`Transfer.run` stops the ringing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import structlog

from bot.errors import AgentGoneError, CallerGoneError, LineError
from bot.events import AgentJoined, AgentLeft, CallEvent, SiteRung
from bot.models import RingResult, Say, SiteLine
from bot.operator import Site
from bot.ports import CallControl

log = structlog.get_logger(__name__)

_KEYS = {"1": RingResult.ANSWERED, "2": RingResult.DECLINED, "": RingResult.NO_ANSWER}
"""What an agent's key means, and none."""
WHISPER_LIMIT_S = 60.0
"""No whisper is longer; a voice that never ends must not keep an agent and a caller waiting."""

_ASK_AGAIN_S = 1.0


class Speech(Protocol):
    """What the transfer speaks through: the bot's voice, wherever the bot is."""

    async def say(self, says: Sequence[Say]) -> None:
        """Begin to say these; does not wait for the end of it."""
        ...

    async def heard(self) -> None:
        """Return when all that was to be said has been played, or cut."""
        ...

    async def hush(self) -> None:
        """Cut what is being said; returns when nothing of it can be heard any more."""
        ...


@dataclass(frozen=True)
class Words:
    """What is said: ``wait`` and ``news`` to the caller, ``whisper`` to the agent."""

    wait: str
    news: str
    whisper: str


@dataclass(frozen=True)
class Times:
    """In seconds. ``ring_s``: how long a site is rung. ``accept_s``: how long an agent may take to press a key once the
    whisper is over. ``news_s``: how long a caller on hold is left with music."""

    ring_s: float
    accept_s: float
    news_s: float


class TransferEnd(StrEnum):
    """How a transfer ended. The caller is with the bot in both cases."""

    AGENT_LEFT = "agent_left"
    NOBODY = "nobody"


class Transfer:
    """One transfer of one call; :meth:`run` it once.

    ``token_of(site)``: the signed reference for a site. ``note(event)``: keeps a fact. ``turn``: the one in
    which a person was asked for. ``now_ms``: milliseconds since the call was answered.
    """

    def __init__(
        self,
        control: CallControl,
        speech: Speech,
        *,
        sites: Sequence[Site],
        token_of: Callable[[str], str],
        words: Words,
        times: Times,
        note: Callable[[CallEvent], None],
        turn: int,
        now_ms: Callable[[], int],
    ) -> None:
        self._control = control
        self._speech = speech
        self._sites = sites
        self._token_of = token_of
        self._words = words
        self._times = times
        self._note = note
        self._turn = turn
        self._now_ms = now_ms
        self._held_ms = 0
        self._news_at = 0.0
        self.joined = False
        """Whether the caller is with an agent now."""

    async def run(self) -> TransferEnd:
        """Bring a person to the caller, and the caller back to the bot.

        Raises:
            CallerGoneError: the caller hung up.
            LineError: the line does not obey; where the caller is, is not known.
        """
        await self._tell(self._words.wait)
        self._held_ms = self._now_ms()
        self._news_in_a_while()
        for site in self._sites:
            await (
                self._control.hold()
            )  # no effect unless the last site went wrong while the caller was told the news
            if await self._reach(site):
                await self._talk(site)
                await self._control.take_back()
                return TransferEnd.AGENT_LEFT
        await self._control.take_back()
        return TransferEnd.NOBODY

    # --- one site

    async def _reach(self, site: Site) -> bool:
        """Whether an agent of this site is with the caller now."""
        began = self._now_ms()
        rung_ms = None
        try:
            result = await self._ring(site)
            rung_ms = self._now_ms() - began
            if result is RingResult.ANSWERED:
                result = await self._brief()
        except CallerGoneError:
            raise
        except AgentGoneError:
            result = RingResult.DECLINED
        except LineError as err:
            log.warning("site not reached", site=site.id, code=err.code)
            result = RingResult.FAILED
        self.joined = result is RingResult.ANSWERED
        if not self.joined:
            await self._drop_agent()
        now = self._now_ms()
        self._note(
            SiteRung(now, self._turn, site.id, result.value, now - began if rung_ms is None else rung_ms)
        )
        if self.joined:
            self._note(AgentJoined(now, self._turn, site.id, now - self._held_ms))
        return self.joined

    async def _ring(self, site: Site) -> RingResult:
        """Ring, with news for the caller meanwhile."""
        ringing = asyncio.create_task(
            self._control.ring(
                SiteLine(site.id, site.sip), token=self._token_of(site.id), ring_s=self._times.ring_s
            ),
            name=f"ring:{site.id}",
        )
        try:
            while True:
                pause = max(0.0, self._news_at - asyncio.get_running_loop().time())
                await asyncio.wait({ringing}, timeout=pause)
                if ringing.done():
                    return ringing.result()
                await self._tell_news(ringing)
        finally:
            ringing.cancel()
            await asyncio.gather(ringing, return_exceptions=True)

    async def _tell_news(self, ringing: asyncio.Task[RingResult]) -> None:
        """Come back to the caller for a sentence; cut it when an agent answers, who would hear nothing meanwhile."""
        await self._control.take_back()
        heard = asyncio.create_task(self._tell(self._words.news), name="news")
        try:
            await asyncio.wait({heard, ringing}, return_when=asyncio.FIRST_COMPLETED)
            if not heard.done() and _is_urgent(ringing):
                heard.cancel()
                await self._speech.hush()
            await asyncio.wait({heard})
        finally:
            heard.cancel()
            await asyncio.gather(heard, return_exceptions=True)
        await self._control.hold()
        self._news_in_a_while()

    async def _brief(self) -> RingResult:
        """Whisper to the agent and put them through when they press the key.

        Raises:
            AgentGoneError: they hung up.
        """
        await self._control.whisper()
        result = await self._answer_of_agent()
        if result is RingResult.ANSWERED:
            await self._control.join()
        return result

    async def _answer_of_agent(self) -> RingResult:
        key = asyncio.create_task(self._accept_key(), name="agent-key")
        whisper = asyncio.create_task(self._tell(self._words.whisper, for_agent=True), name="whisper")
        try:
            await asyncio.wait({key, whisper}, timeout=WHISPER_LIMIT_S, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({key}, timeout=self._times.accept_s)
            return key.result() if key.done() else RingResult.NO_ANSWER
        finally:
            for task in (key, whisper):
                task.cancel()
            await asyncio.gather(key, whisper, return_exceptions=True)
            await self._speech.hush()

    async def _accept_key(self) -> RingResult:
        """What the agent decides; other keys are slips of the finger."""
        while True:
            key = await self._control.agent_key(within_s=WHISPER_LIMIT_S + self._times.accept_s)
            if key in _KEYS:
                return _KEYS[key]

    async def _talk(self, site: Site) -> None:
        began = self._now_ms()
        while True:
            try:
                await self._control.agent_left()
                break
            except CallerGoneError:
                raise
            except (
                LineError
            ) as err:  # the two still talk: a line that cannot be asked is no reason to part them
                log.warning("cannot tell whether the agent left", code=err.code)
                await asyncio.sleep(_ASK_AGAIN_S)
        self.joined = False
        now = self._now_ms()
        self._note(AgentLeft(now, self._turn, site.id, now - began))

    async def _drop_agent(self) -> None:
        try:
            await self._control.drop_agent()
        except CallerGoneError:
            raise
        except LineError as err:  # the line ends it by itself when the call is over
            log.warning("agent not dropped", code=err.code)

    # --- words

    async def _tell(self, text: str, *, for_agent: bool = False) -> None:
        await self._speech.say((Say(text, private=for_agent, for_agent=for_agent),))
        await self._speech.heard()

    def _news_in_a_while(self) -> None:
        self._news_at = asyncio.get_running_loop().time() + self._times.news_s


def _is_urgent(ringing: asyncio.Task[RingResult]) -> bool:
    """Whether an agent waits to be spoken to, or the caller is gone: nothing else is worth cutting a sentence for."""
    if not ringing.done():
        return False
    if err := ringing.exception():
        return isinstance(err, CallerGoneError)
    return ringing.result() is RingResult.ANSWERED
