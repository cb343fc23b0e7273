"""Billing, what is told: amount, causes of a change, due date, contract. What is asked for has a module each."""

from __future__ import annotations

from decimal import Decimal

from actions import french, reply
from actions.base import Request, anything_else
from actions.crm.port import Invoice
from actions.invoices import Change, changes
from actions.services import Services
from actions.turn import Turn

TOLD_CAUSES = 2  # causes of a change told one by one; the rest is summed up


class BillingRequest(Request):
    """A question about money."""

    skill = "billing"

    def invoices(self, turn: Turn, used: Services, limit: int) -> tuple[Invoice, ...]:
        """The newest invoices; says so and settles the request when there is none."""
        found = used.crm.invoices(turn.slot("subscriber_id"), limit)
        if not found:
            turn.send(reply.report(self.reports, ok=False, result="aucune facture"))
            turn.say("utter_no_invoice")
            anything_else(turn)
        return found


class BillingAmount(BillingRequest):
    """How much."""

    action = "action_billing_amount"
    reports = "tell_amount"

    def open(self, turn: Turn, used: Services) -> None:
        """Total and where it stands."""
        for invoice in self.invoices(turn, used, 1):
            result = f"facture du {french.day(invoice.issued_on)} : {french.euros(invoice.total)}"
            turn.send(reply.report(self.reports, ok=True, result=result))
            turn.say("utter_amount", issued=french.day(invoice.issued_on), total=french.euros(invoice.total))
            turn.say(f"utter_amount_{invoice.status}", due=french.day(invoice.due_on))
            anything_else(turn)


class BillingIncrease(BillingRequest):
    """Why it changed, line by line against the invoice before."""

    action = "action_billing_increase"
    reports = "explain_invoice"

    def open(self, turn: Turn, used: Services) -> None:
        """Difference, then its causes."""
        found = self.invoices(turn, used, 2)
        if len(found) == 1:
            turn.send(reply.report(self.reports, ok=False, result="une seule facture, rien à comparer"))
            turn.say("utter_first_invoice", total=french.euros(found[0].total))
            anything_else(turn)
        elif found:
            self._compare(turn, found[0], found[1])
            anything_else(turn)

    def _compare(self, turn: Turn, newer: Invoice, older: Invoice) -> None:
        difference = newer.total - older.total
        causes = changes(newer, older)
        values = {
            "month": french.month(newer.issued_on),
            "total": french.euros(newer.total),
            "difference": french.euros(abs(difference)),
        }
        direction = "up" if difference > 0 else "down" if difference < 0 else "same"
        turn.say(f"utter_change_{direction}", **values)
        for cause in causes[:TOLD_CAUSES]:
            _say_cause(turn, cause)
        rest = causes[TOLD_CAUSES:]
        if rest:
            turn.say("utter_cause_rest", amount=french.euros(abs(sum((c.effect for c in rest), Decimal(0)))))
        told = ", ".join(
            f"{c.label} {'+' if c.effect > 0 else '-'}{french.euros(abs(c.effect))}" for c in causes
        )
        sign = "+" if difference >= 0 else "-"
        result = f"{sign}{french.euros(abs(difference))} : {told}" if told else "aucun changement"
        turn.send(reply.report(self.reports, ok=True, result=result))


def _say_cause(turn: Turn, cause: Change) -> None:
    """One sentence for one cause; the response depends on what kind of line it is."""
    if cause.why == "ended":
        name = "utter_cause_discount_ended" if cause.kind == "discount" else "utter_cause_ended"
    elif cause.why == "added":
        name = "utter_cause_discount_added" if cause.kind == "discount" else f"utter_cause_added_{cause.kind}"
    else:
        name = f"utter_cause_{cause.why}"
    turn.say(
        name,
        label=cause.label,
        amount=french.euros(abs(cause.effect)),
        before=french.euros(abs(cause.before)),
        after=french.euros(abs(cause.after)),
    )


class BillingDue(BillingRequest):
    """When and how it is paid."""

    action = "action_billing_due"
    reports = "tell_due_date"

    def open(self, turn: Turn, used: Services) -> None:
        """Date and means."""
        for invoice in self.invoices(turn, used, 1):
            contract = used.crm.contract(turn.slot("subscriber_id"))
            due = french.day(invoice.due_on)
            state = "paid" if invoice.status == "paid" else contract.payment_method
            turn.say(
                f"utter_due_{state}", due=due, total=french.euros(invoice.total), iban_end=contract.iban_end
            )
            turn.send(
                reply.report(self.reports, ok=True, result=f"{french.euros(invoice.total)}, échéance {due}")
            )
            anything_else(turn)


class ContractInfo(BillingRequest):
    """What the subscriber has."""

    action = "action_contract_info"
    reports = "tell_contract"

    def open(self, turn: Turn, used: Services) -> None:
        """Plan, price, since when, until when."""
        contract = used.crm.contract(turn.slot("subscriber_id"))
        turn.say(
            "utter_contract",
            plan=contract.plan_name,
            price=french.euros(contract.monthly_price),
            since=french.day(contract.started_on),
        )
        if contract.committed_until and contract.committed_until > turn.today:
            turn.say("utter_contract_committed", until=french.day(contract.committed_until))
        else:
            turn.say("utter_contract_free")
        turn.send(reply.report(self.reports, ok=True, result=contract.plan_name))
        anything_else(turn)
