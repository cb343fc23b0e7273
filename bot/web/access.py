"""Who may use the API: bearer tokens with names, and a brake on guessing."""

from __future__ import annotations

import hmac
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping

from starlette.requests import HTTPConnection

from bot.errors import AccessDeniedError, ConfigurationError, RateLimitedError, UnauthenticatedError

SUBPROTOCOL = "decroche.events"
"""WebSocket subprotocol of the live events; a browser sends its token beside it as ``bearer.<token>``."""

_TOKEN_PREFIX = "bearer."


class Access:
    """Knows the tokens. ``tokens``: name of a holder (for the audit) → token.

    Refuses an address for the rest of a minute after ``max_failures`` wrong tokens in it.

    Raises:
        ConfigurationError: no token, or an empty one.
    """

    def __init__(
        self,
        tokens: Mapping[str, str],
        *,
        max_failures: int = 20,
        window_s: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not tokens or not all(tokens.values()):
            raise ConfigurationError("api token: missing or empty")
        self._tokens = {name: token.encode() for name, token in tokens.items()}
        self._max_failures = max_failures
        self._window_s = window_s
        self._clock = clock
        self._failures: OrderedDict[str, tuple[float, int]] = OrderedDict()  # address → window start, count

    def holder(self, connection: HTTPConnection) -> str:
        """The name of whoever asks.

        Raises:
            RateLimitedError: too many wrong tokens from this address.
            UnauthenticatedError: no bearer token.
            AccessDeniedError: a wrong one.
        """
        return self.holder_of(connection, bearer_token(connection))

    def holder_of(self, connection: HTTPConnection, token: str) -> str:
        """As :meth:`holder`, for a token that comes with the request in another way."""
        address = connection.client.host if connection.client else ""
        if self._count(address) >= self._max_failures:
            raise RateLimitedError("too many wrong tokens; wait a minute")
        if not token:
            raise UnauthenticatedError("send the header Authorization: Bearer <token>")
        given = token.encode("utf-8", "replace")
        # every token is compared, so that the time taken tells nothing about which one was near
        names = [name for name, known in self._tokens.items() if hmac.compare_digest(known, given)]
        if not names:
            self._fail(address)
            raise AccessDeniedError("this token gives no right")
        return names[0]

    def _count(self, address: str) -> int:
        start, count = self._failures.get(address, (0.0, 0))
        return count if self._clock() - start < self._window_s else 0

    def _fail(self, address: str) -> None:
        count = self._count(address)
        start = self._failures[address][0] if count else self._clock()
        self._failures[address] = (start, count + 1)
        self._failures.move_to_end(address)
        while len(self._failures) > 1024:
            self._failures.popitem(last=False)


def bearer_token(connection: HTTPConnection) -> str:
    """The token in ``Authorization``, or among a WebSocket's subprotocols; empty without one."""
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    offered = connection.headers.get("sec-websocket-protocol", "").split(",")
    return next((p.strip()[len(_TOKEN_PREFIX) :] for p in offered if p.strip().startswith(_TOKEN_PREFIX)), "")
