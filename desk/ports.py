"""What the desk needs of the bot beyond :mod:`bot.ports`; ``bot/desk.py`` gives it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, Protocol

from bot.events import CallEvent
from desk.models import Contact


class Cases(Protocol):
    """The calls, as far as an agent may know them."""

    async def packet(self, handoff_id: str) -> Mapping[str, Any] | None:
        """The context packet as it stands, masked, as JSON; None: no such packet.

        Raises:
            StoreError: the record cannot be read now.
        """
        ...

    async def unmasked(self, handoff_id: str, field: str) -> str | None:
        """One field (``caller.number``) in full; None: no such packet or field.

        Raises:
            StoreError: the record cannot be read now.
        """
        ...

    def follow(
        self, call_id: str
    ) -> AbstractAsyncContextManager[AsyncIterator[tuple[int, CallEvent]] | None]:
        """Every event of a call so far, each with its number, then the next ones until it ends; None: no such call.

        Raises:
            CapacityError: too many follow calls already.
            StoreError: the record cannot be read now.
        """
        ...


class Level2(Protocol):
    """Calls back by the level-2 team."""

    async def schedule(self, handoff_id: str, *, reason: str, at: datetime | None, origin: str) -> datetime:
        """Promise one to the caller of a packet, at ``at`` or as soon as may be; returns when they will be rung.

        ``origin``: the same one twice makes one callback.

        Raises:
            NumberRefusedError: the caller's number is not known, or not rung.
            InputError, RateLimitedError, CapacityError, StoreError: as a request for a callback.
        """
        ...


class Headsets(Protocol):
    """The headsets of browsers, by the agent's id."""

    async def open(self, agent_id: str, sdp: str, kind: str = "offer") -> str:
        """Connect one, or connect it again; the SDP answer.

        Raises:
            InputError: the offer cannot become a headset.
            TransportError: it could not be set up in time.
        """
        ...

    async def close(self, agent_id: str) -> None:
        """The agent has signed out; no effect when there is none."""
        ...


class Contacts(Protocol):
    """Where each agent's part in each call is kept."""

    def keep(self, contact: Contact) -> None:
        """Write it as it stands now, replacing what was written under its id. Never blocks, never raises."""
        ...
