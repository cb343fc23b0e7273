"""A live socket in virtual time: when a page counts as gone."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bot.errors import StoreError, UnauthenticatedError
from desk.accounts import SignedIn
from desk.floor import GRACE_S, AgentFloor
from desk.live import CHECK_S, SILENT_S, LiveSession
from desk.models import Agent, Contact
from desk.presence import State
from desk.store import Session
from tests.unit.desk.conftest import FakeAudit, FakeCases
from tests.virtual_time import run_virtual

AWA = Agent("awa", "awa", "Awa", "poitiers", skills=frozenset({"billing"}))


class Page:
    """The other end: says that it is here by itself every ``every_s``, and when asked, until ``gone``."""

    def __init__(self, every_s: float, *, answers: bool = True) -> None:
        self.every_s, self.answers, self.gone = every_s, answers, False
        self.seen: list[dict[str, Any]] = []
        self._asked = asyncio.Event()

    async def receive_text(self) -> str:
        while True:
            self._asked.clear()
            try:
                async with asyncio.timeout(self.every_s):
                    await self._asked.wait()
            except TimeoutError:
                pass
            if not self.gone:
                return "here"

    async def send_json(self, data: Any) -> None:
        self.seen.append(data)
        if data["type"] == "ping" and self.answers:
            self._asked.set()

    async def close(self, code: int = 1000) -> None:
        self.gone = True


class _Forgets:
    def keep(self, contact: Contact) -> None:
        pass


async def fine() -> None:
    pass


def floor_and_session(page: Page, check: Any = fine) -> tuple[AgentFloor, LiveSession]:
    floor = AgentFloor(_Forgets(), wall=lambda: asyncio.get_running_loop().time())
    who = SignedIn(AWA, Session("s", "awa", "csrf", 0.0, 0.0))
    return floor, LiveSession(page, who, floor, FakeCases(), FakeAudit(), check)


@pytest.mark.parametrize(
    ("every_s", "answers", "stays"), [(2.0, False, True), (60.0, True, True), (60.0, False, False)]
)
def test_a_page_is_there_while_it_says_so_or_answers(every_s: float, answers: bool, stays: bool) -> None:
    async def script() -> None:
        page = Page(every_s, answers=answers)
        floor, session = floor_and_session(page)
        running = asyncio.create_task(session.run())
        await asyncio.sleep(SILENT_S + GRACE_S + 2)
        assert running.done() is not stays
        assert floor.presence("awa").connected is stays
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await floor.stop()

    run_virtual(script())


@pytest.mark.parametrize(
    ("error", "ends"), [(UnauthenticatedError("ended"), True), (StoreError("locked"), False)]
)
def test_a_session_that_ends_ends_its_socket_and_a_busy_database_does_not(
    error: Exception, ends: bool
) -> None:
    async def script() -> None:
        async def check() -> None:
            raise error

        page = Page(2.0)
        floor, session = floor_and_session(page, check)
        running = asyncio.create_task(session.run())
        await asyncio.sleep(CHECK_S + 1)
        assert running.done() is ends
        assert ([m["type"] for m in page.seen][-1] == "bye") is ends
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert floor.presence("awa").state is not State.TALKING
        await floor.stop()

    run_virtual(script())
