"""A contested charge: found by itself when it stands twice, else pointed at, and booked once."""

from __future__ import annotations

from decimal import Decimal

from actions import choices, french, reply
from actions.base import DONE, NO, UNCLEAR, UNSURE, YES, Ask, Form, Outcome, anything_else, hand_over
from actions.billing import BillingRequest
from actions.choices import Option
from actions.crm.port import Invoice, InvoiceLine
from actions.invoices import contestable, duplicates
from actions.services import Services
from actions.turn import Turn


class BillingDispute(BillingRequest):
    """A charge is contested: found by itself when it stands twice, else pointed at."""

    action = "action_billing_dispute"
    reports = "open_dispute"

    def open(self, turn: Turn, used: Services) -> None:
        """Look for what is meant before asking."""
        found = self.invoices(turn, used, 2)
        if not found:
            return
        turn.set(dispute=None, disputed_line=None, dispute_confirmed=None)
        lines = contestable(found[0])
        options = tuple(_line_option(found[0], line) for line in lines)
        turn.set(choices=[option.as_slot() for option in options])
        twice = next(((invoice, line) for invoice in found for line in duplicates(invoice)), None)
        said = turn.text if turn.intent == "billing_dispute" else ""
        named = choices.pick(options, said, amount=str(turn.slot("amount") or ""))
        if twice:
            turn.set(dispute={**_line_option(*twice).as_slot(), "twice": True})
        elif named:
            turn.set(dispute=named.as_slot())
        if not options and not twice:
            turn.say("utter_dispute_person")
            hand_over(turn, "policy")
        elif not _over_limit(turn, used):
            turn.then("dispute_form")


def _line_option(invoice: Invoice, line: InvoiceLine) -> Option:
    return Option(value=f"{invoice.id}|{line.label}", label=line.label, amount=str(line.amount))


def _over_limit(turn: Turn, used: Services) -> bool:
    """Above the operator's limit a person decides."""
    dispute = turn.slot("dispute")
    if not dispute or Decimal(dispute["amount"]) <= used.operator.policy.contested_charge_limit:
        return False
    turn.send(
        reply.report("open_dispute", ok=False, result=f"{dispute['label']} : montant au-dessus de la limite")
    )
    turn.say("utter_dispute_person")
    hand_over(turn, "policy", skill="billing")
    return True


class ValidateDispute(Form):
    """Which charge, and whether to contest it."""

    form = "dispute_form"
    own = frozenset({"billing_dispute", "billing_amount", "billing_increase", "contract_info"})

    def recognises(self, turn: Turn, asked: str) -> bool:
        """A told line named by its words."""
        return asked == "disputed_line" and turn.confidence < UNSURE and _line(turn) is not None

    def start(self, turn: Turn, used: Services) -> str:
        """A charge already known only needs a yes."""
        return "dispute_confirmed" if turn.slot("dispute") else "disputed_line"

    def answer(self, turn: Turn, used: Services, asked: str) -> str | None:
        """A line, or yes or no."""
        if asked == "disputed_line":
            return self._line(turn, used)
        if turn.intent in YES | {"billing_dispute"}:
            turn.set(dispute_confirmed=True)
            return DONE
        if turn.intent in NO:
            if (turn.slot("dispute") or {}).get("twice"):
                turn.set(dispute=None)
                return "disputed_line"
            turn.set(dispute_confirmed=False)
            return DONE
        return UNCLEAR

    def _line(self, turn: Turn, used: Services) -> str | None:
        chosen = _line(turn)
        if chosen is None and turn.intent in NO | {"dont_know"}:
            turn.say("utter_dispute_person")
            hand_over(turn, "policy", skill="billing")
            return DONE
        if chosen is None:
            return UNCLEAR
        turn.set(dispute=chosen.as_slot(), disputed_line=chosen.label)
        return DONE if _over_limit(turn, used) else "dispute_confirmed"


def _line(turn: Turn) -> Option | None:
    options = choices.from_slot(turn.slot("choices"))
    return choices.pick(
        options, turn.text, turn.entity("number"), turn.entity("amount"), rank=turn.entity("rank")
    )


class AskDisputedLine(Ask):
    """Which line of the invoice."""

    slot = "disputed_line"

    def ask(self, turn: Turn, used: Services) -> None:
        """The lines, each with a key."""
        options = choices.from_slot(turn.slot("choices"))
        told = [f"{option.label}, {french.euros(Decimal(option.amount))}" for option in options]
        turn.say("utter_ask_disputed_line", lines=" ; ".join(told))
        turn.send(reply.expect("choice", self.slot, options=choices.keys(options)))


class AskDisputeConfirmed(Ask):
    """The charge is told; shall it be contested?"""

    slot = "dispute_confirmed"

    def ask(self, turn: Turn, used: Services) -> None:
        """A yes or a no."""
        dispute = turn.slot("dispute") or {}
        name = "utter_ask_dispute_twice" if dispute.get("twice") else "utter_ask_dispute_confirmed"
        turn.say(name, label=dispute["label"], amount=french.euros(Decimal(dispute["amount"])))
        turn.send(reply.yes_no(self.slot))


class DisputeAnswered(Outcome):
    """Opens the dispute."""

    action = "action_dispute_answered"
    reports = "open_dispute"

    def conclude(self, turn: Turn, used: Services) -> None:
        """Book once a call and line, and give the reference."""
        dispute, confirmed = turn.slot("dispute"), turn.slot("dispute_confirmed")
        turn.set(dispute=None, disputed_line=None, dispute_confirmed=None, choices=None)
        if not (dispute and confirmed):
            turn.say("utter_dispute_dropped")
            anything_else(turn)
            return
        invoice_id, _, label = dispute["value"].partition("|")
        booking = used.crm.open_dispute(
            turn.slot("subscriber_id"),
            int(invoice_id),
            label,
            Decimal(dispute["amount"]),
            f"{turn.call_id}:dispute:{dispute['value']}",
        )
        amount = french.euros(Decimal(dispute["amount"]))
        turn.send(
            reply.report(self.reports, ok=True, reference=booking.reference, result=f"{label}, {amount}")
        )
        turn.say("utter_dispute_opened", reference=booking.reference, label=label, amount=amount)
        anything_else(turn)
