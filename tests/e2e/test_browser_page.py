"""The subscriber's page in a real Chromium, against the real door and a small real pipeline."""

from __future__ import annotations

import asyncio
import os
import signal
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from loguru import logger
from pipecat.frames.frames import EndFrame, TTSAudioRawFrame
from pipecat.pipeline.worker import PipelineWorker
from pipecat.workers.runner import WorkerRunner
from playwright.async_api import Page, expect

from bot.events import BotInterrupted, BotSaid, CallEnded, CallerSaid, CallEvent, HandoffRequested
from bot.models import CallerControl, CallRequest, HungUp
from bot.web.browser import BrowserCalls, PageConfig, SecurityHeaders, browser_router
from media.tts.nanotts import NanoTtsEngine
from media.webrtc.door import WebRtcSettings, accept
from media.webrtc.loopback import offer_loopback_candidates
from tests.e2e.chromium import (
    accessibility_faults,
    chromium,
    envelope,
    fake_microphone,
    hear,
    likeness,
    serve,
)
from tests.pipes import RATE, Ear, listening_worker, tone


@dataclass
class OneCall:
    """A call as the test sees it."""

    worker: PipelineWorker
    ear: Ear
    controls: list[CallerControl] = field(default_factory=list)
    events: list[CallEvent] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    over: bool = False

    def tell(self, event: CallEvent) -> None:
        self.events.append(event)
        self.over = self.over or isinstance(event, CallEnded)
        self.news.set()

    async def say(self, text: str, hertz: float = 1000.0, seconds: float = 1.5) -> None:
        """A tone stands for the voice: its pitch says whether it arrived unharmed."""
        self.tell(BotSaid(0, 0, text, False))
        await self.worker.queue_frame(TTSAudioRawFrame(tone(hertz, seconds), RATE, 1))

    async def end(self, outcome: str) -> None:
        await self.worker.queue_frame(EndFrame())
        self.tell(CallEnded(0, 0, outcome, "bot"))


class SmallCalls:
    """A real pipeline without understanding: it hears, and says what a test tells it to."""

    def __init__(self, room: int = 10) -> None:
        self.room = room
        self.calls: dict[str, OneCall] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._started = asyncio.Event()

    def capacity_left(self) -> bool:
        return len(self.calls) < self.room

    async def start(
        self, request: CallRequest, transport: Any, *, controls: AsyncIterator[CallerControl], control: object
    ) -> str:
        call_id = str(uuid.uuid4())
        worker, ear = listening_worker(transport)
        call = self.calls[call_id] = OneCall(worker, ear)
        for work in (self._run(worker), self._obey(call, controls)):
            task = asyncio.create_task(work)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self._started.set()
        return call_id

    async def subscribe(self, call_id: str) -> AsyncIterator[CallEvent]:
        call, told = self.calls[call_id], 0
        while True:
            for event in call.events[told:]:
                yield event
            told = len(call.events)
            if call.over:
                return
            call.news.clear()
            await call.news.wait()

    async def first(self) -> OneCall:
        await asyncio.wait_for(self._started.wait(), 15)
        return next(iter(self.calls.values()))

    async def close(self) -> None:
        for call in self.calls.values():
            await call.worker.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, worker: PipelineWorker) -> None:
        runner = WorkerRunner(handle_sigint=False)
        await runner.add_workers(worker)
        await runner.run()

    async def _obey(self, call: OneCall, controls: AsyncIterator[CallerControl]) -> None:
        async for control in controls:
            call.controls.append(control)
            if isinstance(control, HungUp):
                call.tell(CallEnded(0, 0, "abandoned", "caller"))
                await call.worker.cancel()


@pytest.fixture(autouse=True)
def loopback_candidates() -> Iterator[None]:
    logger.remove()
    offer_loopback_candidates(True)
    yield
    offer_loopback_candidates(False)


@asynccontextmanager
async def site(calls: SmallCalls, **patience: float) -> AsyncIterator[tuple[str, BrowserCalls]]:
    """The page and its way in, served. ``patience``: times of :class:`WebRtcSettings` other than the product's."""
    settings = WebRtcSettings(**patience)

    async def door(sdp: str, kind: str) -> Any:
        return await accept(sdp, kind, settings=settings)

    browser_calls = BrowserCalls(calls, calls, door, rehearsal=False)
    app = FastAPI()
    app.include_router(browser_router(browser_calls, PageConfig(brand="Lumia TV")))
    async with serve(SecurityHeaders(app)) as url:
        try:
            yield url, browser_calls
        finally:
            await calls.close()
            await browser_calls.close()


