"""The page: what it takes, what it refuses, and what it never shows."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import httpx
import pytest

from bot.callbacks.store import CallbackFilter
from bot.web.callback_page import COOKIE, french_number

from .conftest import Now, Site, build_app

NUMBER = "06 12 34 56 78"


async def fill(site: Site, **fields: str) -> httpx.Response:
    """Open the page and send its form, as a browser does."""
    page = await site.client.get("/rappel")
    found = re.search(r'name="token" value="([^"]+)"', page.text)
    assert found
    return await send(site, {"number": NUMBER, "reason": "", "website": "", "token": found[1], **fields})


async def send(site: Site, fields: dict[str, str], **headers: str) -> httpx.Response:
    head = {"Content-Type": "application/x-www-form-urlencoded", **headers}
    return await site.client.post("/rappel", content=urlencode(fields), headers=head)


async def made(site: Site) -> int:
    return len(await site.store.find(CallbackFilter()))


async def test_a_number_and_a_reason(site: Site) -> None:
    done = await fill(site, reason="écran noir depuis ce matin")
    assert done.status_code == 200
    assert "Votre téléphone va sonner" in done.text
    assert "finit par 78" in done.text
    assert "01\u00a080\u00a088\u00a000\u00a000" in done.text
    assert "<form" not in done.text
    (callback,) = await site.store.find(CallbackFilter())
    assert (callback.number, callback.reason) == ("+33612345678", "écran noir depuis ce matin")


async def test_the_same_number_again_gets_the_same_answer(site: Site) -> None:
    first, second = await fill(site), await fill(site)
    assert first.text == second.text
    assert await made(site) == 1


async def test_in_opening_hours_the_page_promises_seconds(site: Site) -> None:
    class Running(Now):
        def __call__(self) -> datetime:
            self.at += timedelta(microseconds=1)
            return self.at

    site.service.now = Running()
    page = await site.client.get("/rappel")
    assert "20&nbsp;secondes" in page.text
    assert "fermés" not in page.text


async def test_out_of_hours_the_page_says_when(site: Site) -> None:
    site.now.at = datetime(2026, 11, 21, 21, 0, tzinfo=UTC)
    page = await site.client.get("/rappel")
    assert "Nous sommes fermés" in page.text
    assert "lundi 23 novembre à partir de 8\u00a0h" in page.text
    assert "lundi 23 novembre à partir de 8\u00a0h" in (await fill(site)).text


@pytest.mark.parametrize(
    ("number", "says"),
    [
        ("", "Ce n’est pas un numéro"),
        ("bonjour", "Ce n’est pas un numéro"),
        ("06 12 34", "n’est pas complet"),
        ("0899 12 34 56", "numéros en 08"),
        ("3900", "numéros courts"),
        ("+44 20 7946 0018", "France métropolitaine et d’outre-mer"),
    ],
)
async def test_a_wrong_number_comes_back_with_the_reason(site: Site, number: str, says: str) -> None:
    refused = await fill(site, number=number, reason="ma box")
    assert refused.status_code == 422
    assert says in refused.text
    assert 'aria-invalid="true"' in refused.text
    assert "ma box" in refused.text
    assert "<title>Erreur" in refused.text
    assert await made(site) == 0


async def test_what_was_typed_is_shown_as_text(site: Site) -> None:
    refused = await fill(site, number='"><script>alert(1)</script>', reason="</textarea><b>")
    assert "<script" not in refused.text
    assert "</textarea><b>" not in refused.text


async def test_the_page_runs_nothing_and_sends_nothing_elsewhere(site: Site) -> None:
    page = await site.client.get("/rappel")
    policy = page.headers["content-security-policy"]
    assert "script-src" not in policy
    assert "default-src 'none'" in policy
    assert "form-action 'self'" in policy
    assert "unsafe" not in policy
    assert "<script" not in page.text
    assert "style=" not in page.text
    assert "http" not in re.sub(r'content="[^"]*"', "", page.text)
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["x-frame-options"] == "DENY"
    cookie = page.headers["set-cookie"]
    assert all(word in cookie for word in ("HttpOnly", "SameSite=strict", "Path=/rappel"))
    assert "Secure" not in cookie  # this one came over http
    async with httpx.AsyncClient(transport=httpx.ASGITransport(site.app), base_url="https://bot") as browser:
        assert "Secure" in (await browser.get("/rappel")).headers["set-cookie"]


async def test_a_form_that_our_page_did_not_send_is_refused(site: Site) -> None:
    page = await site.client.get("/rappel")
    token = re.search(r'name="token" value="([^"]+)"', page.text)[1]  # type: ignore[index]
    fields = {"number": NUMBER, "token": token}
    assert (await send(site, {"number": NUMBER})).status_code == 403
    assert (await send(site, {**fields, "token": token + "0"})).status_code == 403
    assert (await send(site, {**fields, "token": "1." + "0" * 64})).status_code == 403
    assert (await send(site, fields, **{"Sec-Fetch-Site": "cross-site"})).status_code == 403
    cookie = site.client.cookies.get(COOKIE)
    site.client.cookies.clear()
    assert (await send(site, fields)).status_code == 403
    site.client.cookies.set(COOKIE, "another0another0another0", path="/rappel")
    assert (await send(site, fields)).status_code == 403
    assert await made(site) == 0
    site.client.cookies.clear()
    site.client.cookies.set(COOKIE, str(cookie), path="/rappel")
    assert (await send(site, fields, **{"Sec-Fetch-Site": "same-origin"})).status_code == 200


async def test_a_program_that_fills_every_field_is_refused(site: Site) -> None:
    assert (await fill(site, website="https://x.example")).status_code == 422
    assert await made(site) == 0


async def test_an_address_may_try_so_often(site: Site) -> None:
    for _ in range(10):
        assert (await fill(site, number="3900")).status_code == 422
    refused = await fill(site)
    assert refused.status_code == 429
    assert "plusieurs rappels en peu de temps" in refused.text
    assert await made(site) == 0


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"number=1", "text/plain", 415),
        (b'{"number": "1"}', "application/json", 415),
        (b"number=" + b"1" * 9000, "application/x-www-form-urlencoded", 413),
        (b"&".join(b"a%d=1" % n for n in range(50)), "application/x-www-form-urlencoded", 422),
        (b"number=%ff%fe", "application/x-www-form-urlencoded", 422),
        ("numéro=1".encode(), "application/x-www-form-urlencoded", 422),
    ],
)
async def test_what_is_no_form_is_refused(site: Site, content: bytes, kind: str, status: int) -> None:
    refused = await site.client.post("/rappel", content=content, headers={"Content-Type": kind})
    assert refused.status_code == status
    assert refused.headers["content-type"].startswith("text/html")


async def test_a_long_reason_and_a_missing_line_are_told(site: Site) -> None:
    assert "300 caractères" in (await fill(site, reason="x" * 301)).text
    app, _service = build_app(site.store, site.now, line=False)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://bot") as client:
        site.client = client
        refused = await fill(site)
    assert refused.status_code == 503
    assert "Nous ne pouvons pas vous rappeler en ce moment" in refused.text


def test_our_number_as_people_read_it() -> None:
    assert french_number("+33180880000") == "01\u00a080\u00a088\u00a000\u00a000"
    assert french_number("+262262123456") == "+262262123456"
