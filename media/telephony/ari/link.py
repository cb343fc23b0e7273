"""The events socket: one connection at a time, kept for ever, its events delivered in order.

    connect ─▶ on_up (the owner reconciles; events wait) ─▶ up: on_event, on_event, … ─▶ lost: on_down ─▶ wait ─▶ …

An event that is lost leaves the owner with a picture that is wrong, and nothing tells. So nothing is ever skipped: when
events come faster than they are taken, the link is dropped, and the reconciliation of the next one puts it right.
"""

from __future__ import annotations

import asyncio
import base64
import random
import time
from collections.abc import Awaitable, Callable
from typing import NoReturn
from urllib.parse import urlencode

import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from bot.errors import InputError
from media.telephony.ari.models import ApplicationReplaced, AriEvent
from media.telephony.ari.parse import parse_event
from media.telephony.ari.settings import AriSettings

log = structlog.get_logger(__name__)

FIRST_DELAY_S = 0.2
LONGEST_DELAY_S = 5.0
REPLACED_DELAY_S = 30.0
"""Two bots that fight over one application would drop each other's calls: the one that lost waits long."""
STABLE_AFTER_S = 10.0
"""A connection that lasted this long was a good one: the next wait starts from the shortest again."""
CLOSE_WITHIN_S = 0.5
_MAX_FRAME_BYTES = 4_194_304
"""Beyond what is merely refused, a message that is not even read: the connection is ended."""
_MAX_BAD_MESSAGES = 50


class LinkLost(Exception):
    """The connection ended, or must end. Stays within this package."""

    def __init__(self, why: str, *, replaced: bool = False) -> None:
        super().__init__(why)
        self.replaced = replaced


def delay_s(attempt: int, chance: float) -> float:
    """Seconds to wait before the ``attempt``-th try (from 0) in a row; ``chance`` from 0 to 1 spreads several bots."""
    longest = min(LONGEST_DELAY_S, FIRST_DELAY_S * 2.0 ** min(attempt, 32))
    return longest * (0.5 + chance / 2)


def replaced_delay_s(chance: float) -> float:
    """Seconds to wait once another process has taken our application."""
    return REPLACED_DELAY_S * (1 + chance)


def _why(closed: ConnectionClosed) -> str:
    if closed.rcvd is not None:
        return f"closed by the peer with code {closed.rcvd.code}"
    if closed.sent is not None:
        return f"closed by us with code {closed.sent.code}"  # 1011: no answer to a ping
    return "cut"


