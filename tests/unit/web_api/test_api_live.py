"""Following a call as it happens, over a WebSocket."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from starlette.testclient import WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from bot.events import BotSaid, CallEvent
from bot.record.journal import CallJournal
from bot.record.migrations import upgrade
from bot.record.reader import RecordReader
from bot.record.spool import Spool
from bot.record.store import CallStore, make_engine

from .conftest import build_app

Sample = Callable[[str], list[CallEvent]]
TOKEN = {"Authorization": "Bearer desk-token"}
PATH = "/api/calls/c1/events"


class Bot:
    """The application in a thread of its own, as a client sees it, and the journal behind it."""

    def __init__(self, client: TestClient, journal: CallJournal) -> None:
        self.client = client
        self.journal = journal

    def append(self, events: list[CallEvent], call_id: str = "c1") -> None:
        async def put() -> None:
            for event in events:
                self.journal.append(call_id, event)

        self.run(put())

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        async def call() -> Any:
            return await coroutine

        assert self.client.portal is not None
        return self.client.portal.call(call)


@pytest.fixture
def bot(tmp_path: Path) -> Iterator[Bot]:
    url = f"sqlite:///{tmp_path / 'calls.db'}"
    upgrade(url)
    store = CallStore(make_engine(url))
    journal = CallJournal(store, Spool(tmp_path / "spool"))
    with TestClient(build_app(RecordReader(journal, store), dict)) as client:
        bot = Bot(client, journal)
        bot.run(journal.start())
        yield bot
        bot.run(journal.stop())
        bot.run(store.close())


@contextmanager
def refused(status: int, code: str) -> Iterator[None]:
    with pytest.raises(WebSocketDenialResponse) as caught:
        yield
    assert (caught.value.status_code, caught.value.json()["code"]) == (status, code)


def test_a_reader_gets_all_events_so_far_then_live_until_the_end(bot: Bot, sample_call: Sample) -> None:
    events = sample_call("c1")
    bot.append(events[:5])
    with bot.client.websocket_connect(PATH, headers=TOKEN) as socket:
        seen = [socket.receive_json() for _ in range(5)]
        bot.append(events[5:])
        seen += [socket.receive_json() for _ in range(15)]
        with pytest.raises(WebSocketDisconnect) as end:
            socket.receive_json()
    assert (end.value.code, end.value.reason) == (1000, "call ended")
    assert [e.pop("seq") for e in seen] == list(range(1, 21))
    assert [e["type"] for e in seen] == [e.type for e in events]


def test_an_ended_call_can_be_followed_from_where_one_left(bot: Bot, sample_call: Sample) -> None:
    bot.append(sample_call("c1"))
    with bot.client.websocket_connect(f"{PATH}?after=18", headers=TOKEN) as socket:
        assert [socket.receive_json()["seq"] for _ in range(2)] == [19, 20]
        with pytest.raises(WebSocketDisconnect):
            socket.receive_json()


def test_a_browser_sends_its_token_as_a_subprotocol(bot: Bot, sample_call: Sample) -> None:
    bot.append(sample_call("c1"))
    offered = ["decroche.events", "bearer.desk-token"]
    with bot.client.websocket_connect(PATH, subprotocols=offered) as socket:
        assert socket.accepted_subprotocol == "decroche.events"
        assert socket.receive_json()["seq"] == 1


def test_a_socket_is_refused_with_the_reason(bot: Bot, sample_call: Sample) -> None:
    with refused(401, "access.unauthenticated"), bot.client.websocket_connect(PATH):
        pass
    with (
        refused(403, "access.denied"),
        bot.client.websocket_connect(PATH, headers={"Authorization": "Bearer no"}),
    ):
        pass
    with refused(404, "input.not_found"), bot.client.websocket_connect(PATH, headers=TOKEN):
        pass
    bot.append(sample_call("c1"))
    with refused(422, "input.invalid"), bot.client.websocket_connect(f"{PATH}?after=x", headers=TOKEN):
        pass


def test_a_reader_that_leaves_is_forgotten(bot: Bot, sample_call: Sample) -> None:
    bot.append(sample_call("c1")[:5])
    with bot.client.websocket_connect(PATH, headers=TOKEN) as socket:
        socket.receive_json()
    gone = threading.Event()

    async def wait_until_forgotten() -> None:
        async with asyncio.timeout(5):
            while bot.journal._hub._readers:  # noqa: ASYNC110  # nothing else tells
                await asyncio.sleep(0.01)
        gone.set()

    bot.run(wait_until_forgotten())
    assert gone.is_set()
    bot.append([BotSaid(1, 1, "encore", False)])  # nobody listens, nothing breaks
