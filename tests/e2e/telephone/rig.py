"""The telephone line as tests meet it: a whole Décroche, a real Asterisk, SIP callers, SIP agents at its sites."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import yaml

from bot.models import Pcm, RecognitionHint
from bot.settings import ROOT
from bot.stack import PARTS, PHONE_PARTS, Stack, fresh_stack
from media.stt.whisper import WhisperTranscriber
from media.telephony.caller import user_to_user_header
from media.telephony.rehearsal import Rehearsal
from simulator.api import Server, live_events
from simulator.line import into_telephone
from simulator.script import Caller
from simulator.sip import Codec, Manner, SipAgent, SipPhone, Sound
from simulator.voices import Voices
from tests.e2e.telephone import judge
from tests.e2e.telephone.wire import Wire

SITES = ("first", "second", "third")
"""In the order in which they are rung."""

SUBSCRIBER = "+33611223344"
FALLBACK = "+33180880099"
SPARE = 5.0
"""Multiplies every promised time: tests share two busy cores. ``bench/telephone.py`` prints the real figures."""

_VOICES = Voices()

Event = Mapping[str, Any]


@dataclass(frozen=True)
class Doors:
    """UDP ports of those who are rung: one for each site, and the carrier's."""

    sites: Mapping[str, int]
    carrier: int

    @classmethod
    def free(cls) -> Doors:
        """Ports that nobody uses now."""
        with contextlib.ExitStack() as stack:
            taken = [stack.enter_context(socket.socket(type=socket.SOCK_DGRAM)) for _ in (*SITES, "carrier")]
            for one in taken:
                one.bind(("127.0.0.1", 0))
            ports = [one.getsockname()[1] for one in taken]
        return cls(dict(zip(SITES, ports, strict=False)), ports[-1])


def write_operator(path: Path, doors: Doors) -> Path:
    """``operator.yml`` with three sites on this machine, always open, little patience and few words."""
    operator = yaml.safe_load((ROOT / "operator.yml").read_text(encoding="utf-8"))
    every_day = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    operator["hours"] = {"days": every_day, "open": "00:00", "close": "23:59"}
    pattern = operator["sites"][0]
    operator["sites"] = [
        {
            **pattern, "id": site, "name": site.capitalize(), "timezone": "Europe/Paris",
            "hours": [], "public_holidays": True, "share": 0 if place else 100,  # always in this order
            "skills": ["billing", "technical", "retention", "general"], "sip": f"sip:{site}@127.0.0.1:{port}",
        }
        for place, (site, port) in enumerate(doors.sites.items())
    ]  # fmt: skip
    operator["telephony"] |= {"fallback": FALLBACK, "ring_s": 3, "accept_s": 4, "news_s": 30}
    operator["callbacks"] |= {
        "ring_hours": {"days": every_day, "open": "00:00", "close": "23:59"}, "ring_s": 6, "public_holidays": True,
    }  # fmt: skip
    operator["phrases"] |= {
        "welcome": "Bonjour, je suis un assistant automatique qui répond pour {brand}.",
        "handoff_wait": "Je vous passe un conseiller.",
        "callback_offer": "Voulez-vous que nous vous rappelions ?",
    }
    path.write_text(yaml.safe_dump(operator, allow_unicode=True), encoding="utf-8")
    return path


@dataclass
class Call:
    """One caller's call. ``answered``: when Asterisk answered, seconds of ``time.monotonic()``."""

    phone: SipPhone
    call_id: str
    answered: float
    events: list[tuple[float, Event]] = field(default_factory=list)
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def event(
        self, kind: str, within_s: float = 20.0, *, after: float = 0.0, **facts: Any
    ) -> tuple[float, Event]:
        """The first journal entry of this kind with these facts, and when it was read.

        Raises:
            TimeoutError: none came; says which did.
        """

        def found() -> tuple[float, Event] | None:
            return next(
                (
                    (at, one) for at, one in self.events
                    if one["type"] == kind and at >= after
                    and all(one.get(key) == value for key, value in facts.items())
                ),
                None,
            )  # fmt: skip

        try:
            async with asyncio.timeout(within_s), self._news:
                await self._news.wait_for(lambda: found() is not None)
        except TimeoutError as err:
            raise TimeoutError(
                f"no {kind} {facts}; there were {[e['type'] for _, e in self.events]}"
            ) from err
        result = found()
        assert result is not None
        return result

    @property
    def now(self) -> float:
        """Seconds of the clock that all sounds and events are on."""
        return time.monotonic()

    def heard(self, start: float, end: float | None = None) -> Sound:
        """What the caller heard from ``start`` on."""
        return self.phone.sound(start, self.now if end is None else end)

    async def says(self, text: str) -> float:
        """Say it in a caller's voice; when it will have been said."""
        speech = into_telephone(await _VOICES.speak(Caller(), text))
        self.phone.play(speech)
        return time.monotonic() + len(speech) / judge.RATE

    async def until_quiet(self, since: float, *, quiet_s: float = 0.8, within_s: float = 30.0) -> float:
        """Return when something has been heard since then, and nothing for ``quiet_s``; when it ended.

        Raises:
            TimeoutError: nothing was heard, or it never ended.
        """
        async with asyncio.timeout(within_s):
            while True:
                await asyncio.sleep(0.1)
                sound = self.heard(since)
                last = judge.last_sound_s(sound.heard)
                if last and len(sound.heard) / judge.RATE - last >= quiet_s:
                    return float(sound.times[0]) + last

    async def _follow(self, server: Server) -> None:
        async for event in live_events(server, self.call_id):
            async with self._news:
                self.events.append((time.monotonic(), event))
                self._news.notify_all()


