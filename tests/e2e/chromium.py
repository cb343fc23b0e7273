"""A real Chromium with a wav as its microphone, a server for it to open, and ears on what it plays.

Used by every end-to-end test of a page: ``async with serve(app) as url, chromium(microphone=wav) as browser``.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import shutil
import socket
import subprocess
import tarfile
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import uvicorn
from playwright.async_api import Browser, Page, async_playwright

EXECUTABLE = os.environ.get("DECROCHE_CHROMIUM", "/usr/bin/chromium")
CACHE = Path.home() / ".cache" / "decroche" / "npm"

AXE_VERSION = "4.14.1"
AXE_INTEGRITY = (
    "sha512-FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="
)

_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--allow-loopback-in-peer-connection",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
    "--autoplay-policy=user-gesture-required",
)


@asynccontextmanager
async def chromium(microphone: Path | None, *, allow: bool = True) -> AsyncIterator[Browser]:
    """Start Chromium. ``microphone``: wav played as the microphone (once), or no microphone at all when ``None``.

    ``allow``: answer the permission question with yes; with no otherwise.
    """
    arguments = list(_ARGUMENTS)
    if microphone is not None:
        arguments += [
            "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-audio-capture={microphone}%noloop",
        ]
    if allow:
        arguments.append("--use-fake-ui-for-media-stream")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=EXECUTABLE, args=arguments)
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def serve(app: Any) -> AsyncIterator[str]:
    """Serve an ASGI application by uvicorn on a free loopback port, in this event loop; its base URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="on"))
        server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]  # pytest keeps its own
        task = asyncio.create_task(server.serve([listener]), name="test-server")
        try:
            while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
                await asyncio.sleep(0.01)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = True
            await asyncio.wait_for(task, 15)


def write_wav(path: Path, samples: npt.NDArray[np.int16], rate: int) -> Path:
    """Write a mono wav."""
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(samples.tobytes())
    return path


def fake_microphone(
    folder: Path, samples: npt.NDArray[np.int16], rate: int, *, lead_s: float = 2.0, tail_s: float = 30.0
) -> Path:
    """A wav for :func:`chromium`: silence while the call connects, ``samples``, then silence.

    Chromium plays it from the moment the page opens the microphone.
    """
    silence = [np.zeros(int(seconds * rate), np.int16) for seconds in (lead_s, tail_s)]
    return write_wav(folder / "microphone.wav", np.concatenate([silence[0], samples, silence[1]]), rate)


async def hear(page: Page, seconds: float, element: str = "#voice") -> tuple[npt.NDArray[np.float64], int]:
    """What the page's ``<audio>`` plays over the next ``seconds``: samples (−1…1) and their rate in Hz."""
    heard = await page.evaluate(
        """async ([selector, seconds]) => {
            const context = new AudioContext();
            await context.resume();
            const source = context.createMediaStreamSource(document.querySelector(selector).srcObject);
            const tap = context.createScriptProcessor(4096, 1, 1);
            const parts = [];
            tap.onaudioprocess = (event) => parts.push(event.inputBuffer.getChannelData(0).slice());
            source.connect(tap);
            tap.connect(context.destination);
            await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
            source.disconnect();
            const rate = context.sampleRate;
            await context.close();
            return { rate, samples: parts.map((part) => Array.from(part, (x) => Math.round(x * 32767))) };
        }""",
        [element, seconds],
    )
    samples = np.concatenate([np.asarray(part, np.float64) for part in heard["samples"]]) / 32767
    return samples, int(heard["rate"])


def envelope(samples: npt.NDArray[Any], rate: int, step_s: float = 0.02) -> npt.NDArray[np.float64]:
    """Loudness over time: root mean square of every ``step_s``."""
    step = int(rate * step_s)
    whole = samples[: len(samples) // step * step].astype(np.float64).reshape(-1, step)
    return np.sqrt(np.mean(np.square(whole), axis=1))


def likeness(heard: npt.NDArray[np.float64], said: npt.NDArray[np.float64]) -> float:
    """Best correlation of two envelopes over all delays, −1 to 1; the longer one may begin earlier or end later."""
    short, long = sorted((heard, said), key=len)
    short = (short - short.mean()) / (short.std() + 1e-9)
    best = -1.0
    for start in range(len(long) - len(short) + 1):
        part = long[start : start + len(short)]
        if part.std() > 1e-9:
            best = max(best, float(np.mean(short * (part - part.mean()) / part.std())))
    return best


def axe_source() -> str:
    """axe-core's script, fetched once by npm and checked against its pinned digest."""
    archive = CACHE / f"axe-core-{AXE_VERSION}.tgz"
    if not archive.exists():
        if shutil.which("npm") is None and not os.environ.get("CI"):
            pytest.skip("npm is needed once, to fetch axe-core")
        CACHE.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            ["npm", "pack", f"axe-core@{AXE_VERSION}", "--pack-destination", str(CACHE), "--silent"],
            check=True,
            capture_output=True,
            timeout=120,
        )
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if f"sha512-{digest}" != AXE_INTEGRITY:
        archive.unlink()
        raise AssertionError("axe-core: the archive is not the pinned one")
    with tarfile.open(archive) as tar:
        script = tar.extractfile("package/axe.min.js")
        assert script is not None
        return script.read().decode()


async def accessibility_faults(page: Page) -> list[str]:
    """What axe-core finds wrong with the page as it stands (WCAG 2 A and AA, best practices), one line each."""
    if not await page.evaluate("Boolean(window.axe)"):
        await page.evaluate(axe_source())  # past the page's CSP, which refuses an injected script element
    result = await page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    return [
        f"{fault['impact']} {fault['id']}: {json.dumps([n['target'] for n in fault['nodes']])}"
        f" {fault['nodes'][0].get('failureSummary', '')}"
        for fault in result["violations"]
    ]
