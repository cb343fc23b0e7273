"""Another day of the month for the debit, among those the operator allows."""

from __future__ import annotations

from actions import choices, french, reply
from actions.base import DONE, NO, UNCLEAR, UNSURE, YES, Ask, Form, Outcome, anything_else
from actions.billing import BillingRequest
from actions.choices import Option
from actions.services import Services
from actions.turn import Turn


class BillingPaymentDate(BillingRequest):
    """Another day of the month, among those the operator allows."""

    action = "action_billing_payment_date"
    reports = "change_payment_date"

    def open(self, turn: Turn, used: Services) -> None:
        """Transfers have no debit day."""
        contract = used.crm.contract(turn.slot("subscriber_id"))
        if contract.payment_method == "transfer":
            turn.send(reply.report(self.reports, ok=False, result="paiement par virement"))
            turn.say("utter_payment_date_transfer")
            anything_else(turn)
            return
        turn.set(payment_day=None, payment_day_confirmed=None)
        options = tuple(
            Option(str(day), f"le {day}", number=str(day)) for day in used.operator.policy.payment_dates
        )
        turn.set(choices=[option.as_slot() for option in options])
        if turn.intent == "billing_payment_date":
            named = _day(options, turn)
            turn.set(payment_day=named.value if named else None)
        turn.then("payment_date_form")


def _day(options: tuple[Option, ...], turn: Turn) -> Option | None:
    number = turn.entity("number") or str(int(turn.entity("date")[8:10] or 0) if turn.entity("date") else "")
    return choices.pick(options, turn.text, number, rank=turn.entity("rank"))


class ValidatePaymentDate(Form):
    """Which day, and is that right?"""

    form = "payment_date_form"
    own = frozenset({"billing_payment_date", "billing_due"})

    def recognises(self, turn: Turn, asked: str) -> bool:
        """An allowed day."""
        return turn.confidence < UNSURE and _day(choices.from_slot(turn.slot("choices")), turn) is not None

    def start(self, turn: Turn, used: Services) -> str:
        """A day already said only needs a yes."""
        return "payment_day_confirmed" if turn.slot("payment_day") else "payment_day"

    def answer(self, turn: Turn, used: Services, asked: str) -> str | None:
        """A day, or yes or no; another day said at the confirmation corrects it."""
        options = choices.from_slot(turn.slot("choices"))
        chosen = _day(options, turn)
        if asked == "payment_day_confirmed" and turn.intent in YES:
            turn.set(payment_day_confirmed=True)
            return DONE
        if chosen and (turn.intent not in NO or chosen.value != turn.slot("payment_day")):
            turn.set(payment_day=chosen.value)
            return "payment_day_confirmed"
        if asked == "payment_day_confirmed" and turn.intent in NO | {"correct"}:
            turn.set(payment_day=None)
            return "payment_day"
        if turn.intent in NO | {"dont_know"}:
            turn.set(payment_day_confirmed=False)
            return DONE
        if turn.digits or turn.intent == "inform_date":
            turn.say("utter_payment_day_refused")
            return "payment_day"
        return UNCLEAR


class AskPaymentDay(Ask):
    """Which day."""

    slot = "payment_day"

    def ask(self, turn: Turn, used: Services) -> None:
        """The allowed days, each with a key."""
        options = choices.from_slot(turn.slot("choices"))
        turn.say("utter_ask_payment_day", days=french.enumerate_or([option.label for option in options]))
        turn.send(reply.expect("choice", self.slot, options=choices.keys(options)))


class AskPaymentDayConfirmed(Ask):
    """Is that right?"""

    slot = "payment_day_confirmed"

    def ask(self, turn: Turn, used: Services) -> None:
        """A yes or a no."""
        turn.say("utter_ask_payment_day_confirmed", day=str(turn.slot("payment_day")))
        turn.send(reply.yes_no(self.slot))


class PaymentDateAnswered(Outcome):
    """Changes the day."""

    action = "action_payment_date_answered"
    reports = "change_payment_date"

    def conclude(self, turn: Turn, used: Services) -> None:
        """Write it once, or leave things as they are."""
        day, confirmed = turn.slot("payment_day"), turn.slot("payment_day_confirmed")
        turn.set(payment_day=None, payment_day_confirmed=None, choices=None)
        if day and confirmed:
            key = f"{turn.call_id}:payment_day:{day}"
            booking = used.crm.change_payment_day(turn.slot("subscriber_id"), int(day), key)
            result = f"prélèvement le {day} du mois"
            turn.send(reply.report(self.reports, ok=True, reference=booking.reference, result=result))
            turn.say("utter_payment_day_changed", day=str(day), reference=booking.reference)
        else:
            turn.say("utter_nothing_changed")
        anything_else(turn)
