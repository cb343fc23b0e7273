"""The SIP door: a real SIP user agent that calls the bot through Asterisk, as a carrier would bring the call."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from types import TracebackType
from urllib.parse import urlsplit
from uuid import uuid4

import numpy as np

from bot.errors import TransportError
from bot.models import Pcm
from media.telephony.caller import user_to_user_header
from media.telephony.rehearsal import Rehearsal
from simulator.line import FRAME, FRAME_S
from simulator.sip import Happened, SipPhone, State

DEFAULT_URI = "sip:decroche@127.0.0.1:5060"

_HEADROOM_FRAMES = 2
"""Sent ahead of the telephone's clock, so that a late tick here is no hole in the caller's sentence."""

_MOST_BEHIND = 250
"""Frames kept for a caller that does not keep up."""

_STALL_S = 5.0


class SipDoor:
    """One call. ``call_id``: chosen here and sent along; a bot that runs as a rehearsal takes it.

    ``ring_s``: how long it may ring.

    The clock is the telephone's: every exchange waits for its next tick.
    """

    def __init__(
        self, uri: str, caller_number: str, now: datetime | None = None, *, ring_s: float = 20.0
    ) -> None:
        self._uri = uri
        self._ring_s = ring_s
        self.call_id = str(uuid4())
        self._said = user_to_user_header(Rehearsal(self.call_id, now).to_user())
        self._phone = SipPhone(caller_number, bind="127.0.0.1" if _is_loopback(uri) else "")
        self._phone.on_tick = self._ticked
        self._phone.on_event = self._happened
        self._ticks: asyncio.Queue[tuple[Pcm, Pcm]] = asyncio.Queue(_MOST_BEHIND)
        self._started = False
        self.faults: Sequence[str] = ()
        self.ended = False

    async def __aenter__(self) -> SipDoor:
        await self._phone.__aenter__()
        try:
            await self._phone.connect(self._uri, {"User-to-User": self._said}, self._ring_s)
        except BaseException:
            await self._phone.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._phone.__aexit__(kind, err, trace)

    async def exchange(self, sent: Pcm) -> tuple[Pcm, Pcm]:
        """One tick of 20 ms: what left the telephone in it, and what it heard.

        Raises:
            TransportError: the telephone stands still.
        """
        if not self._started:
            self._started = True
            while not self._ticks.empty():  # heard before anybody listened
                self._ticks.get_nowait()
            self._phone.play(np.zeros(_HEADROOM_FRAMES * FRAME, dtype=np.int16))
        self._phone.play(sent)
        waited = 0.0
        while not self.ended:
            try:
                return await asyncio.wait_for(self._ticks.get(), 10 * FRAME_S)
            except TimeoutError as err:
                waited += 10 * FRAME_S
                if waited >= _STALL_S:
                    raise TransportError(f"the telephone has stood still for {_STALL_S:g} s") from err
        return sent, np.zeros(FRAME, dtype=np.int16)

    async def key(self, digit: str) -> None:
        """Press one key."""
        self._phone.press(digit)

    async def hang_up(self) -> None:
        """Put the handset down."""
        self._phone.hang_up()
        self.ended = True

    def _ticked(self, sent: Pcm, heard: Pcm) -> None:
        if self._started:
            if self._ticks.full():
                self._ticks.get_nowait()
            self._ticks.put_nowait((sent, heard))

    def _happened(self, happened: Happened) -> None:
        if happened.facts.get("state") == State.OVER:
            self.ended = True


def _is_loopback(uri: str) -> bool:
    host = urlsplit(uri.replace("sip:", "sip://", 1)).hostname or ""
    return host == "localhost" or host.startswith("127.")
