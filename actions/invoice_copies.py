"""The last invoice again, by e-mail or SMS."""

from __future__ import annotations

from actions import choices, french, reply
from actions.base import DONE, NO, UNCLEAR, YES, Ask, Form, Outcome, anything_else
from actions.billing import BillingRequest
from actions.choices import Option
from actions.services import Services
from actions.turn import Turn

COPY_WAYS = (
    Option("email", "e-mail", words="email mail courriel"),
    Option("sms", "SMS", words="texto message téléphone"),
)


class BillingCopy(BillingRequest):
    """The last invoice again, by e-mail or SMS."""

    action = "action_billing_copy"
    reports = "send_invoice"

    def open(self, turn: Turn, used: Services) -> None:
        """The way may have been said already."""
        if not self.invoices(turn, used, 1):
            return
        said = turn.text if turn.intent == "billing_copy" else ""
        way = choices.pick(COPY_WAYS, f"{turn.slot('delivery') or ''} {said}")
        turn.set(copy_by=way.value if way else None, copy_confirmed=None)
        turn.then("copy_form")


class ValidateCopy(Form):
    """By which way, to that address?"""

    form = "copy_form"
    own = frozenset({"billing_copy"})

    def recognises(self, turn: Turn, asked: str) -> bool:
        """One of the two ways."""
        return asked == "copy_by" and choices.pick(COPY_WAYS, turn.text) is not None

    def start(self, turn: Turn, used: Services) -> str:
        """A way already said only needs its address confirmed."""
        return "copy_confirmed" if turn.slot("copy_by") else "copy_by"

    def answer(self, turn: Turn, used: Services, asked: str) -> str | None:
        """A way, or yes or no; the other way said at the confirmation changes it."""
        said = f"{turn.entity('delivery')} {turn.text}"
        way = choices.pick(COPY_WAYS, said, turn.entity("number"), rank=turn.entity("rank"))
        if asked == "copy_confirmed" and turn.intent in YES:
            turn.set(copy_confirmed=True)
            return DONE
        if way and not (asked == "copy_confirmed" and way.value == turn.slot("copy_by")):
            turn.set(copy_by=way.value)
            return "copy_confirmed"
        if turn.intent in NO | {"dont_know"}:
            turn.set(copy_confirmed=False)
            return DONE
        return UNCLEAR


class AskCopyBy(Ask):
    """E-mail or SMS."""

    slot = "copy_by"

    def ask(self, turn: Turn, used: Services) -> None:
        """Two ways, each with a key."""
        turn.say("utter_ask_copy_by")
        turn.send(reply.expect("choice", self.slot, options=choices.keys(COPY_WAYS)))


class AskCopyConfirmed(Ask):
    """Reads enough of the address back to be recognised by its owner."""

    slot = "copy_confirmed"

    def ask(self, turn: Turn, used: Services) -> None:
        """A yes or a no."""
        contact = turn.slot("contact")
        if turn.slot("copy_by") == "email":
            turn.say("utter_ask_copy_email", first=contact["email_first"], domain=contact["email_domain"])
        else:
            turn.say("utter_ask_copy_sms", end=contact["phone_end"])
        turn.send(reply.yes_no(self.slot))


class CopyAnswered(Outcome):
    """Sends it."""

    action = "action_copy_answered"
    reports = "send_invoice"

    def conclude(self, turn: Turn, used: Services) -> None:
        """Send once a call, invoice and way."""
        way, confirmed = turn.slot("copy_by"), turn.slot("copy_confirmed")
        turn.set(copy_by=None, copy_confirmed=None)
        invoices = used.crm.invoices(turn.slot("subscriber_id"), 1)
        if not (way and confirmed and invoices):
            turn.say("utter_copy_dropped")
            anything_else(turn)
            return
        invoice = invoices[0]
        key = f"{turn.call_id}:copy:{invoice.id}:{way}"
        booking = used.crm.send_invoice(turn.slot("subscriber_id"), invoice.id, way, key)
        means = "e-mail" if way == "email" else "SMS"
        result = f"facture du {french.day(invoice.issued_on)} par {means}"
        turn.send(reply.report(self.reports, ok=True, reference=booking.reference, result=result))
        turn.say(f"utter_copy_sent_{way}", issued=french.day(invoice.issued_on))
        anything_else(turn)
