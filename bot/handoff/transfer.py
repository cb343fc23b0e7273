"""The warm transfer of one caller: hold, ring a site, brief the agent in private, put the two together, take back.

    tell the caller ─▶ hold ─▶ ring a site ─▶ whisper ─▶ join ─▶ the agent leaves ─▶ back with the bot
                        ▲          │  │news      │
                        │          ▼  ▼          ▼ 2, nothing pressed, hung up
                        └──── next site ◀── drop the agent
                                   │ none left
                                   ▼
                            back with the bot

To ring a site is to offer the call to the people signed in at its desk, where some are idle: who accepts is then
rung at their own telephone or headset, and joined after a short whisper without a key. Where nobody is signed in or
idle, the site's own line is rung, and whoever picks up accepts with a key.

While the caller is on hold the bot comes back with a sentence every so often, but never while it is with an agent. What
is said to an agent is cut before the bot moves on, so that the caller never hears it. A hang-up of the caller ends the
whole thing with ``CallerGoneError``; cancelling :meth:`Transfer.run` stops the ringing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, TypeVar

import structlog

from bot.errors import AgentGoneError, CallerGoneError, LineError
from bot.events import AgentJoined, AgentLeft, CallEvent, SiteRung
from bot.handoff.talk import AgentTalk
from bot.models import RingResult, Say, SiteLine
from bot.operator import Site
from bot.ports import Agents, CallControl, GiveBack, HandoffOffer, OfferAnswer, OfferResult

log = structlog.get_logger(__name__)

_KEYS = {"1": RingResult.ANSWERED, "2": RingResult.DECLINED, "": RingResult.NO_ANSWER}
"""What an agent's key means, and none."""
WHISPER_LIMIT_S = 60.0
"""No whisper is longer; a voice that never ends must not keep an agent and a caller waiting."""

_ASK_AGAIN_S = 1.0

_OFFERED = {
    OfferResult.DECLINED: RingResult.DECLINED,
    OfferResult.NO_ANSWER: RingResult.NO_ANSWER,
    OfferResult.NOBODY: RingResult.NO_ANSWER,
}
"""What an offer that nobody accepted means for its site."""

_T = TypeVar("_T", RingResult, OfferAnswer)


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
    """What is said: ``wait`` and ``news`` to the caller, ``whisper`` to whoever picks up at a site.

    ``greeting``: to an agent who has accepted at the desk and has the case before them; empty: nothing.
    """

    wait: str
    news: str
    whisper: str
    greeting: str = ""


