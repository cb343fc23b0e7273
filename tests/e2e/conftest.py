"""The whole product, started once for the session: real Rasa, real action server, real bot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.stack import Stack, fresh_stack
from simulator.api import Server


@dataclass(frozen=True)
class Running:
    """A started stack and the loop it lives in, for tests that are not async themselves."""

    stack: Stack
    loop: asyncio.AbstractEventLoop

    @property
    def server(self) -> Server:
        """Where to call."""
        return Server(self.stack.url, self.stack.env["DECROCHE_API_TOKEN"])


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One stack for every test that only calls it."""
    loop = asyncio.new_event_loop()
    stack = fresh_stack(tmp_path_factory.mktemp("stack"))
    loop.run_until_complete(stack.start())
    try:
        yield Running(stack, loop)
    finally:
        loop.run_until_complete(stack.stop())
        loop.close()


@pytest.fixture
async def breakable(tmp_path: Path) -> AsyncIterator[Stack]:
    """A stack of its own for a test that breaks it."""
    stack = fresh_stack(tmp_path, {"DECROCHE_DIALOGUE_TIMEOUT_S": "4"})
    await stack.start()
    try:
        yield stack
    finally:
        await stack.stop()
