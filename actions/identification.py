"""Who is calling: a known line or a subscriber number, then one check. Nothing personal is said before.

A wrong number and a wrong check get the same answer, so that nobody learns which numbers exist.
"""

from __future__ import annotations

import re
from datetime import date, datetime

from actions import french, reply
from actions.base import DONE, UNCLEAR, Ask, Form, Outcome, hand_over
from actions.crm.port import Contract, NotFoundError, Subscriber
from actions.services import Services
from actions.turn import Turn

NUMBER, CHECK = "subscriber_number", "identity_check"
POSTCODE, BIRTH_DATE = "postcode", "birth_date"
POSTCODE_LENGTH, BIRTH_DATE_LENGTH = 5, 8


def luhn_valid(digits: str) -> bool:
    """Whether the last digit is the Luhn check digit of the others (ISO/IEC 7812-1, annex B)."""
    if not digits.isdigit():
        return False
    total = 0
    for index, char in enumerate(reversed(digits)):
        value = int(char) * (2 if index % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def parse_birth_date(iso: str, digits: str) -> date | None:
    """A birth date from an ISO date, else from eight digits ``JJMMAAAA``; ``None`` when it is neither."""
    try:
        if re.match(r"\d{4}-\d{2}-\d{2}", iso):
            return date.fromisoformat(iso[:10])
        if len(digits) == BIRTH_DATE_LENGTH:
            return datetime.strptime(digits, "%d%m%Y").date()
    except ValueError:
        pass
    return None


class ValidateIdentification(Form):
    """Reads subscriber number and check; three failures bring a person, with the caller unverified."""

    form = "identification_form"

    def start(self, turn: Turn, used: Services) -> str:
        """A known line needs only the check."""
        if not turn.slot("identity_attempts"):
            turn.say("utter_identification_intro")
        return CHECK if turn.slot("candidate_how") else NUMBER

    def recognises(self, turn: Turn, asked: str) -> bool:
        """Digits that may be one, or a date for the check."""
        if asked == NUMBER:
            return len(turn.digits) > POSTCODE_LENGTH
        return bool(turn.entity("date")) or len(turn.digits) in (POSTCODE_LENGTH, BIRTH_DATE_LENGTH)

    def answer(self, turn: Turn, used: Services, asked: str) -> str | None:
        """Take a number or a check."""
        return self._number(turn, used) if asked == NUMBER else self._check(turn, used)

    def _number(self, turn: Turn, used: Services) -> str | None:
        digits = turn.digits
        if not digits:
            return self._no_number(turn) if turn.intent in ("dont_know", "deny") else UNCLEAR
        rules = used.operator.identification
        if len(digits) != rules.number_length or (rules.check == "luhn" and not luhn_valid(digits)):
            return self._failed(turn, used, "utter_number_invalid", NUMBER)
        turn.set(candidate=digits, candidate_how=NUMBER, check_kind=POSTCODE)
        return CHECK

    def _no_number(self, turn: Turn) -> str:
        if turn.slot("number_help"):
            return self._give_up(turn)
        turn.say("utter_number_where")
        turn.set(number_help=True)
        return NUMBER

    def _check(self, turn: Turn, used: Services) -> str | None:
        digits, iso = turn.digits, turn.entity("date")
        born = parse_birth_date(iso, digits)
        if born is None and len(digits) != POSTCODE_LENGTH:
            return self._no_check(turn, digits)
        kind = BIRTH_DATE if born else POSTCODE
        subscriber = self._candidate(turn, used)
        expected = subscriber and (subscriber.birth_date if born else subscriber.postcode)
        if subscriber is None or (born or digits) != expected:
            return self._failed(turn, used, "utter_identity_mismatch", CHECK)
        self._verified(turn, used, subscriber, f"{turn.slot('candidate_how')}+{kind}")
        return DONE

    def _no_check(self, turn: Turn, digits: str) -> str | None:
        """No usable answer: the other check when this one is not known or not wanted."""
        if "naissance" in turn.text and turn.slot("check_kind") != BIRTH_DATE:
            turn.set(check_kind=BIRTH_DATE)
            return CHECK
        if "code postal" in turn.text and turn.slot("check_kind") == BIRTH_DATE and not digits:
            turn.set(check_kind=POSTCODE)
            return CHECK
        if turn.intent in ("dont_know", "deny"):
            if turn.slot("check_kind") == BIRTH_DATE:
                return self._give_up(turn)
            turn.set(check_kind=BIRTH_DATE)
            return CHECK
        return UNCLEAR

    def _candidate(self, turn: Turn, used: Services) -> Subscriber | None:
        """Who the line or number belongs to; looked up with the check only, so that a number alone tells nothing."""
        candidate = str(turn.slot("candidate") or "")
        if turn.slot("candidate_how") == NUMBER:
            return used.crm.find_by_number(candidate)
        return used.crm.find_by_phone(candidate)

    def _failed(self, turn: Turn, used: Services, sentence: str, again: str) -> str:
        attempts = int(turn.slot("identity_attempts") or 0) + 1
        turn.set(identity_attempts=attempts)
        if attempts >= used.operator.identification.attempts:
            return self._give_up(turn)
        turn.say(sentence)
        if attempts == used.operator.identification.attempts - 1:
            turn.set(candidate=None, candidate_how=None, check_kind=POSTCODE)
            return NUMBER
        return again

    def _give_up(self, turn: Turn) -> str:
        turn.send(reply.identity(verified=False, how="failed"))
        turn.say("utter_identification_failed")
        hand_over(turn, "identification_failed")
        return DONE

    def _verified(self, turn: Turn, used: Services, subscriber: Subscriber, how: str) -> None:
        try:
            contract: Contract | None = used.crm.contract(subscriber.id)
        except NotFoundError:
            contract = None
        turn.set(verified=True, subscriber_id=subscriber.id, identity_attempts=0, candidate=None)
        turn.set(contact=contact_hints(subscriber), **{NUMBER: "given", CHECK: "passed"})
        turn.send(
            reply.identity(
                verified=True,
                how=how,
                subscriber={
                    "ref": str(subscriber.id),
                    "name": french.masked_name(subscriber.title, subscriber.last_name),
                    "number": french.masked_number(subscriber.number),
                },
                contract=masked_contract(contract) if contract else None,
            )
        )
        turn.say("utter_identified", title=spoken_title(subscriber.title), last_name=subscriber.last_name)


def masked_contract(contract: Contract) -> dict[str, str]:
    """What of a contract goes into the record."""
    return {
        "ref": str(contract.id),
        "plan": contract.plan_name,
        "since": contract.started_on.isoformat(),
        "ends": contract.committed_until.isoformat() if contract.committed_until else "",
    }


def contact_hints(subscriber: Subscriber) -> dict[str, str]:
    """Enough of an address to read it back to its owner; all that a slot keeps of it."""
    first, domain = french.email_hint(subscriber.email)
    return {"email_first": first, "email_domain": domain, "phone_end": french.phone_end(subscriber.phone)}


def spoken_title(title: str) -> str:
    """``Mme`` → ``Madame``, ``M.`` → ``Monsieur``."""
    return {"Mme": "Madame", "M.": "Monsieur"}.get(title, title)


class AskSubscriberNumber(Ask):
    """Asks for the subscriber number."""

    slot = NUMBER

    def ask(self, turn: Turn, used: Services) -> None:
        """Digits, keyed or dictated."""
        rules = used.operator.identification
        turn.say("utter_ask_subscriber_number", length=str(rules.number_length))
        turn.send(reply.expect("digits", NUMBER, lengths=[rules.number_length], check=rules.check))


class AskIdentityCheck(Ask):
    """Asks for the postcode, or the birth date when the caller would rather."""

    slot = CHECK

    def ask(self, turn: Turn, used: Services) -> None:
        """One check, keyed or spoken."""
        if turn.slot("check_kind") == BIRTH_DATE:
            turn.say("utter_ask_birth_date")
            turn.send(reply.expect("digits", BIRTH_DATE, lengths=[BIRTH_DATE_LENGTH], secret=True))
        else:
            turn.say("utter_ask_postcode")
            turn.send(reply.expect("digits", POSTCODE, lengths=[POSTCODE_LENGTH]))


class ResumeRequest(Outcome):
    """Identified: go on with what was asked at first."""

    action = "action_resume_request"

    def conclude(self, turn: Turn, used: Services) -> None:
        """Resume, or ask what it is about when nothing was asked yet."""
        pending = turn.slot("pending_request")
        turn.set(pending_request=None)
        if pending and turn.slot("verified"):
            turn.then(str(pending))
        else:
            turn.say("utter_how_can_i_help")
