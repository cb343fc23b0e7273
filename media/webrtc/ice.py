"""STUN and TURN servers, with passwords that expire.

A TURN password given to a page is given to everybody who opens the page. So it is made for one call and dies with it:
the name is the time it expires at, the password that name signed with a secret shared with the TURN server (coturn's
``use-auth-secret``; draft-uberti-behave-turn-rest-00).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from bot.errors import ConfigurationError

_URL = re.compile(
    r"(?P<scheme>stuns?|turns?):(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(?::\d{1,5})?(?P<transport>\?transport=(?:udp|tcp))?"
)


@dataclass(frozen=True)
class IceServer:
    """A STUN or TURN server: ``urls`` as in ``stun:host:port``; credentials for TURN."""

    urls: str
    username: str | None = None
    credential: str | None = None

    def to_json(self) -> dict[str, str]:
        """As a browser's ``RTCPeerConnection`` takes it."""
        values = {"urls": self.urls, "username": self.username, "credential": self.credential}
        return {key: value for key, value in values.items() if value is not None}


@dataclass(frozen=True)
class IceServers:
    """The servers of the settings. ``secret``: shared with the TURN servers; ``validity_s``: longer than any call.

    ``clock``: seconds since 1970.
    """

    urls: tuple[str, ...] = ()
    secret: str = ""
    validity_s: int = 14_400
    clock: Callable[[], float] = time.time

    def __post_init__(self) -> None:
        """Refuse what no browser would take.

        Raises:
            ConfigurationError: an URL is malformed, or TURN has no secret.
        """
        for url in self.urls:
            match = _URL.fullmatch(url)
            if match is None or (match["transport"] and match["scheme"].startswith("stun")):
                raise ConfigurationError(
                    f"DECROCHE_ICE_SERVERS: not a stun:, stuns:, turn: or turns: URL: {url!r}"
                )
            if match["scheme"].startswith("turn") and not self.secret:
                raise ConfigurationError(f"DECROCHE_TURN_SECRET: {url} needs it")

    def fresh(self) -> tuple[IceServer, ...]:
        """The servers, TURN with credentials made now."""
        return tuple(
            self._with_credentials(url) if url.startswith("turn") else IceServer(url) for url in self.urls
        )

    def _with_credentials(self, url: str) -> IceServer:
        # A name of its own for each caller: coturn counts quotas, and logs, by name.
        username = f"{int(self.clock()) + self.validity_s}:{secrets.token_hex(4)}"
        return IceServer(url, username, turn_password(self.secret, username))


def turn_password(secret: str, username: str) -> str:
    """The password of ``username`` (``EXPIRES:ANYTHING``): base64 of its HMAC-SHA1."""
    return base64.b64encode(hmac.new(secret.encode(), username.encode(), hashlib.sha1).digest()).decode()
