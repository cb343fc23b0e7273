"""The fictional subscribers: the named ones, then random ones from a seed, the same every time. Pure."""

from __future__ import annotations

import json
import random
import unicodedata
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from actions.crm.accounts import BOX_MODELS, ERROR_CODES, PLANS, STEADY, Account, Cause, Situation, build
from actions.crm.fixtures import NAMED
from actions.crm.luhn import check_digit
from actions.crm.port import InvoiceLine, Subscriber

SIZE = 500
SEED = 20270101

_PEOPLE = json.loads(Path(__file__).with_name("people.json").read_text(encoding="utf-8"))
_OPTIONS = (
    InvoiceLine("Option Multi-écrans", "option", Decimal("5.00")),
    InvoiceLine("Option Jeunesse", "option", Decimal("3.00")),
    InvoiceLine("Option Documentaires", "option", Decimal("4.00")),
)
_FILMS = (
    "Le Phare de minuit",
    "Minuit à Roubaix",
    "La Petite Valse",
    "Les Marées",
    "Un été à Collioure",
    "Dernier Train pour Brest",
    "Le Jardin d'hiver",
    "Trois Frères et demi",
)
_FILM_PRICES = (Decimal("2.99"), Decimal("3.99"), Decimal("4.99"), Decimal("5.99"))
_FAULTS = ("no_power", "no_signal", "weak_signal", "hdmi", "network", "firmware", "disk_full", "remote")
_CLEARED_BY_REBOOT = {"no_signal": 0.5, "network": 0.7, "firmware": 0.9, "hdmi": 0.3}


def accounts(today: date, size: int = SIZE, seed: int = SEED) -> Iterator[Account]:
    """``size`` subscribers' files as they stand on ``today``, the named ones first, ids from 1."""
    chance = random.Random(seed)
    numbers = {named.number for named in NAMED}
    for position in range(size):
        identifier = position + 1
        if position < len(NAMED):
            named = NAMED[position]
            subscriber = Subscriber(
                identifier,
                named.number,
                named.title,
                named.first_name,
                named.last_name,
                named.phone,
                _email(named.first_name, named.last_name, identifier),
                named.postcode,
                named.birth_date,
            )
            situation = named.situation
        else:
            subscriber = _subscriber(identifier, chance, numbers)
            situation = _situation(chance, position)
        yield build(
            subscriber,
            situation,
            today,
            iban_end=f"{chance.randrange(10_000):04d}",
            serial_end=f"{identifier:04d}{chance.randrange(10_000):04d}",
        )


def _subscriber(identifier: int, chance: random.Random, numbers: set[str]) -> Subscriber:
    woman = chance.random() < 0.5
    first_name = chance.choice(_PEOPLE["women" if woman else "men"])
    last_name = chance.choice(_PEOPLE["last_names"])
    return Subscriber(
        id=identifier,
        number=_number(chance, numbers),
        title="Mme" if woman else "M.",
        first_name=first_name,
        last_name=last_name,
        phone="" if chance.random() < 0.05 else f"+3363998{identifier:04d}",
        email="" if chance.random() < 0.05 else _email(first_name, last_name, identifier),
        postcode=chance.choice(_PEOPLE["postcodes"]),
        birth_date=date(1935, 1, 1) + timedelta(days=chance.randrange(70 * 365)),
    )


def _number(chance: random.Random, numbers: set[str]) -> str:
    while True:
        payload = str(chance.randrange(1_000_000, 10_000_000))
        number = payload + check_digit(payload)
        if number not in numbers:
            numbers.add(number)
            return number


def _email(first_name: str, last_name: str, identifier: int) -> str:
    plain = unicodedata.normalize("NFKD", f"{first_name}.{last_name}".replace(" ", "-"))
    local = plain.encode("ascii", "ignore").decode().lower()
    return f"{local}{identifier}@courriel.example"  # .example can never be delivered to (RFC 2606)


def _situation(chance: random.Random, position: int) -> Situation:
    tenure = min(1 + int(chance.expovariate(1 / 30)), 180)
    # A commitment of 12 or 24 months from the start, and some that were renewed.
    months_left = chance.choice((12, 24)) - tenure
    if months_left <= 0:
        months_left = chance.randrange(1, 12) if chance.random() < 0.25 else 0
    fault = _FAULTS[position % len(_FAULTS)] if chance.random() < 0.35 else "none"
    causes = tuple(_cause(chance) for _ in STEADY)
    status = chance.choices(("active", "suspended", "cancelled"), (92, 4, 4))[0]
    unpaid = chance.choices((0, 1, 2), (92, 5, 3))[0]
    if status == "suspended":
        unpaid = max(unpaid, 2)
    film = InvoiceLine(f"Film « {chance.choice(_FILMS)} »", "purchase", chance.choice(_FILM_PRICES))
    calls = InvoiceLine("Appels hors forfait", "call", Decimal(chance.randrange(120, 2400)).scaleb(-2))
    cancelled = status == "cancelled"
    return Situation(
        plan=chance.choice(tuple(PLANS)),
        tenure_months=tenure + 6 if cancelled else tenure,
        months_left=0 if cancelled else months_left,
        causes=_once_each(causes),
        option=chance.choice(_OPTIONS),
        film=film,
        calls=calls,
        promotion=tenure <= 12 and chance.random() < 0.5 and Cause.PROMOTION_ENDED not in causes,
        unpaid=unpaid,
        status=status,
        ended_days_ago=chance.randrange(5, 90) if cancelled else 0,
        payment_method=chance.choices(("direct_debit", "card", "transfer"), (75, 15, 10))[0],
        payment_day=chance.choice((5, 10, 15, 20, 25)),
        box_model=chance.choice(tuple(BOX_MODELS)),
        fault=fault,
        error_code=ERROR_CODES.get(fault, "") if chance.random() < 0.6 else "",
        reboot_clears=chance.random() < _CLEARED_BY_REBOOT.get(fault, 0.0),
        dispute=chance.random() < 0.08,
        appointment="technician" if fault != "none" and status == "active" and chance.random() < 0.1 else "",
    )


def _cause(chance: random.Random) -> Cause:
    causes = tuple(Cause)
    return chance.choices(causes, tuple(60 if cause is Cause.NONE else 6 for cause in causes))[0]


def _once_each(causes: tuple[Cause, ...]) -> tuple[Cause, ...]:
    """A promotion ends once and an option is added once: later repeats become ordinary months."""
    lasting = (Cause.PROMOTION_ENDED, Cause.OPTION_ADDED, Cause.PRICE_CHANGE)
    return tuple(
        Cause.NONE if cause in lasting and cause in causes[:month] else cause
        for month, cause in enumerate(causes)
    )
