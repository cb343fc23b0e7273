"""A telephone line in memory, with a voice, for calls that are put on hold, transferred and cut.

Faithful in what matters: the bot is in one place at a time and is heard there only; a caller who hung up makes every
order fail; who hears what is kept, with times. Runs on the event loop's clock, real or virtual.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bot.errors import AgentGoneError, CallerGoneError, LineError
from bot.models import RingResult, Say, SiteLine

WORD_S = 0.3
"""How long a word takes to say."""
ORDER_S = 0.02
"""How long the line takes to obey."""


@dataclass(frozen=True)
class Agent:
    """What happens when a site is rung. Times in seconds.

    ``result`` after ``rings_s``; then, counted from the moment they picked up: ``key`` is pressed after ``key_s``, and
    they hang up after ``leaves_s`` (None: never by themselves). Once joined, they talk for ``talks_s`` (None: on).
    """

    result: RingResult = RingResult.ANSWERED
    rings_s: float = 5.0
    key: str = ""
    key_s: float = 5.0
    leaves_s: float | None = None
    talks_s: float | None = 60.0


@dataclass
class FakeLine:
    """One call: implements :class:`bot.ports.CallControl` and the voice that speaks in it.

    ``agents``: by site. ``fails``: orders that raise LineError, by name, each as often as it is named.
    ``telephones``: False for a caller in the browser.
    """

    agents: dict[str, Agent] = field(default_factory=dict)
    fails: list[str] = field(default_factory=list)
    telephones: bool = True
    bot: str = "caller"
    caller: str = "bot"  # bot | hold | agent | gone
    agent: str = ""  # the site whose agent's leg is up
    orders: list[str] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    heard_by: dict[str, list[tuple[float, str]]] = field(
        default_factory=lambda: {"caller": [], "agent": [], "aside": []}
    )
    hung_up: bool = False
    on_said: Callable[[Say], None] = lambda _: None
    silences: list[float] = field(default_factory=list)
    """Lengths of the times in which the caller heard nothing, seconds."""
    _words: list[str] = field(default_factory=list)
    _says: list[Say] = field(default_factory=list)
    _talking: asyncio.Task[None] | None = None
    _gone: asyncio.Event = field(default_factory=asyncio.Event)
    _agent_gone: asyncio.Event = field(default_factory=asyncio.Event)
    _picked_up: float = 0.0
    _quiet_since: float | None = None

    # --- what people do

    def caller_hangs_up(self) -> None:
        """At any moment: every leg ends."""
        self._sound(True)
        self.caller, self.agent, self.bot = "gone", "", "aside"
        self._gone.set()
        self._agent_gone.set()

    def words(self, who: str) -> str:
        """All that somebody heard of the bot."""
        return " ".join(word for _, word in self.heard_by[who])

    # --- CallControl

    def reaches(self, address: str) -> bool:
        return self.telephones or address.startswith("headset:")

    async def hold(self) -> None:
        await self._order("hold")
        self.caller, self.bot = "hold", "aside"
        self._listen()

    async def ring(self, line: SiteLine, *, token: str, ring_s: float) -> RingResult:
        await self._order(f"ring {line.site}")
        self.tokens.append(token)
        agent = self.agents.get(line.site, Agent(RingResult.FAILED, 0.0))
        rings = min(agent.rings_s, ring_s)
        try:
            await self._unless_gone(rings)
        except asyncio.CancelledError:
            self.orders.append(f"stop ringing {line.site}")
            raise
        if agent.rings_s > ring_s:
            return RingResult.NO_ANSWER
        if agent.result is RingResult.ANSWERED:
            self.agent, self._agent_gone = line.site, asyncio.Event()
            self._picked_up = self._now()
            if agent.leaves_s is not None:
                self._later(agent.leaves_s, self._agent_leaves)
        return agent.result

    async def whisper(self) -> None:
        await self._order("whisper")
        self._need_agent()
        self.bot = "agent"
        self._listen()

    async def agent_key(self, *, within_s: float) -> str:
        self._need_caller()
        self._need_agent()
        agent = self.agents[self.agent]
        pressed_in = self._picked_up + agent.key_s - self._now()
        presses = agent.key != "" and pressed_in > 0
        await self._unless_agent_gone(min(within_s, pressed_in) if presses else within_s)
        return agent.key if presses and pressed_in <= within_s else ""

    async def join(self) -> None:
        await self._order("join")
        self._need_agent()
        self.caller, self.bot = "agent", "aside"
        self._listen()
        if (talks := self.agents[self.agent].talks_s) is not None:
            self._later(talks, self._agent_leaves)

    async def agent_left(self) -> None:
        self._need_caller()
        self._may_fail("agent_left")
        if self.agent:
            await self._agent_gone.wait()
            self._need_caller()

    async def drop_agent(self) -> None:
        await self._order("drop_agent")
        self._agent_leaves()

    async def take_back(self) -> None:
        await self._order("take_back")
        self.caller, self.bot = "bot", "caller"
        self._listen()

    async def hang_up(self) -> None:
        self.orders.append("hang_up")
        self.hung_up = True
        self.caller_hangs_up()

    # --- the voice

    async def say(self, says: Sequence[Say], *, yields: bool = False) -> None:
        for say in says:
            self._words += say.text.split()
            self.on_said(say)
        if self._talking is None or self._talking.done():
            self._talking = asyncio.create_task(self._talk(), name="fake-voice")

    async def heard(self) -> None:
        if self._talking is not None:
            await asyncio.wait({self._talking})

    async def hush(self) -> None:
        self._words = []
        if self._talking is not None:
            self._talking.cancel()
            await asyncio.gather(self._talking, return_exceptions=True)
        self._listen()

    async def end(self) -> None:
        await self.heard()
        self.orders.append("end")

    # --- inside

    async def _talk(self) -> None:
        while self._words and self.caller != "gone":
            word = self._words.pop(0)
            self.heard_by[self.bot].append((self._now(), word))
            self._listen(speaking=True)
            await asyncio.sleep(WORD_S)
        self._listen()

    def _listen(self, *, speaking: bool = False) -> None:
        """Keep how long the caller hears nothing: no music, no agent, no bot."""
        self._sound(self.caller in ("hold", "agent") or (speaking and self.bot == "caller"))

    def _sound(self, sound: bool) -> None:
        if sound and self._quiet_since is not None:
            self.silences.append(self._now() - self._quiet_since)
            self._quiet_since = None
        elif not sound and self._quiet_since is None and self.caller != "gone":
            self._quiet_since = self._now()

    async def _order(self, name: str) -> None:
        self._need_caller()
        self._may_fail(name.split()[0])
        self.orders.append(name)
        await asyncio.sleep(ORDER_S)
        self._need_caller()

    def _may_fail(self, name: str) -> None:
        if name in self.fails:
            self.fails.remove(name)
            raise LineError(f"{name}: not obeyed")

    def _need_caller(self) -> None:
        if self.caller == "gone":
            raise CallerGoneError("the caller hung up")

    def _need_agent(self) -> None:
        if not self.agent:
            raise AgentGoneError("no agent")

    def _agent_leaves(self) -> None:
        if self.agent and self.caller != "gone":
            self.agent = ""
            self._agent_gone.set()
            self.bot = "aside" if self.bot == "agent" else self.bot
            self.caller = "hold" if self.caller == "agent" else self.caller
            self._listen()

    async def _unless_gone(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._gone.wait()
        except TimeoutError:
            return
        self._need_caller()

    async def _unless_agent_gone(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._agent_gone.wait()
        except TimeoutError:
            return
        self._need_caller()
        self._need_agent()

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        site = self.agent
        asyncio.get_running_loop().call_later(seconds, lambda: act() if self.agent == site else None)

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