@pytest.fixture(scope="module")
def speech() -> tuple[np.ndarray, int]:
    """A sentence by the embedded French voice, mono int16, and its rate."""
    engine = NanoTtsEngine(speed=1.0, pitch=1.0)
    try:
        samples = engine.synthesise(
            "Bonjour, ma facture a augmenté ce mois-ci, je voudrais comprendre pourquoi."
        )
    finally:
        engine.close()
    return samples, engine.sample_rate


@pytest.fixture
def microphone(tmp_path: Path, speech: tuple[np.ndarray, int]) -> Path:
    return fake_microphone(tmp_path, *speech)


async def until(condition: Any, timeout: float = 15.0) -> None:
    async with asyncio.timeout(timeout):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.02)


async def open_page(browser: Any, url: str, **context: Any) -> tuple[Page, list[str]]:
    """A new page, and whatever it complains of on its console."""
    page = await browser.new_page(locale="fr-FR", viewport={"width": 390, "height": 844}, **context)
    complaints: list[str] = []
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    await page.goto(url)
    return page, complaints


async def call_up(page: Page) -> None:
    await page.get_by_role("button", name="Parler").click()
    await expect(page.get_by_role("status")).to_have_text("En ligne", timeout=15_000)


async def test_a_subscriber_and_the_bot_hear_each_other(microphone, speech):
    calls = SmallCalls()
    async with site(calls) as (url, _), chromium(microphone) as browser:
        page, complaints = await open_page(browser, url)
        await call_up(page)
        call = await calls.first()
        await call.say("Bonjour, Lumia TV. Je suis un assistant automatique.", hertz=1000, seconds=3)
        heard, rate = await hear(page, 2.0)
        await until(lambda: len(call.ear.samples()) > 9 * RATE)
        await expect(page.get_by_role("log")).to_contain_text("Je suis un assistant automatique.")
        await page.close()
        await until(lambda: call.controls)
    loud = heard[np.abs(heard) > 0.01]
    assert len(loud) > rate
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))
    assert np.argmax(spectrum) * rate / len(heard) == pytest.approx(1000, abs=5)
    said, said_rate = speech
    assert likeness(envelope(call.ear.samples(), RATE), envelope(said, said_rate)) > 0.8
    assert call.controls[-1] == HungUp("hung_up")
    assert complaints == []


async def test_captions_show_both_sides_and_what_was_not_heard_is_left_out(microphone):
    calls = SmallCalls()
    async with site(calls) as (url, _), chromium(microphone) as browser:
        page, _complaints = await open_page(browser, url)
        await call_up(page)
        call = await calls.first()
        call.tell(BotSaid(0, 0, "Votre facture est de 42,90 €. Souhaitez-vous le détail ?", True))
        call.tell(BotInterrupted(0, 1, "Votre facture est de 42,90 €."))
        call.tell(CallerSaid(0, 1, "oui s'il vous plaît", "oui s'il vous plaît", "voice", 0.9, 0, 1))
        call.tell(CallerSaid(0, 2, "75011", "75011", "keypad", 1.0, 0, 1))
        call.tell(HandoffRequested(0, 2, "human_request", "billing"))
        log = page.get_by_role("log")
        await expect(log.locator(".bot .text")).to_have_text("Votre facture est de 42,90 €…")
        await expect(log.locator(".caller .text").first).to_have_text("oui s'il vous plaît")
        await expect(log.locator(".caller .text").last).to_have_text("Touches : 75011")
        await expect(log.locator(".note")).to_contain_text("Un conseiller")


