"""Cancellation: the contract's real position, the offers that policy allows, and no obstruction."""

from __future__ import annotations

from actions import french, reply
from actions.base import DONE, NO, UNCLEAR, YES, Ask, Form, Outcome, Request, anything_else, hand_over
from actions.crm.port import ConflictError, Contract
from actions.operator import Offer
from actions.policy import Position, eligible_offers, position
from actions.reply import Answer
from actions.services import Services
from actions.turn import Turn

INTENTION, OFFER, CONFIRMED = "cancel_intention", "offer_answer", "cancel_confirmed"
CANCELLING = frozenset({"cancel_contract", "cancel_oblique"})
REASON = "demande du client par téléphone"


class CancelOblique(Request):
    """It sounds like leaving: ask once, neutrally. Nothing personal is said yet."""

    action = "action_cancel_oblique"
    skill = "retention"
    personal = False

    def open(self, turn: Turn, used: Services) -> None:
        """One question."""
        turn.set(cancel_intention=None)
        turn.then("intention_form")


class ValidateIntention(Form):
    """Is it to cancel?"""

    form = "intention_form"
    own = CANCELLING | {"cancel_withdraw"}

    def start(self, turn: Turn, used: Services) -> str:
        """Ask."""
        return INTENTION

    def answer(self, turn: Turn, used: Services, asked: str) -> str | None:
        """Yes, no, or said again."""
        if turn.intent in YES | CANCELLING:
            turn.set(cancel_intention=True)
        elif turn.intent in NO | {"cancel_withdraw"}:
            turn.set(cancel_intention=False)
        else:
            return UNCLEAR
        return DONE


class AskIntention(Ask):
    """Would you like to cancel?"""

    slot = INTENTION

    def ask(self, turn: Turn, used: Services) -> None:
        """A yes or a no."""
        turn.say("utter_ask_cancel_intention")
        turn.send(reply.yes_no(self.slot))


class IntentionAnswered(Outcome):
    """Cancel, or carry on."""

    action = "action_intention_answered"

    def conclude(self, turn: Turn, used: Services) -> None:
        """A no is taken for a no."""
        wanted = turn.slot(INTENTION)
        turn.set(cancel_intention=None)
        if wanted:
            turn.then("action_cancel_contract")
        else:
            turn.say("utter_cancel_not_meant")
            anything_else(turn)


def tell_position(turn: Turn, used: Services, contract: Contract) -> Position:
    """Say and report where the subscriber stands."""
    where = position(contract, turn.today, used.operator.policy)
    ends_on, fees = french.day(where.ends_on), french.euros(where.fees)
    if where.committed_until is None:
        turn.say("utter_position_free", days=str(where.notice_days), ends_on=ends_on)
    elif where.fees:
        turn.say(
            "utter_position_committed",
            until=french.day(where.committed_until),
            days=str(where.notice_days),
            ends_on=ends_on,
            fees=fees,
        )
    else:
        turn.say(
            "utter_position_ending",
            until=french.day(where.committed_until),
            days=str(where.notice_days),
            ends_on=ends_on,
        )
    result = f"fin le {ends_on}, préavis {where.notice_days} jours, frais {fees}"
    turn.send(reply.report("tell_position", ok=True, result=result))
    return where


class CancelPosition(Request):
    """Am I still committed, and what would it cost?"""

    action = "action_cancel_position"
    reports = "tell_position"
    skill = "retention"

    def open(self, turn: Turn, used: Services) -> None:
        """The position, and nothing more."""
        contract = used.crm.contract(turn.slot("subscriber_id"))
        if contract.status == "cancelled":
            turn.say("utter_already_cancelled")
        else:
            tell_position(turn, used, contract)
        anything_else(turn)


class CancelContract(Request):
    """The subscriber wants to cancel."""

    action = "action_cancel_contract"
    reports = "cancel_contract"
    skill = "retention"

    def open(self, turn: Turn, used: Services) -> None:
        """The position, then the offers policy allows, then the confirmation."""
        contract = used.crm.contract(turn.slot("subscriber_id"))
        if contract.status == "cancelled":
            turn.send(reply.report(self.reports, ok=False, result="déjà résilié"))
            turn.say("utter_already_cancelled")
            anything_else(turn)
            return
        tell_position(turn, used, contract)
        told = set(turn.slot("offers_told") or ())
        left = used.operator.policy.max_offers - len(told)
        offers = eligible_offers(contract, turn.today, used.operator.offers, used.operator.policy)
        turn.set(offers_left=[o.id for o in offers if o.id not in told][: max(0, left)])
        turn.set(offer_id=None, cancel_outcome=None, **{OFFER: None, CONFIRMED: None})
        turn.then("cancellation_form")


