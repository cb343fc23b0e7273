"""A desk over HTTP with a real database, a floor, and a line of nobody."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI
from starlette.testclient import TestClient, WebSocketTestSession

from bot.errors import StoreError
from bot.events import BotSaid, CallerSaid, CallEvent
from bot.operator import load_operator
from bot.ports import GiveBack, HandoffOffer, OfferAnswer
from bot.record.migrations import upgrade
from bot.record.store import make_engine, transaction
from bot.settings import ROOT
from bot.web.browser import SecurityHeaders
from bot.web.problems import install_problems
from desk.accounts import Accounts
from desk.floor import AgentFloor
from desk.lockout import Lockout
from desk.models import Role
from desk.router import DeskDeps, desk_router
from desk.store import ContactWriter, DeskStore

PASSWORD = "correct horse battery"
ORIGIN = "http://testserver"


class FakeCases:
    """``packets``: by handoff id. ``down``: how often the record fails before it answers."""

    def __init__(self) -> None:
        self.packets: dict[str, dict[str, Any]] = {
            "handoff-1": {
                "handoff_id": "handoff-1",
                "call_id": "call-1",
                "summary": "Mme D. conteste sa facture.",
            }
        }
        self.down = 0

    async def packet(self, handoff_id: str) -> Mapping[str, Any] | None:
        if self.down:
            self.down -= 1
            raise StoreError("locked")
        return self.packets.get(handoff_id)

    async def unmasked(self, handoff_id: str, field: str) -> str | None:
        return "+33612345678" if handoff_id in self.packets else None

    @asynccontextmanager
    async def follow(self, call_id: str) -> AsyncIterator[AsyncIterator[tuple[int, CallEvent]] | None]:
        async def events() -> AsyncIterator[tuple[int, CallEvent]]:
            yield 1, BotSaid(10, 0, "Bonjour.", False)
            yield 2, CallerSaid(900, 1, "<b>ma facture</b>", "ma facture", "voice", 0.9, 100, 800)

        yield events()


class FakeAudit:
    def __init__(self) -> None:
        self.lines: list[tuple[str, str, str, str | None, str | None]] = []
        self.down = False

    async def opened(
        self, who: str, site: str, packet: str, *, field: str | None = None, reason: str | None = None
    ) -> None:
        if self.down:
            raise StoreError("locked")
        self.lines.append((who, site, packet, field, reason))


class FakeLevel2:
    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str]] = []

    async def schedule(self, handoff_id: str, *, reason: str, at: datetime | None, origin: str) -> datetime:
        self.asked.append((handoff_id, reason, origin))
        return datetime(2026, 11, 23, 16, tzinfo=UTC)


@dataclass
class FakeTalk:
    """A talk that obeys."""

    orders: list[str] = field(default_factory=list)

    async def hold(self) -> None:
        self.orders.append("hold")

    async def unhold(self) -> None:
        self.orders.append("unhold")

    async def give_back(self, then: GiveBack) -> None:
        self.orders.append(f"give back {then.value}")

    async def hand_over(self, to: OfferAnswer) -> None:
        self.orders.append(f"hand over {to.agent}")


@dataclass
class Desk:
    """The whole desk. ``now``: seconds, of the sessions and the lock-out."""

    store: DeskStore
    accounts: Accounts
    floor: AgentFloor
    cases: FakeCases
    audit: FakeAudit
    level2: FakeLevel2
    app: FastAPI
    clock: list[float]
    routes: set[tuple[str, str]]
    client: TestClient = field(init=False)
    ids: dict[str, str] = field(default_factory=dict)

    def run(self, work: Callable[[], Any]) -> Any:
        """Call something on the server's event loop."""

        async def call() -> Any:
            made = work()
            return await made if hasattr(made, "__await__") else made

        assert self.client.portal
        return self.client.portal.call(call)

    def add(
        self, login: str, site: str = "poitiers", roles: tuple[Role, ...] = (Role.AGENT,), **more: Any
    ) -> None:
        agent = self.run(
            lambda: self.accounts.add(
                login, login.title(), site, password=PASSWORD, roles=roles, skills=("billing",), **more
            )
        )
        self.ids[login] = agent.id

    def sign_in(self, login: str) -> Browser:
        browser = Browser(self, TestClient(self.app, base_url=ORIGIN))
        browser.http.portal = self.client.portal
        browser.post("session", {"login": login, "password": PASSWORD})
        return browser

    def offer(self, site: str = "poitiers", level: int = 1, call: str = "1") -> Any:
        """Begin to offer a call; returns the task."""
        offer = HandoffOffer(f"call-{call}", f"handoff-{call}", site, "billing", "human_request", level)

        async def begin() -> Any:
            import asyncio

            task = asyncio.create_task(self.floor.offer(offer, ring_s=30))
            await asyncio.sleep(0)
            return [task]

        return self.run(begin)[0]

    def connect(self, login: str, *, ready: bool = True) -> None:
        """Put somebody on the floor without a socket."""

        async def come() -> None:
            agent = await self.store.agent(self.ids[login])
            assert agent
            self.floor.connect(agent)
            if ready:
                self.floor.ready(agent.id)

        self.run(come)

    def talking(self, login: str) -> FakeTalk:
        """Somebody is with a caller."""
        self.connect(login)
        self.offer()
        talk = FakeTalk()
        self.run(lambda: self.floor.accept(self.ids[login], "call-1"))
        self.run(lambda: self.floor.joined("call-1", talk))
        return talk