@dataclass
class TelephoneLine:
    """A running Décroche and the doors of those it rings."""

    stack: Stack
    doors: Doors
    wire: Wire
    """Between the bot and Asterisk's REST interface."""

    @property
    def server(self) -> Server:
        """The bot's API."""
        return Server(self.stack.url, self.stack.env["DECROCHE_API_TOKEN"])

    @property
    def uri(self) -> str:
        """What a caller dials."""
        return f"sip:decroche@127.0.0.1:{self.stack.ports.sip}"

    @asynccontextmanager
    async def call(
        self, number: str = SUBSCRIBER, *, codec: Codec = Codec.A_LAW, follow: bool = True
    ) -> AsyncIterator[Call]:
        """A caller, answered. ``follow``: read the call's journal along."""
        rehearsal = Rehearsal(str(uuid4()))
        header = {"User-to-User": user_to_user_header(rehearsal.to_user())}
        async with SipPhone(number, codec=codec) as phone:
            answered = await phone.connect(self.uri, header)
            call = Call(phone, rehearsal.call_id, answered)
            task = asyncio.create_task(call._follow(self.server), name="journal") if follow else None
            try:
                yield call
            finally:
                if task is not None:
                    task.cancel()
                    await asyncio.gather(task, return_exceptions=True)

    def agent(self, site: str, manner: Manner | None = None, *, codec: Codec = Codec.A_LAW) -> SipAgent:
        """The telephone of an agent, to be entered; at each site one at a time."""
        default = Manner(hum=judge.tone(judge.AGENT_HZ))
        return SipAgent(site, manner or default, codec=codec, port=self.doors.sites[site])

    def carrier(self, manner: Manner | None = None) -> SipAgent:
        """The carrier's side of the trunk: subscribers who are called back, and the fallback number."""
        return SipAgent("carrier", manner or Manner(hum=judge.tone(judge.AGENT_HZ)), port=self.doors.carrier)

    async def record(self, call_id: str) -> dict[str, Any]:
        """The record of a call as it stands."""
        async with httpx.AsyncClient(headers=dict(self.server.headers), timeout=5.0) as client:
            response = await client.get(f"{self.server.url}/api/calls/{call_id}")
        response.raise_for_status()
        return dict(response.json())

    async def ari(self, path: str, method: str = "GET", **params: str) -> Any:
        """Ask Asterisk, past the bot."""
        password = (self.stack.var / "ari-password").read_text().strip()
        url = f"http://127.0.0.1:{self.stack.ports.ari}/ari{path}"
        async with httpx.AsyncClient(auth=("decroche", password), timeout=5.0) as client:
            response = await client.request(method, url, params=params)
        response.raise_for_status()
        return response.json() if response.content else None

    async def legs(self) -> Sequence[str]:
        """Names of the channels that Asterisk has now."""
        return [channel["name"] for channel in await self.ari("/channels")]

    async def is_quiet(self, within_s: float = 5.0) -> bool:
        """Whether no leg and no bridge is left, soon."""

        async def quiet() -> bool:
            return not await self.legs() and not await self.ari("/bridges")

        return await eventually(quiet, within_s)


@asynccontextmanager
async def telephone_line(
    folder: Path, parts: tuple[str, ...] = (*PARTS, *PHONE_PARTS), env: Mapping[str, str] | None = None
) -> AsyncIterator[TelephoneLine]:
    """A Décroche of its own in ``folder``, started."""
    doors = Doors.free()
    stack = fresh_stack(
        folder,
        {
            "DECROCHE_OPERATOR_FILE": str(write_operator(folder / "operator.yml", doors)),
            "DECROCHE_TRUNK_HOST": f"127.0.0.1:{doors.carrier}",
            **(env or {}),
        },
        parts,
    )
    with Wire(stack.ports.ari) as wire:
        stack.part_env = {"bot": {"DECROCHE_ARI_URL": f"http://127.0.0.1:{wire.port}/ari"}}
        await stack.start()
        try:
            yield TelephoneLine(stack, doors, wire)
        finally:
            await stack.stop()


async def read(hearing: WhisperTranscriber, heard: Pcm) -> str:
    """What a recogniser makes of what a party heard."""
    return (await hearing.transcribe(heard, RecognitionHint())).text


async def eventually(check: Callable[[], Any], within_s: float, every_s: float = 0.1) -> bool:
    """Whether ``check`` comes true in time."""
    until = time.monotonic() + within_s
    while not await check():
        if time.monotonic() > until:
            return False
        await asyncio.sleep(every_s)
    return True
