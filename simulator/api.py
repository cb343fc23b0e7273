"""The bot's HTTP API as the simulator uses it: where it is, the record of a call, its live journal."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from bot.errors import InputError, TransportError

DEFAULT_URL = "http://127.0.0.1:8080"
TOKEN_FILE = Path("var/api-token")
_TIMEOUT = httpx.Timeout(10.0)
_OPEN_TIMEOUT_S = 5.0
_POLL_S = 0.3  # the bot audits every reading of a record


@dataclass(frozen=True)
class Server:
    """Where the bot is. ``url``: http(s), without a trailing slash. ``token``: bearer token of the API, or empty."""

    url: str = DEFAULT_URL
    token: str = ""

    @classmethod
    def found(cls, url: str = DEFAULT_URL) -> Server:
        """The server at ``url``, its token from DECROCHE_API_TOKEN or ``var/api-token``.

        Raises:
            InputError: ``url`` is not http or https.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InputError(f"{url}: the bot's address starts with http:// or https://")
        token = os.environ.get("DECROCHE_API_TOKEN", "")
        if not token and TOKEN_FILE.is_file():
            token = TOKEN_FILE.read_text(encoding="utf-8").strip()
        return cls(url.rstrip("/"), token)

    @property
    def headers(self) -> Mapping[str, str]:
        """The authorisation header, when there is a token."""
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    @property
    def is_loopback(self) -> bool:
        """Whether the bot is on this machine."""
        host = urlsplit(self.url).hostname or ""
        if host == "localhost":
            return True
        try:
            return ip_address(host).is_loopback
        except ValueError:
            return False

    def websocket(self, path: str) -> str:
        """The address of a WebSocket at ``path``."""
        parts = urlsplit(self.url)
        scheme = "wss" if parts.scheme == "https" else "ws"
        return urlunsplit((scheme, parts.netloc, parts.path + path, "", ""))


async def post_json(server: Server, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """POST ``body`` and return the JSON object answered.

    Raises:
        TransportError: unreachable, refused, or an answer that is no JSON object.
    """
    try:
        async with httpx.AsyncClient(timeout=_TIMEOUT, headers=server.headers) as client:
            return _json_object(await client.post(server.url + path, json=body))
    except httpx.HTTPError as err:
        raise TransportError(f"{server.url}{path}: {_reason(err)}") from err


async def fetch_record(server: Server, call_id: str, patience_s: float = 10.0) -> dict[str, Any]:
    """The record of a call, once it says how the call ended; after ``patience_s`` as it stands.

    Raises:
        TransportError: unreachable, refused, or no such call.
    """
    deadline = asyncio.get_running_loop().time() + patience_s
    try:
        async with httpx.AsyncClient(timeout=_TIMEOUT, headers=server.headers) as client:
            while True:
                response = await client.get(f"{server.url}/api/calls/{call_id}")
                late = asyncio.get_running_loop().time() >= deadline
                if response.status_code != httpx.codes.NOT_FOUND or late:
                    record = _json_object(response)
                    if record.get("outcome") or late:
                        return record
                await asyncio.sleep(_POLL_S)
    except httpx.HTTPError as err:
        raise TransportError(f"{server.url}/api/calls/{call_id}: {_reason(err)}") from err


async def live_events(server: Server, call_id: str) -> AsyncIterator[dict[str, Any]]:
    """The journal of a call as it is written, until the call is over.

    The call may be a moment from existing; the door is tried again for as long as a handshake may take.

    Raises:
        TransportError: unreachable or refused.
    """
    address = server.websocket(f"/api/calls/{call_id}/events")
    deadline = asyncio.get_running_loop().time() + _OPEN_TIMEOUT_S
    while True:
        try:
            async with connect(
                address,
                additional_headers=server.headers,
                open_timeout=_OPEN_TIMEOUT_S,
                close_timeout=1,
                proxy=None,
            ) as socket:
                async for message in socket:
                    event = json.loads(message)
                    if isinstance(event, dict):
                        yield event
                return
        except InvalidHandshake as err:
            if asyncio.get_running_loop().time() >= deadline:
                raise TransportError(f"{address}: {_reason(err)}") from err
            await asyncio.sleep(_POLL_S)
        except ConnectionClosed:
            return  # the server went away mid-call; the record, read after the call, is what counts
        except (OSError, ValueError) as err:
            raise TransportError(f"{address}: {_reason(err)}") from err


def _json_object(response: httpx.Response) -> dict[str, Any]:
    where = f"{response.request.url}"
    if response.status_code == httpx.codes.UNAUTHORIZED:
        raise TransportError(
            f"{where}: not authorised; set DECROCHE_API_TOKEN or run where {TOKEN_FILE} is, as the server does"
        )
    if response.is_error:
        raise TransportError(f"{where}: HTTP {response.status_code}: {response.text[:200]}")
    try:
        data = response.json()
    except ValueError as err:
        raise TransportError(f"{where}: the answer is not JSON") from err
    if not isinstance(data, dict):
        raise TransportError(f"{where}: the answer is not a JSON object")
    return data


def _reason(err: Exception) -> str:
    return str(err) or type(err).__name__
