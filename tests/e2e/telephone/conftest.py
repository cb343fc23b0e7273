"""One telephone line for the session: real Asterisk, real SIP parties, real recognition, voice and dialogue."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from media.modelstore import find_whisper
from media.stt.whisper import WhisperTranscriber
from tests.e2e.telephone.rig import TelephoneLine, telephone_line
from tests.e2e.telephone.wire import Wire


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def whole(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TelephoneLine]:
    """The line, for the fixtures below."""
    async with telephone_line(tmp_path_factory.mktemp("telephone")) as line:
        yield line


@pytest_asyncio.fixture(loop_scope="session")
async def line(whole: TelephoneLine) -> AsyncIterator[TelephoneLine]:
    """The line, for one test that leaves nothing behind at Asterisk."""
    yield whole
    assert await whole.is_quiet(10.0), (await whole.legs(), await whole.ari("/bridges"))


@pytest.fixture
def ari_wire(whole: TelephoneLine) -> Wire:
    """What the bot's orders to Asterisk go over."""
    return whole.wire


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def hearing() -> AsyncIterator[WhisperTranscriber]:
    """A recogniser of our own, for what a party heard."""
    transcriber = await WhisperTranscriber.load(find_whisper().path)
    yield transcriber
    await transcriber.close()
