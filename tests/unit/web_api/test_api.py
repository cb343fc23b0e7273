"""Who may read calls and packets, and what they get."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from starlette.requests import HTTPConnection
from structlog.testing import capture_logs

from bot.errors import ConfigurationError, DecrocheError, RateLimitedError, StoreError
from bot.events import CallEvent
from bot.handoff.packet import ContextPacket, packet_id
from bot.record.view import CallView
from bot.web.access import Access
from bot.web.api import PartState
from bot.web.problems import status_of

from .conftest import Api

Sample = Callable[[str], list[CallEvent]]


def place(api: Api, call_id: str, events: list[CallEvent]) -> None:
    for event in events:
        api.journal.append(call_id, event)


async def test_the_process_is_alive_and_says_so_to_anybody(api: Api) -> None:
    answer = await api.client.get("/healthz", headers={"Authorization": ""})
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_readiness_tells_each_part(api: Api) -> None:
    assert (await api.client.get("/readyz")).json() == {
        "ready": True,
        "parts": {"record": {"ok": True, "detail": ""}},
    }
    api.parts["dialogue"] = PartState(ok=False, detail="dialogue.timeout")
    answer = await api.client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["parts"]["dialogue"] == {"ok": False, "detail": "dialogue.timeout"}


async def test_a_call_is_shown_while_it_runs_and_when_it_is_over(api: Api, sample_call: Sample) -> None:
    events = sample_call("c1")
    place(api, "c1", events[:10])
    running = (await api.client.get("/api/calls/c1")).json()
    assert (running["running"], running["outcome"]) == (True, None)
    place(api, "c1", events[10:])
    await api.journal.flush("c1")
    ended = (await api.client.get("/api/calls/c1")).json()
    assert ended == json.loads(json.dumps(CallView.of(events).to_json()))


async def test_calls_are_listed_and_filtered(api: Api, sample_call: Sample) -> None:
    place(api, "done", sample_call("done"))
    await api.journal.flush("done")
    place(api, "running", sample_call("running")[:5])

    async def ids(query: str = "") -> list[str]:
        answer = await api.client.get(f"/api/calls{query}")
        return sorted(c["call_id"] for c in answer.json()["calls"])

    assert await ids() == ["done", "running"]
    assert await ids("?outcome=handoff") == ["done"]
    assert await ids("?channel=browser") == []
    assert await ids("?since=2027-03-15T09:00:00Z") == ["done", "running"]
    assert await ids("?since=2027-03-15T10:00:01%2B01:00") == []
    assert len(await ids("?limit=1")) == 1


async def test_a_packet_is_given_and_its_opening_audited(api: Api, sample_call: Sample) -> None:
    place(api, "c1", sample_call("c1"))
    with capture_logs() as logs:
        answer = await api.client.get(f"/api/handoffs/{packet_id('c1')}")
    assert ContextPacket.model_validate(answer.json()).call_id == "c1"
    assert answer.headers["cache-control"] == "no-store"
    (line,) = [entry for entry in logs if entry["event"] == "audit.packet_opened"]
    assert (line["who"], line["call_id"], line["handoff_id"]) == ("desk", "c1", packet_id("c1"))
    assert line["when"]


@pytest.mark.parametrize("path", ["/api/calls", "/api/calls/c1", "/api/handoffs/h1"])
async def test_nothing_is_shown_without_the_right_token(api: Api, path: str) -> None:
    for header, status, code in [
        ("", 401, "access.unauthenticated"),
        ("Basic ZGVzazp0b2tlbg==", 401, "access.unauthenticated"),
        ("Bearer wrong", 403, "access.denied"),
        ("Bearer desk-tokenx", 403, "access.denied"),
    ]:
        answer = await api.client.get(path, headers={"Authorization": header})
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert answer.headers["content-type"] == "application/problem+json"
    assert (await api.client.get(path, headers={"Authorization": ""})).headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("path", "status", "code", "told"),
    [
        ("/api/calls/unknown", 404, "input.not_found", "unknown"),
        ("/api/handoffs/unknown", 404, "input.not_found", "unknown"),
        ("/nowhere", 404, "input.not_found", "Not Found"),
        ("/api/calls?limit=0", 422, "input.invalid", "limit:"),
        ("/api/calls?limit=many", 422, "input.invalid", "limit:"),
        ("/api/calls?since=yesterday", 422, "input.invalid", "since:"),
        ("/api/calls?since=2027-03-15T09:00:00", 422, "input.invalid", "since:"),
        ("/api/calls?outcome=happy", 422, "input.invalid", "outcome:"),
        ("/api/calls/a%20b", 422, "input.invalid", "call_id:"),
        (f"/api/calls/{'x' * 65}", 422, "input.invalid", "call_id:"),
    ],
)
async def test_what_is_wrong_with_a_request_is_told(
    api: Api, path: str, status: int, code: str, told: str
) -> None:
    answer = await api.client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert told in answer.json()["message"]
    assert set(answer.json()) == {"code", "message"}


async def test_a_database_that_fails_is_a_503_and_running_calls_are_still_shown(
    api: Api, sample_call: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    place(api, "c1", sample_call("c1")[:5])

    async def fail(*_: object, **__: object) -> None:
        raise StoreError("the database cannot be reached")

    monkeypatch.setattr(api.store, "get_call", fail)
    monkeypatch.setattr(api.store, "list_calls", fail)
    assert (await api.client.get("/api/calls/c1")).status_code == 200
    answer = await api.client.get("/api/calls")
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (
        503,
        "store.failed",
        "5",
    )


async def test_a_defect_is_a_500_that_tells_nothing(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise ValueError("FR7630006000011234567890189")

    monkeypatch.setattr(api.store, "get_call", fail)
    with capture_logs() as logs:  # and nothing is printed: a traceback may show what it held
        answer = await api.client.get("/api/calls/c1")
    assert [entry["event"] for entry in logs] == ["request.defect"]
    assert (answer.status_code, answer.json()) == (
        500,
        {"code": "decroche.error", "message": "internal error"},
    )


async def test_guessing_tokens_is_slowed_down(api: Api) -> None:
    statuses = [
        (await api.client.get("/api/calls", headers={"Authorization": f"Bearer {n}"})).status_code
        for n in range(22)
    ]
    assert statuses == [403] * 20 + [429] * 2
    answer = await api.client.get("/api/calls")
    assert (answer.json()["code"], answer.headers["retry-after"]) == ("access.rate", "60")


def test_the_brake_lets_go_after_its_window() -> None:
    now = [0.0]
    access = Access({"desk": "t"}, max_failures=2, window_s=60, clock=lambda: now[0])

    def ask(token: str) -> str:
        scope = {
            "type": "http",
            "headers": [(b"authorization", f"Bearer {token}".encode())],
            "client": ("10.0.0.1", 1),
        }
        try:
            return access.holder(HTTPConnection(scope))
        except DecrocheError as err:
            return err.code

    assert [ask("x"), ask("x"), ask("t")] == ["access.denied", "access.denied", RateLimitedError.code]
    now[0] = 61.0
    assert ask("t") == "desk"


@pytest.mark.parametrize("tokens", [{}, {"desk": ""}])
def test_an_api_without_a_token_does_not_start(tokens: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError):
        Access(tokens)


def test_every_error_has_a_status() -> None:
    def below(kind: type[DecrocheError]) -> list[type[DecrocheError]]:
        return [kind, *(k for sub in kind.__subclasses__() for k in below(sub))]

    known = {401, 403, 404, 409, 422, 429, 500, 503}
    assert all(status_of(kind.__new__(kind)) in known for kind in below(DecrocheError))


async def test_the_api_is_described(api: Api) -> None:
    answer = await api.client.get("/openapi.json")
    paths = answer.json()["paths"]
    assert {
        "/healthz",
        "/readyz",
        "/api/calls",
        "/api/calls/{call_id}",
        "/api/handoffs/{handoff_id}",
    } <= paths.keys()
    assert "ContextPacket" in answer.json()["components"]["schemas"]