@dataclass
class Browser:
    """One signed-in browser."""

    desk: Desk
    http: TestClient
    csrf: str = ""

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        sent = {"Origin": ORIGIN, "X-CSRF-Token": self.csrf, **headers}
        answer = self.http.post(f"/desk/api/{path}", json={} if body is None else body, headers=sent)
        if answer.status_code == 200 and "csrf" in answer.json():
            self.csrf = answer.json()["csrf"]
        return answer

    def delete(self, path: str) -> Any:
        return self.http.delete(f"/desk/api/{path}", headers={"Origin": ORIGIN, "X-CSRF-Token": self.csrf})

    @contextmanager
    def live(self) -> Iterator[WebSocketTestSession]:
        """A live socket; that the test's end cuts it off is no matter."""
        with (
            suppress(CancelledError),
            self.http.websocket_connect("/desk/live", headers={"Origin": ORIGIN}) as session,
        ):
            yield session

    def get(self, path: str) -> Any:
        return self.http.get(f"/desk/api/{path}")


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("desk") / "empty.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
def desk(tmp_path: Path, migrated: Path) -> Iterator[Desk]:
    copy = tmp_path / "desk.db"
    copy.write_bytes(migrated.read_bytes())
    engine = make_engine(f"sqlite:///{copy}")
    store = DeskStore(partial(transaction, engine, 5.0))
    clock = [1_000_000.0]
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    accounts = Accounts(
        store,
        hasher=cheap,
        wall=lambda: clock[0],
        logins=Lockout(5, clock=lambda: clock[0]),
        addresses=Lockout(20, clock=lambda: clock[0]),
    )
    contacts = ContactWriter(store)
    floor = AgentFloor(contacts)
    cases, audit, level2 = FakeCases(), FakeAudit(), FakeLevel2()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        contacts.start()
        yield
        await floor.stop()
        await contacts.stop()
        await engine.dispose()

    app = FastAPI(lifespan=lifespan)
    app.add_middleware(SecurityHeaders)
    install_problems(app)
    operator = load_operator(ROOT / "operator.yml")
    router = desk_router(DeskDeps(operator, accounts, store, floor, cases, audit, level2))
    app.include_router(router)
    paths = {(r.path, m) for r in router.routes for m in getattr(r, "methods", None) or ()}  # type: ignore[attr-defined]
    made = Desk(store, accounts, floor, cases, audit, level2, app, clock, paths)
    with TestClient(app, base_url=ORIGIN) as client:
        made.client = client
        yield made
