"""A fictional subscriber's whole file, built from who they are and what their situation is. No clock, no chance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum

from dateutil.relativedelta import relativedelta

from actions.crm.port import Box, BoxTest, Contract, Invoice, InvoiceLine, Subscriber

MONTHS_OF_INVOICES = 4

PLANS = {
    "essentiel": ("Essentiel", Decimal("19.90")),
    "cinema": ("Ciné Séries", Decimal("34.90")),
    "sport": ("Sport", Decimal("39.90")),
    "integral": ("Intégral", Decimal("59.90")),
}

PROMOTION = InvoiceLine("Remise de bienvenue", "discount", Decimal("-10.00"))
DEFAULT_OPTION = InvoiceLine("Option Multi-écrans", "option", Decimal("5.00"))
DEFAULT_FILM = InvoiceLine("Film « Le Phare de minuit »", "purchase", Decimal("4.99"))
DEFAULT_CALLS = InvoiceLine("Appels hors forfait", "call", Decimal("8.40"))
LATE_FEE = InvoiceLine("Frais de retard de paiement", "fee", Decimal("7.50"))
PRICE_RISE = Decimal("2.00")

HEALTHY_DB = 14.5  # signal-to-noise ratio of a dish in clear weather; pictures break up under about 7 dB
WEAK_DB = 5.5
BOX_MODELS = {"Box 4K": "LB4K", "Box Mini": "LBMN", "Box Satellite": "LBSA"}
ERROR_CODES = {
    "no_signal": "P13",
    "weak_signal": "P12",
    "network": "N21",
    "firmware": "F07",
    "disk_full": "D30",
}


class Cause(Enum):
    """Why an invoice is higher than the one before it, or that it is not."""

    NONE = "none"
    PROMOTION_ENDED = "promotion_ended"
    FILM = "film"
    CALLS = "calls"
    OPTION_ADDED = "option_added"
    LATE_FEE = "late_fee"
    PRICE_CHANGE = "price_change"
    DUPLICATE = "duplicate"  # the same film charged twice


STEADY = (Cause.NONE,) * MONTHS_OF_INVOICES


@dataclass(frozen=True)
class Situation:
    """What a subscriber's file says, relative to the day it is built for.

    ``tenure_months``: age of the contract. ``months_left``: of commitment, 0 without. ``causes``: oldest invoice
    first, one for each of the last four months. ``unpaid``: how many of the months before this one, newest first,
    were never paid. ``ended_days_ago``: of a cancelled contract. ``fault``, ``error_code``: as in
    :class:`~actions.crm.port.BoxTest`; ``reboot_clears``: a reboot repairs it. ``dispute``: the newest purchase, call
    or fee line is contested. ``appointment``: kind of a booked slot, or empty.
    """

    plan: str = "cinema"
    tenure_months: int = 30
    months_left: int = 0
    causes: tuple[Cause, ...] = STEADY
    option: InvoiceLine = DEFAULT_OPTION
    film: InvoiceLine = DEFAULT_FILM
    calls: InvoiceLine = DEFAULT_CALLS
    promotion: bool = False  # still running on the newest invoice
    unpaid: int = 0
    status: str = "active"
    ended_days_ago: int = 0
    payment_method: str = "direct_debit"
    payment_day: int = 10
    box_model: str = "Box 4K"
    fault: str = "none"
    error_code: str = ""
    reboot_clears: bool = False
    dispute: bool = False
    appointment: str = ""


@dataclass(frozen=True)
class Account:
    """Everything the subscriber system holds on one subscriber. ``contested``: an invoice and one of its lines."""

    subscriber: Subscriber
    contract: Contract
    invoices: tuple[Invoice, ...]  # oldest first
    box: Box
    box_state: BoxTest
    reboot_clears: bool
    contested: tuple[Invoice, InvoiceLine] | None = None
    appointment: str = ""
    situation: Situation = field(default_factory=Situation)


def build(
    subscriber: Subscriber, situation: Situation, today: date, iban_end: str, serial_end: str
) -> Account:
    """The file of ``subscriber`` in ``situation`` as it stands on ``today``; ids derive from the subscriber's."""
    ended_on = today - timedelta(days=situation.ended_days_ago) if situation.status == "cancelled" else None
    invoices = tuple(_invoices(subscriber.id, situation, today, ended_on))
    started_on = today - relativedelta(months=situation.tenure_months)
    contract = Contract(
        id=subscriber.id,
        plan=situation.plan,
        plan_name=PLANS[situation.plan][0],
        monthly_price=_recurring(situation),
        started_on=started_on,
        committed_until=today + relativedelta(months=situation.months_left)
        if situation.months_left
        else None,
        status=situation.status,
        payment_method=situation.payment_method,
        payment_day=situation.payment_day,
        iban_end=iban_end,
        ends_on=ended_on,
    )
    box = Box(
        id=subscriber.id,
        model=situation.box_model,
        serial=f"{BOX_MODELS[situation.box_model]}{serial_end}",
        installed_on=started_on + timedelta(days=4),
    )
    return Account(
        subscriber,
        contract,
        invoices,
        box,
        box_state(situation.fault, situation.error_code),
        situation.reboot_clears,
        _contested(invoices) if situation.dispute else None,
        situation.appointment,
        situation,
    )


