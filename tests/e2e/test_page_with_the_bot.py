"""The page, the whole bot and a real wav as the microphone, in a real Chromium."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from playwright.async_api import expect

from simulator.script import Caller
from simulator.voices import RATE, Voices
from tests.e2e.chromium import chromium, fake_microphone, hear
from tests.e2e.conftest import Running


@pytest.mark.timeout(180)
async def test_a_subscriber_speaks_on_the_page_and_is_understood(running: Running, tmp_path: Path) -> None:
    """The welcome is heard, the caller cuts in with a request for a person, both sides stand in the captions."""
    said = await Voices().speak(Caller(), "Bonjour, je voudrais parler à un conseiller s'il vous plaît")
    microphone = fake_microphone(tmp_path, said, RATE, lead_s=6.0, tail_s=60.0)
    async with chromium(microphone) as browser:
        page = await browser.new_page(locale="fr-FR", viewport={"width": 390, "height": 844})
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        await page.goto(running.stack.url)
        await page.get_by_role("button", name="Parler").click()
        captions = page.get_by_role("log")
        await expect(captions).to_contain_text("Je suis un assistant automatique", timeout=20_000)
        heard, _ = await hear(page, 3.0)
        await expect(captions).to_contain_text("conseiller s'il vous plaît", timeout=30_000, ignore_case=True)
        await expect(captions).to_contain_text("conseiller", timeout=30_000)
    assert np.sqrt(np.mean(np.square(heard))) > 0.01, "the bot's voice is heard in the page"
    assert complaints == []
