"""The fictional subscribers are plausible on any day, the same every time, and hold every situation a script needs."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date, timedelta
from decimal import Decimal

import pytest
from dateutil.relativedelta import relativedelta
from hypothesis import given, settings
from hypothesis import strategies as st

from actions.crm.accounts import BOX_MODELS, PLANS, Account, Cause, Situation, build, invoice_total
from actions.crm.fixtures import NAMED
from actions.crm.luhn import check_digit, is_valid
from actions.crm.planning import planned_slots
from actions.crm.population import SIZE, accounts
from actions.crm.port import InvoiceLine, Subscriber
from actions.crm.references import ALPHABET, PREFIXES, new_reference

from .conftest import PARIS, TODAY

days = st.dates(date(2026, 1, 1), date(2035, 12, 31))
payloads = st.text("0123456789", min_size=1, max_size=20)
euros = st.decimals("0.01", "900.00", places=2)
FAULTS = [
    "none",
    "no_power",
    "no_signal",
    "weak_signal",
    "hdmi",
    "network",
    "firmware",
    "disk_full",
    "remote",
]


@pytest.fixture(scope="module")
def population() -> list[Account]:
    return list(accounts(TODAY))


# --- check digits and references


@pytest.mark.parametrize("number", ["79927398713", "4539578763621486", "12345674"])
def test_published_numbers_pass(number: str) -> None:
    assert is_valid(number)


@given(payloads)
def test_a_completed_number_is_valid(payload: str) -> None:
    assert is_valid(payload + check_digit(payload))


@given(payloads, st.data())
def test_one_wrong_digit_is_always_noticed(payload: str, data: st.DataObject) -> None:
    number = payload + check_digit(payload)
    place = data.draw(st.integers(0, len(number) - 1))
    digit = data.draw(st.sampled_from("0123456789").filter(lambda digit: digit != number[place]))
    assert not is_valid(number[:place] + digit + number[place + 1 :])


@given(payloads, st.data())
def test_two_neighbours_exchanged_are_noticed_except_0_and_9(payload: str, data: st.DataObject) -> None:
    number = payload + check_digit(payload)
    place = data.draw(st.integers(0, len(number) - 2))
    left, right = number[place : place + 2]
    swapped = number[:place] + right + left + number[place + 2 :]
    assert is_valid(swapped) == (left == right or {left, right} == {"0", "9"})


@given(st.text(max_size=9))
def test_anything_else_is_not_a_valid_number(text: str) -> None:
    if not re.fullmatch("[0-9]{2,}", text):
        assert not is_valid(text)


@pytest.mark.parametrize("kind", PREFIXES)
def test_a_reference_has_nothing_that_looks_or_sounds_alike(kind: str) -> None:
    for _ in range(200):
        reference = new_reference(kind)
        assert re.fullmatch(rf"{PREFIXES[kind]}-[{ALPHABET}]{{5}}", reference)
    assert not set(ALPHABET) & set("01OIQLSZ" + "BCDEGPTV" + "NW")


# --- any subscriber on any day


situations = st.builds(
    Situation,
    plan=st.sampled_from(sorted(PLANS)),
    tenure_months=st.integers(1, 120),
    months_left=st.integers(0, 24),
    causes=st.tuples(*[st.sampled_from(Cause)] * 4),
    option=st.builds(InvoiceLine, st.just("Option"), st.just("option"), euros),
    film=st.builds(InvoiceLine, st.just("Film"), st.just("purchase"), euros),
    calls=st.builds(InvoiceLine, st.just("Appels"), st.just("call"), euros),
    promotion=st.booleans(),
    unpaid=st.integers(0, 2),
    payment_day=st.sampled_from([5, 10, 15, 20, 25]),
    box_model=st.sampled_from(sorted(BOX_MODELS)),
    fault=st.sampled_from(FAULTS),
    dispute=st.booleans(),
)
SOMEBODY = Subscriber(7, "12345674", "Mme", "A", "B", "", "", "75011", date(1980, 1, 1))


def file_of(situation: Situation, today: date) -> Account:
    return build(SOMEBODY, situation, today, "0000", "00000000")


@given(situations, days)
def test_lines_sum_to_the_total(situation: Situation, today: date) -> None:
    for invoice in file_of(situation, today).invoices:
        assert invoice.total == invoice_total(invoice.lines)
        assert invoice.total > 0
        assert invoice.total == invoice.total.quantize(Decimal("0.01"))


@given(situations, days)
def test_invoices_are_monthly_and_their_status_fits_the_day(situation: Situation, today: date) -> None:
    account = file_of(situation, today)
    assert len(account.invoices) <= 4
    for invoice in account.invoices:
        assert account.contract.started_on <= invoice.issued_on <= today
        assert invoice.due_on.day == situation.payment_day
        assert (invoice.status == "due") == (invoice.due_on >= today)
    for earlier, later in zip(account.invoices, account.invoices[1:], strict=False):
        assert later.issued_on == earlier.issued_on + relativedelta(months=1)


@given(situations, days)
def test_the_price_is_what_the_newest_invoice_repeats_each_month(situation: Situation, today: date) -> None:
    account = file_of(situation, today)
    if account.invoices:
        repeated = [
            ln.amount for ln in account.invoices[-1].lines if ln.kind in ("plan", "option", "discount")
        ]
        assert account.contract.monthly_price == sum(repeated)


RAISING = [cause for cause in Cause if cause is not Cause.NONE]


@given(st.sampled_from(RAISING), st.sampled_from(sorted(PLANS)), days)
def test_a_cause_of_increase_shows_in_the_lines(cause: Cause, plan: str, today: date) -> None:
    situation = Situation(plan=plan, causes=(Cause.NONE, Cause.NONE, Cause.NONE, cause))
    before, after = file_of(situation, today).invoices[-2:]
    assert after.total > before.total
    assert after.lines != before.lines


@given(days)
@settings(max_examples=10)
def test_a_whole_population_stands_on_any_day(today: date) -> None:
    people = list(accounts(today, size=80))
    assert all(account.contract.started_on < today for account in people)
    assert all(
        until is None or until > today for until in (account.contract.committed_until for account in people)
    )


# --- this population


def test_the_population_is_the_same_every_time(population: list[Account]) -> None:
    assert list(accounts(TODAY)) == population
    assert len(population) == SIZE == 500


def test_identity_is_plausible_and_numbers_are_unique(population: list[Account]) -> None:
    people = [account.subscriber for account in population]
    assert len({person.number for person in people}) == SIZE
    assert len({account.box.serial for account in population}) == SIZE
    for person in people:
        assert re.fullmatch(r"[0-9]{8}", person.number)
        assert is_valid(person.number)
        assert re.fullmatch(r"(?:0[1-9]|[1-8][0-9]|9[0-5])[0-9]{3}", person.postcode)
        assert re.fullmatch(r"(?:\+33[67][0-9]{8})?", person.phone)
        assert re.fullmatch(r"(?:[a-z0-9.\-]+@courriel\.example)?", person.email)
        assert person.title in ("M.", "Mme")
        assert 18 < (TODAY - person.birth_date).days / 365.25 < 100


def test_only_the_shared_telephone_number_is_shared(population: list[Account]) -> None:
    counts = Counter(account.subscriber.phone for account in population if account.subscriber.phone)
    assert {phone for phone, count in counts.items() if count > 1} == {"+33639980030"}


def test_every_kind_of_situation_is_there(population: list[Account]) -> None:
    beyond_the_named = population[len(NAMED) :]
    assert {account.box_state.fault for account in beyond_the_named} == set(FAULTS)
    assert {account.contract.plan for account in beyond_the_named} == set(PLANS)
    assert {account.contract.status for account in beyond_the_named} == {"active", "suspended", "cancelled"}
    assert {cause for account in beyond_the_named for cause in account.situation.causes} == set(Cause)
    assert {invoice.status for account in beyond_the_named for invoice in account.invoices} == {
        "due",
        "paid",
        "late",
    }
    assert {account.reboot_clears for account in beyond_the_named} == {True, False}
    assert any(account.contested for account in beyond_the_named)
    assert any(account.appointment for account in beyond_the_named)
    with_commitment = sum(1 for account in beyond_the_named if account.contract.committed_until)
    assert 100 < with_commitment < 400


def test_a_cancelled_contract_is_not_billed_after_its_end(population: list[Account]) -> None:
    for account in population:
        if account.contract.ends_on:
            assert all(invoice.issued_on <= account.contract.ends_on for invoice in account.invoices)


# --- appointment slots


@given(days, st.integers(0, 40))
def test_slots_are_on_working_days_in_order_and_not_overlapping_their_kind(first: date, length: int) -> None:
    slots = list(planned_slots(first, first + timedelta(days=length), PARIS))
    assert slots == sorted(slots, key=lambda slot: slot.starts_at)
    assert len({(slot.kind, slot.starts_at) for slot in slots}) == len(slots)
    for slot in slots:
        assert slot.starts_at.weekday() != 6
        assert 8 <= slot.starts_at.hour < slot.ends_at.hour <= 20
        assert 0 <= slot.taken <= slot.capacity
