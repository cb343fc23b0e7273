"""The API for the operator's own systems."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from bot.callbacks.service import Wanted
from bot.models import RingResult

from .conftest import MONDAY, Site, build_app

BODY = {"number": "06 12 34 56 78", "reason": "écran noir"}


async def test_a_callback_is_asked_for_followed_and_called_off(site: Site) -> None:
    made = await site.desk.post("/api/callbacks", json=BODY)
    assert made.status_code == 201, made.text
    body = made.json()
    assert body["state"] == "requested"
    assert body["immediate"] is True
    assert body["number_masked"] == "+336••••••78"
    assert body["message"] == "Votre téléphone va sonner d’ici quelques secondes."
    assert body["reason"] == "écran noir"
    assert "612345678" not in made.text
    assert made.headers["cache-control"] == "no-store"
    found = await site.desk.get(f"/api/callbacks/{body['callback_id']}")
    assert found.json() == body
    off = await site.desk.delete(f"/api/callbacks/{body['callback_id']}")
    assert (off.status_code, off.json()["outcome"], off.json()["due_at"]) == (200, "cancelled", None)
    again = await site.desk.delete(f"/api/callbacks/{body['callback_id']}")
    assert again.json() == off.json()


async def test_the_second_request_is_answered_with_the_first(site: Site) -> None:
    first = await site.desk.post("/api/callbacks", json=BODY)
    second = await site.desk.post("/api/callbacks", json={"number": "+33612345678"})
    assert second.status_code == 200
    assert second.json() == first.json()


async def test_a_request_sent_again_with_its_key_makes_no_second_callback(site: Site) -> None:
    first = await site.desk.post("/api/callbacks", json=BODY, headers={"Idempotency-Key": "k1"})
    await site.desk.delete(f"/api/callbacks/{first.json()['callback_id']}")
    again = await site.desk.post("/api/callbacks", json=BODY, headers={"Idempotency-Key": "k1"})
    assert (again.status_code, again.json()["callback_id"]) == (200, first.json()["callback_id"])
    other = await site.desk.post(
        "/api/callbacks", json={"number": "0611223344"}, headers={"Idempotency-Key": "k1"}
    )
    assert (other.status_code, other.json()["code"]) == (422, "input.invalid")


async def test_out_of_hours_the_promised_time_is_told(site: Site) -> None:
    site.now.at = datetime(2026, 11, 21, 21, 0, tzinfo=UTC)
    body = (await site.desk.post("/api/callbacks", json=BODY)).json()
    assert (body["immediate"], body["promised_at"]) == (False, "2026-11-23T07:00:00Z")
    assert body["message"] == "Nous vous rappelons lundi 23 novembre à partir de 8\u00a0h."


async def test_a_level_two_callback_at_a_named_time(site: Site) -> None:
    at = "2026-11-23T15:30:00+01:00"
    wanted = {"number": "0611223344", "kind": "level2", "at": at, "case_id": "case-1", "call_id": "call-1"}
    body = (await site.desk.post("/api/callbacks", json=wanted)).json()
    assert body["kind"] == "level2"
    assert body["promised_at"] == "2026-11-23T14:30:00Z"
    assert body["case_id"] == "case-1"
    assert body["message"] == "Nous vous rappelons aujourd’hui à partir de 15\u00a0h\u00a030."


async def test_the_clock_is_measured_and_shown(site: Site) -> None:
    for n, (ring, answer) in enumerate([(0.4, 6), (1.5, 9)]):
        made = (await site.service.request(_wanted(f"061122330{n}"))).callback
        rings = MONDAY + timedelta(seconds=ring)
        taken = await site.store.save(made, site.policy.dial(made, rings, "lease"))
        assert taken is not None
        over = site.policy.rung(taken, MONDAY + timedelta(seconds=answer), RingResult.ANSWERED)
        await site.store.save(taken, over)
    listed = (await site.desk.get("/api/callbacks?outcome=kept")).json()
    assert [one["clock"] for one in listed["callbacks"]][-1] is not None
    clocks = sorted(
        (one["clock"]["click_to_ring_ms"], one["clock"]["click_to_answer_ms"]) for one in listed["callbacks"]
    )
    assert clocks == [(400, 6000), (1500, 9000)]
    assert listed["report"]["outcomes"]["kept"] == 2
    assert (
        listed["report"]["at_once"],
        listed["report"]["ring_p50_ms"],
        listed["report"]["ring_p95_ms"],
    ) == (2, 400, 1500)


async def test_lists_are_filtered(site: Site) -> None:
    for n in range(3):
        await site.desk.post("/api/callbacks", json={"number": f"061122334{n}"})
        site.now.at += timedelta(minutes=1)
    first = (await site.desk.get("/api/callbacks")).json()["callbacks"][-1]
    await site.desk.delete(f"/api/callbacks/{first['callback_id']}")

    async def count(query: str) -> int:
        return len((await site.desk.get(f"/api/callbacks?{query}")).json()["callbacks"])

    assert await count("") == 3
    assert await count("state=open") == 2
    assert await count("state=cancelled") == 1
    assert await count("kind=level2") == 0
    assert await count("limit=1") == 1
    assert await count("since=2026-11-23T09:01:00%2B00:00") == 2
    report = (await site.desk.get("/api/callbacks")).json()["report"]["outcomes"]
    assert (report["open"], report["cancelled"]) == (2, 1)


def _wanted(number: str) -> Wanted:
    return Wanted(number)


@pytest.mark.parametrize(
    ("body", "code", "says"),
    [
        ({"number": "0899 12 34 56"}, "input.number", "premium"),
        ({"number": "+1 684 733 1234"}, "input.number", "French"),
        ({"number": "3900"}, "input.number", "short"),
        ({"number": ""}, "input.invalid", "number"),
        ({"number": "06" * 50}, "input.invalid", "number"),
        ({}, "input.invalid", "number"),
        ({**BODY, "colour": 1}, "input.invalid", "colour"),
        ({**BODY, "kind": "promised"}, "input.invalid", "kind"),
        ({**BODY, "at": "2026-11-23T15:30:00"}, "input.invalid", "at"),
        ({**BODY, "at": "2027-11-23T15:30:00Z"}, "input.invalid", "days ahead"),
        ({**BODY, "reason": "x" * 501}, "input.invalid", "reason"),
        ({**BODY, "case_id": "../x"}, "input.invalid", "case_id"),
    ],
)
async def test_what_is_refused_and_why(site: Site, body: dict, code: str, says: str) -> None:
    refused = await site.desk.post("/api/callbacks", json=body)
    assert refused.status_code == 422
    assert refused.json()["code"] == code
    assert says in refused.json()["message"]


async def test_only_the_operator_may(site: Site) -> None:
    for method, path in (("POST", ""), ("GET", ""), ("GET", "/x"), ("DELETE", "/x")):
        anyone = await site.client.request(
            method, f"/api/callbacks{path}", json=BODY if method == "POST" else None
        )
        assert anyone.status_code == 401
    assert (await site.desk.get("/api/callbacks/nothing")).status_code == 404
    assert (await site.desk.delete("/api/callbacks/nothing")).status_code == 404
    assert (
        await site.desk.post("/api/callbacks", json=BODY, headers={"Idempotency-Key": "a b"})
    ).status_code == 422


async def test_too_many_for_one_number(site: Site) -> None:
    for _ in range(3):
        made = await site.desk.post("/api/callbacks", json=BODY)
        await site.desk.delete(f"/api/callbacks/{made.json()['callback_id']}")
    refused = await site.desk.post("/api/callbacks", json=BODY)
    assert (refused.status_code, refused.json()["code"]) == (429, "access.rate")
    assert refused.headers["retry-after"]


async def test_without_a_line_nothing_is_promised(site: Site) -> None:
    app, _service = build_app(site.store, site.now, line=False)
    headers = {"Authorization": "Bearer desk-token"}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://bot", headers=headers
    ) as desk:
        refused = await desk.post("/api/callbacks", json=BODY)
    assert (refused.status_code, refused.json()["code"]) == (503, "calls.full")
