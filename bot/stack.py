"""The whole product on one machine: Rasa, the action server, the bot and, for the telephone, Asterisk and the rescue of
callers whose bot died, as child processes, one life for all.

Used by ``decroche up``, the end-to-end tests and the bench. Nothing survives it: children run in process groups of
their own, die with their parent, and are ended by their id.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import random
import secrets
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from bot.errors import ConfigurationError
from bot.settings import ROOT

PARTS = ("actions", "rasa", "bot")
"""What every Décroche needs."""
PHONE_PARTS = ("asterisk", "rescue")
"""What the telephone line needs besides."""

READY_WITHIN_S = 180.0
"""Rasa needs 25–50 s on two idle cores, several times that on busy ones."""
_STOP_WITHIN_S = 15.0
_LOG_TAIL = 15
_PR_SET_PDEATHSIG = 1
_RTP_PORTS = 400
_RTP_BLOCKS = range(10_000, 32_000, _RTP_PORTS)
"""Below the ports that the kernel hands out by itself."""


@dataclass(frozen=True)
class Ports:
    """Where the parts listen, all on 127.0.0.1. ``sip``: UDP. ``rtp``: the first of 400 UDP ports for sound."""

    bot: int = 8080
    rasa: int = 5005
    actions: int = 5055
    ari: int = 8088
    sip: int = 5060
    rtp: int = 20000

    @classmethod
    def free(cls) -> Ports:
        """Ports that nobody uses now.

        Raises:
            ConfigurationError: no block of 400 UDP ports is free.
        """
        with contextlib.ExitStack() as stack:
            kinds = [socket.SOCK_STREAM] * 4 + [socket.SOCK_DGRAM]
            taken = [stack.enter_context(socket.socket(type=kind)) for kind in kinds]
            for one in taken:
                one.bind(("127.0.0.1", 0))
            bot, rasa, actions, ari, sip = (one.getsockname()[1] for one in taken)
            return cls(bot, rasa, actions, ari, sip, _free_rtp())


@dataclass
class _Part:
    name: str
    command: tuple[str, ...]
    ready_url: str
    """Asked until ``is_ready`` says yes. Empty: a part that runs is ready."""
    is_ready: Callable[[httpx.Response], bool]
    env: Mapping[str, str]
    udp_port: int = 0
    process: asyncio.subprocess.Process | None = None


def newest_model(folder: Path = ROOT / "models" / "rasa") -> Path:
    """The trained dialogue.

    Raises:
        ConfigurationError: there is none.
    """
    models = sorted(folder.glob("*.tar.gz"), key=lambda path: path.stat().st_mtime)
    if not models:
        raise ConfigurationError(f"{folder}: no trained dialogue; run `make setup`")
    return models[-1]


@dataclass
class Stack:
    """``var``: where the children write. ``env``: more settings for all of them. ``parts``: which to start.

    ``part_env``: settings of one part, by its name, over all others.
    """

    ports: Ports = field(default_factory=Ports)
    var: Path = ROOT / "var"
    env: Mapping[str, str] = field(default_factory=dict)
    parts: tuple[str, ...] = PARTS
    part_env: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    _running: list[_Part] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The bot's address."""
        return f"http://127.0.0.1:{self.ports.bot}"

    @property
    def sip(self) -> str:
        """Where a telephone calls the bot, when Asterisk is among the parts."""
        return f"sip:decroche@127.0.0.1:{self.ports.sip}"

    async def start(self, progress: Callable[[str], None] = lambda _: None) -> None:
        """Start the parts together and return when all answer.

        Raises:
            ConfigurationError: a port is taken, a part ended or did not get ready; names its log.
        """
        for name in self.parts:
            self._log(name).unlink(missing_ok=True)
        try:
            await self.begin(*self.parts, progress=progress)
        except BaseException:
            await self.stop()
            raise

    async def begin(self, *names: str, progress: Callable[[str], None] = lambda _: None) -> None:
        """Start these parts, whether for the first time or again, and return when they answer.

        Raises:
            ConfigurationError: as :meth:`start`.
        """
        (self.var / "log").mkdir(parents=True, exist_ok=True)
        wanted = [part for part in self._plan() if part.name in names]
        for part in wanted:
            _refuse_taken(part)
        for part in wanted:
            with self._log(part.name).open("ab") as output:
                part.process = await asyncio.create_subprocess_exec(
                    *part.command, cwd=ROOT,
                    env={**os.environ, **self.env, **part.env, **self.part_env.get(part.name, {})},
                    stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output,
                    start_new_session=True, preexec_fn=_die_with_parent,
                )  # fmt: skip
            self._running.append(part)
        async with httpx.AsyncClient(timeout=2.0) as http:
            await asyncio.gather(*(self._wait_ready(part, http, progress) for part in wanted))

    async def stop(self) -> None:
        """End every part: asked first, then made to. Returns when none is left."""
        parts, self._running = self._running, []
        await asyncio.gather(*(self._end(part) for part in reversed(parts)))

    async def end(self, name: str, *, kill: bool = False) -> None:
        """End one part (``actions``, ``rasa``, ``bot``, …); ``kill``: without asking, as a crash would."""
        for part in [p for p in self._running if p.name == name]:
            self._running.remove(part)
            await self._end(part, kill=kill)

    async def watch(self) -> str:
        """Return the name of the first part that ends by itself; it is no longer among those that run."""
        waits = {
            asyncio.create_task(part.process.wait(), name=f"watch:{part.name}"): part.name
            for part in self._running
            if part.process
        }
        try:
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            name = waits[done.pop()]
            await self.end(name)
            return name
        finally:
            for task in waits:
                task.cancel()

    def is_running(self, name: str) -> bool:
        """Whether this part was started and has not ended, by itself or otherwise."""
        return any(
            part.name == name and part.process is not None and part.process.returncode is None
            for part in self._running
        )

    def log_tail(self, name: str) -> str:
        """The last lines of a part's log."""
        try:
            text = self._log(name).read_text(errors="replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-_LOG_TAIL:])

    def _log(self, name: str) -> Path:
        return self.var / "log" / f"{name}.log"

    def _plan(self) -> list[_Part]:
        host, ports = "127.0.0.1", self.ports
        rasa_url, actions_url = f"http://{host}:{ports.rasa}", f"http://{host}:{ports.actions}"
        ari_url = f"http://{host}:{ports.ari}/ari"
        shared = {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
        model = str(newest_model()) if "rasa" in self.parts else ""
        line = {"DECROCHE_VAR": str(self.var), "DECROCHE_PORT": str(ports.bot)}
        if "asterisk" in self.parts:
            line["DECROCHE_ARI_URL"] = ari_url
        return [
            _Part(
                "actions",
                (
                    str(ROOT / ".venv-rasa/bin/python"), "-m", "rasa_sdk",
                    "--actions", "actions", "--port", str(ports.actions),
                ),
                f"{actions_url}/health",
                lambda response: response.status_code == 200,
                {
                    **shared,
                    "PYTHONPATH": str(ROOT),
                    "SANIC_HOST": host,
                    "DECROCHE_CRM_URL": self.env.get("DECROCHE_CRM_URL", f"sqlite:///{self.var / 'crm.db'}"),
                },
            ),
            _Part(
                "rasa",
                (
                    str(ROOT / "ops/rasa.sh"), "run", "--enable-api", "-i", host, "-p", str(ports.rasa),
                    "--model", model, "--credentials", "credentials.yml", "--endpoints", "endpoints.yml",
                ),
                f"{rasa_url}/status",
                lambda response: response.status_code == 200 and bool(response.json().get("model_file")),
                {**shared, "DECROCHE_ACTIONS_URL": f"{actions_url}/webhook", "LOG_LEVEL": "WARNING"},
            ),
            _Part(
                "bot",
                (sys.executable, "-m", "bot.cli", "serve"),
                f"{self.url}/healthz",
                lambda response: response.status_code == 200,
                {
                    **shared,
                    **line,
                    "DECROCHE_HOST": host,
                    "DECROCHE_RASA_URL": rasa_url,
                    "DECROCHE_REHEARSAL": self.env.get("DECROCHE_REHEARSAL", "true"),
                },
            ),
            _Part(
                "asterisk",
                (sys.executable, "-m", "bot.cli", "asterisk", "run"),
                f"{ari_url}/asterisk/ping",
                # It answers 503 until all its modules are loaded; then it asks who we are.
                lambda response: response.status_code == 401,
                {
                    **shared,
                    **line,
                    "DECROCHE_SIP_PORT": str(ports.sip),
                    "DECROCHE_RTP_FIRST": str(ports.rtp),
                    "DECROCHE_RTP_LAST": str(ports.rtp + _RTP_PORTS - 1),
                },
                udp_port=ports.sip,
            ),
            _Part("rescue", (sys.executable, "-m", "bot.cli", "rescue"), "", lambda _: True, {**shared, **line}),
        ]  # fmt: skip

    async def _wait_ready(
        self, part: _Part, http: httpx.AsyncClient, progress: Callable[[str], None]
    ) -> None:
        assert part.process is not None
        loop = asyncio.get_running_loop()
        until = loop.time() + READY_WITHIN_S
        while loop.time() < until:
            if part.process.returncode is not None:
                break
            if not part.ready_url:
                progress(part.name)
                return
            with contextlib.suppress(httpx.HTTPError, ValueError):
                if part.is_ready(await http.get(part.ready_url)):
                    progress(part.name)
                    return
            await asyncio.sleep(0.3)
        raise ConfigurationError(
            f"{part.name} did not start; {self._log(part.name)} ends:\n{self.log_tail(part.name)}"
        )

    async def _end(self, part: _Part, *, kill: bool = False) -> None:
        process = part.process
        if process is None:
            return
        _signal_group(process.pid, signal.SIGKILL if kill else signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _STOP_WITHIN_S)
        _signal_group(process.pid, signal.SIGKILL)  # whatever the part itself had started
        await process.wait()


def fresh_stack(folder: Path, env: Mapping[str, str] | None = None, parts: tuple[str, ...] = PARTS) -> Stack:
    """A whole Décroche on free ports with data of its own in ``folder``, beside any other on this machine."""
    return Stack(
        Ports.free(), folder, {"DECROCHE_API_TOKEN": secrets.token_urlsafe(16), **(env or {})}, parts
    )


def _signal_group(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, number)


def _die_with_parent() -> None:
    """In the child: get SIGTERM when the parent dies, however it dies (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _refuse_taken(part: _Part) -> None:
    for port, kind in (
        (httpx.URL(part.ready_url).port or 0, socket.SOCK_STREAM),
        (part.udp_port, socket.SOCK_DGRAM),
    ):
        if not _is_free(port, kind):
            raise ConfigurationError(f"port {port} ({part.name}) is taken: is Décroche running already?")


def _is_free(port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(type=kind) as probe:
        if kind is socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _free_rtp() -> int:
    """The first port of a block that is free; which one is left to chance, as others look for one too."""
    for first in random.sample(_RTP_BLOCKS, len(_RTP_BLOCKS)):
        if all(_is_free(port, socket.SOCK_DGRAM) for port in range(first, first + _RTP_PORTS)):
            return first
    raise ConfigurationError(f"no {_RTP_PORTS} UDP ports in a row are free")
