"""A cancellation's position and offers: never a charge the rules do not allow, never an offer not allowed."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.crm.port import Contract
from actions.operator import Offer, Policy
from actions.policy import add_months, eligible_offers, position, whole_months

TODAY = date(2027, 3, 15)
POLICY = Policy(
    contested_charge_limit=Decimal(500),
    payment_dates=(5, 10),
    notice_days=30,
    early_termination_share=Decimal("0.25"),
    max_offers=2,
    box_reboots=1,
)


def contract(
    started_on: date = date(2025, 1, 15),
    committed_until: date | None = None,
    price: str = "40.00",
    plan: str = "cinema",
) -> Contract:
    return Contract(
        1, plan, plan.title(), Decimal(price), started_on, committed_until, "active", "card", 10, "0000"
    )


days = st.dates(date(2020, 1, 1), date(2030, 12, 31))
contracts = st.builds(
    contract,
    started_on=st.dates(date(2020, 1, 1), date(2027, 3, 15)),
    committed_until=st.none() | st.dates(date(2020, 1, 1), date(2031, 1, 1)),
    price=st.decimals(Decimal("1"), Decimal("99.99"), places=2).map(str),
    plan=st.sampled_from(["essentiel", "cinema", "sport", "integral"]),
)


def test_without_commitment_only_the_notice_counts() -> None:
    where = position(contract(), TODAY, POLICY)
    assert (where.ends_on, where.fees, where.committed_until) == (date(2027, 4, 14), Decimal(0), None)


def test_after_the_first_year_a_quarter_of_what_is_left() -> None:
    where = position(contract(date(2025, 10, 15), date(2027, 10, 15)), TODAY, POLICY)
    assert where.fees == Decimal("60.00")  # six whole months left after the notice, a quarter of 40 € each


def test_in_the_first_year_its_months_are_due_in_full() -> None:
    where = position(contract(date(2026, 11, 15), date(2028, 11, 15)), TODAY, POLICY)
    # from 14 April: 7 whole months to the first birthday in full, 12 more at a quarter
    assert where.fees == Decimal(40) * 7 + Decimal(40) * 12 * Decimal("0.25")


def test_a_commitment_that_ends_within_the_notice_costs_nothing() -> None:
    where = position(contract(date(2025, 4, 1), date(2027, 4, 1)), TODAY, POLICY)
    assert where.fees == 0
    assert where.committed_until == date(2027, 4, 1)


@given(contracts, days)
def test_fees_stay_within_what_is_left_to_pay(given_contract: Contract, today: date) -> None:
    where = position(given_contract, today, POLICY)
    assert where.ends_on == today + timedelta(days=POLICY.notice_days)
    left = whole_months(where.ends_on, where.committed_until or where.ends_on)
    assert 0 <= where.fees <= given_contract.monthly_price * left
    assert where.free_on >= where.ends_on
    if given_contract.committed_until is None:
        assert where.fees == 0


@given(contracts, days, st.integers(1, 400))
def test_waiting_never_costs_more(given_contract: Contract, today: date, wait: int) -> None:
    later = position(given_contract, today + timedelta(days=wait), POLICY)
    assert later.fees <= position(given_contract, today, POLICY).fees


offers = st.lists(
    st.builds(
        Offer,
        id=st.uuids().map(str),
        name=st.just("x"),
        terms=st.just("x"),
        discount=st.just(Decimal(1)),
        commitment_months=st.integers(0, 24),
        min_tenure_months=st.integers(0, 60),
        plans=st.lists(st.sampled_from(["essentiel", "cinema", "sport", "integral"])).map(tuple),
    ),
    max_size=6,
)


@given(contracts, days, offers)
def test_only_offers_that_policy_allows_in_the_operator_s_order(
    given_contract: Contract, today: date, told: list[Offer]
) -> None:
    found = eligible_offers(given_contract, today, told, POLICY)
    assert len(found) <= POLICY.max_offers
    assert [told.index(offer) for offer in found] == sorted(told.index(offer) for offer in found)
    for offer in found:
        assert given_contract.plan in offer.plans
        assert whole_months(given_contract.started_on, today) >= offer.min_tenure_months


@given(days, st.integers(0, 60))
def test_months_added_are_months_counted(day: date, count: int) -> None:
    assert whole_months(day, add_months(day, count)) == count


@pytest.mark.parametrize(
    ("start", "end", "months"),
    [
        (date(2027, 1, 31), date(2027, 2, 28), 1),
        (date(2027, 1, 15), date(2027, 2, 14), 0),
        (date(2027, 3, 15), date(2027, 3, 1), 0),
    ],
)
def test_whole_months(start: date, end: date, months: int) -> None:
    assert whole_months(start, end) == months
