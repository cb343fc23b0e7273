"""What changed on an invoice, and what on it can be contested."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from actions.crm.port import Invoice, InvoiceLine
from actions.invoices import changes, contestable, duplicates

PLAN = InvoiceLine("Abonnement", "plan", Decimal("34.90"))
PROMOTION = InvoiceLine("Remise de bienvenue", "discount", Decimal("-10.00"))
FILM = InvoiceLine("Film", "purchase", Decimal("4.99"))


def invoice(*lines: InvoiceLine) -> Invoice:
    total = sum((line.amount for line in lines), Decimal(0))
    return Invoice(1, "F-1", date(2027, 3, 1), date(2027, 3, 10), total, "due", lines)


lines = st.lists(
    st.builds(
        InvoiceLine,
        label=st.sampled_from("abcdef"),
        kind=st.sampled_from(["plan", "option", "purchase", "discount", "fee", "call"]),
        amount=st.decimals(Decimal("-50"), Decimal("700"), places=2),
    ),
    max_size=8,
)


@given(lines, lines)
def test_the_causes_explain_the_whole_difference(newer: list[InvoiceLine], older: list[InvoiceLine]) -> None:
    new, old = invoice(*newer), invoice(*older)
    causes = changes(new, old)
    assert sum((c.effect for c in causes), Decimal(0)) == new.total - old.total
    assert [abs(c.effect) for c in causes] == sorted((abs(c.effect) for c in causes), reverse=True)
    assert all(c.effect for c in causes)


def test_a_discount_that_ended_is_the_cause() -> None:
    (cause,) = changes(invoice(PLAN), invoice(PLAN, PROMOTION))
    assert (cause.why, cause.kind, cause.effect) == ("ended", "discount", Decimal(10))


def test_a_dearer_plan_is_raised_not_added() -> None:
    dearer = InvoiceLine("Abonnement", "plan", Decimal("36.90"))
    (cause,) = changes(invoice(dearer), invoice(PLAN))
    assert (cause.why, cause.before, cause.after) == ("raised", Decimal("34.90"), Decimal("36.90"))


def test_the_same_charge_twice_is_found_once() -> None:
    assert duplicates(invoice(PLAN, FILM, FILM)) == (FILM,)
    assert duplicates(invoice(PLAN, FILM)) == ()


@given(lines)
def test_only_charges_can_be_contested_the_plan_last(found: list[InvoiceLine]) -> None:
    told = contestable(invoice(*found))
    assert len(told) <= 4
    assert all(line.amount > 0 for line in told)
    assert [line.kind == "plan" for line in told] == sorted(line.kind == "plan" for line in told)