async def test_keypad_mute_and_hang_up_by_mouse_and_by_keyboard(microphone):
    calls = SmallCalls()
    async with site(calls) as (url, _), chromium(microphone) as browser:
        page, complaints = await open_page(browser, url)
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("button", name="Parler")).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("status")).to_have_text("En ligne", timeout=15_000)
        await expect(page.get_by_role("status")).to_be_focused()
        call = await calls.first()
        await page.keyboard.press("4")
        await page.get_by_role("button", name="Clavier").click()
        await page.get_by_role("button", name="7", exact=True).click()
        await page.get_by_role("button", name="Dièse").click()
        await page.keyboard.press("*")
        await expect(page.locator("#typed")).to_have_text("7#*")
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("dialog")).to_be_hidden()
        await expect(page.get_by_role("button", name="Clavier")).to_be_focused()
        mute = page.get_by_role("button", name="Muet")
        await mute.click()
        await expect(mute).to_have_attribute("aria-pressed", "true")
        await until(lambda: len(call.controls) == 5)
        quiet_from = len(call.ear.samples())
        await until(lambda: len(call.ear.samples()) > quiet_from + RATE)
        await page.get_by_role("button", name="Raccrocher").click()
        await expect(page.get_by_role("heading", name="Appel terminé")).to_be_focused()
        await until(lambda: isinstance(call.controls[-1], HungUp))
    keys = "".join(getattr(control, "digits", "") for control in call.controls)
    assert keys == "47#*"
    assert np.abs(call.ear.samples()[quiet_from + 4000 :].astype(int)).max() < 100
    assert complaints == []


async def test_the_bot_ends_the_call_and_the_page_says_how(microphone):
    calls = SmallCalls()
    async with site(calls) as (url, _), chromium(microphone) as browser:
        page, complaints = await open_page(browser, url)
        await call_up(page)
        call = await calls.first()
        await call.say("Merci de votre appel. Au revoir.", seconds=0.5)
        await call.end("callback")
        await expect(page.get_by_text("Nous vous rappelons.")).to_be_visible(timeout=10_000)
        await expect(page.get_by_role("log")).to_contain_text("Au revoir.")
        await page.get_by_role("button", name="Rappeler").click()
        await expect(page.get_by_role("status")).to_have_text("En ligne", timeout=15_000)
        await expect(page.get_by_role("log")).not_to_contain_text("Au revoir.")
        assert len(calls.calls) == 2
    assert complaints == []


async def test_a_lost_connection_is_resumed(microphone):
    calls = SmallCalls()
    async with site(calls) as (url, browser_calls), chromium(microphone) as browser:
        page, _complaints = await open_page(browser, url)
        await call_up(page)
        call = await calls.first()
        call.tell(BotSaid(0, 0, "Avant la coupure.", False))
        await expect(page.get_by_role("log")).to_contain_text("Avant la coupure.")
        cut_the_network(browser_calls)
        call.tell(BotSaid(0, 0, "Pendant la coupure.", False))
        await expect(page.get_by_role("log")).to_contain_text("Pendant la coupure.", timeout=15_000)
        await expect(page.get_by_role("status")).to_have_text("En ligne", timeout=15_000)
        assert await page.locator(".said").count() == 2
        await call.say("Nous voilà de nouveau.", hertz=500, seconds=3)
        heard, _rate = await hear(page, 1.5)
        await page.get_by_role("button", name="Clavier").click()
        await page.keyboard.press("9")
        await until(lambda: call.controls)
    assert np.abs(heard).max() > 0.05
    assert len(calls.calls) == 1


async def test_a_connection_that_cannot_be_resumed_is_said_to_be_lost(microphone):
    calls = SmallCalls()
    async with (
        site(calls, silent_after=2.0, resume_within=4.0) as (url, browser_calls),
        chromium(microphone) as browser,
    ):
        page, _complaints = await open_page(browser, url)
        await call_up(page)
        call = await calls.first()
        await page.route("**/api/browser/offer", lambda route: route.abort())
        cut_the_network(browser_calls)
        await expect(page.get_by_role("heading", name="La connexion est coupée")).to_be_visible(
            timeout=25_000
        )
        await expect(page.get_by_role("button", name="Rappeler")).to_be_visible()
        await until(lambda: call.controls, 20)
    assert call.controls == [HungUp("lost")]


async def test_a_killed_browser_is_noticed(microphone):
    calls = SmallCalls()
    async with site(calls, silent_after=2.0, resume_within=4.0) as (url, _), chromium(microphone) as browser:
        page, _complaints = await open_page(browser, url)
        await call_up(page)
        call = await calls.first()
        await until(lambda: call.ear.parts)
        devtools = await browser.new_browser_cdp_session()
        processes = (await devtools.send("SystemInfo.getProcessInfo"))["processInfo"]
        for process in processes:
            if process["type"] == "renderer":
                os.kill(process["id"], signal.SIGKILL)
        await until(lambda: call.controls, 20)
    assert isinstance(call.controls[-1], HungUp)


