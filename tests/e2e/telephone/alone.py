"""A real Asterisk with our configuration, and nothing else of ours."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx

from bot.settings import ROOT
from bot.stack import Ports
from media.asterisk.config import Ari, AsteriskConfig, Trunk
from media.asterisk.installed import Installed, find_asterisk
from media.asterisk.render import write

READY_WITHIN_S = 20.0
_SPOKEN_BEFORE_THE_LOGGER = (
    "PBX UUID: ",
    "Could not find option 'minimum_size' with type 'threadpool' in module 'stasis'",  # Asterisk's own, harmless
    "Asterisk Ready.",
)
_TO_A_TERMINAL = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Alone:
    """``log``: what it wrote. ``config``: what it runs with."""

    config: AsteriskConfig
    installed: Installed
    log: Path

    @property
    def sip(self) -> str:
        """Whom to call."""
        return f"sip:{self.config.number}@127.0.0.1:{self.config.sip_port}"

    @property
    def faults(self) -> list[str]:
        """Every line it wrote that it does not write whenever it starts."""
        lines = (_TO_A_TERMINAL.sub("", line) for line in self.log.read_text(errors="replace").splitlines())
        return [line for line in lines if line.strip() and not line.startswith(_SPOKEN_BEFORE_THE_LOGGER)]

    async def console(self, command: str) -> str:
        """What its console answers."""
        conf = self.config.folder / "etc" / "asterisk.conf"
        process = await asyncio.create_subprocess_exec(
            self.installed.binary, "-C", str(conf), "-rx", command, stdout=asyncio.subprocess.PIPE
        )
        answer, _ = await asyncio.wait_for(process.communicate(), 10)
        return _TO_A_TERMINAL.sub("", answer.decode(errors="replace"))


def config_for(folder: Path, *, trunk_port: int = 5080) -> AsteriskConfig:
    """A configuration on free ports, on loopback, whose trunk is a telephone on this machine."""
    ports, installed = Ports.free(), find_asterisk()
    return AsteriskConfig(
        folder=folder,
        sounds=folder / "sounds",
        number="+33180880000",
        fallback="+33180880099",
        trunk=Trunk(f"127.0.0.1:{trunk_port}"),
        sites=("sip:rennes@127.0.0.1:5090",),
        ari=Ari("127.0.0.1", ports.ari, "decroche", "a-test-password"),
        bot_media=f"ws://127.0.0.1:{ports.bot}/media",
        sip_port=ports.sip,
        rtp_first=ports.rtp,
        rtp_last=ports.rtp + 99,
        modules=installed.modules,
        data=installed.data,
    )


@asynccontextmanager
async def running(config: AsteriskConfig) -> AsyncIterator[Alone]:
    """Start it, wait until it is ready, end it by its own process id."""
    alone = Alone(config, find_asterisk(), config.folder / "console.log")
    conf = write(config)
    with alone.log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            alone.installed.binary, "-C", str(conf), "-n", "-f",
            cwd=ROOT, stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output,
        )  # fmt: skip
    try:
        async with asyncio.timeout(READY_WITHIN_S), httpx.AsyncClient(timeout=2.0) as http:
            while not await _is_ready(http, config):
                assert process.returncode is None, alone.log.read_text(errors="replace")
                await asyncio.sleep(0.05)
        # Its REST interface answers a moment before it takes calls; until then a request over SIP is passed over.
        assert "fully booted" in await alone.console("core waitfullybooted")
        yield alone
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await asyncio.wait_for(process.wait(), 15)


async def _is_ready(http: httpx.AsyncClient, config: AsteriskConfig) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        answer = await http.get(f"http://127.0.0.1:{config.ari.port}/ari/asterisk/ping")
        return answer.status_code == 401
    return False


__all__ = ["Alone", "config_for", "replace", "running"]
