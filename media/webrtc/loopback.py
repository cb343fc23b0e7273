"""Loopback addresses as ICE candidates: the one place where aioice is patched.

aioice leaves 127.0.0.1 out of its host candidates, so a caller on the machine itself cannot be reached where
no other interface exists (a container, a laptop without network) or where the server is bound to loopback on
purpose. The address list is a module function without a setting, hence the patch. It only ever adds an
address, and only where a setting asks for it.
"""

from __future__ import annotations

import aioice.ice

_LOOPBACK = "127.0.0.1"
_gather = aioice.ice.get_host_addresses


def _with_loopback(use_ipv4: bool, use_ipv6: bool) -> list[str]:
    addresses = _gather(use_ipv4, use_ipv6)
    return [_LOOPBACK, *addresses] if use_ipv4 and _LOOPBACK not in addresses else addresses


def offer_loopback_candidates(enabled: bool) -> None:
    """Make every later peer connection of this process offer 127.0.0.1 too, or stop doing so."""
    aioice.ice.get_host_addresses = _with_loopback if enabled else _gather