class EventLink:
    """Keeps the events socket connected. One owner; its three callbacks run on the loop, one at a time.

    ``sleep``, ``chance``, ``clock``: for tests on a virtual clock.
    """

    def __init__(
        self,
        settings: AriSettings,
        *,
        on_event: Callable[[AriEvent], None],
        on_up: Callable[[], Awaitable[None]],
        on_down: Callable[[], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._on_event = on_event
        self._on_up = on_up
        self._on_down = on_down
        self._sleep = sleep
        self._chance = chance
        self._clock = clock
        self._up = asyncio.Event()
        self._up_since: float | None = None
        self._last_reason = ""
        self._bad = 0

    @property
    def up(self) -> bool:
        """Connected, and the owner has reconciled."""
        return self._up.is_set()

    async def wait_up(self) -> None:
        """Return once ``up``."""
        await self._up.wait()

    async def run(self) -> NoReturn:
        """Connect, deliver, reconnect; until cancelled."""
        attempt = 0
        while True:
            self._up_since = None
            try:
                await self._connection()
            except LinkLost as lost:
                if self._up_since is not None and self._clock() - self._up_since >= STABLE_AFTER_S:
                    attempt = 0
                self._tell(str(lost), error=lost.replaced)
                wait = replaced_delay_s(self._chance()) if lost.replaced else delay_s(attempt, self._chance())
            except (
                Exception
            ):  # a defect here must not cost every call its control for the life of the process
                log.exception("ARI link failed")
                wait = LONGEST_DELAY_S
            attempt += 1
            await self._sleep(wait)

    async def _connection(self) -> NoReturn:
        """One connection, from its making to its end.

        Raises:
            LinkLost: always, in the end.
        """
        try:
            async with self._connect() as socket:
                await self._serve(socket)
        except InvalidStatus as err:
            raise LinkLost(f"refused with status {err.response.status_code}") from err
        except (OSError, WebSocketException) as err:
            raise LinkLost(f"not connected: {type(err).__name__}") from err

    def _connect(self) -> connect:
        settings = self._settings
        query = urlencode({"app": settings.app, "subscribeAll": "false"})
        secret = base64.b64encode(f"{settings.user}:{settings.password}".encode()).decode()
        return connect(
            f"ws{settings.url.rstrip('/').removeprefix('http')}/events?{query}",
            additional_headers={
                "Authorization": f"Basic {secret}"
            },  # never in the query: access logs keep it
            compression=None,
            proxy=None,
            open_timeout=settings.connect_timeout_s,
            close_timeout=CLOSE_WITHIN_S,
            ping_interval=settings.ping_every_s,
            ping_timeout=settings.ping_timeout_s,
            max_size=_MAX_FRAME_BYTES,
        )

    async def _serve(self, socket: ClientConnection) -> NoReturn:
        """Read and deliver side by side, so that a slow reconciliation does not stop the reading. Both have ended, and
        nothing more of this connection can be delivered, when this raises.

        Raises:
            LinkLost: the connection ended, or must.
        """
        backlog: asyncio.Queue[AriEvent] = asyncio.Queue(self._settings.backlog)
        reading = asyncio.create_task(self._read(socket, backlog), name="ari-events-reader")
        delivery = asyncio.create_task(self._deliver(backlog), name="ari-events-delivery")
        try:
            await asyncio.wait({reading, delivery}, return_when=asyncio.FIRST_COMPLETED)
            ended = reading if reading.done() else delivery
        finally:
            reading.cancel()
            delivery.cancel()
            await asyncio.gather(reading, delivery, return_exceptions=True)
        ended.result()  # neither returns: it raises
        raise AssertionError("unreachable")

    async def _read(self, socket: ClientConnection, backlog: asyncio.Queue[AriEvent]) -> NoReturn:
        while True:
            try:
                # Undecoded: a caller's name that is not UTF-8 would otherwise end the connection, and with it every
                # other call's events.
                data = await socket.recv(decode=False)
            except ConnectionClosed as err:
                raise LinkLost(_why(err)) from err
            try:
                event = parse_event(data)
            except InputError as err:
                self._refuse(str(err))
                continue
            try:
                backlog.put_nowait(event)
            except asyncio.QueueFull as err:
                raise LinkLost("events come faster than they are taken") from err

    async def _deliver(self, backlog: asyncio.Queue[AriEvent]) -> NoReturn:
        try:
            async with asyncio.timeout(self._settings.reconcile_timeout_s):
                await self._on_up()
        except TimeoutError as err:
            raise LinkLost("reconciling took too long") from err
        except Exception as err:  # whatever the owner met, only a new connection can make it try again
            raise LinkLost(f"reconciling failed: {type(err).__name__}") from err
        self._up_since = self._clock()
        self._last_reason = ""
        self._up.set()
        log.info("ARI link up", app=self._settings.app)
        try:
            while True:
                event = await backlog.get()
                self._hand_over(event)
                if isinstance(event, ApplicationReplaced):
                    raise LinkLost("another process took our application", replaced=True)
        finally:
            self._up.clear()
            self._on_down()

    def _hand_over(self, event: AriEvent) -> None:
        try:
            self._on_event(event)
        except Exception:  # one call's fault must not take the events of the others away
            log.exception("ARI event not handled", event_type=type(event).__name__)

    def _refuse(self, why: str) -> None:
        self._bad += 1
        if self._bad <= _MAX_BAD_MESSAGES:
            log.warning("ARI message refused", why=why)

    def _tell(self, reason: str, *, error: bool) -> None:
        """Log a loss once, not at every try that fails in the same way."""
        if reason != self._last_reason:
            (log.error if error else log.warning)("ARI link down", why=reason)
        self._last_reason = reason
