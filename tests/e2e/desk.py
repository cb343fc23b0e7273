"""An agents' desk for tests of its page: the real server, floor, accounts and store; calls are offered by the test."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from argon2 import PasswordHasher
from fastapi import FastAPI

from bot.events import CallEvent, CallStarted
from bot.handoff.packet import Site, build_packet
from bot.operator import load_operator
from bot.ports import HandoffOffer, OfferAnswer, OfferResult
from bot.record.codec import event_from_json
from bot.record.migrations import upgrade
from bot.record.store import make_engine, transaction
from bot.settings import ROOT
from bot.web.browser import SecurityHeaders
from bot.web.problems import install_problems
from desk.accounts import Accounts
from desk.floor import AgentFloor
from desk.models import Role
from desk.pages import add_pages
from desk.ports import Headsets
from desk.router import DeskDeps, desk_router
from desk.store import ContactWriter, DeskStore
from tests.e2e.chromium import serve
from tests.unit.conftest import SAMPLE
from tests.unit.desk.conftest import PASSWORD, FakeAudit, FakeLevel2, FakeTalk

SITE = "poitiers"
NUMBER = "+33612345644"
SITE_CHOSEN = Site(id=SITE, name="Poitiers", why="Ouvert, compétence facturation, 3 conseillers libres")


class TestCases:
    """Calls as a test tells them. ``events``, ``handoffs``: by call; the events grow while the page looks on."""

    __test__ = False

    def __init__(self) -> None:
        self.packets: dict[str, dict[str, Any]] = {}
        self.events: dict[str, list[CallEvent]] = {}
        self.handoffs: dict[str, str] = {}
        self._news = asyncio.Condition()

    def add(self, call: str) -> None:
        """The sample call under another id, waiting for a person."""
        lines = SAMPLE.read_text(encoding="utf-8").splitlines()
        events = [event_from_json(json.loads(line)) for line in lines]
        self.events[call] = [replace(e, call_id=call) if isinstance(e, CallStarted) else e for e in events]
        packet = build_packet(self.events[call], site=SITE_CHOSEN)
        self.packets[packet.handoff_id] = packet.model_dump(mode="json")
        self.handoffs[call] = packet.handoff_id

    async def tell(self, call: str, *events: CallEvent) -> None:
        """The call goes on."""
        async with self._news:
            self.events[call].extend(events)
            self._news.notify_all()

    async def packet(self, handoff_id: str) -> Mapping[str, Any] | None:
        """See :class:`desk.ports.Cases`."""
        return self.packets.get(handoff_id)

    async def unmasked(self, handoff_id: str, field: str) -> str | None:
        """See :class:`desk.ports.Cases`."""
        return NUMBER if handoff_id in self.packets else None

    @asynccontextmanager
    async def follow(self, call_id: str) -> AsyncIterator[AsyncIterator[tuple[int, CallEvent]] | None]:
        """See :class:`desk.ports.Cases`."""
        yield self._numbered(self.events[call_id])

    async def _numbered(self, events: list[CallEvent]) -> AsyncIterator[tuple[int, CallEvent]]:
        told = 0
        while True:
            for event in events[told:]:
                told += 1
                yield told, event
            async with self._news:
                while len(events) == told:
                    await self._news.wait()


@dataclass
class DeskSite:
    """A desk that is served. ``talk``: what the line is told to do with the call in progress."""

    url: str
    floor: AgentFloor
    accounts: Accounts
    store: DeskStore
    cases: TestCases
    audit: FakeAudit
    level2: FakeLevel2
    talk: FakeTalk = field(default_factory=FakeTalk)
    ids: dict[str, str] = field(default_factory=dict)
    offers: list[asyncio.Task[OfferAnswer]] = field(default_factory=list)

    async def add(
        self, login: str, *, headset: bool = False, roles: tuple[Role, ...] = (Role.AGENT,)
    ) -> None:
        """Somebody who can sign in with :data:`PASSWORD`."""
        agent = await self.accounts.add(
            login, f"{login.title()} R.", SITE, password=PASSWORD, roles=roles, skills=("billing",),
            sip="" if headset else f"sip:{login}@phones.example",
        )  # fmt: skip
        self.ids[login] = agent.id

    def offer(self, call: str = "call-1", *, ring_s: float = 30.0) -> asyncio.Task[OfferAnswer]:
        """A call rings at the desk."""
        if call not in self.cases.events:
            self.cases.add(call)
        offer = HandoffOffer(call, self.cases.handoffs[call], SITE, "billing", "human_request")
        task = asyncio.create_task(self._transfer(offer, ring_s), name=f"offer {call}")
        self.offers.append(task)
        return task

    async def _transfer(self, offer: HandoffOffer, ring_s: float) -> OfferAnswer:
        """What the transfer does: the accepting agent's leg is connected, the two talk."""
        answer = await self.floor.offer(offer, ring_s=ring_s)
        if answer.result is OfferResult.ACCEPTED:
            self.floor.joined(offer.call_id, self.talk)
        return answer


@cache
def empty_database() -> bytes:
    """A migrated SQLite file with nothing in it; made once, for migrations take most of a test's time."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "empty.db"
        upgrade(f"sqlite:///{path}")
        return path.read_bytes()


@asynccontextmanager
async def desk_site(
    folder: Path, headsets: Headsets | None = None, wrap_up_s: float = 60.0
) -> AsyncIterator[DeskSite]:
    """Serve a desk with nobody at it, its database in ``folder``."""
    database = folder / "desk.db"
    database.write_bytes(await asyncio.to_thread(empty_database))
    engine = make_engine(f"sqlite:///{database}")
    store = DeskStore(partial(transaction, engine, 5.0))
    accounts = Accounts(store, hasher=PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    contacts = ContactWriter(store)
    floor = AgentFloor(contacts, wrap_up_s=wrap_up_s)
    cases, audit, level2 = TestCases(), FakeAudit(), FakeLevel2()
    app = FastAPI()
    install_problems(app)
    operator = load_operator(ROOT / "operator.yml")
    app.include_router(
        desk_router(DeskDeps(operator, accounts, store, floor, cases, audit, level2, headsets))
    )
    add_pages(app)

    @app.get("/api/browser/config")
    async def config() -> dict[str, Any]:
        return {"ice_servers": []}

    contacts.start()
    async with serve(SecurityHeaders(app)) as base:
        site = DeskSite(base, floor, accounts, store, cases, audit, level2)
        try:
            yield site
        finally:
            for offer in site.offers:
                offer.cancel()
            await asyncio.gather(*site.offers, return_exceptions=True)
            await floor.stop()
    await contacts.stop()
    await engine.dispose()
