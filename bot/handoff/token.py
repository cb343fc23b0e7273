"""The signed reference that travels with a call to a site and is exchanged there for the context packet.

It says which packet, for which site and until when, and nothing of the caller. In SIP it stands hex-encoded in
``User-to-User`` (RFC 7433). A network that still carries the call over ISDN passes at most 128 octets of it (RFC 7434,
ITU-T Q.957.1), so it is kept shorter than that, as the ASCII it is before the hex.

    base64url( version 1 | packet 16 | expiry 4 | nonce 8 | site 1–24 | HMAC-SHA256 16 )

The HMAC is cut to its first 128 bits, half of it, as RFC 2104 section 5 allows.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID

from bot.errors import TokenExpiredError, TokenForgedError, TokenSiteError

MAX_LENGTH = 128
"""Characters of a token are fewer than this."""
MAX_SITE = 24
"""Bytes of a site's id."""
_VERSION = 1
_HEAD = struct.Struct(">B16sI8s")
_MAC_BYTES = 16
_NONCE_BYTES = 8


@dataclass(frozen=True)
class Reference:
    """What a token says. ``handoff_id``: of the packet (:func:`bot.handoff.packet.packet_id`). ``expires_at``: UTC.

    ``nonce``: hex, another one in every token; whoever redeems tokens once only keeps it until ``expires_at``.
    """

    handoff_id: str
    site: str
    expires_at: datetime
    nonce: str


class HandoffTokens:
    """Makes and reads tokens. ``key``: secret, 16 bytes at least. ``life``: how long one is good."""

    def __init__(
        self,
        key: bytes,
        *,
        life: timedelta = timedelta(minutes=15),
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        nonce: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        if len(key) < 16:
            raise ValueError("a key of 16 bytes at least")
        self._key, self._life, self._now, self._nonce = key, life, now, nonce

    def issue(self, handoff_id: str, site: str) -> str:
        """A token for the packet ``handoff_id`` (a UUID) that only ``site`` may exchange.

        Raises:
            ValueError: the site's id is empty or too long, or the packet's is not a UUID.
        """
        name = site.encode()
        if not 0 < len(name) <= MAX_SITE:
            raise ValueError(f"a site's id has 1 to {MAX_SITE} bytes")
        expires = int((self._now() + self._life).timestamp())
        said = _HEAD.pack(_VERSION, UUID(handoff_id).bytes, expires, self._nonce(_NONCE_BYTES)) + name
        return base64.urlsafe_b64encode(said + self._mac(said)).rstrip(b"=").decode()

    def read(self, token: str, *, site: str) -> Reference:
        """What a token says, when ``site`` shows it.

        Raises:
            TokenForgedError: not one of ours, or altered.
            TokenSiteError: made for another site.
            TokenExpiredError: its time is over.
        """
        said, mac = _split(token)
        if not hmac.compare_digest(self._mac(said), mac):
            raise TokenForgedError("the reference is not one of ours")
        version, packet, expires, nonce = _HEAD.unpack(said[: _HEAD.size])
        if version != _VERSION:
            raise TokenForgedError("the reference is of another version")
        name = said[_HEAD.size :]
        if not hmac.compare_digest(name, site.encode()):
            raise TokenSiteError("the reference was made for another site")
        expires_at = datetime.fromtimestamp(expires, UTC)
        if self._now() >= expires_at:
            raise TokenExpiredError("the reference has expired")
        return Reference(str(UUID(bytes=packet)), name.decode(), expires_at, nonce.hex())

    def _mac(self, said: bytes) -> bytes:
        return hmac.digest(self._key, b"decroche handoff " + said, sha256)[:_MAC_BYTES]


def _split(token: str) -> tuple[bytes, bytes]:
    if len(token) >= MAX_LENGTH or not token.isascii():
        raise TokenForgedError("the reference is not one of ours")
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as err:
        raise TokenForgedError("the reference is not one of ours") from err
    # One spelling a token: what redeems them once only must not see two.
    canonical = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    if canonical != token or not 0 < len(raw) - _HEAD.size - _MAC_BYTES <= MAX_SITE:
        raise TokenForgedError("the reference is not one of ours")
    return raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
