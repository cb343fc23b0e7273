"""The orders: what goes over the wire, and what each answer becomes."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from bot.errors import ConfigurationError, LineError
from media.telephony.ari import AriClient, AriSettings, RefusedError
from tests.unit.ari.fake_ari import Answer, FakeAri, fake_ari
from tests.unit.ari.samples import NUMBER, bridge, channel

Act = Callable[[AriClient], Awaitable[Any]]


@pytest.fixture
async def ari() -> AsyncIterator[FakeAri]:
    async with fake_ari() as fake:
        yield fake


@pytest.fixture
async def client(ari: FakeAri) -> AsyncIterator[AriClient]:
    client = AriClient(AriSettings(ari.url, "bot", "s3cret", request_timeout_s=0.5))
    yield client
    await client.stop()


ORDERS: list[tuple[Act, str, str, dict[str, str], Any]] = [
    (lambda c: c.answer("c"), "POST", "channels/c/answer", {}, None),
    (lambda c: c.ring("c"), "POST", "channels/c/ring", {}, None),
    (lambda c: c.stop_ringing("c"), "DELETE", "channels/c/ring", {}, None),
    (lambda c: c.hangup("c"), "DELETE", "channels/c", {"reason": "normal"}, None),
    (lambda c: c.hangup("c", "busy"), "DELETE", "channels/c", {"reason": "busy"}, None),
    (lambda c: c.start_channel_moh("c"), "POST", "channels/c/moh", {}, {"mohClass": "default"}),
    (lambda c: c.stop_channel_moh("c"), "DELETE", "channels/c/moh", {}, None),
    (lambda c: c.set_variable("c", "A", "1"), "POST", "channels/c/variable", {}, {"variable": "A", "value": "1"}),
    (lambda c: c.get_variable("c", "A"), "GET", "channels/c/variable", {"variable": "A"}, None),
    (
        lambda c: c.continue_in_dialplan("c", "decroche-rescue"),
        "POST", "channels/c/continue", {}, {"context": "decroche-rescue", "extension": "s", "priority": 1},
    ),
    (lambda c: c.play_on_channel("c", "p", "sound:x"), "POST", "channels/c/play/p", {}, {"media": "sound:x"}),
    (lambda c: c.play_on_bridge("b", "p", "sound:x"), "POST", "bridges/b/play/p", {}, {"media": "sound:x"}),
    (lambda c: c.stop_playback("p"), "DELETE", "playbacks/p", {}, None),
    (
        lambda c: c.create_bridge("b", name="call"),
        "POST", "bridges/b", {}, {"type": "mixing,dtmf_events", "name": "call"},
    ),
    (lambda c: c.destroy_bridge("b"), "DELETE", "bridges/b", {}, None),
    (lambda c: c.add_channel("b", "c"), "POST", "bridges/b/addChannel", {}, {"channel": "c"}),
    (
        lambda c: c.add_channel("b", "c", absorb_keys=True),
        "POST", "bridges/b/addChannel", {}, {"channel": "c", "absorbDTMF": True},
    ),
    (lambda c: c.remove_channel("b", "c"), "POST", "bridges/b/removeChannel", {}, {"channel": "c"}),
    (lambda c: c.start_bridge_moh("b"), "POST", "bridges/b/moh", {}, {"mohClass": "default"}),
    (lambda c: c.stop_bridge_moh("b"), "DELETE", "bridges/b/moh", {}, None),
    (lambda c: c.answer("a/../b?c"), "POST", "channels/a%2F..%2Fb%3Fc/answer", {}, None),
]  # fmt: skip


@pytest.mark.parametrize(("act", "method", "path", "query", "body"), ORDERS)
async def test_an_order_on_the_wire(
    ari: FakeAri, client: AriClient, act: Act, method: str, path: str, query: dict[str, str], body: Any
) -> None:
    await act(client)
    (order,) = ari.orders
    assert (order.method, order.path, order.query, order.body) == (method, path, query, body)
    assert order.headers["authorization"] == "Basic " + base64.b64encode(b"bot:s3cret").decode()


async def test_ringing_somebody(ari: FakeAri, client: AriClient) -> None:
    ari.answers["POST", "channels"] = Answer(data=channel("agent-1", state="Down"))
    leg = await client.originate(
        "agent-1", "PJSIP/sites/sip:1@host", app_args="agent,k-1", caller_id=f"<{NUMBER}>", timeout_s=24.6,
        variables={"PJSIP_HEADER(add,User-to-User)": "6869;encoding=hex"},
    )  # fmt: skip
    assert (leg.id, leg.state) == ("agent-1", "Down")
    (order,) = ari.orders
    assert order.query == {}  # numbers and headers are in no URL
    assert order.body == {
        "endpoint": "PJSIP/sites/sip:1@host",
        "app": "decroche",
        "appArgs": "agent,k-1",
        "channelId": "agent-1",
        "callerId": f"<{NUMBER}>",
        "timeout": 25,
        "variables": {"PJSIP_HEADER(add,User-to-User)": "6869;encoding=hex"},
    }


async def test_the_bots_leg(ari: FakeAri, client: AriClient) -> None:
    ari.answers["POST", "channels/externalMedia"] = Answer(data=channel("bot-1"))
    await client.external_media("bot-1", "bot", {"token": "a,b)c&d", "é": "1"}, variables={"A": "b"})
    (order,) = ari.orders
    assert order.query == {}
    assert order.body["transport_data"] == "f(json)v(token=a%2Cb%29c%26d,%C3%A9=1)"
    del order.body["transport_data"]
    assert order.body == {
        "channelId": "bot-1",
        "app": "decroche",
        "external_host": "bot",
        "transport": "websocket",
        "encapsulation": "none",
        "connection_type": "client",
        "format": "slin16",
        "variables": {"A": "b"},
    }


@pytest.mark.parametrize(
    "act",
    [
        lambda c: c.originate("c", "PJSIP/x", variables={"PJSIP_HEADER(add,X)": "a\r\nX-Evil: 1"}),
        lambda c: c.originate("c", "PJSIP/x", variables={"PJSIP_HEADER(add,X\r\n)": "a"}),
        lambda c: c.originate("c", "PJSIP/x\r\n"),
        lambda c: c.originate("c", "PJSIP/x", caller_id='"a\r\nb" <1>'),
        lambda c: c.external_media("c", "bot", {}, variables={"A": "\0"}),
        lambda c: c.set_variable("c", "A", "a\nb"),
    ],
)
async def test_control_characters_never_reach_asterisk(ari: FakeAri, client: AriClient, act: Act) -> None:
    with pytest.raises(LineError) as caught:
        await act(client)
    assert "Evil" not in str(caught.value)
    assert ari.orders == []


@pytest.mark.parametrize(
    ("act", "method", "path", "statuses"),
    [
        (lambda c: c.hangup("c"), "DELETE", "channels/c", (204, 404)),
        (lambda c: c.stop_ringing("c"), "DELETE", "channels/c/ring", (204, 404)),
        (lambda c: c.stop_channel_moh("c"), "DELETE", "channels/c/moh", (204, 404)),
        (lambda c: c.stop_bridge_moh("b"), "DELETE", "bridges/b/moh", (204, 404, 409)),
        (lambda c: c.destroy_bridge("b"), "DELETE", "bridges/b", (204, 404)),
        (lambda c: c.stop_playback("p"), "DELETE", "playbacks/p", (204, 404)),
        (lambda c: c.remove_channel("b", "c"), "POST", "bridges/b/removeChannel", (204, 400, 404, 422)),
        (lambda c: c.answer("c"), "POST", "channels/c/answer", (204,)),
        (lambda c: c.add_channel("b", "c"), "POST", "bridges/b/addChannel", (204,)),
        (lambda c: c.create_bridge("b"), "POST", "bridges/b", (200,)),
        (lambda c: c.continue_in_dialplan("c", "x"), "POST", "channels/c/continue", (204,)),
    ],
)
async def test_ending_what_has_ended_succeeds_and_all_else_is_refused(
    ari: FakeAri, client: AriClient, act: Act, method: str, path: str, statuses: tuple[int, ...]
) -> None:
    for status in (200, 204, 302, 400, 401, 404, 409, 412, 422, 500, 503):
        ari.answers[method, path] = Answer(status, {"message": NUMBER} if status != 204 else None)
        if status in statuses or status in (200, 204):
            await act(client)
            continue
        with pytest.raises(RefusedError) as caught:
            await act(client)
        assert caught.value.status == status
        assert str(caught.value) == f"{method} {path}: refused with status {status}"
        assert caught.value.code == "line.failed"


async def test_lists_are_read_and_an_unreadable_item_hides_no_other(ari: FakeAri, client: AriClient) -> None:
    ari.answers["GET", "channels"] = Answer(data=[channel("a"), {"id": "\n"}, 7, channel("b")])
    ari.answers["GET", "bridges"] = Answer(data=[bridge("x", "a", "b")])
    ari.answers["GET", "applications"] = Answer(data=[{"name": "decroche", "channel_ids": ["a"]}])
    assert [leg.id for leg in await client.list_channels()] == ["a", "b"]
    assert [(each.id, each.channels) for each in await client.list_bridges()] == [("x", ("a", "b"))]
    assert [(app.name, app.channels) for app in await client.list_applications()] == [("decroche", ("a",))]


async def test_what_does_not_exist_is_none(ari: FakeAri, client: AriClient) -> None:
    for path in ("channels/c", "applications/a", "channels/c/variable"):
        ari.answers["GET", path] = Answer(404, {"message": "not found"})
    assert await client.channel("c") is None
    assert await client.application("a") is None
    assert await client.get_variable("c", "A") == ""


async def test_what_exists_is_read(ari: FakeAri, client: AriClient) -> None:
    ari.answers["GET", "channels/c"] = Answer(data=channel("c"))
    ari.answers["GET", "applications/a"] = Answer(data={"name": "a", "bridge_ids": ["b"]})
    ari.answers["GET", "channels/c/variable"] = Answer(data={"value": "v"})
    found = await client.channel("c")
    assert found is not None
    assert found.caller_number == NUMBER
    app = await client.application("a")
    assert app is not None
    assert app.bridges == ("b",)
    assert await client.get_variable("c", "A") == "v"


@pytest.mark.parametrize("raw", [b"", b"<html>", b"{", b"[" * 100_000, b"7", b'{"a": 1}', b"\xff"])
@pytest.mark.parametrize(
    ("act", "method", "path"),
    [
        (lambda c: c.list_channels(), "GET", "channels"),
        (lambda c: c.originate("c", "PJSIP/x"), "POST", "channels"),
        (lambda c: c.external_media("c", "bot", {}), "POST", "channels/externalMedia"),
    ],
)
async def test_an_unusable_answer_is_an_error_of_the_line(
    ari: FakeAri, client: AriClient, act: Act, method: str, path: str, raw: bytes
) -> None:
    ari.answers[method, path] = Answer(raw=raw)
    with pytest.raises(LineError):
        await act(client)


async def test_an_order_that_is_not_answered_ends_in_time_and_harms_no_other(
    ari: FakeAri, client: AriClient
) -> None:
    never = asyncio.Event()
    ari.answers["POST", "channels/c/answer"] = Answer(after=never)
    began = time.monotonic()
    results = await asyncio.gather(
        *(client.answer("c") for _ in range(5)), client.ring("c"), return_exceptions=True
    )
    assert time.monotonic() - began < 2
    assert [type(result) for result in results] == [LineError] * 5 + [type(None)]
    assert str(results[0]) == "POST channels/c/answer: no answer within 0.5 s"
    await client.ring("c")


async def test_a_connection_that_is_cut_is_an_error_of_the_line(ari: FakeAri, client: AriClient) -> None:
    ari.answers["DELETE", "channels/c"] = Answer(cut=True)
    with pytest.raises(LineError, match="DELETE channels/c: RemoteProtocolError"):
        await client.hangup("c")
    del ari.answers["DELETE", "channels/c"]
    await client.hangup("c")


async def test_no_asterisk_is_an_error_of_the_line() -> None:
    client = AriClient(AriSettings("http://127.0.0.1:9/ari", "u", "p"))
    with pytest.raises(LineError, match="POST channels/c/answer: ConnectError"):
        await client.answer("c")
    await client.stop()
    with pytest.raises(LineError):
        await client.answer("c")


async def test_cancelling_an_order_is_cancelling(ari: FakeAri, client: AriClient) -> None:
    ari.answers["POST", "channels/c/answer"] = Answer(after=asyncio.Event())
    task = asyncio.create_task(client.answer("c"))
    await ari.ordered(lambda orders: len(orders) == 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize(
    ("url", "app"), [("", "a"), ("ws://x/ari", "a"), ("127.0.0.1:8088", "a"), ("http://x/ari", "")]
)
def test_settings_that_cannot_work_are_refused(url: str, app: str) -> None:
    with pytest.raises(ConfigurationError):
        AriSettings(url, "u", "p", app)


def test_the_password_is_in_no_repr() -> None:
    assert "s3cret" not in repr(AriSettings("http://x/ari", "u", "s3cret"))
