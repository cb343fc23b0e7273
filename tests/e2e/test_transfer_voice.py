"""A warm transfer with the real pipeline, voice and media door; the legs are controlled by a script.

What is played on the bot's leg is listened to frame by frame, and held against where the bot was at that moment.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
from fastapi import FastAPI

from bot.calls import Calls
from bot.events import AgentJoined, AgentLeft, BotSaid, CallEnded, SiteRung
from bot.handoff.token import HandoffTokens
from bot.models import CallRequest, Channel, Pcm, Recognition, RecognitionHint, RingResult, SiteLine
from bot.operator import load_operator
from bot.ports import ClaimedCall
from bot.settings import ROOT
from bot.web.phone import phone_router
from media.tts.cache import CachedVoice
from media.tts.nanotts import NanoTtsVoice
from simulator.api import Server
from simulator.doors.phone import PhoneDoor
from simulator.line import FRAME
from tests.e2e.chromium import serve
from tests.fakes import MemoryJournal, ScriptedDialogue

OPERATOR = load_operator(ROOT / "operator.yml")
OPEN = datetime(2026, 11, 23, 10, 0, tzinfo=ZoneInfo("Europe/Paris"))
HANDOFF = [{"custom": {"handoff": {"reason": "human_request", "skill": "billing"}}}]
QUIET = np.zeros(FRAME, np.int16)
FRAME_S = 0.02
AUDIBLE = 100
"""Peak of a frame in which somebody speaks."""


class HearsNothing:
    """A recogniser that is never needed here."""

    sample_rate = 16_000
    spare = False

    async def transcribe(self, audio: Pcm, hint: RecognitionHint) -> Recognition:
        return Recognition((), 1.0, len(audio) // 16, 1)

    async def close(self) -> None: ...


@dataclass
class ScriptedLegs:
    """An agent who answers after a second, and presses 1 in the middle of the whisper."""

    orders: list[tuple[float, str]] = field(default_factory=list)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def at(self, order: str) -> float:
        return next(at for at, name in self.orders if name == order)

    def _obey(self, order: str) -> None:
        self.orders.append((time.monotonic(), order))

    def reaches(self, address: str) -> bool:
        return True

    async def hold(self) -> None:
        self._obey("hold")

    async def ring(self, line: SiteLine, *, token: str, ring_s: float) -> RingResult:
        await asyncio.sleep(1)
        return RingResult.ANSWERED

    async def whisper(self) -> None:
        self._obey("whisper")

    async def agent_key(self, *, within_s: float) -> str:
        await asyncio.sleep(2)
        self._obey("key")
        return "1"

    async def join(self) -> None:
        self._obey("join")

    async def agent_left(self) -> None:
        await asyncio.sleep(1.5)

    async def drop_agent(self) -> None:
        self._obey("drop_agent")

    async def take_back(self) -> None:
        self._obey("take_back")

    async def hang_up(self) -> None:
        self._obey("hang_up")
        self.over.set()


async def test_each_hears_what_is_meant_for_them_and_nothing_else() -> None:
    voice = CachedVoice(NanoTtsVoice(), 1 << 24)
    journal, legs = MemoryJournal(), ScriptedLegs()
    dialogue = ScriptedDialogue(
        {
            "/human_request": HANDOFF,
            "/call_returned": [{"custom": {"hang_up": {"outcome": "resolved"}}}],
        }
    )
    calls = Calls(
        operator=OPERATOR, dialogue=dialogue, journal=journal, transcriber=HearsNothing(), voice=voice,
        max_calls=1, tokens=HandoffTokens(b"0123456789abcdef"),
    )  # fmt: skip
    claimed = ClaimedCall(CallRequest(Channel.PHONE, "+33611223344", now=OPEN), legs)
    app = FastAPI()
    app.include_router(phone_router(calls, "", rehearsal=False, claim={"once": claimed}.get))
    played: list[float] = []  # moments at which the bot could be heard
    try:
        async with serve(app) as url:
            door = PhoneDoor(Server(url), "")
            door._address += "?token=once"
            async with door:
                await door.key("0")
                tick = time.monotonic()
                while not door.ended and not legs.over.is_set() and len(played) < 60 / FRAME_S:
                    _, frame = await door.exchange(QUIET)
                    if np.abs(frame.astype(np.int32)).max() > AUDIBLE:
                        played.append(time.monotonic())
                    tick += FRAME_S
                    await asyncio.sleep(max(0.0, tick - time.monotonic()))
                await door.hang_up()
                async with asyncio.timeout(15):
                    while calls.running:  # noqa: ASYNC110  # other people's task
                        await asyncio.sleep(0.05)
    finally:
        await voice.close()

    def heard(since: str, until: str, grace_s: float = 0.1) -> list[float]:
        return [at for at in played if legs.at(since) + grace_s < at < legs.at(until)]

    said = [event.text for event in journal.of(BotSaid)]
    assert said[-2:] == [OPERATOR.phrases.handoff_wait, OPERATOR.phrases.handoff_returned]
    assert len(journal.of(SiteRung)) == len(journal.of(AgentJoined)) == len(journal.of(AgentLeft)) == 1
    assert journal.of(CallEnded)[0].outcome == "handoff"

    last_word = max(at for at in played if at < legs.at("hold"))
    assert legs.at("hold") - last_word < 1.0, "music follows the sentence"
    assert not heard("hold", "whisper"), "the wait sentence was heard to its end, and the bot is aside"
    assert len(heard("whisper", "key")) * FRAME_S > 0.8, "the agent hears the whisper"
    assert legs.at("join") - legs.at("key") < 0.5
    assert not heard("join", "take_back"), "the whisper was cut, none of it is left for the caller"
    assert len(heard("take_back", "hang_up")) * FRAME_S > 2.0, "the caller is greeted back, to the last word"
    assert not any(at > legs.at("hang_up") for at in played)
