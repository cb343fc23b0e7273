"""What SqlCrm promises to the actions, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError

from actions.crm.port import Booking, ConflictError, NotFoundError
from actions.crm.sql import SqlCrm

from .conftest import NOW, PARIS, TODAY, crm_at, named

NOBODY = 9999
ENDS = TODAY + timedelta(days=30)
TEN = Decimal("10.00")
LATER = NOW + timedelta(days=10)  # no slot is taken there yet


# --- who


def test_a_caller_is_found_by_telephone_number(crm: SqlCrm) -> None:
    found = crm.find_by_phone("+33611223344")
    assert found is not None
    assert (found.number, found.title, found.last_name, found.postcode) == (
        "12345674",
        "Mme",
        "Durand",
        "75011",
    )
    assert found.birth_date == date(1980, 5, 14)


@pytest.mark.parametrize(
    "phone", ["+33639980030", "", "+33100000000", "0611223344", "'; DROP TABLE subscribers; --"]
)
def test_a_shared_unknown_or_empty_telephone_number_identifies_nobody(crm: SqlCrm, phone: str) -> None:
    assert crm.find_by_phone(phone) is None


def test_a_subscriber_is_found_by_number(crm: SqlCrm) -> None:
    found = crm.find_by_number("12345674")
    assert found is not None
    assert found.id == named("promotion_ended")
    assert crm.find_by_number("12345675") is None


# --- what they have


def test_amounts_and_dates_come_back_as_they_are(crm: SqlCrm) -> None:
    contract = crm.contract(named("committed_7_months"))
    assert (contract.plan, contract.plan_name, contract.status) == ("integral", "Intégral", "active")
    assert contract.monthly_price == Decimal("59.90")
    assert isinstance(contract.monthly_price, Decimal)
    assert contract.committed_until == date(2027, 10, 15)
    assert contract.started_on == date(2025, 10, 15)


def test_invoices_come_newest_first_with_lines_in_order(crm: SqlCrm) -> None:
    invoices = crm.invoices(named("promotion_ended"), limit=2)
    assert [invoice.issued_on for invoice in invoices] == [date(2027, 3, 1), date(2027, 2, 1)]
    now, before = ([(line.kind, line.amount) for line in invoice.lines] for invoice in invoices)
    assert now == [("plan", Decimal("34.90"))]
    assert before == [("plan", Decimal("34.90")), ("discount", Decimal("-10.00"))]


def test_asking_for_no_invoice_gives_none(crm: SqlCrm) -> None:
    assert crm.invoices(1, limit=0) == ()
    assert crm.invoices(NOBODY) == ()


@pytest.mark.parametrize("read", [SqlCrm.contract, SqlCrm.box], ids=["contract", "box"])
def test_what_is_not_there_is_said_so(crm: SqlCrm, read: Callable[[SqlCrm, int], object]) -> None:
    with pytest.raises(NotFoundError):
        read(crm, NOBODY)


def test_slots_are_free_later_and_local(crm: SqlCrm) -> None:
    after = datetime(2027, 3, 19, 15, tzinfo=PARIS)
    slots = crm.slots(1, "technician", after, limit=4)
    assert [slot.starts_at.isoformat() for slot in slots] == [
        "2027-03-19T16:00:00+01:00",
        "2027-03-20T08:00:00+01:00",
        "2027-03-20T10:00:00+01:00",
        "2027-03-20T14:00:00+01:00",
    ]
    assert all(slot.ends_at > slot.starts_at for slot in slots)


def test_slots_keep_local_hours_across_the_change_to_summer_time(crm: SqlCrm) -> None:
    (slot,) = crm.slots(1, "replacement", datetime(2027, 3, 28, 12), limit=1)  # naive: taken as local
    assert slot.starts_at.isoformat() == "2027-03-29T09:00:00+02:00"


# --- every write


Write = Callable[[SqlCrm, int, str], Booking]
WRITES: dict[str, tuple[str, Write]] = {
    "dispute": ("D", lambda crm, who, key: crm.open_dispute(who, who * 10 + 3, "Film", Decimal("4.99"), key)),
    "payment_day": ("P", lambda crm, who, key: crm.change_payment_day(who, 20, key)),
    "invoice_copy": ("F", lambda crm, who, key: crm.send_invoice(who, who * 10 + 3, "email", key)),
    "cancellation": ("R", lambda crm, who, key: crm.cancel_contract(who, ENDS, "trop cher", key)),
    "offer": ("O", lambda crm, who, key: crm.accept_offer(who, "fidelity12", 12, TEN, key)),
    "appointment": ("V", lambda crm, who, key: crm.book(who, "callback", first_callback(crm), key)),
}
every_write = pytest.mark.parametrize(("prefix", "write"), WRITES.values(), ids=list(WRITES))


def first_callback(crm: SqlCrm) -> int:
    return crm.slots(1, "callback", datetime(2027, 3, 16, tzinfo=PARIS), limit=1)[0].id


@every_write
def test_a_booking_has_a_reference_that_can_be_told(crm: SqlCrm, prefix: str, write: Write) -> None:
    booking = write(crm, named("steady"), "k1")
    assert not booking.repeated
    assert re.fullmatch(rf"{prefix}-[2-9A-Z]{{5}}", booking.reference)
    assert not set(booking.reference[2:]) & set("01IO")


@every_write
def test_a_repeated_key_gives_the_first_booking(crm: SqlCrm, prefix: str, write: Write) -> None:
    first = write(crm, named("steady"), "k1")
    again = write(crm, named("steady"), "k1")
    assert again == Booking(first.reference, repeated=True)


@every_write
def test_a_key_of_another_booking_is_a_conflict(crm: SqlCrm, prefix: str, write: Write) -> None:
    other = crm.change_payment_day(named("film_bought"), 25, "k1")
    with pytest.raises(ConflictError):
        write(crm, named("steady"), "k1")
    assert crm.change_payment_day(named("film_bought"), 25, "k1").reference == other.reference


@every_write
def test_a_repeat_survives_a_restart(crm_url: str, prefix: str, write: Write) -> None:
    first = write(crm_at(crm_url), named("steady"), "k1")
    assert write(crm_at(crm_url), named("steady"), "k1").reference == first.reference


@every_write
def test_an_unknown_subscriber_books_nothing(crm: SqlCrm, prefix: str, write: Write) -> None:
    with pytest.raises(NotFoundError):
        write(crm, NOBODY, "k1")
    assert not write(crm, named("steady"), "k1").repeated


@every_write
def test_a_booking_without_key_is_a_mistake_of_the_program(crm: SqlCrm, prefix: str, write: Write) -> None:
    with pytest.raises(ValueError, match="key"):
        write(crm, named("steady"), "")


def test_a_reference_already_taken_is_replaced(crm_url: str) -> None:
    proposals = iter(["P-22222", "P-22222", "P-22222", "P-33333"])
    crm = crm_at(crm_url, reference=lambda kind: next(proposals))
    assert crm.change_payment_day(1, 20, "k1").reference == "P-22222"
    assert crm.change_payment_day(1, 25, "k2").reference == "P-33333"


# --- disputes


def test_a_dispute_is_on_record(crm: SqlCrm) -> None:
    who = named("duplicate_charge")
    invoice = crm.invoices(who, limit=1)[0]
    booking = crm.open_dispute(who, invoice.id, invoice.lines[-1].label, invoice.lines[-1].amount, "k1")
    (dispute,) = crm.disputes(who)
    assert (dispute.reference, dispute.status, dispute.amount) == (booking.reference, "open", Decimal("5.99"))


def test_a_charge_disputed_in_an_earlier_call_keeps_its_reference(crm: SqlCrm) -> None:
    who = named("dispute_open")
    (dispute,) = crm.disputes(who)
    again = crm.open_dispute(who, dispute.invoice_id, dispute.label, dispute.amount, "another call")
    assert again == Booking(dispute.reference, repeated=True)
    assert len(crm.disputes(who)) == 1


def test_nobody_disputes_the_invoice_of_another(crm: SqlCrm) -> None:
    with pytest.raises(NotFoundError):
        crm.open_dispute(named("steady"), named("film_bought") * 10 + 3, "Film", TEN, "k1")


@pytest.mark.parametrize("amount", ["0", "-1.00", "4.999", "NaN", "Infinity", "99999999999"])
def test_only_an_amount_of_money_can_be_disputed(crm: SqlCrm, amount: str) -> None:
    with pytest.raises(ConflictError):
        crm.open_dispute(1, 13, "Film", Decimal(amount), "k1")


def test_the_same_amount_written_otherwise_is_the_same_request(crm: SqlCrm) -> None:
    first = crm.open_dispute(1, 13, "Film", Decimal("5"), "k1")
    assert crm.open_dispute(1, 13, "Film", Decimal("5.00"), "k1").reference == first.reference


# --- payment day, invoice copies


def test_the_payment_day_changes(crm: SqlCrm) -> None:
    crm.change_payment_day(named("steady"), 25, "k1")
    assert crm.contract(named("steady")).payment_day == 25


@pytest.mark.parametrize("day", [0, -3, 29, 31, 100])
def test_a_day_that_some_month_lacks_is_refused(crm: SqlCrm, day: int) -> None:
    with pytest.raises(ConflictError):
        crm.change_payment_day(named("steady"), day, "k1")


def test_a_cancelled_contract_has_no_payment_day_to_change(crm: SqlCrm) -> None:
    with pytest.raises(ConflictError):
        crm.change_payment_day(named("already_cancelled"), 20, "k1")


def test_an_invoice_is_sent_to_a_known_address_only(crm: SqlCrm) -> None:
    invoice = named("no_phone") * 10 + 3
    assert crm.send_invoice(named("no_phone"), invoice, "email", "k1").reference.startswith("F-")
    with pytest.raises(ConflictError):
        crm.send_invoice(named("no_phone"), invoice, "sms", "k2")
    with pytest.raises(ConflictError):
        crm.send_invoice(named("no_phone"), invoice, "pigeon", "k3")


# --- cancellation


def test_a_cancelled_contract_runs_to_its_end_date(crm: SqlCrm) -> None:
    crm.cancel_contract(named("free_of_commitment"), ENDS, "déménagement", "k1")
    contract = crm.contract(named("free_of_commitment"))
    assert (contract.status, contract.ends_on) == ("cancelled", ENDS)


def test_what_is_cancelled_is_not_cancelled_again(crm: SqlCrm) -> None:
    with pytest.raises(ConflictError):
        crm.cancel_contract(named("already_cancelled"), ENDS, "", "k1")
    crm.cancel_contract(named("steady"), ENDS, "", "k2")
    with pytest.raises(ConflictError):
        crm.cancel_contract(named("steady"), ENDS, "", "k3")


def test_a_contract_does_not_end_before_it_starts(crm: SqlCrm) -> None:
    with pytest.raises(ConflictError):
        crm.cancel_contract(named("steady"), date(2001, 1, 1), "", "k1")


def test_a_refused_write_leaves_its_key_free(crm: SqlCrm) -> None:
    with pytest.raises(ConflictError):
        crm.cancel_contract(named("already_cancelled"), ENDS, "", "k1")
    assert not crm.cancel_contract(named("steady"), ENDS, "", "k1").repeated


# --- offers


def test_an_accepted_discount_lowers_the_price_and_commits(crm: SqlCrm) -> None:
    crm.accept_offer(named("free_of_commitment"), "fidelity12", 12, TEN, "k1")
    contract = crm.contract(named("free_of_commitment"))
    assert contract.monthly_price == Decimal("49.90")
    assert contract.committed_until == date(2028, 3, 15)


def test_an_offer_never_shortens_a_commitment(crm: SqlCrm) -> None:
    who = named("committed_first_year")
    before = crm.contract(who).committed_until
    crm.accept_offer(who, "short", 1, Decimal("1.00"), "k1")
    assert crm.contract(who).committed_until == before


def test_a_pause_suspends_until_it_ends(crm: SqlCrm) -> None:
    crm.accept_offer(named("free_of_commitment"), "pause3", 0, Decimal("0.00"), "k1")
    contract = crm.contract(named("free_of_commitment"))
    assert (contract.status, contract.resumes_on) == ("suspended", date(2027, 6, 15))
    assert (contract.monthly_price, contract.committed_until) == (Decimal("59.90"), None)


def test_a_smaller_plan_changes_plan_and_price(crm: SqlCrm) -> None:
    crm.accept_offer(named("only_essentiel"), "essentiel", 0, Decimal("0"), "k1")
    contract = crm.contract(named("only_essentiel"))
    assert (contract.plan, contract.plan_name, contract.monthly_price) == (
        "essentiel",
        "Essentiel",
        Decimal("19.90"),
    )


@pytest.mark.parametrize(
    ("who", "offer", "months", "discount"),
    [
        ("already_cancelled", "fidelity12", 12, "10.00"),
        ("suspended", "pause3", 0, "0"),
        ("no_offer", "essentiel", 0, "0"),
        ("no_offer", "generous", 0, "500.00"),
        ("no_offer", "odd", -1, "5.00"),
        ("no_offer", "odd", 1, "-5.00"),
    ],
)
def test_an_offer_that_cannot_apply_is_refused(
    crm: SqlCrm, who: str, offer: str, months: int, discount: str
) -> None:
    before = crm.contract(named(who))
    with pytest.raises(ConflictError):
        crm.accept_offer(named(who), offer, months, Decimal(discount), "k1")
    assert crm.contract(named(who)) == before


def test_a_discount_is_not_accepted_twice_while_it_runs(crm: SqlCrm) -> None:
    who = named("free_of_commitment")
    crm.accept_offer(who, "fidelity12", 12, TEN, "first call")
    with pytest.raises(ConflictError):
        crm.accept_offer(who, "fidelity12", 12, TEN, "second call")
    assert crm.contract(who).monthly_price == Decimal("49.90")


def test_every_answer_to_an_offer_is_logged_in_order(crm: SqlCrm, crm_url: str) -> None:
    for answer in ("proposed", "refused"):
        crm.log_offer(named("steady"), "call-1", "fidelity12", answer)
    engine = create_engine(crm_url, future=True)
    with engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT call_id, offer_id, answer FROM offer_log ORDER BY id").all()
    engine.dispose()
    assert [tuple(row) for row in rows] == [
        ("call-1", "fidelity12", "proposed"),
        ("call-1", "fidelity12", "refused"),
    ]


def test_an_answer_that_does_not_exist_is_refused(crm: SqlCrm) -> None:
    with pytest.raises(ConflictError):
        crm.log_offer(named("steady"), "call-1", "fidelity12", "peut-être")
    with pytest.raises(NotFoundError):
        crm.log_offer(NOBODY, "call-1", "fidelity12", "proposed")


@pytest.mark.parametrize("statement", ["UPDATE offer_log SET answer = 'accepted'", "DELETE FROM offer_log"])
def test_the_offers_audit_cannot_be_rewritten_by_anyone(crm: SqlCrm, crm_url: str, statement: str) -> None:
    crm.log_offer(named("steady"), "call-1", "fidelity12", "refused")
    engine = create_engine(crm_url, future=True)
    with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()


# --- appointments


def test_a_booked_slot_is_an_appointment(crm: SqlCrm) -> None:
    slot = crm.slots(1, "technician", LATER, limit=1)[0]
    booking = crm.book(named("error_p13"), "technician", slot.id, "k1")
    (appointment,) = crm.appointments(named("error_p13"))
    assert (appointment.reference, appointment.kind) == (booking.reference, "technician")
    assert (appointment.starts_at, appointment.ends_at) == (slot.starts_at, slot.ends_at)
    assert appointment.starts_at.utcoffset() == timedelta(hours=1)


def test_a_full_slot_is_offered_to_nobody_and_taken_by_nobody(crm: SqlCrm) -> None:
    slot = crm.slots(1, "technician", LATER, limit=1)[0]
    places = 0
    with pytest.raises(ConflictError):
        for who in range(1, 30):
            crm.book(who, "technician", slot.id, f"k{who}")
            places += 1
    assert places == 3
    assert slot not in crm.slots(1, "technician", NOW, limit=100)


def test_another_slot_of_the_same_kind_moves_the_appointment(crm: SqlCrm) -> None:
    first, second = crm.slots(1, "technician", LATER, limit=2)
    for who in (2, 3):
        crm.book(who, "technician", first.id, f"k{who}")
    crm.book(1, "technician", first.id, "k1")
    assert first not in crm.slots(1, "technician", NOW, limit=100)
    moved = crm.book(1, "technician", second.id, "k-move")
    assert [appointment.reference for appointment in crm.appointments(1)] == [moved.reference]
    assert first in crm.slots(1, "technician", NOW, limit=100)


def test_appointments_of_different_kinds_stand_side_by_side(crm: SqlCrm) -> None:
    for kind in ("replacement", "technician"):
        crm.book(1, kind, crm.slots(1, kind, LATER, limit=1)[0].id, kind)
    assert {appointment.kind for appointment in crm.appointments(1)} == {"replacement", "technician"}


def test_the_slot_one_has_is_not_booked_again(crm: SqlCrm) -> None:
    slot = crm.slots(1, "technician", LATER, limit=1)[0]
    first = crm.book(1, "technician", slot.id, "first call")
    assert crm.book(1, "technician", slot.id, "second call") == Booking(first.reference, repeated=True)


def test_a_slot_of_another_kind_unknown_or_past_is_refused(crm: SqlCrm) -> None:
    slot = crm.slots(1, "technician", LATER, limit=1)[0]
    with pytest.raises(NotFoundError):
        crm.book(1, "replacement", slot.id, "k1")
    with pytest.raises(NotFoundError):
        crm.book(1, "technician", 10**6, "k2")
    early = crm.slots(1, "callback", NOW - timedelta(days=1), limit=1)[0]
    assert early.starts_at <= NOW
    with pytest.raises(ConflictError):
        crm.book(1, "callback", early.id, "k3")


def test_a_technician_booked_before_the_call_is_known(crm: SqlCrm) -> None:
    (appointment,) = crm.appointments(named("technician_booked"))
    assert appointment.kind == "technician"
    assert appointment.starts_at > NOW
    assert crm.appointments(named("steady")) == ()
