"""What keeps a public form from being misused, without accounts: a form token and a limit for each address."""

from __future__ import annotations

import hmac
import ipaddress
import secrets
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass

FORM_LIFE_S = 3600
"""How long a page may lie open before its form is sent."""

_ADDRESSES = 10_000


@dataclass(frozen=True)
class FormKey:
    """What a form is issued with. ``cookie``: kept by the browser; ``token``: sent with the form."""

    cookie: str
    token: str


class FormGuard:
    """Double-submit tokens: a form counts only with a fresh token made for the cookie that comes with it.

    Another website can make a visitor's browser post a form, but neither read our token nor, the cookie being
    ``SameSite=Strict``, have it sent along. Nothing is stored; ``secret`` makes tokens good in every process that
    knows it.
    """

    def __init__(self, secret: bytes, *, clock: Callable[[], float] = time.time) -> None:
        self._secret = secret
        self._clock = clock

    def issue(self, cookie: str = "") -> FormKey:
        """A token, for the cookie that the browser has or for a new one."""
        if not (16 <= len(cookie) <= 64 and cookie.isascii() and cookie.isalnum()):
            cookie = secrets.token_hex(16)
        made = str(int(self._clock()))
        return FormKey(cookie, f"{made}.{self._seal(cookie, made)}")

    def holds(self, cookie: str, token: str) -> bool:
        """Whether that token was issued for that cookie, within the last hour."""
        made, _, seal = token.partition(".")
        if not (cookie and made.isascii() and made.isdigit() and len(made) <= 12):
            return False
        fresh = 0 <= self._clock() - int(made) <= FORM_LIFE_S
        return (
            hmac.compare_digest(self._seal(cookie, made).encode(), seal.encode("utf-8", "replace")) and fresh
        )

    def _seal(self, cookie: str, made: str) -> str:
        # named, so that what the same key signs elsewhere is never taken for a form's token
        return hmac.new(
            self._secret, f"form|{cookie}|{made}".encode("utf-8", "replace"), "sha256"
        ).hexdigest()


class AddressLimit:
    """At most ``most`` events from one address in ``window_s`` seconds; an IPv6 household (/64) is one address.

    The oldest address is forgotten when there are too many to remember.
    """

    def __init__(
        self, most: int, *, window_s: float = 3600.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = most
        self._window_s = window_s
        self._clock = clock
        self._seen: OrderedDict[str, deque[float]] = OrderedDict()

    def allow(self, address: str) -> bool:
        """Count one event; False when it is one too many."""
        now, key = self._clock(), _household(address)
        times = self._seen.setdefault(key, deque(maxlen=self._most))
        self._seen.move_to_end(key)
        while len(self._seen) > _ADDRESSES:
            self._seen.popitem(last=False)
        if len(times) == self._most and now - times[0] < self._window_s:
            return False
        times.append(now)
        return True


def _household(address: str) -> str:
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((ip, 64), strict=False))
    return str(ip)
