"""The orders that we give to Asterisk, over its REST interface; and the events socket beside them.

Channels, bridges and playbacks that we make have ids of our own (a word and a uuid), given with the order. So a
lost answer is no riddle: the thing either exists under its id or it does not, and its events can be told apart
from the first one on, even when they overtake the answer.

What Asterisk's refusals mean:

    400  a parameter is wrong; for a bridge's orders also: no such channel
    404  no such channel, bridge or playback: it has ended already
    409  the id is taken (creating); no music is playing (stopping it on a bridge); or the channel is not under our
         control (any longer)
    412  the channel is in a state that does not allow it, mostly: it is hanging up
    422  the channel is not in this bridge, or not under our control
    500  Asterisk could not do it: an endpoint that does not exist, no contact, no resources

Orders that end something (hang up, destroy, remove, stop) succeed when it has ended already. All others raise.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, TypeVar
from urllib.parse import quote

import httpx
import structlog

from bot.errors import InputError, LineError
from media.telephony.ari.link import EventLink
from media.telephony.ari.models import Application, AriEvent, Bridge, Channel
from media.telephony.ari.parse import parse_application, parse_bridge, parse_channel
from media.telephony.ari.settings import AriSettings

log = structlog.get_logger(__name__)

HangupReason = Literal[
    "normal", "busy", "congestion", "no_answer", "timeout", "rejected", "unallocated", "normal_unspecified",
    "number_incomplete", "codec_mismatch", "interworking", "failure", "answered_elsewhere",
]  # fmt: skip

T = TypeVar("T")

_MAX_CONNECTIONS = 20
"""Each costs Asterisk a thread; an order takes milliseconds."""
_IDLE_S = 5.0
"""Shorter than Asterisk's 15 s, so that we never write on a connection that it is closing."""