@dataclass(frozen=True)
class Desk:
    """The people signed in, and what they are told of this call. As in :class:`bot.ports.HandoffOffer`."""

    agents: Agents
    call_id: str
    handoff_id: str
    skill: str
    reason: str


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

    ``sites``: in the order in which they are rung; each is asked for when its turn has come. ``token_of(site)``: the
    signed reference for a site. ``note(event)``: keeps a fact. ``turn``: the one in which a person was asked for.
    ``now_ms``: milliseconds since the call was answered.
    """

    def __init__(
        self,
        control: CallControl,
        speech: Speech,
        *,
        sites: Iterable[Site],
        token_of: Callable[[str], str],
        words: Words,
        times: Times,
        note: Callable[[CallEvent], None],
        turn: int,
        now_ms: Callable[[], int],
        desk: Desk | None = None,
    ) -> None:
        self._desk = desk
        self._agent = ""  # of the desk, who has accepted
        self._talk_of_agent: AgentTalk | None = None
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
        self.then: GiveBack | None = None
        """What the agent told the bot to go on with; None: they just left."""
        self.site = ""
        """Whose agent the caller talked to last."""

    async def run(self) -> TransferEnd:
        """Bring a person to the caller, and the caller back to the bot.

        Raises:
            CallerGoneError: the caller hung up.
            LineError: the line does not obey; where the caller is, is not known.
        """
        try:
            return await self._run()
        finally:
            if self._desk:  # no effect where the desk has been told how it ended
                self._desk.agents.gone(self._desk.call_id)

    async def _run(self) -> TransferEnd:
        await self._tell(self._words.wait)
        self._held_ms = self._now_ms()
        self._news_in_a_while()
        for site in self._sites:
            await (
                self._control.hold()
            )  # no effect unless the last site went wrong while the caller was told the news
            if await self._reach(site):
                end = await self._talk_on(site.id)
                await self._control.take_back()
                return end
        await self._control.take_back()
        return TransferEnd.NOBODY

    async def _talk_on(self, site: str) -> TransferEnd:
        """The talk with an agent, and with each colleague whom it is handed over to."""
        while True:
            await self._talk(site)
            to = self._talk_of_agent.to if self._talk_of_agent else None
            if to is None:
                return TransferEnd.AGENT_LEFT
            self._held_ms = self._now_ms()
            await self._control.hold()
            site = to.site
            if not await self._connected(site, self._ring_agent(to)):
                return TransferEnd.NOBODY

    # --- one site

    async def _reach(self, site: Site) -> bool:
        """Whether an agent of this site is with the caller now."""
        if self._desk and self._desk.agents.idle(site.id, self._desk.skill):
            return await self._connected(site.id, self._offer(site, self._desk))
        if not self._control.reaches(site.sip):
            return False  # nothing is tried, so nothing is kept against the site's line
        return await self._connected(site.id, self._ring(SiteLine(site.id, site.sip)))

    async def _connected(self, site: str, ringing: Coroutine[Any, Any, RingResult]) -> bool:
        """Whether an agent is with the caller after ``ringing``."""
        began = self._now_ms()
        rung_ms = None
        self._agent = ""
        try:
            result = await ringing
            rung_ms = self._now_ms() - began
            if result is RingResult.ANSWERED:
                result = await (self._greet() if self._agent else self._brief())
        except CallerGoneError:
            raise
        except AgentGoneError:
            result = RingResult.DECLINED
        except LineError as err:
            log.warning("site not reached", site=site, code=err.code)
            result = RingResult.FAILED
        self.joined = result is RingResult.ANSWERED
        if not self.joined:
            await self._drop_agent()
        now = self._now_ms()
        self._note(SiteRung(now, self._turn, site, result.value, now - began if rung_ms is None else rung_ms))
        if self.joined:
            self._note(AgentJoined(now, self._turn, site, now - self._held_ms, self._agent))
        self._tell_desk()
        return self.joined

    def _tell_desk(self) -> None:
        """Tell whoever accepted at the desk whether they are with the caller."""
        self._talk_of_agent = None
        if self._desk and self._agent and self.joined:
            self._talk_of_agent = AgentTalk(self._control)
            self._desk.agents.joined(self._desk.call_id, self._talk_of_agent)
        elif self._desk and self._agent:
            self._desk.agents.left(self._desk.call_id)

    async def _offer(self, site: Site, desk: Desk) -> RingResult:
        """Ring the screens of a site, then the telephone of who accepts."""
        offer = HandoffOffer(desk.call_id, desk.handoff_id, site.id, desk.skill, desk.reason)
        answer = await self._with_news(desk.agents.offer(offer, ring_s=self._times.ring_s))
        if answer.result is not OfferResult.ACCEPTED:
            return _OFFERED[answer.result]
        return await self._ring_agent(answer)

    async def _ring_agent(self, answer: OfferAnswer) -> RingResult:
        self._agent = answer.agent
        if not self._control.reaches(answer.address):
            log.warning("agent has no headset for a caller in the browser", site=answer.site)
            return RingResult.DECLINED
        return await self._ring(SiteLine(answer.site, answer.address))

    async def _ring(self, line: SiteLine) -> RingResult:
        """Ring, with news for the caller meanwhile."""
        return await self._with_news(
            self._control.ring(line, token=self._token_of(line.site), ring_s=self._times.ring_s)
        )

    async def _with_news(self, sought: Coroutine[Any, Any, _T]) -> _T:
        """Wait for somebody, with news for the caller meanwhile."""
        ringing = asyncio.create_task(sought, name="ring")
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

    async def _tell_news(self, ringing: asyncio.Task[Any]) -> None:
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

    async def _greet(self) -> RingResult:
        """A short word to an agent who has accepted, then put them through.

        Raises:
            AgentGoneError: they hung up.
        """
        if self._words.greeting:
            await self._control.whisper()
            greeting = asyncio.create_task(self._tell(self._words.greeting, for_agent=True), name="greeting")
            try:
                await asyncio.wait({greeting}, timeout=WHISPER_LIMIT_S)
            finally:
                greeting.cancel()
                await asyncio.gather(greeting, return_exceptions=True)
                await self._speech.hush()
        await self._control.join()
        return RingResult.ANSWERED

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

    async def _talk(self, site: str) -> None:
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
        now, talk = self._now_ms(), self._talk_of_agent
        self.then, self.site = talk.then if talk else None, site
        self._note(AgentLeft(now, self._turn, site, now - began, self._agent, self.then or ""))
        if talk:
            talk.over = True
        if self._desk and self._agent and not (talk and talk.to):  # else the colleague has it
            self._desk.agents.left(self._desk.call_id)

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


def _is_urgent(ringing: asyncio.Task[Any]) -> bool:
    """Whether an agent waits to be spoken to, or the caller is gone: nothing else is worth cutting a sentence for."""
    if not ringing.done():
        return False
    if err := ringing.exception():
        return isinstance(err, CallerGoneError)
    result = ringing.result()
    return result is RingResult.ANSWERED or (
        isinstance(result, OfferAnswer) and result.result is OfferResult.ACCEPTED
    )
