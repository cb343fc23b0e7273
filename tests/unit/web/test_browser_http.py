"""The page's HTTP side: files, headers, and every way an offer can be refused."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from bot.errors import CapacityError, StoreError
from bot.events import BotSaid, CallEnded, CallEvent
from bot.models import CallRequest
from bot.web.browser import (
    MAX_BODY_BYTES,
    STATIC,
    BrowserCalls,
    PageConfig,
    SecurityHeaders,
    browser_router,
)
from media.webrtc.door import WebRtcDoor, WebRtcSettings, accept

CALL_ID = "5c1c1a5e-4b51-4a8e-9d7a-0f6a0c2f7f11"


class Manager:
    """Starts nothing: these tests are about what happens before and around a call."""

    def __init__(self, room: bool = True, error: Exception | None = None) -> None:
        self.room, self.error = room, error
        self.requests: list[CallRequest] = []
        self.end = asyncio.Event()

    def capacity_left(self) -> bool:
        return self.room

    async def start(self, request: CallRequest, transport: Any, *, controls: Any, control: Any) -> str:
        self.requests.append(request)
        if self.error:
            raise self.error
        return CALL_ID

    async def subscribe(self, call_id: str) -> AsyncIterator[CallEvent]:
        yield BotSaid(0, 0, "Bonjour.", False)
        await self.end.wait()
        yield CallEnded(0, 0, "resolved", "bot")


class Site:
    def __init__(self, manager: Manager, *, trust: bool = False) -> None:
        self.doors: list[WebRtcDoor] = []
        self.calls = BrowserCalls(manager, manager, self._accept, rehearsal=trust)
        app = FastAPI()
        app.include_router(browser_router(self.calls, PageConfig(brand="Lumia <TV>")))
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=SecurityHeaders(app)), base_url="http://test"
        )

    async def _accept(self, sdp: str, kind: str) -> WebRtcDoor:
        door = await accept(sdp, kind, settings=WebRtcSettings(connect_within=2.0))
        self.doors.append(door)
        return door

    async def offer(self, **body: Any) -> httpx.Response:
        return await self.http.post("/api/browser/offer", json={"type": "offer", **body})


@pytest.fixture
async def make_site() -> AsyncIterator[Any]:
    sites: list[Site] = []

    def make(manager: Manager | None = None, **options: Any) -> Site:
        sites.append(Site(manager or Manager(), **options))
        return sites[-1]

    yield make
    for site in sites:
        await site.calls.close()
        await site.http.aclose()


async def test_the_page_names_the_operator_and_everything_it_loads_is_served(make_site):
    http = make_site().http
    page = await http.get("/")
    assert page.status_code == 200
    assert "Lumia &lt;TV&gt;" in page.text
    assert "{{" not in page.text
    for path in set(re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text)):
        assert (await http.get(path)).status_code == 200
    for script in STATIC.glob("*.js"):
        answer = await http.get(f"/static/{script.name}")
        assert answer.headers["content-type"].startswith("text/javascript")
        for module in re.findall(r'from "\./([^"]+)"', answer.text):
            assert (STATIC / module).is_file()


async def test_only_the_page_own_files_are_served(make_site):
    http = make_site().http
    for path in ("/static/index.html", "/static/..%2fbrowser.py", "/static/browser.py", "/static/x.js"):
        assert (await http.get(path)).status_code == 404


async def test_nothing_inline_and_nothing_foreign(make_site):
    page = (await make_site().http.get("/")).text
    assert not re.search(r"<script(?![^>]*\ssrc=)|\sstyle=|<style|\son[a-z]+=|https?://", page)
    for source in STATIC.iterdir():
        foreign = re.findall(r"https?://[^\s\"'.]+\.[^\s\"']+", source.read_text("utf-8"))
        assert [url for url in foreign if "www.w3.org/2000/svg" not in url] == []


async def test_every_answer_carries_the_security_headers(make_site):
    http = make_site().http
    for path in ("/", "/static/app.js", "/api/browser/config", "/nowhere"):
        headers = (await http.get(path)).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert "microphone=(self)" in headers["permissions-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "strict-transport-security" not in headers
    https = await http.get("https://test/")
    assert "max-age=" in https.headers["strict-transport-security"]


async def test_a_call_starts_and_its_answer_says_how_to_come_back(make_site, caller):
    manager = Manager()
    site = make_site(manager)
    answer = await site.offer(sdp=await caller.offer(), caller_number="+33611223344")
    assert answer.status_code == 200
    assert answer.json()["type"] == "answer"
    assert answer.json()["call_id"] == CALL_ID
    assert "a=candidate" in answer.json()["sdp"]
    assert manager.requests[0].caller_number == ""  # anyone can type a number


async def test_a_caller_number_counts_only_where_the_operator_says_so(make_site, caller):
    manager = Manager()
    site = make_site(manager, trust=True)
    assert (await site.offer(sdp=await caller.offer(), caller_number="+33611223344")).status_code == 200
    assert manager.requests[0].caller_number == "+33611223344"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"null", 422),
        (b"[]", 422),
        (b"{", 422),
        (b"\xff\xfe", 422),
        (b'{"sdp": "v=0", "type": "offer", "extra": 1}', 422),
        (b'{"sdp": 5, "type": "offer"}', 422),
        (b'{"sdp": "v=0", "type": "offer"}', 422),
        (b'{"sdp": "hello", "type": "offer"}', 422),
        (b'{"sdp": "v=0", "type": "answer"}', 422),
        (b'{"sdp": "v=0", "type": "offer", "caller_number": "0611"}', 422),
        (b'{"sdp": "v=0", "type": "offer", "seen": -1}', 422),
        (b'{"sdp": "' + b"x" * MAX_BODY_BYTES + b'", "type": "offer"}', 413),
        (b'{"sdp": "v=0", "type": "offer", "call_id": "nobody", "resume": "-"}', 410),
    ],
)
async def test_what_cannot_become_a_call_is_refused_with_code_and_reason(make_site, body, status):
    site = make_site()
    answer = await site.http.post(
        "/api/browser/offer", content=body, headers={"content-type": "application/json"}
    )
    assert answer.status_code == status
    assert set(answer.json()) == {"code", "message"}
    assert answer.json()["message"]
    assert site.doors == []


async def test_a_body_that_needs_no_preflight_is_refused(make_site, caller):
    site = make_site()
    body = json.dumps({"sdp": await caller.offer(), "type": "offer"})
    answer = await site.http.post("/api/browser/offer", content=body, headers={"content-type": "text/plain"})
    assert answer.status_code == 415


async def test_a_full_server_says_so_before_any_peer_is_made(make_site, caller):
    site = make_site(Manager(room=False))
    answer = await site.offer(sdp=await caller.offer())
    assert (answer.status_code, answer.json()["code"]) == (503, "calls.full")
    assert answer.headers["retry-after"]
    assert site.doors == []


@pytest.mark.parametrize(
    "error", [CapacityError("full"), StoreError("secret path /var/x"), RuntimeError("odd")]
)
async def test_a_call_that_cannot_start_leaves_no_peer(make_site, caller, error):
    site = make_site(Manager(error=error))
    sdp = await caller.offer()
    if isinstance(error, RuntimeError):
        with pytest.raises(RuntimeError):
            await site.offer(sdp=sdp)
    else:
        answer = await site.offer(sdp=sdp)
        assert (answer.status_code, answer.json()["code"]) == (503, error.code)
        assert "secret" not in answer.text
    assert site.doors[0]._connection.pc.connectionState == "closed"


async def test_only_the_page_of_a_call_can_resume_it(make_site, caller, new_caller):
    site = make_site()
    first = (await site.offer(sdp=await caller.offer())).json()
    again = new_caller()
    sdp = await again.offer()
    wrong = await site.offer(sdp=sdp, call_id=CALL_ID, resume="guess")
    assert (wrong.status_code, wrong.json()["code"]) == (410, "call.gone")
    right = await site.offer(sdp=sdp, call_id=CALL_ID, resume=first["resume"])
    assert right.status_code == 200
    assert right.json()["sdp"] != first["sdp"]
    await again.close()


async def test_the_door_closes_when_the_call_has_ended(make_site, caller, monkeypatch):
    monkeypatch.setattr("bot.web.browser._CALL_END_GRACE_S", 0.05)
    manager = Manager()
    site = make_site(manager)
    await site.offer(sdp=await caller.offer())
    manager.end.set()
    await asyncio.wait_for(site.doors[0].wait_closed(), 5)


async def test_shutting_down_closes_every_door(make_site, caller):
    site = make_site()
    await site.offer(sdp=await caller.offer())
    await site.calls.close()
    assert site.doors[0]._connection.pc.connectionState == "closed"
