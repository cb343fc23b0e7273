"""A partner's own system exchanges the reference that came with a call for the context packet, once.

The packet is read before the reference is used up: a database that fails in between costs nobody their packet.
"""

from __future__ import annotations

from typing import Any, Protocol

from bot.errors import NotFoundError
from bot.handoff.token import HandoffTokens, Reference


class Packets(Protocol):
    """Where packets are read."""

    async def handoff(self, handoff_id: str) -> dict[str, Any] | None:
        """The newest packet under an id, as JSON; None: no such packet."""
        ...


class Used(Protocol):
    """What remembers which references have been exchanged."""

    async def redeemed(self, who: str, site: str, reference: Reference) -> None:
        """See :meth:`bot.audit.log.AuditLog.redeemed`."""
        ...


class Redeemer:
    """See the module."""

    def __init__(self, tokens: HandoffTokens, packets: Packets, used: Used) -> None:
        self._tokens = tokens
        self._packets = packets
        self._used = used

    async def redeem(self, token: str, *, site: str, who: str) -> dict[str, Any]:
        """The packet behind ``token``, for ``site``; ``who``: the client that shows it.

        Raises:
            TokenForgedError: not one of ours, or altered.
            TokenSiteError: made for another site.
            TokenExpiredError: its time is over.
            TokenUsedError: it has been exchanged already.
            NotFoundError: there is no such packet (yet).
            StoreError: the database failed; the reference is still good.
        """
        reference = self._tokens.read(token, site=site)
        packet = await self._packets.handoff(reference.handoff_id)
        if packet is None:
            raise NotFoundError("no such packet")
        await self._used.redeemed(who, site, reference)
        return packet
