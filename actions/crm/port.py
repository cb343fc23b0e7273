"""What the actions need from the operator's subscriber system, whatever it is: the ``Crm`` and ``BoxPort`` protocols.

Amounts are ``decimal.Decimal`` euros, dates are ``datetime.date``. Every write takes an idempotency
``key``: the same key never books twice and gives back the first booking.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol


class CrmError(Exception):
    """Base of what a CRM may raise."""

    code = "crm.error"


class CrmUnavailableError(CrmError):
    """The system did not answer in time or refused the connection; nothing is known of a write."""

    code = "crm.unavailable"


class NotFoundError(CrmError):
    """No such subscriber, invoice, box, slot…"""

    code = "crm.not_found"


class ConflictError(CrmError):
    """The write contradicts the state of things (already cancelled, slot taken) or makes no sense (the 31st)."""

    code = "crm.conflict"


@dataclass(frozen=True)
class Subscriber:
    """A subscriber. ``number``: 8 digits with Luhn check. ``phone``: E.164."""

    id: int
    number: str
    title: str  # M. | Mme
    first_name: str
    last_name: str
    phone: str
    email: str
    postcode: str
    birth_date: date


@dataclass(frozen=True)
class Contract:
    """The one running contract. ``committed_until``: None without commitment.

    ``status``: active | suspended | cancelled. ``ends_on``: last day of a cancelled contract, which may lie
    ahead. ``resumes_on``: when a paused one starts again.
    """

    id: int
    plan: str  # essentiel | cinema | sport | integral
    plan_name: str
    monthly_price: Decimal
    started_on: date
    committed_until: date | None
    status: str
    payment_method: str  # direct_debit | card | transfer
    payment_day: int
    iban_end: str  # last four characters
    ends_on: date | None = None
    resumes_on: date | None = None


@dataclass(frozen=True)
class InvoiceLine:
    """``kind``: plan | option | purchase | discount | fee | call."""

    label: str
    kind: str
    amount: Decimal


@dataclass(frozen=True)
class Invoice:
    """``status``: due | paid | late. Lines sum to ``total``."""

    id: int
    number: str
    issued_on: date
    due_on: date
    total: Decimal
    status: str
    lines: tuple[InvoiceLine, ...] = field(default_factory=tuple)


@dataclass(frozen=True)
class Box:
    """``model``: as a caller knows it. ``serial``: full."""

    id: int
    model: str
    serial: str
    installed_on: date


@dataclass(frozen=True)
class Booking:
    """A completed write: ``reference`` is told to the caller (``D-4F7K2``).

    ``repeated``: nothing new was written, because the key had been used or the very thing was booked before
    (the same charge disputed in an earlier call, the same slot): the reference is that of the first booking.
    """

    reference: str
    repeated: bool = False


@dataclass(frozen=True)
class Slot:
    """An appointment or delivery slot. ``starts_at``: local time with offset."""

    id: int
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True)
class Dispute:
    """A contested charge. ``amount``: euros. ``status``: open | settled."""

    reference: str
    invoice_id: int
    label: str
    amount: Decimal
    status: str


@dataclass(frozen=True)
class Appointment:
    """A booked slot. ``kind``: replacement | technician | callback. Local times with offset."""

    reference: str
    kind: str
    starts_at: datetime
    ends_at: datetime


class Crm(Protocol):
    """The operator's subscriber system. Every method may raise :class:`CrmUnavailableError`."""

    def find_by_phone(self, phone: str) -> Subscriber | None:
        """By E.164 number. None when nobody has it and when several subscribers do."""
        ...

    def find_by_number(self, number: str) -> Subscriber | None: ...

    def contract(self, subscriber_id: int) -> Contract:
        """Raises NotFoundError."""
        ...

    def invoices(self, subscriber_id: int, limit: int = 3) -> tuple[Invoice, ...]:
        """Newest first, with lines."""
        ...

    def box(self, subscriber_id: int) -> Box:
        """Raises NotFoundError."""
        ...

    def open_dispute(
        self, subscriber_id: int, invoice_id: int, label: str, amount: Decimal, key: str
    ) -> Booking: ...

    def change_payment_day(self, subscriber_id: int, day: int, key: str) -> Booking: ...

    def send_invoice(self, subscriber_id: int, invoice_id: int, by: str, key: str) -> Booking:
        """``by``: email | sms."""
        ...

    def cancel_contract(self, subscriber_id: int, ends_on: date, reason: str, key: str) -> Booking:
        """Raises ConflictError when already cancelled."""
        ...

    def accept_offer(
        self, subscriber_id: int, offer_id: str, commitment_months: int, monthly_discount: Decimal, key: str
    ) -> Booking: ...

    def log_offer(self, subscriber_id: int, call_id: str, offer_id: str, answer: str) -> None:
        """The offers audit: ``answer`` proposed | accepted | refused. Append only."""
        ...

    def slots(self, subscriber_id: int, kind: str, after: datetime, limit: int = 3) -> tuple[Slot, ...]:
        """Free slots. ``kind``: replacement | technician | callback."""
        ...

    def book(self, subscriber_id: int, kind: str, slot_id: int, key: str) -> Booking:
        """Take a slot; a coming appointment of the same kind is moved. Raises ConflictError when the slot is taken."""
        ...

    def disputes(self, subscriber_id: int) -> tuple[Dispute, ...]:
        """Newest first."""
        ...

    def appointments(self, subscriber_id: int) -> tuple[Appointment, ...]:
        """Those to come, soonest first."""
        ...


@dataclass(frozen=True)
class BoxTest:
    """A remote test.

    ``fault``: none | no_power | no_signal | weak_signal | hdmi | network | firmware | disk_full | remote.
    ``signal_db``: quality, None when unmeasured. ``error_code``: on the front panel, e.g. ``P13``, or empty.
    """

    reachable: bool
    signal_db: float | None
    network_ok: bool
    fault: str
    error_code: str = ""


class BoxPort(Protocol):
    """Remote line and box operations. May raise :class:`CrmUnavailableError`."""

    def test(self, box: Box) -> BoxTest: ...

    def reboot(self, box: Box) -> BoxTest:
        """Reboot and test again."""
        ...
