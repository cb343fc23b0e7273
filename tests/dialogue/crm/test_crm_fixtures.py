"""The named subscribers are what docs/crm.md and their names say; scripts rely on them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from actions.crm.fixtures import NAMED, Named
from actions.crm.luhn import is_valid
from actions.crm.port import Subscriber
from actions.crm.sql import SqlCrm

from .conftest import named

ROOT = Path(__file__).parents[3]


def test_names_and_numbers_are_unique_and_numbers_valid() -> None:
    assert len({subscriber.name for subscriber in NAMED}) == len(NAMED)
    assert len({subscriber.number for subscriber in NAMED}) == len(NAMED)
    assert all(re.fullmatch("[0-9]{8}", subscriber.number) for subscriber in NAMED)
    assert all(is_valid(subscriber.number) for subscriber in NAMED)


def test_the_documentation_lists_each_as_it_is() -> None:
    rows = [
        [cell.strip(" `") for cell in line.strip("|").split("|")]
        for line in (ROOT / "docs" / "crm.md").read_text(encoding="utf-8").splitlines()
        if re.match(r"\| [0-9]+ \|", line)
    ]
    assert [row[:8] for row in rows] == [
        [
            str(position),
            one.name,
            one.number,
            one.phone or "–",
            one.postcode,
            one.birth_date.isoformat(),
            f"{one.title} {one.first_name} {one.last_name}",
            one.situation.plan,
        ]
        for position, one in enumerate(NAMED, 1)
    ]


@pytest.mark.parametrize("one", NAMED, ids=lambda one: one.name)
def test_each_can_be_identified_by_number(crm: SqlCrm, one: Named) -> None:
    found = crm.find_by_number(one.number)
    assert found == Subscriber(
        id=named(one.name),
        number=one.number,
        title=one.title,
        first_name=one.first_name,
        last_name=one.last_name,
        phone=one.phone,
        email=found.email if found else "",
        postcode=one.postcode,
        birth_date=one.birth_date,
    )


@pytest.mark.parametrize(
    ("name", "kind", "amounts"),
    [
        ("promotion_ended", "discount", []),
        ("duplicate_charge", "purchase", ["5.99", "5.99"]),
        ("film_bought", "purchase", ["4.99"]),
        ("calls_billed", "call", ["8.40"]),
        ("option_added", "option", ["5.00"]),
        ("unpaid", "fee", ["7.50"]),
        ("charge_above_limit", "call", ["612.40"]),
    ],
)
def test_the_newest_invoice_is_higher_for_the_reason_named(
    crm: SqlCrm, name: str, kind: str, amounts: list[str]
) -> None:
    newest, before = crm.invoices(named(name), limit=2)
    assert newest.total > before.total
    assert [str(line.amount) for line in newest.lines if line.kind == kind] == amounts
    assert len(newest.lines) != len(before.lines)


def test_a_price_change_shows_in_the_plan_line(crm: SqlCrm) -> None:
    newest, before = crm.invoices(named("price_change"), limit=2)
    assert [str(invoice.lines[0].amount) for invoice in (newest, before)] == ["39.90", "37.90"]


def test_the_steady_one_pays_the_same_every_month(crm: SqlCrm) -> None:
    assert len({invoice.total for invoice in crm.invoices(named("steady"), limit=4)}) == 1


@pytest.mark.parametrize(("name", "late"), [("unpaid", 2), ("suspended", 3), ("steady", 0)])
def test_unpaid_invoices_are_late(crm: SqlCrm, name: str, late: int) -> None:
    statuses = [invoice.status for invoice in crm.invoices(named(name), limit=4)]
    assert (
        statuses.count("late") == late
    )  # on the 15th, this month's invoice, due on the 5th, is late as well


def test_contracts_are_in_the_state_named(crm: SqlCrm) -> None:
    states = {name: crm.contract(named(name)).status for name in ("already_cancelled", "suspended", "steady")}
    assert states == {"already_cancelled": "cancelled", "suspended": "suspended", "steady": "active"}


@pytest.mark.parametrize(
    ("name", "offers"),
    [
        ("free_of_commitment", ["fidelity12", "pause3", "essentiel"]),
        ("only_fidelity12", ["fidelity12"]),
        ("only_pause3_and_essentiel", ["pause3", "essentiel"]),
        ("only_essentiel", ["essentiel"]),
        ("no_offer", []),
    ],
)
def test_the_shipped_policy_allows_the_offers_named(name: str, offers: list[str]) -> None:
    """By ``operator.yml`` alone, before its ``max_offers``: a change of the policy must change the names too."""
    operator = yaml.safe_load((ROOT / "operator.yml").read_text(encoding="utf-8"))
    situation = NAMED[named(name) - 1].situation
    allowed = [
        offer["id"]
        for offer in operator["offers"]
        if situation.plan in offer["eligible"]["plans"]
        and situation.tenure_months >= offer["eligible"]["min_tenure_months"]
    ]
    assert allowed == offers


def test_the_charge_above_the_limit_is_above_the_shipped_limit() -> None:
    operator = yaml.safe_load((ROOT / "operator.yml").read_text(encoding="utf-8"))
    charge = NAMED[named("charge_above_limit") - 1].situation.calls.amount
    assert charge > operator["policy"]["contested_charge_limit"]