async def test_a_microphone_refused_or_missing_is_explained(microphone):
    async with site(SmallCalls()) as (url, _):
        async with chromium(microphone, allow=False) as browser:
            page, _complaints = await open_page(browser, url)
            await page.get_by_role("button", name="Parler").click()
            await expect(page.get_by_role("heading", name="Le micro est bloqué")).to_be_focused()
        async with chromium(None) as browser:
            page, _complaints = await open_page(browser, url)
            await page.get_by_role("button", name="Parler").click()
            await expect(page.get_by_role("heading", name="Aucun micro trouvé")).to_be_visible()
            await expect(page.get_by_role("button", name="Réessayer")).to_be_visible()


async def test_a_full_server_and_an_unreachable_one_are_told_apart(microphone):
    async with site(SmallCalls(room=0)) as (url, _), chromium(microphone) as browser:
        page, _complaints = await open_page(browser, url)
        await page.get_by_role("button", name="Parler").click()
        await expect(page.get_by_role("heading", name="Toutes nos lignes sont occupées")).to_be_visible()
        await page.route("**/api/browser/offer", lambda route: route.abort())
        await page.get_by_role("button", name="Réessayer").click()
        await expect(page.get_by_role("heading", name="Nous n’arrivons pas")).to_be_visible()


async def test_a_browser_without_webrtc_is_told_so(microphone):
    async with site(SmallCalls()) as (url, _), chromium(microphone) as browser:
        page = await browser.new_page()
        await page.add_init_script("delete window.RTCPeerConnection")
        await page.goto(url)
        await page.get_by_role("button", name="Parler").click()
        await expect(page.get_by_role("heading", name="Ce navigateur ne permet pas")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_nothing_stands_in_the_way_of_assistive_technology(microphone, scheme):
    calls = SmallCalls()
    faults: dict[str, list[str]] = {}
    async with site(calls) as (url, _), chromium(microphone) as browser:
        page, _complaints = await open_page(browser, url, color_scheme=scheme, reduced_motion="reduce")
        faults["idle"] = await accessibility_faults(page)
        await call_up(page)
        call = await calls.first()
        for turn in range(8):
            call.tell(BotSaid(0, 0, "Souhaitez-vous le détail de votre facture ?", False))
            call.tell(CallerSaid(0, turn, "oui", "oui", "voice", 0.9, 0, 1))
        call.tell(HandoffRequested(0, 2, "human_request", "billing"))
        await expect(page.locator(".note")).to_be_visible()
        faults["call"] = await accessibility_faults(page)
        await page.get_by_role("button", name="Clavier").click()
        faults["keypad"] = await accessibility_faults(page)
        await page.keyboard.press("Escape")
        await page.get_by_role("button", name="Muet").click()
        faults["muted"] = await accessibility_faults(page)
        await page.get_by_role("button", name="Raccrocher").click()
        await expect(page.get_by_role("heading", name="Appel terminé")).to_be_visible()
        faults["over"] = await accessibility_faults(page)
    assert faults == dict.fromkeys(faults, [])


async def test_the_state_machine_ignores_what_comes_too_late(microphone):
    async with site(SmallCalls()) as (url, _), chromium(microphone) as browser:
        page, _complaints = await open_page(browser, url)
        walk = partial(
            page.evaluate,
            """async (events) => {
                const { INITIAL, next } = await import("/static/states.js");
                return events.reduce((state, [event, reason]) => next(state, event, reason), INITIAL);
            }""",
        )
        start = [["start"], ["granted"], ["connected"]]
        assert (await walk(start))["name"] == "live"
        assert (await walk([*start, ["lost"], ["connected"]]))["name"] == "live"
        assert await walk([*start, ["leave", "left"], ["connected"]]) == {"name": "over", "reason": "left"}
        assert await walk([*start, ["lost"], ["fail", "lost"], ["end", "resolved"]]) == {
            "name": "failed",
            "reason": "lost",
        }
        assert (await walk([["start"], ["leave"], ["granted"]]))["name"] == "idle"
        clock = await page.evaluate(
            'import("/static/states.js").then(({ clock }) => [0, 12.9, 3599, 3661].map(clock))'
        )
    assert clock == ["00:00", "00:12", "59:59", "1:01:01"]


def cut_the_network(browser_calls: BrowserCalls) -> None:
    """Close the sockets under the calls' peers: nothing arrives any more, and nothing says so."""
    for door in browser_calls._doors.values():
        for receiver in door._connection.pc.getReceivers():  # type: ignore[attr-defined]
            for protocol in receiver.transport.transport._connection._protocols:
                protocol.datagram_received = lambda *_: None
                protocol.transport.sendto = lambda *_: None
