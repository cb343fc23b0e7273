"""A real SIP telephone: PJSUA2 in a child process, told what to do and listened to over pipes.

:class:`SipPhone` calls and is called; what it sends and hears is kept frame by frame with the time of each, on the
clock that every telephone on this machine shares, so that recordings of several parties can be laid side by side.
:class:`SipAgent` is one that behaves by itself when it is rung.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import sys
import time
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from operator import itemgetter
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from bot.errors import TransportError
from bot.models import Pcm
from media.audio import from_bytes, to_bytes
from simulator import sip_wire as wire

_READY_TIMEOUT_S = 20.0  # a machine with every core busy
_STOP_TIMEOUT_S = 3.0
_ANSWER_TIMEOUT_S = 10.0  # from our 200 to the other side's ACK
_MOST_TICKS = 30 * 60 * 50
"""Half an hour of recording: the oldest tenth goes when it is full."""


class Codec(StrEnum):
    """What a telephone speaks; the last is what no carrier here does, for calls that must fail."""

    A_LAW = "PCMA"
    MU_LAW = "PCMU"
    WIDEBAND = "G722"
    UNKNOWN = "GSM"


class State(StrEnum):
    """Where a call stands, in the library's words."""

    RINGING = "early"
    UP = "confirmed"
    OVER = "disconnected"


