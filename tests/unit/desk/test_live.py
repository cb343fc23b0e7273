"""The live socket's end."""

from __future__ import annotations

from typing import Any

from starlette.websockets import WebSocketDisconnect

from desk.accounts import SignedIn
from desk.floor import AgentFloor
from desk.live import LiveSession
from desk.models import Agent
from desk.store import Session
from tests.unit.desk.conftest import FakeAudit, FakeCases


class GoneSocket:
    """A page that was closed: everything says so, closing it too."""

    async def receive_text(self) -> str:
        raise WebSocketDisconnect(1001)

    async def send_json(self, data: Any) -> None:
        raise WebSocketDisconnect(1006)

    async def close(self, code: int = 1000) -> None:
        raise WebSocketDisconnect(1006)


class NoContacts:
    def keep(self, contact: Any) -> None:
        raise AssertionError("nobody talks")


async def test_a_page_that_is_gone_is_no_failure() -> None:
    floor = AgentFloor(NoContacts())
    who = SignedIn(Agent("a", "awa", "Awa R.", "poitiers"), Session("hash", "a", "csrf", 0.0, 0.0))

    async def check() -> None:
        raise AssertionError("not yet")

    await LiveSession(GoneSocket(), who, floor, FakeCases(), FakeAudit(), check).run()
    assert not floor.presence("a").free
    await floor.stop()
