"""Billing: amount, causes of a change, due date, contested charge, payment date, copy, difficulty, contract."""

from __future__ import annotations

from decimal import Decimal

from actions import choices, french, reply
from actions.base import DONE, NO, UNCLEAR, UNSURE, YES, Ask, Form, Outcome, Request, anything_else, hand_over
from actions.choices import Option
from actions.crm.port import Invoice, InvoiceLine
from actions.invoices import Change, changes, contestable, duplicates
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


# --- a contested charge


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


# --- another payment date


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


# --- a copy of the invoice

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


# --- hard to pay

DIFFICULTY_WAYS = (
    Option("date", "décaler la date", words="changer reporter jour prélèvement plus tard"),
    Option("person", "un échéancier avec un conseiller", words="étaler délai plusieurs fois quelqu'un"),
)


class BillingDifficulty(Request):
    """Paying is hard: another date by oneself, or a schedule with a person."""

    action = "action_billing_difficulty"
    skill = "billing"
    personal = False

    def open(self, turn: Turn, used: Services) -> None:
        """Two ways out."""
        turn.set(difficulty_choice=None)
        turn.then("difficulty_form")


class ValidateDifficulty(Form):
    """Which way out."""

    form = "difficulty_form"
    own = frozenset({"billing_difficulty", "billing_payment_date"})

    def recognises(self, turn: Turn, asked: str) -> bool:
        """One of the two ways."""
        return turn.confidence < UNSURE and choices.pick(DIFFICULTY_WAYS, turn.text) is not None

    def start(self, turn: Turn, used: Services) -> str:
        """With understanding."""
        turn.say("utter_difficulty")
        return "difficulty_choice"

    def answer(self, turn: Turn, used: Services, asked: str) -> str | None:
        """The two ways by key, by words, or by asking again."""
        way = choices.pick(DIFFICULTY_WAYS, turn.text, turn.entity("number"), rank=turn.entity("rank"))
        if turn.intent == "billing_payment_date":
            turn.set(difficulty_choice="date")
        elif way:
            turn.set(difficulty_choice=way.value)
        elif turn.intent in ("billing_difficulty", "dont_know", "affirm"):
            turn.set(difficulty_choice="person")
        elif turn.intent in NO:
            turn.set(difficulty_choice="none")
        else:
            return UNCLEAR
        return DONE


class AskDifficultyChoice(Ask):
    """Another date, or a person?"""

    slot = "difficulty_choice"

    def ask(self, turn: Turn, used: Services) -> None:
        """Two ways, each with a key."""
        turn.say("utter_ask_difficulty_choice")
        turn.send(reply.expect("choice", self.slot, options=choices.keys(DIFFICULTY_WAYS)))


class DifficultyAnswered(Outcome):
    """Goes the way that was chosen."""

    action = "action_difficulty_answered"

    def conclude(self, turn: Turn, used: Services) -> None:
        """Another date by oneself, or a person."""
        choice = turn.slot("difficulty_choice")
        turn.set(difficulty_choice=None)
        if choice == "date":
            turn.then("action_billing_payment_date")
        elif choice == "person":
            turn.say("utter_difficulty_person")
            hand_over(turn, "policy", skill="billing")
        else:
            turn.say("utter_nothing_changed")
            anything_else(turn)