@dataclass(frozen=True)
class Happened:
    """A report of the telephone. ``at``: seconds of ``time.monotonic()``. ``facts``: see :mod:`simulator.sip_child`."""

    event: str
    at: float
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class Invitation:
    """A call that came in. ``request``: its first line. ``headers``: as they came, in order."""

    at: float
    request: str
    headers: tuple[tuple[str, str], ...]

    def header(self, name: str) -> str:
        """The first header of that name, in any case; empty when there is none."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")


@dataclass(frozen=True)
class Sound:
    """A stretch of a call, whole frames of 20 ms at 16 kHz.

    ``times``: shape ``(n,)``, seconds of ``time.monotonic()`` at which each frame was sent and heard. ``sent`` and
    ``heard``: shape ``(320 * n,)``. Between two calls there are no frames: the times jump.
    """

    times: npt.NDArray[np.float64]
    sent: Pcm
    heard: Pcm


class SipPhone:
    """One telephone, one call at a time; to be entered with ``async with``.

    ``number``: who we say we are, E.164 or a name; empty: withheld. ``port``: UDP port of SIP, 0 for a free one.
    ``bind``: address of this machine; loopback unless the other side is elsewhere. ``on_tick``: given the frame sent
    and the frame heard in every tick of a call.
    """

    def __init__(
        self, number: str = "", *, codec: Codec = Codec.A_LAW, port: int = 0, bind: str = "127.0.0.1"
    ) -> None:
        self._number = number
        self._settings = {"codec": codec, "port": port, "bind": bind, "identity": _identity(number, bind)}
        self._bind = bind
        self._child: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._changed = asyncio.Condition()
        self._ticks: list[tuple[float, bytes, bytes]] = []
        self.port = port
        self.events: list[Happened] = []
        self.on_tick: Callable[[Pcm, Pcm], None] | None = None
        self.on_event: Callable[[Happened], None] | None = None
        self.lost = False

    async def __aenter__(self) -> Self:
        if importlib.util.find_spec("pjsua2") is None:
            raise TransportError("SIP calls need the package pjsua2-python: `uv pip install pjsua2-python`")
        self._child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "simulator.sip_child", json.dumps(self._settings),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        self._reader = asyncio.create_task(self._read(), name="sip-phone")
        try:
            ready = await self.wait("ready", _READY_TIMEOUT_S)
        except BaseException:
            await self._close()
            raise
        self.port = int(ready.facts["port"])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    @property
    def uri(self) -> str:
        """Where this telephone is rung."""
        return f"sip:{self._number or 'phone'}@{self._bind}:{self.port}"

    # --- what it does

    def call(self, uri: str, headers: Mapping[str, str] | None = None) -> None:
        """Dial; ``headers`` go out on the INVITE. What comes of it is told by :meth:`wait`."""
        self._order("call", uri=uri, headers=dict(headers or {}))

    async def connect(
        self, uri: str, headers: Mapping[str, str] | None = None, ring_s: float = 20.0
    ) -> float:
        """Dial and return when the call is answered; the time of it.

        Raises:
            TransportError: it was not; says why.
        """
        since = time.monotonic()
        self.call(uri, headers)
        try:
            happened = await self.wait_for(
                lambda one: one.event == "error" or one.facts.get("state") in (State.UP, State.OVER),
                ring_s,
                since=since,
            )
        except TimeoutError as err:
            self.hang_up()
            raise TransportError(f"{uri}: nobody answered for {ring_s:g} s") from err
        if happened.facts.get("state") != State.UP:
            facts = happened.facts
            reason = facts["what"] if "what" in facts else f"{facts['code']} {facts['reason']}"
            raise TransportError(f"{uri}: {reason}")
        return happened.at

    def answer(self, code: int = 200) -> None:
        """Answer what rings; 300 and above refuse it."""
        self._order("answer", code=code)

    def press(self, digit: str) -> None:
        """Press one key (RFC 4733)."""
        self._order("key", digit=digit)

    def hang_up(self) -> None:
        """End the call, or stop calling; no effect when there is none."""
        self._order("hang_up", code=0)

    def play(self, samples: Pcm) -> None:
        """Say this after what is being said: 16 kHz."""
        self._write(wire.PLAY, to_bytes(samples))

    def hum(self, samples: Pcm) -> None:
        """Sound over and over while nothing else is said: 16 kHz, cut to whole frames; nothing: silence."""
        self._write(wire.IDLE, to_bytes(samples))

    def kill(self) -> None:
        """End the process as a crash would: no BYE, no more sound."""
        if self._child is not None and self._child.returncode is None:
            self._child.kill()

    # --- what happens to it

    async def until(self, state: State, within_s: float, *, since: float = 0.0) -> float:
        """The time at which the call came to ``state``, at or after ``since``; raises as :meth:`wait`."""
        return (await self.wait("state", within_s, since=since, state=state)).at

    async def wait(self, event: str, within_s: float, *, since: float = 0.0, **facts: Any) -> Happened:
        """The first report of ``event`` with these facts at or after ``since``, past ones included.

        Raises:
            TimeoutError: none came.
            TransportError: the process was lost.
        """
        return await self.wait_for(
            lambda one: (
                one.event == event and all(one.facts.get(key) == value for key, value in facts.items())
            ),
            within_s,
            since=since,
        )

    async def wait_for(
        self, wanted: Callable[[Happened], bool], within_s: float, *, since: float = 0.0
    ) -> Happened:
        """The first report at or after ``since`` that is ``wanted``; raises as :meth:`wait`."""

        def found() -> Happened | None:
            return next((one for one in self.events if one.at >= since and wanted(one)), None)

        async with asyncio.timeout(within_s), self._changed:
            await self._changed.wait_for(lambda: found() is not None or self.lost)
        happened = found()
        if happened is None:
            raise TransportError("the SIP telephone's process was lost")
        return happened

    @property
    def in_call(self) -> bool:
        """Whether a call is up."""
        states = [one.facts["state"] for one in self.events if one.event == "state"]
        return bool(states) and states[-1] == State.UP

    @property
    def invitations(self) -> Sequence[Invitation]:
        """Every call that came in."""
        return [
            Invitation(
                one.at, one.facts["request"], tuple((name, value) for name, value in one.facts["headers"])
            )
            for one in self.events
            if one.event == "invited"
        ]

    @property
    def keys(self) -> str:
        """Every key that the other side pressed."""
        return "".join(one.facts["digit"] for one in self.events if one.event == "key")

    def sound(self, start: float = 0.0, end: float = float("inf")) -> Sound:
        """What was sent and heard from ``start`` on and before ``end``, seconds of the clock; all of it so far."""
        first, last = (bisect_left(self._ticks, moment, key=itemgetter(0)) for moment in (start, end))
        ticks = self._ticks[first:last]
        return Sound(
            np.array([at for at, _, _ in ticks], dtype=np.float64),
            from_bytes(b"".join(sent for _, sent, _ in ticks)),
            from_bytes(b"".join(heard for _, _, heard in ticks)),
        )

    # --- the pipes

    def _order(self, order: str, **fields: Any) -> None:
        self._write(wire.ORDER, json.dumps({"order": order, **fields}).encode())

    def _write(self, kind: bytes, body: bytes) -> None:
        if self._child is None or self._child.stdin is None or self.lost:
            return  # the same as a telephone that has been unplugged: the reader tells
        self._child.stdin.write(wire.packed(kind, body))

    async def _read(self) -> None:
        assert self._child is not None and self._child.stdout is not None
        pipe = self._child.stdout
        try:
            while True:
                kind, length = wire.HEAD.unpack(await pipe.readexactly(wire.HEAD.size))
                body = await pipe.readexactly(length)
                if kind == wire.TICK:
                    self._ticked(body)
                else:
                    await self._reported(json.loads(body))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.lost = True
            async with self._changed:
                self._changed.notify_all()

    def _ticked(self, body: bytes) -> None:
        at, sent, heard = wire.read_tick(body)
        if len(self._ticks) >= _MOST_TICKS:
            del self._ticks[: _MOST_TICKS // 10]
        self._ticks.append((at, sent, heard))
        if self.on_tick is not None:
            self.on_tick(from_bytes(sent), from_bytes(heard))

    async def _reported(self, report: dict[str, Any]) -> None:
        happened = Happened(report.pop("event"), report.pop("at"), report)
        if self.on_event is not None:
            self.on_event(happened)
        async with self._changed:
            self.events.append(happened)
            self._changed.notify_all()

    async def _close(self) -> None:
        child = self._child
        if child is None:
            return
        if child.stdin is not None:
            child.stdin.close()  # the child hangs up and ends at end of file
        try:
            await asyncio.wait_for(child.wait(), _STOP_TIMEOUT_S)
        except TimeoutError:
            child.kill()
            await child.wait()
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)


@dataclass(frozen=True)
class Manner:
    """What an agent does when rung. Seconds count from the ringing, those of ``keys`` and ``stays_s`` from the answer.

    ``answer_after_s``: None never answers. ``refuse``: a SIP status instead of an answer, 603 declines, 486 is busy.
    ``keys``: pressed when. ``stays_s``: hangs up after so long, None stays. ``hum``: sound made all the time, or None.
    """

    answer_after_s: float | None = 0.2
    refuse: int = 0
    keys: tuple[tuple[float, str], ...] = ()
    stays_s: float | None = None
    hum: Pcm | None = field(default=None, compare=False)


class SipAgent(SipPhone):
    """A telephone with manners; they may be changed between two calls."""

    def __init__(
        self,
        number: str = "agent",
        manner: Manner | None = None,
        *,
        codec: Codec = Codec.A_LAW,
        port: int = 0,
        bind: str = "127.0.0.1",
    ) -> None:
        super().__init__(number, codec=codec, port=port, bind=bind)
        self.manner = manner or Manner()
        self.on_event = self._react
        self._behaving: asyncio.Task[None] | None = None

    async def __aexit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._calm()
        await super().__aexit__(kind, err, trace)

    def _react(self, happened: Happened) -> None:
        if happened.event == "invited":
            if self._behaving is not None:
                self._behaving.cancel()
            self._behaving = asyncio.create_task(
                self._behave(self.manner, happened.at), name=f"sip-agent-{self.port}"
            )
        elif happened.facts.get("state") == State.OVER and self._behaving is not None:
            self._behaving.cancel()

    async def _behave(self, manner: Manner, rung_at: float) -> None:
        if manner.answer_after_s is None:
            return
        self.hum(np.zeros(0, dtype=np.int16) if manner.hum is None else manner.hum)
        await asyncio.sleep(manner.answer_after_s)
        self.answer(manner.refuse or 200)
        if manner.refuse:
            return
        answered = await self.until(State.UP, _ANSWER_TIMEOUT_S, since=rung_at)
        for after_s, digit in sorted(manner.keys):
            await _until(answered + after_s)
            self.press(digit)
        if manner.stays_s is not None:
            await _until(answered + manner.stays_s)
            self.hang_up()

    async def _calm(self) -> None:
        if self._behaving is not None:
            self._behaving.cancel()
            await asyncio.gather(self._behaving, return_exceptions=True)


async def _until(at: float) -> None:
    await asyncio.sleep(max(0.0, at - time.monotonic()))


def _identity(number: str, bind: str) -> str:
    """The From address; the child knows the port."""
    host = bind or "localhost"
    return f"sip:{number}@{host}:{{port}}" if number else "sip:anonymous@anonymous.invalid"
