"""Asking for a callback, looking at it, calling it off."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import structlog

from bot.callbacks.model import Callback, Kind, State
from bot.callbacks.numbers import subscriber_line
from bot.callbacks.policy import CallbackPolicy
from bot.callbacks.store import CallbackFilter, CallbackStore
from bot.errors import CapacityError, InputError, NotFoundError, RateLimitedError, StoreError
from bot.ports import CallbackContext
from bot.record.redact import redact

log = structlog.get_logger(__name__)

ASKED_AT_MOST = timedelta(days=30)
"""How far ahead a time may be named."""

_RACES = 3
"""How often somebody may be faster at the same number before we give up."""


def utc_now() -> datetime:
    """The time."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Wanted:
    """What is asked for. ``number``: as typed. ``asked_at``: a time named by the subscriber, aware. ``origin``: the
    same one never makes a second callback."""

    number: str
    reason: str = ""
    kind: Kind = Kind.WEB
    asked_at: datetime | None = None
    case_id: str = ""
    call_id: str = ""
    origin: str | None = None


@dataclass(frozen=True)
class Requested:
    """The callback that stands for a request. ``created``: by this request, not by an earlier one."""

    callback: Callback
    created: bool


class CallbackService:
    """Implements :class:`bot.ports.Callbacks`. Every method may raise :class:`~bot.errors.StoreError`.

    ``line``: whether there is a telephone line to keep a promise with. ``now``: the time, aware.
    """

    def __init__(
        self,
        store: CallbackStore,
        policy: CallbackPolicy,
        *,
        line: bool = True,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._store = store
        self._policy = policy
        self._line = line
        self.now = now
        self.on_new: Callable[[], None] = lambda: None
        """Called when there is a new callback: the dialer's alarm clock."""
        self.on_cancelled: Callable[[str], None] = lambda _: None
        """Called with the id of a callback that was called off while it was being rung."""

    def opens(self, now: datetime) -> datetime | None:
        """When somebody in metropolitan France who asks ``now`` will be rung; None: at once."""
        at = self._policy.promise(now, "FR", "Europe/Paris")
        return at if at > now else None

    async def request(self, wanted: Wanted) -> Requested:
        """A callback, or the one that is open for that number already.

        Raises:
            NumberRefusedError: not a number that is rung.
            InputError: too far ahead, or an origin that was used for another number.
            RateLimitedError: too many for that number, or in all.
            CapacityError: there is no telephone line.
        """
        if not self._line:
            raise CapacityError("no telephone line is set up: nobody can be rung")
        line = subscriber_line(wanted.number, self._policy.rules.prefixes)
        now = self.now()
        if wanted.asked_at is not None and wanted.asked_at > now + ASKED_AT_MOST:
            raise InputError(f"at: more than {ASKED_AT_MOST.days} days ahead")
        promised = self._policy.promise(now, line.region, line.zone, wanted.asked_at)
        new = Callback(
            callback_id=str(uuid.uuid4()), kind=wanted.kind, number=line.number, region=line.region,
            zone=line.zone, reason=_tidy(wanted.reason), requested_at=now,
            promised_at=promised, due_at=promised, case_id=wanted.case_id, call_id=wanted.call_id,
            origin=wanted.origin, asked_at=wanted.asked_at,
        )  # fmt: skip
        for _ in range(_RACES):
            if found := await self._standing(new):
                return Requested(found, created=False)
            await self._limit(new)
            if await self._store.add(new):
                log.info("callback.requested", callback_id=new.callback_id, kind=new.kind.value)
                self.on_new()
                return Requested(new, created=True)
        raise StoreError("callbacks: too many requests for one number at once")

    async def get(self, callback_id: str) -> Callback:
        """One callback.

        Raises:
            NotFoundError: there is none.
        """
        found = await self._store.get(callback_id)
        if found is None:
            raise NotFoundError(f"no callback {callback_id}")
        return found

    async def find(self, wanted: CallbackFilter) -> list[Callback]:
        """Callbacks, newest first."""
        return await self._store.find(wanted)

    async def cancel(self, callback_id: str) -> Callback:
        """Call it off; a telephone that rings falls silent. What is over already stays as it is.

        Raises:
            NotFoundError: there is none.
        """
        for _ in range(_RACES):
            before = await self.get(callback_id)
            after = self._policy.cancel(before, self.now())
            if after is before:
                return before
            if saved := await self._store.save(before, after):
                log.info("callback.cancelled", callback_id=callback_id)
                if before.state is State.DIALLING:
                    self.on_cancelled(callback_id)
                return saved
        raise StoreError("callbacks: this one keeps changing")

    async def context(self, callback_id: str) -> CallbackContext | None:
        """See :class:`bot.ports.Callbacks`."""
        callback = await self._store.get(callback_id)
        if callback is None:
            return None
        packet = await self._store.packet(callback.call_id) if callback.call_id else None
        context = CallbackContext(
            callback_id=callback.callback_id, kind=callback.kind.value, reason=callback.reason,
            requested_at=callback.requested_at, case_id=callback.case_id, call_id=callback.call_id,
        )  # fmt: skip
        if packet is None:
            return context
        subscriber = packet.get("identity", {}).get("subscriber", {}).get("name", "")
        return replace(context, subscriber=subscriber, summary=packet.get("summary", ""))

    # --- inside

    async def _standing(self, new: Callback) -> Callback | None:
        """The callback that already stands for what is asked."""
        if new.origin is not None and (found := await self._store.of_origin(new.origin)):
            if found.number != new.number:
                raise InputError("Idempotency-Key: used before, for another number")
            return found
        return await self._store.open_for(new.number)

    async def _limit(self, new: Callback) -> None:
        limits, now = self._policy.rules.limits, new.requested_at
        if await self._store.count_asked(now - timedelta(days=1), new.number) >= limits.per_number_day:
            raise RateLimitedError("number: rung as often as is allowed in a day")
        if await self._store.count_asked(now - timedelta(hours=1)) >= limits.per_hour:
            log.warning("callback.hourly_limit", per_hour=limits.per_hour)
            raise RateLimitedError("as many callbacks as are allowed in an hour")


def _tidy(reason: str) -> str:
    """One line of printable text without secrets: it is shown to agents and kept."""
    return redact("".join(c for c in " ".join(reason.split()) if c.isprintable()))
