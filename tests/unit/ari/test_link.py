"""The events socket: connection, order, loss and return, over real sockets and with waits that cost no time."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.telephony.ari import (
    AriClient,
    AriEvent,
    AriSettings,
    ChannelDtmfReceived,
    RefusedError,
    StasisStart,
    UnknownEvent,
)
from media.telephony.ari.link import (
    CLOSE_WITHIN_S,
    FIRST_DELAY_S,
    LONGEST_DELAY_S,
    REPLACED_DELAY_S,
    STABLE_AFTER_S,
    delay_s,
)
from media.telephony.ari.parse import MAX_MESSAGE_BYTES
from tests.unit.ari.fake_ari import Answer, FakeAri, fake_ari
from tests.unit.ari.samples import EVENTS, channel, event

DEAD_PEER = {"ping_every_s": 0.1, "ping_timeout_s": 0.2}


async def nothing() -> None:
    """An owner with nothing to reconcile."""


@dataclass
class Owner:
    """What an owner saw, in order: ``up``, ``ready``, ``down`` and the names of unknown events."""

    on_reconcile: Callable[[], Awaitable[None]] = nothing
    seen: list[str] = field(default_factory=list)
    events: list[AriEvent] = field(default_factory=list)
    on_seen: Callable[[AriEvent], None] = lambda event: None
    waits: list[float] = field(default_factory=list)
    now: float = 0.0
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    """Cleared: waits last until it is set."""
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    def client(self, url: str, **changes: Any) -> AriClient:
        """A client whose owner this is, and whose waits only count."""
        client = AriClient(
            AriSettings(url, "bot", "s3cret", **changes),
            sleep=self._sleep,
            chance=lambda: 1.0,
            clock=lambda: self.now,
        )
        client.listen(on_event=self._event, on_up=self._up, on_down=lambda: self._note("down"))
        return client

    async def until(self, *tail: str) -> None:
        """Return once the last things seen are ``tail``."""
        async with asyncio.timeout(5):
            while tuple(self.seen[-len(tail) :]) != tail:
                await self._news()

    async def until_waited(self, times: int) -> None:
        """Return once the client has waited ``times`` times."""
        async with asyncio.timeout(5):
            while len(self.waits) < times:
                await self._news()

    async def _news(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    async def _up(self) -> None:
        self._note("up")
        await self.on_reconcile()
        self._note("ready")

    def _event(self, event: AriEvent) -> None:
        self.events.append(event)
        self._note(event.type if isinstance(event, UnknownEvent) else type(event).__name__)
        self.on_seen(event)

    def _note(self, what: str) -> None:
        self.seen.append(what)
        self._changed.set()

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self._changed.set()
        await asyncio.sleep(0)
        await self.gate.wait()


@pytest.fixture
async def ari() -> AsyncIterator[FakeAri]:
    async with fake_ari() as fake:
        yield fake


@pytest.fixture
async def owner() -> Owner:
    return Owner()


async def test_the_socket_asks_for_our_application_and_shows_no_password(ari: FakeAri, owner: Owner) -> None:
    client = owner.client(ari.url, app="dé croche")
    await client.start()
    await asyncio.wait_for(client.wait_up(), 5)
    order = (await ari.socket(1)).order
    assert order.query == {"app": "dé croche", "subscribeAll": "false"}
    assert order.headers["authorization"] == "Basic " + base64.b64encode(b"bot:s3cret").decode()
    await client.stop()


async def test_events_come_in_order_after_reconciling(ari: FakeAri, owner: Owner) -> None:
    go = asyncio.Event()

    async def reconcile() -> None:
        assert not client.up
        await go.wait()

    owner.on_reconcile = reconcile
    client = owner.client(ari.url)
    await client.start()
    socket = await ari.socket(1)
    for number in range(50):
        socket.send(event(f"E{number}"))
    await owner.until("up")
    assert owner.seen == ["up"]
    assert not client.up
    go.set()
    await owner.until("E49")
    assert owner.seen == ["up", "ready", *(f"E{number}" for number in range(50))]
    assert client.up
    await client.stop()


async def test_the_owner_reconciles_over_http_before_the_link_counts_as_up(
    ari: FakeAri, owner: Owner
) -> None:
    ari.answers["GET", "channels"] = Answer(data=[channel("left-over")])
    found: list[str] = []

    async def reconcile() -> None:
        found.extend(leg.id for leg in await client.list_channels())

    owner.on_reconcile = reconcile
    client = owner.client(ari.url)
    await client.start()
    await asyncio.wait_for(client.wait_up(), 5)
    assert found == ["left-over"]
    assert [order.path for order in ari.orders] == ["events", "channels"]
    await client.stop()


@pytest.mark.parametrize("end", ["close", "abort"])
async def test_a_lost_link_comes_back_and_is_reconciled_again(ari: FakeAri, owner: Owner, end: str) -> None:
    client = owner.client(ari.url)
    await client.start()
    for number in range(1, 4):
        socket = await ari.socket(number)
        socket.send(event(f"E{number}"))
        await owner.until(f"E{number}")
        owner.gate.clear()
        getattr(socket, end)()
        await owner.until("down")
        assert not client.up
        owner.gate.set()
    await ari.socket(4)
    await owner.until("down", "up", "ready")
    assert owner.seen == [
        "up", "ready", "E1", "down", "up", "ready", "E2", "down", "up", "ready", "E3", "down", "up", "ready",
    ]  # fmt: skip
    await client.stop()


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.sampled_from(["close", "abort", "freeze"]), st.booleans()), max_size=4
    )
)
def test_no_event_of_an_old_connection_comes_after_a_new_one(script: list[tuple[int, str, bool]]) -> None:
    """Each connection sends some events and ends in some way, before, during or after the reconciliation."""
    asyncio.run(play(script))


async def play(script: list[tuple[int, str, bool]]) -> None:
    async with fake_ari() as ari:
        owner = Owner()
        go = asyncio.Event()
        owner.on_reconcile = lambda: asyncio.sleep(0) if go.is_set() else go.wait()  # type: ignore[assignment]
        client = owner.client(ari.url, ping_every_s=0.02, ping_timeout_s=0.05)
        await client.start()
        for number, (count, end, reconciled) in enumerate(script, 1):
            (go.set if reconciled else go.clear)()
            socket = await ari.socket(number)
            for each in range(count):
                socket.send(event(f"{number}.{each}"))
            if reconciled:
                await owner.until(f"{number}.{count - 1}" if count else "ready")
            if end == "freeze":
                socket.frozen = True
            else:
                getattr(socket, end)()
        go.set()
        last = len(script) + 1
        socket = await ari.socket(last)
        socket.send(event(f"{last}.0"))
        await owner.until(f"{last}.0")
        await client.stop()
    connection = 0
    up = False
    for what in owner.seen:
        if what == "up":
            assert not up
            connection += 1
        elif what == "ready":
            up = True
        elif what == "down":
            assert up
            up = False
        else:
            assert up
            assert int(what.split(".")[0]) == connection
    assert not up
    for number, (count, _, reconciled) in enumerate(script, 1):
        if reconciled:  # nothing of what could be delivered was skipped or turned round
            mine = [what for what in owner.seen if what.startswith(f"{number}.")]
            assert mine == [f"{number}.{each}" for each in range(count)]


async def test_a_peer_that_falls_silent_is_noticed(ari: FakeAri, owner: Owner) -> None:
    client = owner.client(ari.url, **DEAD_PEER)
    await client.start()
    socket = await ari.socket(1)
    await owner.until("ready")
    began = time.monotonic()
    socket.frozen = True
    await ari.socket(2)
    assert time.monotonic() - began < 3  # 0.3 s, and 1 s to say good-bye to nobody
    await owner.until("down", "up", "ready")
    await client.stop()


def test_by_default_a_dead_peer_is_noticed_within_five_seconds() -> None:
    defaults = AriSettings("http://x/ari", "u", "p")
    assert defaults.ping_every_s + defaults.ping_timeout_s + CLOSE_WITHIN_S < 5


async def test_a_peer_that_never_finishes_the_handshake_is_given_up(ari: FakeAri, owner: Owner) -> None:
    ari.answers["GET", "events"] = Answer(after=asyncio.Event())
    client = owner.client(ari.url, connect_timeout_s=0.05)
    await client.start()
    await owner.until_waited(3)
    await client.stop()
    assert owner.seen == []


async def test_more_events_than_are_taken_drop_the_link(ari: FakeAri, owner: Owner) -> None:
    blocked = asyncio.Event()
    owner.on_reconcile = lambda: blocked.wait()  # type: ignore[assignment,return-value]
    client = owner.client(ari.url, backlog=10)
    await client.start()
    socket = await ari.socket(1)
    await owner.until("up")
    for number in range(11):
        socket.send(event(f"E{number}"))
    second = await ari.socket(2)
    blocked.set()
    await owner.until("ready")
    second.send(event("after"))
    await owner.until("after")
    assert owner.seen == ["up", "up", "ready", "after"]
    await client.stop()


@pytest.mark.parametrize("fault", [RefusedError("x", 500), KeyError("x"), TimeoutError()])
async def test_reconciling_that_fails_is_tried_again_on_a_new_connection(
    ari: FakeAri, owner: Owner, fault: Exception
) -> None:
    faults = [fault, fault]

    async def reconcile() -> None:
        if faults:
            raise faults.pop()

    owner.on_reconcile = reconcile
    client = owner.client(ari.url)
    await client.start()
    await owner.until("ready")
    assert owner.seen == ["up", "up", "up", "ready"]
    assert len(ari.sockets) == 3
    await client.stop()


async def test_reconciling_that_takes_too_long_is_tried_again(ari: FakeAri, owner: Owner) -> None:
    tries: list[None] = []

    async def reconcile() -> None:
        tries.append(None)
        if len(tries) == 1:
            await asyncio.Event().wait()

    owner.on_reconcile = reconcile
    client = owner.client(ari.url, reconcile_timeout_s=0.05)
    await client.start()
    await owner.until("up", "up", "ready")
    await client.stop()


async def test_an_event_that_the_owner_cannot_handle_takes_no_other_away(ari: FakeAri, owner: Owner) -> None:
    def fail(seen: AriEvent) -> None:
        if isinstance(seen, StasisStart):
            raise KeyError("a fault of one call")

    owner.on_seen = fail
    client = owner.client(ari.url)
    await client.start()
    socket = await ari.socket(1)
    for message in (EVENTS["StasisStart"], EVENTS["ChannelDtmfReceived"]):
        socket.send(message)
    await owner.until("StasisStart", "ChannelDtmfReceived")
    assert isinstance(owner.events[1], ChannelDtmfReceived)
    assert len(ari.sockets) == 1
    await client.stop()


async def test_malformed_messages_are_refused_and_the_link_kept(ari: FakeAri, owner: Owner) -> None:
    client = owner.client(ari.url)
    await client.start()
    socket = await ari.socket(1)
    for data in (
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"type": "\xff"}',
        b"[" * 10_000,
        b"x" * (MAX_MESSAGE_BYTES + 1),
    ):
        socket.send_raw(data)
        socket.send_raw(data, binary=True)
    socket.send(event("StasisStart"))  # without a channel
    socket.send(EVENTS["StasisStart"])
    await owner.until("StasisStart")
    assert owner.seen == ["up", "ready", "StasisStart"]
    assert len(ari.sockets) == 1
    await client.stop()


async def test_a_monstrous_message_is_not_even_read(ari: FakeAri, owner: Owner) -> None:
    client = owner.client(ari.url)
    await client.start()
    (await ari.socket(1)).send_raw(b"x" * 5_000_000)
    await ari.socket(2)
    await owner.until("up", "ready")
    await client.stop()


async def test_who_lost_the_application_waits_long(ari: FakeAri, owner: Owner) -> None:
    client = owner.client(ari.url)
    await client.start()
    socket = await ari.socket(1)
    await owner.until("ready")
    owner.gate.clear()
    socket.send(EVENTS["ApplicationReplaced"])
    socket.send(event("never"))
    await owner.until("ApplicationReplaced", "down")
    await owner.until_waited(1)
    await asyncio.wait_for(socket.closed.wait(), 5)
    assert not client.up
    assert owner.waits == [REPLACED_DELAY_S * 2]
    owner.gate.set()
    await ari.socket(2)
    await owner.until("down", "up", "ready")
    await client.stop()


async def test_tries_that_fail_come_ever_more_slowly_and_a_good_connection_starts_afresh(
    ari: FakeAri, owner: Owner
) -> None:
    ari.answers["GET", "events"] = Answer(503)
    client = owner.client(ari.url)
    await client.start()
    await ari.ordered(lambda orders: len(orders) >= 9)
    del ari.answers["GET", "events"]
    first = await ari.socket(1)
    await owner.until("ready")
    failed = list(owner.waits)
    assert failed[:6] == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0]
    assert set(failed[5:]) == {LONGEST_DELAY_S}

    first.close()  # at once: the link is no better than before
    await ari.socket(2)
    await owner.until("down", "up", "ready")
    assert owner.waits[-1] == LONGEST_DELAY_S

    owner.now += STABLE_AFTER_S
    ari.sockets[1].close()
    await ari.socket(3)
    await owner.until("down", "up", "ready")
    assert owner.waits[-1] == FIRST_DELAY_S
    await client.stop()


@given(st.integers(0, 10_000), st.floats(0, 1))
def test_a_wait_is_bounded_and_spread(attempt: int, chance: float) -> None:
    assert 0.5 * FIRST_DELAY_S <= delay_s(attempt, chance) <= LONGEST_DELAY_S
    assert delay_s(attempt, 0) * 2 == delay_s(attempt, 1)
    assert delay_s(attempt, chance) <= delay_s(attempt + 1, chance)


async def test_a_bot_starts_without_asterisk_and_finds_it_later(owner: Owner) -> None:
    async with fake_ari() as ari:
        port = int(ari.url.split(":")[2].split("/")[0])
    client = owner.client(f"http://127.0.0.1:{port}/ari")
    await client.start()
    await owner.until_waited(3)
    assert not client.up
    assert owner.seen == []
    await client.stop()


async def test_stopping_ends_everything(ari: FakeAri, owner: Owner) -> None:
    before = asyncio.all_tasks()
    client = owner.client(ari.url)
    await client.start()
    await client.start()  # has no effect
    socket = await ari.socket(1)
    await owner.until("ready")
    await client.stop()
    await client.stop()
    assert owner.seen == ["up", "ready", "down"]
    assert not client.up
    await asyncio.wait_for(socket.closed.wait(), 5)
    ours = [task for task in asyncio.all_tasks() - before if task.get_name().startswith("ari-")]
    assert ours == []


async def test_stopping_while_waiting_connecting_or_reconciling(ari: FakeAri, owner: Owner) -> None:
    owner.on_reconcile = lambda: asyncio.Event().wait()  # type: ignore[assignment,return-value]
    client = owner.client(ari.url)
    await client.start()
    await owner.until("up")
    await asyncio.wait_for(client.stop(), 3)
    assert owner.seen == ["up"]

    ari.answers["GET", "events"] = Answer(503)
    owner.gate.clear()
    client = owner.client(ari.url)
    await client.start()
    await ari.ordered(lambda orders: len(orders) >= 2)
    await asyncio.wait_for(client.stop(), 3)


async def test_orders_do_not_need_the_link(ari: FakeAri, owner: Owner) -> None:
    ari.answers["GET", "events"] = Answer(503)
    client = owner.client(ari.url)
    await client.start()
    await client.hangup("c")
    assert not client.up
    await client.stop()
