"""What is booked is booked once, however often a turn is repeated, and with what was confirmed."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from actions.appointments import AppointmentChosen, slot_option
from actions.base import DecrocheAction
from actions.cancellation import CancellationDone
from actions.disputes import DisputeAnswered
from actions.invoice_copies import CopyAnswered
from actions.payment_dates import PaymentDateAnswered
from actions.services import Services
from tests.dialogue.turns import customs, run

WHO = {"verified": True, "subscriber_id": 23}  # free_of_commitment of docs/crm.md
NOW = {"now": "2027-03-15T10:00:00+01:00"}


def line(installed: Services) -> dict[str, str]:
    """The first charge of the last invoice, as the dispute's slot holds it."""
    invoice = installed.crm.invoices(23, 1)[0]
    charge = invoice.lines[0]
    return {"value": f"{invoice.id}|{charge.label}", "label": charge.label, "amount": str(charge.amount)}


@pytest.mark.parametrize(
    ("action", "slots", "report"),
    [
        (DisputeAnswered(), {"dispute": line, "dispute_confirmed": True}, "open_dispute"),
        (PaymentDateAnswered(), {"payment_day": "20", "payment_day_confirmed": True}, "change_payment_date"),
        (CopyAnswered(), {"copy_by": "sms", "copy_confirmed": True}, "send_invoice"),
        (CancellationDone(), {"cancel_outcome": "accepted", "offer_id": "fidelity12"}, "accept_offer"),
    ],
)
def test_the_same_turn_twice_gives_the_same_reference(
    installed: Services, action: DecrocheAction, slots: dict[str, Any], report: str
) -> None:
    given = {name: value(installed) if callable(value) else value for name, value in slots.items()}
    first, second = (
        next(
            r
            for r in customs(run(action, metadata=NOW, **WHO, **given)[0], "report")
            if r["action"] == report
        )
        for _ in range(2)
    )
    assert first["ok"] and first["reference"]
    assert first == second


def test_a_slot_is_taken_once(installed: Services) -> None:
    options = [
        slot_option(s) for s in installed.crm.slots(23, "technician", datetime.fromisoformat(NOW["now"]), 3)
    ]
    slots = {
        "appointment_kind": "technician",
        "appointment_slot": options[0].value,
        "choices": [option.as_slot() for option in options],
    }
    references = [
        customs(run(AppointmentChosen(), metadata=NOW, **WHO, **slots)[0], "report")[0]["reference"]
        for _ in range(2)
    ]
    assert references[0] == references[1]
    assert len(installed.crm.appointments(23)) == 1


def test_a_cancellation_is_registered_with_the_date_told(installed: Services) -> None:
    messages, slots, _ = run(CancellationDone(), metadata=NOW, cancel_outcome="confirmed", **WHO)
    assert customs(messages, "report")[0]["ok"]
    assert slots["cancelled"] is True
    assert installed.crm.contract(23).status == "cancelled"
    again = customs(run(CancellationDone(), metadata=NOW, cancel_outcome="confirmed", **WHO)[0], "report")[0]
    assert again["action"] == "cancel_contract"


def test_nothing_is_booked_without_a_yes(installed: Services) -> None:
    before = installed.crm.contract(23)
    run(DisputeAnswered(), metadata=NOW, dispute=line(installed), dispute_confirmed=False, **WHO)
    run(PaymentDateAnswered(), metadata=NOW, payment_day="20", payment_day_confirmed=False, **WHO)
    run(CancellationDone(), metadata=NOW, cancel_outcome="withdrawn", offer_id="fidelity12", **WHO)
    assert installed.crm.contract(23) == before
    assert not installed.crm.disputes(23)
    assert before.monthly_price > Decimal(0)