class ValidateCancellation(Form):
    """Each offer is accepted or refused in one exchange; then the cancellation is confirmed."""

    form = "cancellation_form"
    own = CANCELLING | {"cancel_withdraw", "cancel_position"}
    reports = "cancel_contract"

    def start(self, turn: Turn, used: Services) -> str:
        """The first offer, or the confirmation."""
        return self._propose(turn, used)

    def answer(self, turn: Turn, used: Services, asked: str) -> str | None:
        """To an offer, everything but a yes is a no; to the confirmation, only a yes cancels."""
        if turn.intent == "cancel_withdraw":
            turn.set(cancel_outcome="withdrawn")
            return DONE
        if turn.intent == "cancel_position":
            tell_position(turn, used, used.crm.contract(turn.slot("subscriber_id")))
            return asked
        return self._offer(turn, used) if asked == OFFER else self._confirmation(turn)

    def _offer(self, turn: Turn, used: Services) -> str | None:
        if turn.intent in YES:
            turn.set(cancel_outcome="accepted")
            return DONE
        if turn.intent in NO | CANCELLING | {"dont_know"}:
            record_offer(turn, used, "refused")
            return self._propose(turn, used)
        return UNCLEAR

    def _confirmation(self, turn: Turn) -> str | None:
        if turn.intent in YES | {"cancel_contract"}:
            turn.set(cancel_outcome="confirmed")
        elif turn.intent in NO:
            turn.set(cancel_outcome="withdrawn")
        else:
            return UNCLEAR
        return DONE

    def _propose(self, turn: Turn, used: Services) -> str:
        """Put the next offer forward, once; the confirmation when none is left."""
        left = list(turn.slot("offers_left") or ())
        if not left:
            turn.set(offer_id=None)
            return CONFIRMED
        turn.set(
            offer_id=left[0], offers_left=left[1:], offers_told=[*(turn.slot("offers_told") or ()), left[0]]
        )
        record_offer(turn, used, "proposed")
        return OFFER


def _current_offer(turn: Turn, used: Services) -> Offer:
    return used.operator.offer(str(turn.slot("offer_id")))


def record_offer(turn: Turn, used: Services, answer: Answer) -> None:
    """Write the current offer into the operator's audit and the call's record."""
    offer = _current_offer(turn, used)
    used.crm.log_offer(turn.slot("subscriber_id"), turn.call_id, offer.id, answer)
    turn.send(reply.offer(offer.id, offer.terms, answer))


class AskOfferAnswer(Ask):
    """Tells the offer with its commitment."""

    slot = OFFER

    def ask(self, turn: Turn, used: Services) -> None:
        """A yes or a no."""
        offer = _current_offer(turn, used)
        first = len(turn.slot("offers_told") or ()) <= 1
        turn.say(
            "utter_ask_offer_first" if first else "utter_ask_offer_next", name=offer.name, terms=offer.terms
        )
        turn.send(reply.yes_no(self.slot))


class AskCancelConfirmed(Ask):
    """Shall it be cancelled?"""

    slot = CONFIRMED

    def ask(self, turn: Turn, used: Services) -> None:
        """Date and fees again, then a yes or a no."""
        contract = used.crm.contract(turn.slot("subscriber_id"))
        where = position(contract, turn.today, used.operator.policy)
        name = "utter_ask_cancel_confirmed_fees" if where.fees else "utter_ask_cancel_confirmed"
        turn.say(name, ends_on=french.day(where.ends_on), fees=french.euros(where.fees))
        turn.send(reply.yes_no(self.slot))


class CancellationDone(Outcome):
    """Registers what was decided."""

    action = "action_cancellation_done"
    reports = "cancel_contract"

    def conclude(self, turn: Turn, used: Services) -> None:
        """Accepted, confirmed or withdrawn."""
        outcome = turn.slot("cancel_outcome")
        if outcome == "accepted":
            self._accept(turn, used)
        elif outcome == "confirmed":
            self._cancel(turn, used)
        else:
            turn.send(reply.report(self.reports, ok=False, result="le client garde son abonnement"))
            turn.say("utter_cancel_withdrawn")
        turn.set(offer_id=None, offers_left=None, cancel_outcome=None, **{OFFER: None, CONFIRMED: None})
        anything_else(turn)

    def _accept(self, turn: Turn, used: Services) -> None:
        offer = _current_offer(turn, used)
        booking = used.crm.accept_offer(
            turn.slot("subscriber_id"),
            offer.id,
            offer.commitment_months,
            offer.discount,
            f"{turn.call_id}:offer:{offer.id}",
        )
        record_offer(turn, used, "accepted")
        turn.send(reply.report("accept_offer", ok=True, reference=booking.reference, result=offer.name))
        turn.say("utter_offer_accepted", name=offer.name, terms=offer.terms, reference=booking.reference)

    def _cancel(self, turn: Turn, used: Services) -> None:
        subscriber_id = turn.slot("subscriber_id")
        where = position(used.crm.contract(subscriber_id), turn.today, used.operator.policy)
        try:
            booking = used.crm.cancel_contract(subscriber_id, where.ends_on, REASON, f"{turn.call_id}:cancel")
        except ConflictError:
            turn.send(reply.report(self.reports, ok=False, result="déjà résilié"))
            turn.say("utter_already_cancelled")
            return
        ends_on = french.day(where.ends_on)
        turn.set(cancelled=True)
        result = f"fin le {ends_on}, frais {french.euros(where.fees)}"
        turn.send(reply.report(self.reports, ok=True, reference=booking.reference, result=result))
        turn.say("utter_cancelled", ends_on=ends_on, reference=booking.reference)
        brand = used.operator.brand
        turn.say("utter_cancel_routes", online=brand.terminate_online, address=brand.postal_address)


class CancelWithdraw(Request):
    """The subscriber stays after all, said when nothing is being asked."""

    action = "action_cancel_withdraw"
    skill = "retention"
    personal = False

    def open(self, turn: Turn, used: Services) -> None:
        """Only a person can take back a registered cancellation."""
        if turn.slot("cancelled"):
            turn.say("utter_cancel_undo")
            hand_over(turn, "retention", skill="retention")
        else:
            turn.say("utter_cancel_withdrawn")
            anything_else(turn)
