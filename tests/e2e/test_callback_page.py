"""The page on which a subscriber asks to be rung, in a real Chromium: from the form to the ringing telephone."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from playwright.async_api import Page, expect

from bot.callbacks.dialer import CallbackDialer
from bot.callbacks.model import State
from bot.callbacks.policy import CallbackPolicy
from bot.callbacks.service import CallbackService
from bot.callbacks.store import CallbackFilter, CallbackStore
from bot.operator import load_operator
from bot.record.migrations import upgrade_async
from bot.record.store import make_engine
from bot.settings import ROOT
from bot.web.browser import BrowserCalls, PageConfig, SecurityHeaders, browser_router
from bot.web.callback_page import PageTexts, callback_page_router
from bot.web.guard import AddressLimit, FormGuard
from bot.web.problems import install_problems
from tests.e2e.chromium import accessibility_faults, chromium, serve
from tests.fakes import ScriptedTelephone

MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SATURDAY_NIGHT = datetime(2026, 11, 21, 21, 0, tzinfo=UTC)
SHOTS = os.environ.get("DECROCHE_SCREENSHOTS")
"""A folder to leave pictures of the page in, to be looked at."""


@dataclass
class Site:
    """The page, what it asks of, and the line that rings."""

    url: str
    store: CallbackStore
    telephone: ScriptedTelephone


@asynccontextmanager
async def site(folder: Path, starts: datetime = MONDAY) -> AsyncIterator[Site]:
    """Served with a worker, on a clock that begins at ``starts`` and runs."""
    operator = load_operator(ROOT / "operator.yml")
    url = f"sqlite:///{folder / 'calls.db'}"
    await upgrade_async(url)
    engine = make_engine(url)
    began = datetime.now(UTC)

    def now() -> datetime:
        return starts + (datetime.now(UTC) - began)

    store, policy, telephone = CallbackStore(engine), CallbackPolicy.of(operator), ScriptedTelephone()
    service = CallbackService(store, policy, now=now)
    dialer = CallbackDialer(store, policy, telephone, now=now)
    service.on_new = dialer.wake
    app = FastAPI()
    nothing: Any = None
    app.include_router(
        browser_router(
            BrowserCalls(nothing, nothing, nothing, rehearsal=False), PageConfig(operator.brand.name)
        )
    )
    texts = PageTexts(operator.brand.name, operator.telephony.number)
    app.include_router(callback_page_router(service, texts, FormGuard(b"secret"), AddressLimit(10)))
    install_problems(app)
    async with serve(SecurityHeaders(app)) as address:
        dialer.start()
        try:
            yield Site(address, store, telephone)
        finally:
            await dialer.stop()
            await engine.dispose()


async def open_page(browser: Any, url: str, **context: Any) -> tuple[Page, list[str]]:
    """The page, and whatever it complains of on its console."""
    context.setdefault("viewport", {"width": 390, "height": 844})
    page = await browser.new_page(locale="fr-FR", **context)
    complaints: list[str] = []
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    await page.goto(f"{url}/rappel")
    return page, complaints


async def picture(page: Page, name: str) -> None:
    if SHOTS:
        await page.screenshot(path=Path(SHOTS) / f"{name}.png", full_page=True)


async def test_a_subscriber_leaves_a_number_and_is_rung(tmp_path: Path) -> None:
    async with site(tmp_path) as here, chromium(None) as browser:
        page, complaints = await open_page(browser, here.url)
        await expect(page.get_by_text("en moins de 20 secondes")).to_be_visible()
        await picture(page, "rappel-phone")
        await page.get_by_label("Votre numéro de téléphone").fill("06 12 34 56 78")
        await page.get_by_label("Que se passe-t-il").fill("écran noir depuis ce matin")
        await page.get_by_role("button", name="Rappelez-moi").click()
        await expect(page.get_by_role("heading", name="C’est noté.")).to_be_visible()
        await expect(page.get_by_role("status")).to_contain_text("Votre téléphone va sonner")
        await expect(page.get_by_role("status")).to_contain_text("finit par 78")
        await picture(page, "rappel-done")
        async with asyncio.timeout(5):
            while not here.telephone.dialled:  # noqa: ASYNC110 - what is waited for has no event
                await asyncio.sleep(0.01)
        (callback,) = await here.store.find(CallbackFilter())
        assert callback.reason == "écran noir depuis ce matin"
        assert callback.rung_at is None or callback.rung_at - callback.requested_at < timedelta(seconds=5)
        await page.get_by_role("link", name="Demander un autre rappel").click()
        await expect(page.get_by_label("Votre numéro de téléphone")).to_have_value("")
    assert here.telephone.dialled[0][0] == "+33612345678"
    assert complaints == []


async def test_sent_twice_or_reloaded_it_is_one_callback(tmp_path: Path) -> None:
    async with site(tmp_path, SATURDAY_NIGHT) as here, chromium(None) as browser:
        page, _complaints = await open_page(browser, here.url)
        await expect(page.get_by_text("Nous sommes fermés")).to_be_visible()
        await picture(page, "rappel-closed")
        for _ in range(2):
            await page.get_by_label("Votre numéro de téléphone").fill("0612345678")
            await page.get_by_role("button", name="Rappelez-moi").click()
            await expect(page.get_by_role("status")).to_contain_text("lundi 23 novembre à partir de 8 h")
            await page.goto(f"{here.url}/rappel")
        assert [one.state for one in await here.store.find(CallbackFilter())] == [State.REQUESTED]
        assert here.telephone.dialled == []


async def test_a_wrong_number_is_explained_where_it_stands(tmp_path: Path) -> None:
    async with site(tmp_path) as here, chromium(None) as browser:
        page, _complaints = await open_page(browser, here.url)
        number = page.get_by_label("Votre numéro de téléphone")
        await number.fill("0899 12 34 56")
        await page.get_by_label("Que se passe-t-il").fill("ma box")
        await page.get_by_role("button", name="Rappelez-moi").click()
        await expect(page.get_by_role("alert")).to_contain_text("numéros en 08")
        await expect(number).to_be_focused()
        await expect(number).to_have_value("0899 12 34 56")
        await expect(page.get_by_label("Que se passe-t-il")).to_have_value("ma box")
        await picture(page, "rappel-error")
        await number.fill("06 12 34 56 78")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="C’est noté.")).to_be_visible()


async def test_by_keyboard_alone_and_without_what_people_do_not_see(tmp_path: Path) -> None:
    async with site(tmp_path) as here, chromium(None) as browser:
        page, _complaints = await open_page(browser, here.url)
        await page.keyboard.press("Tab")
        await expect(page.get_by_label("Votre numéro de téléphone")).to_be_focused()
        await page.keyboard.type("0692 12 34 56")
        await page.keyboard.press("Tab")
        await expect(page.get_by_label("Que se passe-t-il")).to_be_focused()
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("button", name="Rappelez-moi")).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("status")).to_contain_text("finit par 56")


async def test_another_website_cannot_have_its_visitors_rung(tmp_path: Path) -> None:
    form = (
        '<form method="post" action="{url}/rappel"><input name="number" value="0612345678">'
        '<input name="token" value="1.0"><button>Gagnez un téléphone</button></form>'
    )
    evil = FastAPI()

    async with site(tmp_path) as here, chromium(None) as browser:

        @evil.get("/")
        async def lure() -> Any:
            return HTMLResponse(form.replace("{url}", here.url.replace("127.0.0.1", "localhost")))

        async with serve(evil) as elsewhere:
            page, _complaints = await open_page(browser, here.url)
            await page.goto(elsewhere)
            await page.get_by_role("button").click()
            await expect(page.get_by_role("alert")).to_be_visible()
        assert await here.store.find(CallbackFilter()) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_nothing_stands_in_the_way_of_assistive_technology(tmp_path: Path, scheme: str) -> None:
    faults: dict[str, list[str]] = {}
    async with site(tmp_path) as here, chromium(None) as browser:
        page, _complaints = await open_page(browser, here.url, color_scheme=scheme)
        faults["form"] = await accessibility_faults(page)
        await page.get_by_label("Votre numéro de téléphone").fill("3900")
        await page.get_by_role("button", name="Rappelez-moi").click()
        await expect(page.get_by_role("alert")).to_be_visible()
        faults["error"] = await accessibility_faults(page)
        await page.get_by_label("Votre numéro de téléphone").fill("0612345678")
        await page.get_by_role("button", name="Rappelez-moi").click()
        await expect(page.get_by_role("status")).to_be_visible()
        faults["done"] = await accessibility_faults(page)
        wide, _ = await open_page(
            browser, here.url, color_scheme=scheme, viewport={"width": 1280, "height": 800}
        )
        faults["wide"] = await accessibility_faults(wide)
        await picture(wide, f"rappel-wide-{scheme}")
        small, _ = await open_page(browser, here.url, viewport={"width": 320, "height": 568})
        width = await small.evaluate("document.documentElement.scrollWidth")
        await picture(small, "rappel-small")
    assert faults == {"form": [], "error": [], "done": [], "wide": []}
    assert width == 320, "nothing to scroll sideways"