def box_state(fault: str, error_code: str = "") -> BoxTest:
    """What a remote test sees of a box with ``fault``."""
    if fault == "no_power":
        return BoxTest(reachable=False, signal_db=None, network_ok=False, fault=fault)
    signal = {"no_signal": 0.0, "weak_signal": WEAK_DB}.get(fault, HEALTHY_DB)
    return BoxTest(
        reachable=True, signal_db=signal, network_ok=fault != "network", fault=fault, error_code=error_code
    )


def invoice_total(lines: tuple[InvoiceLine, ...]) -> Decimal:
    """Sum of the lines, in euros."""
    return sum((line.amount for line in lines), Decimal("0.00"))


def _recurring(situation: Situation) -> Decimal:
    newest = _lines(situation, MONTHS_OF_INVOICES - 1)
    return invoice_total(tuple(line for line in newest if line.kind in ("plan", "option", "discount")))


def _lines(situation: Situation, month: int) -> tuple[InvoiceLine, ...]:
    """Lines of the invoice of ``month`` (0: oldest). What a later month changes had not happened yet."""
    to_come = situation.causes[month + 1 :]
    so_far = situation.causes[: month + 1]
    name, price = PLANS[situation.plan]
    lines = [
        InvoiceLine(f"Abonnement {name}", "plan", price - PRICE_RISE * to_come.count(Cause.PRICE_CHANGE))
    ]
    if Cause.OPTION_ADDED in so_far:
        lines.append(situation.option)
    if situation.promotion or Cause.PROMOTION_ENDED in to_come:
        lines.append(PROMOTION)
    once = {
        Cause.FILM: (situation.film,),
        Cause.DUPLICATE: (situation.film, situation.film),
        Cause.CALLS: (situation.calls,),
        Cause.LATE_FEE: (LATE_FEE,),
    }
    lines.extend(once.get(situation.causes[month], ()))
    return tuple(lines)


def _invoices(
    subscriber_id: int, situation: Situation, today: date, ended_on: date | None
) -> Iterator[Invoice]:
    newest = (ended_on or today).replace(day=1)
    first_billed = today - relativedelta(months=situation.tenure_months)
    for month in range(MONTHS_OF_INVOICES):
        age = MONTHS_OF_INVOICES - 1 - month
        issued_on = newest - relativedelta(months=age)
        if issued_on < first_billed:
            continue
        due_on = issued_on.replace(day=situation.payment_day)
        # With anything unpaid, the current month joins it once its own date has passed.
        unpaid = 0 < situation.unpaid >= age
        status = "due" if due_on >= today else "late" if unpaid else "paid"
        lines = _lines(situation, month)
        yield Invoice(
            id=subscriber_id * 10 + month,
            number=f"{issued_on:%Y%m}-{subscriber_id:05d}",
            issued_on=issued_on,
            due_on=due_on,
            total=invoice_total(lines),
            status=status,
            lines=lines,
        )


def _contested(invoices: tuple[Invoice, ...]) -> tuple[Invoice, InvoiceLine] | None:
    for invoice in reversed(invoices):
        for line in invoice.lines:
            if line.kind in ("purchase", "call", "fee"):
                return invoice, line
    return None