class RefusedError(LineError):
    """Asterisk answered, and refused. ``status``: see the module's docstring."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


async def _nobody() -> None:
    """The owner that reconciles nothing."""


class AriClient:
    """One Stasis application on one Asterisk. Not thread-safe; used from one loop.

    Set the callbacks with :meth:`listen`, then :meth:`start`. Orders may be given whether the link is ``up`` or not:
    they go over HTTP, and have to, while the owner reconciles.

    Every order raises ``LineError`` when Asterisk cannot be reached, does not answer within ``request_timeout_s`` or
    answers something unusable, and ``RefusedError`` (a ``LineError``) when it refuses. The error's text is the
    method and path: ids, never a number, a name or a variable.
    """

    def __init__(
        self,
        settings: AriSettings,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._on_event: Callable[[AriEvent], None] = lambda event: None
        self._on_up: Callable[[], Awaitable[None]] = _nobody
        self._on_down: Callable[[], None] = lambda: None
        self._link = EventLink(
            settings,
            on_event=lambda event: self._on_event(event),
            on_up=lambda: self._on_up(),
            on_down=lambda: self._on_down(),
            sleep=sleep,
            chance=chance,
            clock=clock,
        )
        self._running: asyncio.Task[None] | None = None
        self._http = httpx.AsyncClient(
            base_url=settings.url.rstrip("/") + "/",
            auth=httpx.BasicAuth(settings.user, settings.password),
            timeout=settings.request_timeout_s,
            limits=httpx.Limits(max_connections=_MAX_CONNECTIONS, keepalive_expiry=_IDLE_S),
            trust_env=False,
        )

    def listen(
        self,
        *,
        on_event: Callable[[AriEvent], None],
        on_up: Callable[[], Awaitable[None]],
        on_down: Callable[[], None],
    ) -> None:
        """Set the owner's callbacks, before :meth:`start`.

        ``on_up``: awaited after every connection, before ``up`` and before any event of it: the owner reads
        ``list_channels`` and ``list_bridges`` here and puts its picture right. Events that come meanwhile wait, so some
        may be older than the lists: what they tell may be known already. When it raises, or takes over
        ``reconcile_timeout_s``, the link is dropped and tried again.
        ``on_event``: every event of this connection, in order; it must not block. What it raises is logged.
        ``on_down``: the connection is lost (or ``stop`` was called), once for every ``on_up`` that completed; no event
        of it comes later.
        """
        self._on_event, self._on_up, self._on_down = on_event, on_up, on_down

    @property
    def up(self) -> bool:
        """Connected and reconciled."""
        return self._link.up

    async def wait_up(self) -> None:
        """Return once ``up``; give it a time limit."""
        await self._link.wait_up()

    async def start(self) -> None:
        """Begin to keep the link; returns at once, whether Asterisk is there or not."""
        if self._running is None:
            self._running = asyncio.create_task(self._link.run(), name="ari-link")

    async def stop(self) -> None:
        """Drop the link and every order under way. Channels and bridges stay as they are."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
            self._running = None
        await self._http.aclose()

    # -- channels

    async def list_channels(self) -> tuple[Channel, ...]:
        """Every channel of this Asterisk, other applications' too."""
        return _each(await self._order("GET", "channels"), parse_channel)

    async def channel(self, channel_id: str) -> Channel | None:
        """One channel; None when it does not exist."""
        found = await self._order("GET", f"channels/{_id(channel_id)}", gone={404})
        return None if found is None else _one(found, parse_channel)

    async def answer(self, channel_id: str) -> None:
        """Answer a call that came in."""
        await self._order("POST", f"channels/{_id(channel_id)}/answer")

    async def ring(self, channel_id: str) -> None:
        """Tell the caller that it rings."""
        await self._order("POST", f"channels/{_id(channel_id)}/ring")

    async def stop_ringing(self, channel_id: str) -> None:
        """The contrary of :meth:`ring`."""
        await self._order("DELETE", f"channels/{_id(channel_id)}/ring", gone={404})

    async def hangup(self, channel_id: str, reason: HangupReason = "normal") -> None:
        """End a channel, in whatever state and application it is; before it is answered ``reason`` is what the far end
        is told."""
        await self._order("DELETE", f"channels/{_id(channel_id)}", query={"reason": reason}, gone={404})

    async def originate(
        self,
        channel_id: str,
        endpoint: str,
        *,
        app_args: str = "",
        caller_id: str = "",
        timeout_s: float = 30.0,
        variables: Mapping[str, str] | None = None,
    ) -> Channel:
        """Ring ``endpoint`` (``PJSIP/sites/sip:…``) as the channel ``channel_id``.

        Returns when the dialling has begun. When it is answered the channel enters the application (``StasisStart``
        with ``app_args``); otherwise ``ChannelDestroyed`` says why, after ``timeout_s`` (rounded) at most.
        ``caller_id``: ``"Name" <number>``. ``variables``: set on the new channel before it dials;
        ``PJSIP_HEADER(add,Name)`` sets a header of the INVITE.
        """
        created = await self._order(
            "POST",
            "channels",
            body={
                "endpoint": endpoint,
                "app": self._settings.app,
                "appArgs": app_args,
                "channelId": channel_id,
                "callerId": caller_id,
                "timeout": max(1, round(timeout_s)),
                "variables": dict(variables or {}),
            },
        )
        return _one(created, parse_channel)

    async def external_media(
        self,
        channel_id: str,
        connection: str,
        uri_params: Mapping[str, str],
        *,
        variables: Mapping[str, str] | None = None,
        media_format: str = "slin16",
    ) -> Channel:
        """Open a media WebSocket: Asterisk connects to the ``websocket_client`` called ``connection``.

        ``uri_params``: added to the query of its URI. Asterisk says 200 before it has connected: the channel is good at
        its ``StasisStart``, and is destroyed when nobody answers there.
        """
        pairs = ",".join(
            f"{quote(key, safe='')}={quote(value, safe='')}" for key, value in uri_params.items()
        )
        created = await self._order(
            "POST",
            "channels/externalMedia",
            body={
                "channelId": channel_id,
                "app": self._settings.app,
                "external_host": connection,
                "transport": "websocket",
                "encapsulation": "none",
                "connection_type": "client",
                "format": media_format,
                "transport_data": f"f(json)v({pairs})" if pairs else "f(json)",
                "variables": dict(variables or {}),
            },
        )
        return _one(created, parse_channel)

    async def get_variable(self, channel_id: str, name: str) -> str:
        """The value of a variable or function (``PJSIP_HEADER(read,X-Call-Id)``); empty when it is not set, or the
        channel is gone."""
        path = f"channels/{_id(channel_id)}/variable"
        found = await self._order("GET", path, query={"variable": name}, gone={404})
        value = found.get("value") if isinstance(found, dict) else None
        return value if isinstance(value, str) else ""

    async def set_variable(self, channel_id: str, name: str, value: str) -> None:
        """Set a variable on a channel."""
        body = {"variable": name, "value": value}
        await self._order("POST", f"channels/{_id(channel_id)}/variable", body=body)

    async def get_global(self, name: str) -> str:
        """The value of a global variable; empty when it is not set."""
        found = await self._order("GET", "asterisk/variable", query={"variable": name})
        value = found.get("value") if isinstance(found, dict) else None
        return value if isinstance(value, str) else ""

    async def continue_in_dialplan(
        self, channel_id: str, context: str, exten: str = "s", priority: int = 1
    ) -> None:
        """Let go of a channel: it goes on in the dialplan, out of any bridge."""
        body = {"context": context, "extension": exten, "priority": priority}
        await self._order("POST", f"channels/{_id(channel_id)}/continue", body=body)

    async def start_channel_moh(self, channel_id: str, music_class: str = "default") -> None:
        """Music to one channel that is in no bridge."""
        await self._order("POST", f"channels/{_id(channel_id)}/moh", body={"mohClass": music_class})

    async def stop_channel_moh(self, channel_id: str) -> None:
        """The contrary of :meth:`start_channel_moh`."""
        await self._order("DELETE", f"channels/{_id(channel_id)}/moh", gone={404})

    async def play_on_channel(self, channel_id: str, playback_id: str, media: str) -> None:
        """Play ``media`` (``sound:/path/without/extension``, ``tone:ring``…); ``PlaybackFinished`` tells its end."""
        await self._order(
            "POST", f"channels/{_id(channel_id)}/play/{_id(playback_id)}", body={"media": media}
        )

    # -- bridges

    async def list_bridges(self) -> tuple[Bridge, ...]:
        """Every bridge of this Asterisk, other applications' too."""
        return _each(await self._order("GET", "bridges"), parse_bridge)

    async def create_bridge(
        self, bridge_id: str, *, name: str = "", kind: str = "mixing,dtmf_events"
    ) -> None:
        """Make an empty bridge. ``dtmf_events``: keys reach us while channels are mixed."""
        await self._order("POST", f"bridges/{_id(bridge_id)}", body={"type": kind, "name": name})

    async def destroy_bridge(self, bridge_id: str) -> None:
        """End a bridge; its channels stay, in our application, in no bridge."""
        await self._order("DELETE", f"bridges/{_id(bridge_id)}", gone={404})

    async def add_channel(self, bridge_id: str, channel_id: str, *, absorb_keys: bool = False) -> None:
        """Put a channel into a bridge, out of the one it was in.

        ``absorb_keys``: the keys it presses reach us as events, and nobody in the bridge.
        """
        body: dict[str, Any] = {"channel": channel_id}
        if absorb_keys:
            body["absorbDTMF"] = True
        await self._order("POST", f"bridges/{_id(bridge_id)}/addChannel", body=body)

    async def remove_channel(self, bridge_id: str, channel_id: str) -> None:
        """Take a channel out of a bridge; it stays in our application."""
        path = f"bridges/{_id(bridge_id)}/removeChannel"
        await self._order("POST", path, body={"channel": channel_id}, gone={400, 404, 422})

    async def start_bridge_moh(self, bridge_id: str, music_class: str = "default") -> None:
        """Music to everybody in the bridge; they do not hear each other meanwhile."""
        await self._order("POST", f"bridges/{_id(bridge_id)}/moh", body={"mohClass": music_class})

    async def stop_bridge_moh(self, bridge_id: str) -> None:
        """The contrary of :meth:`start_bridge_moh`."""
        await self._order("DELETE", f"bridges/{_id(bridge_id)}/moh", gone={404, 409})

    async def play_on_bridge(self, bridge_id: str, playback_id: str, media: str) -> None:
        """As :meth:`play_on_channel`, to everybody in the bridge."""
        await self._order("POST", f"bridges/{_id(bridge_id)}/play/{_id(playback_id)}", body={"media": media})

    # -- playbacks and applications

    async def stop_playback(self, playback_id: str) -> None:
        """Stop a sound."""
        await self._order("DELETE", f"playbacks/{_id(playback_id)}", gone={404})

    async def list_applications(self) -> tuple[Application, ...]:
        """Every application that is served, or holds a channel."""
        return _each(await self._order("GET", "applications"), parse_application)

    async def application(self, name: str) -> Application | None:
        """One application; None when nobody serves it and it holds no channel."""
        found = await self._order("GET", f"applications/{_id(name)}", gone={404})
        return None if found is None else _one(found, parse_application)

    async def _order(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        gone: set[int] | None = None,
    ) -> Any:
        """Give one order, once, and return its answer's JSON: None when it is empty.

        Parameters travel in the body wherever Asterisk takes them there: numbers and tokens have no place in a URL,
        which every proxy and library logs. ``gone``: statuses that are as good as success, and return None.

        Raises:
            RefusedError: any other status that is not 2xx.
            LineError: no answer, or not JSON; or the order holds control characters, and was not given.
        """
        _check(body or {})
        order = f"{method} {path}"
        try:
            async with asyncio.timeout(self._settings.request_timeout_s):
                answer = await self._http.request(method, path, params=query, json=body)
        except (TimeoutError, httpx.TimeoutException) as err:
            raise LineError(f"{order}: no answer within {self._settings.request_timeout_s:g} s") from err
        except (httpx.HTTPError, RuntimeError) as err:  # RuntimeError: the client was stopped
            raise LineError(f"{order}: {type(err).__name__}") from err
        if answer.status_code in (gone or ()):
            return None
        if not answer.is_success:
            raise RefusedError(f"{order}: refused with status {answer.status_code}", answer.status_code)
        if not answer.content:
            return None
        try:
            return answer.json()
        except (ValueError, RecursionError) as err:
            raise LineError(f"{order}: the answer is not JSON") from err


def _id(value: str) -> str:
    return quote(value, safe="")


def _check(body: Mapping[str, Any]) -> None:
    """Refuse what would begin a SIP header or a dialplan line of its own.

    Raises:
        LineError: a text, or a variable's name or value, holds a control character.
    """
    for key, value in body.items():
        if isinstance(value, Mapping):
            _check(value)
        elif not key.isprintable() or not str(value).isprintable():
            raise LineError("an order holds control characters")


def _one(data: object, parse: Callable[[object], T]) -> T:
    try:
        return parse(data)
    except InputError as err:
        raise LineError(f"unusable answer: {err}") from err


def _each(data: object, parse: Callable[[object], T]) -> tuple[T, ...]:
    """The items that can be read; one that cannot must not hide the others from the reconciliation."""
    if not isinstance(data, list):
        raise LineError("unusable answer: not a list")
    items: list[T] = []
    for item in data:
        try:
            items.append(parse(item))
        except InputError as err:
            log.warning("ARI item refused", why=str(err))
    return tuple(items)
