"""Booking once: what makes a repeated turn, a retry after a time-out or two racing workers write a single time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.engine import Connection

from actions.crm import tables as t
from actions.crm.database import ConstraintError, Database
from actions.crm.port import Booking, ConflictError, NotFoundError

_ATTEMPTS = (
    5  # one is enough; a second after losing a race for the key; the rest for references already taken
)


@dataclass(frozen=True)
class Request:
    """A write as it was asked for. ``kind``: of reference. ``arguments``: JSON values that tell two requests apart."""

    kind: str
    key: str
    subscriber_id: int
    arguments: Mapping[str, str | int]


class AlreadyBookedError(Exception):
    """Raised by an effect: what it should do stands already, under ``reference``."""

    def __init__(self, reference: str) -> None:
        super().__init__(reference)
        self.reference = reference


Effect = Callable[[Connection, str], None]
"""The change that a booking makes, given the open transaction and the booking's reference."""


class BookingDesk:
    """Runs effects, each in one transaction with its booking: both are written or neither is."""

    def __init__(
        self, database: Database, clock: Callable[[], datetime], reference: Callable[[str], str]
    ) -> None:
        self._database = database
        self._clock = clock
        self._reference = reference

    def book(self, request: Request, effect: Effect) -> Booking:
        """Book ``request``, or give back the booking that its key, or its effect, already has.

        Raises NotFoundError for an unknown subscriber, ConflictError when the key was used for something else,
        CrmUnavailableError, ValueError for an empty key, and what ``effect`` raises.
        """
        if not request.key:
            raise ValueError("a booking needs an idempotency key")
        for attempt in range(1, _ATTEMPTS + 1):
            reference = self._reference(request.kind)
            try:
                with self._database.write() as connection:
                    # Writes for one subscriber queue here, so a repeat that races finds the first one's booking.
                    lock_subscriber(connection, request.subscriber_id)
                    earlier = _earlier(connection, request)
                    if earlier is not None:
                        return earlier
                    self._insert(connection, request, reference)
                    effect(connection, reference)
                    return Booking(reference)
            except AlreadyBookedError as err:
                return Booking(err.reference, repeated=True)
            except ConstraintError:
                # The key was taken meanwhile for another subscriber, or the reference exists: look again.
                if attempt == _ATTEMPTS:
                    raise
        raise AssertionError("the last attempt returns or raises")

    def _insert(self, connection: Connection, request: Request, reference: str) -> None:
        connection.execute(
            t.bookings.insert().values(
                reference=reference,
                key=request.key,
                kind=request.kind,
                subscriber_id=request.subscriber_id,
                arguments=dict(request.arguments),
                booked_at=self._clock(),
            )
        )


def lock_subscriber(connection: Connection, subscriber_id: int) -> None:
    """Hold the subscriber's row until the transaction ends. Raises NotFoundError."""
    statement = select(t.subscribers.c.id).where(t.subscribers.c.id == subscriber_id).with_for_update()
    if connection.execute(statement).first() is None:
        raise NotFoundError("no such subscriber")


def _earlier(connection: Connection, request: Request) -> Booking | None:
    row = connection.execute(select(t.bookings).where(t.bookings.c.key == request.key)).first()
    if row is None:
        return None
    if (row.kind, row.subscriber_id, row.arguments) != (
        request.kind,
        request.subscriber_id,
        dict(request.arguments),
    ):
        raise ConflictError("this key was used for another booking")
    return Booking(row.reference, repeated=True)
