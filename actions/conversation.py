"""The manners of a call: its start and end, remarks, a person please, what was not understood."""

from __future__ import annotations

import logging

from actions import reply
from actions.base import (
    DONE,
    MISSES,
    NO,
    UNCLEAR,
    YES,
    Aside,
    Ask,
    DecrocheAction,
    Form,
    Outcome,
    Request,
    anything_else,
    hand_over,
    missed,
    say_goodbye,
)
from actions.crm.port import CrmError
from actions.identification import luhn_valid
from actions.reply import Reason, Skill
from actions.services import Services, services
from actions.turn import LISTEN, Turn

logger = logging.getLogger(__name__)

UPSETS = 2  # remarks of an upset caller before a person takes over
PLAUSIBLE = 0.2  # confidence from which a guess is worth a question
GUESSABLE = frozenset(
    {
        "billing_amount",
        "billing_increase",
        "billing_due",
        "billing_dispute",
        "billing_payment_date",
        "billing_copy",
        "billing_difficulty",
        "contract_info",
        "box_no_signal",
        "box_black_screen",
        "box_error_code",
        "box_remote",
        "box_network",
        "box_recordings",
        "box_broken",
        "box_appointment",
        "cancel_contract",
        "cancel_position",
        "move_house",
        "callback_request",
        "human_request",
    }
)
"""Intents with a response ``utter_guess_<intent>``; each is opened by ``action_<intent>``."""


class CallStarted(DecrocheAction):
    """First message of a call: remembers whether the line is a subscriber's. Says nothing."""

    action = "action_call_started"

    def handle(self, turn: Turn, used: Services) -> None:
        """Look the caller number up; a subscriber system that is down is met later, when it matters."""
        number = str(turn.metadata.get("caller_number") or "")
        if not number:
            return
        try:
            known = used.crm.find_by_phone(number) is not None
        except CrmError as err:
            logger.warning("caller lookup failed: code=%s call_id=%s", err.code, turn.call_id)
            return
        if known:
            turn.set(candidate=number, candidate_how="caller_number", check_kind="postcode")


class CallEnded(DecrocheAction):
    """The caller hung up: nothing is said any more."""

    action = "action_call_ended"

    def handle(self, turn: Turn, used: Services) -> None:
        """Stop asking."""
        turn.leave_loop()
        turn.set(closed=True)
        turn.then(LISTEN)

    def _when_closed(self, turn: Turn) -> None:
        turn.then(LISTEN)


class CallReturned(DecrocheAction):
    """The caller, who had been handed over, is back: says nothing, the bot has asked what else there is."""

    action = "action_call_returned"

    def handle(self, turn: Turn, used: Services) -> None:
        """Begin the next request with what is known: nothing was closed, nothing is being asked."""
        turn.leave_loop()
        turn.set(closed=False, settled=True, misses=0, upset=0, pending_request=None)
        turn.then(LISTEN)

    def _when_closed(self, turn: Turn) -> None:
        self.handle(turn, services())


# --- bringing in a person


class BringPerson(Request):
    """A request that only a person settles. ``sentence``: why, if anything has to be said."""

    personal = False
    reason: Reason = "human_request"
    sentence: str = ""
    keeps_topic: bool = False
    video: bool = False

    def handle(self, turn: Turn, used: Services) -> None:
        """Hand over at once, whatever was being asked, to whom the request was with."""
        topic: Skill = turn.slot("topic") or self.skill
        super().handle(turn, used)
        if self.keeps_topic:
            turn.set(topic=topic)
        if self.sentence:
            turn.say(self.sentence)
        hand_over(turn, self.reason, skill=topic if self.keeps_topic else self.skill, video=self.video)

    def open(self, turn: Turn, used: Services) -> None:
        """Nothing to open: :meth:`handle` hands over."""


class HumanRequest(BringPerson):
    """Someone, please: at any moment, without a question."""

    action = "action_human_request"
    keeps_topic = True


class SilenceHuman(BringPerson):
    """Nothing was heard to the end of the ladder; the bot has said so."""

    action = "action_silence_human"
    reason = "silence"
    keeps_topic = True


class Bereavement(BringPerson):
    """The subscriber has died: a person, gently."""

    action = "action_bereavement"
    reason = "bereavement"
    sentence = "utter_condolences"


class MoveHouse(BringPerson):
    """Moving house needs an address and a date with a person."""

    action = "action_move_house"
    reason = "policy"
    sentence = "utter_move_house"


# --- remarks


class GoOn(Aside):
    """After a remark: back to what was being asked, or an open question when nothing was."""

    action = "action_go_on"

    def handle(self, turn: Turn, used: Services) -> None:
        """A running form asks by itself."""
        if turn.loop:
            return
        if turn.slot("settled"):
            anything_else(turn)
        else:
            turn.say("utter_how_can_i_help")


class Repeat(Aside):
    """Says the last reply again, with what it expected."""

    action = "action_repeat"

    def handle(self, turn: Turn, used: Services) -> None:
        """Nothing said yet: the open question."""
        last = turn.last_reply()
        if not last:
            turn.say("utter_how_can_i_help")
        for payload in last:
            turn.send(reply.Custom(payload))


class Wait(Aside):
    """The caller needs a moment."""

    action = "action_wait"

    def handle(self, turn: Turn, used: Services) -> None:
        """Be patient for what was expected; a number stays a number."""
        turn.say("utter_take_your_time")
        expected = turn.expected
        if expected.get("kind") in ("digits", "date"):
            turn.send(reply.Custom({"expect": expected}))
        else:
            turn.send(reply.Custom({"expect": {**expected, "kind": "step"}}))


class RefuseRecording(Aside):
    """The call is not to be recorded."""

    action = "action_refuse_recording"

    def handle(self, turn: Turn, used: Services) -> None:
        """Tell the bot, then the caller."""
        turn.send(reply.recording(allowed=False))
        turn.say("utter_recording_refused")


class Complaint(Aside):
    """The caller is upset: acknowledged once, then a person."""

    action = "action_complaint"

    def handle(self, turn: Turn, used: Services) -> None:
        """Count, and hand over at the second remark."""
        count = int(turn.slot("upset") or 0) + 1
        turn.set(upset=count)
        if count >= UPSETS:
            turn.say("utter_upset_again")
            hand_over(turn, "upset")
        else:
            turn.say("utter_upset")


# --- between requests


class OpenAnswer(DecrocheAction):
    """An answer although no question of a form is open: to "Autre chose ?", or to nothing."""

    action = "action_open_answer"

    def handle(self, turn: Turn, used: Services) -> None:
        """Yes: listen. No: goodbye, once something was settled."""
        turn.then(LISTEN)
        if turn.intent == "inform_number" and not turn.slot("verified"):
            start_with_number(turn, used)
        elif turn.intent in YES | {"correct"}:
            turn.say("utter_listening")
        elif turn.intent in NO and turn.slot("settled"):
            say_goodbye(turn)
        elif turn.intent in ("works_now", "step_done") and turn.slot("settled"):
            anything_else(turn)
        else:
            rephrase(turn)


class Goodbye(DecrocheAction):
    """The caller takes leave."""

    action = "action_goodbye"

    def handle(self, turn: Turn, used: Services) -> None:
        """Take leave too."""
        turn.then(LISTEN)
        say_goodbye(turn)


class NotUnderstood(Aside):
    """The classifier was not sure: confirm the likeliest meaning, ask again, and at the second time bring a person."""

    action = "action_not_understood"

    def handle(self, turn: Turn, used: Services) -> None:
        """Inside a form its question is asked again by itself."""
        if turn.loop:
            missed(turn)
            return
        turn.then(LISTEN)
        count = int(turn.slot("misses") or 0) + 1
        guess = next((name for name, sure in turn.ranking() if name in GUESSABLE and sure >= PLAUSIBLE), None)
        if count >= MISSES:
            missed(turn)
        elif guess:
            turn.set(misses=count, guess=guess)
            turn.then("guess_form")
        else:
            turn.set(misses=count)
            rephrase(turn)


def start_with_number(turn: Turn, used: Services) -> None:
    """A caller who begins with the subscriber number is not asked for it again."""
    rules = used.operator.identification
    if len(turn.digits) == rules.number_length and (rules.check != "luhn" or luhn_valid(turn.digits)):
        turn.set(candidate=turn.digits, candidate_how="subscriber_number", check_kind="postcode")
        turn.then("identification_form")
    else:
        rephrase(turn)


def rephrase(turn: Turn) -> None:
    """The four things people call for, each with a key."""
    turn.say("utter_rephrase")


class ValidateGuess(Form):
    """Is that what you meant?"""

    form = "guess_form"

    def start(self, turn: Turn, used: Services) -> str:
        """Ask."""
        turn.set(guess_confirmed=None)
        return "guess_confirmed"

    def answer(self, turn: Turn, used: Services, asked: str) -> str | None:
        """Yes or no."""
        if turn.intent in YES | NO:
            turn.set(guess_confirmed=turn.intent in YES)
            return DONE
        return UNCLEAR


class AskGuess(Ask):
    """Vous souhaitez …, c'est bien cela ?"""

    slot = "guess_confirmed"

    def ask(self, turn: Turn, used: Services) -> None:
        """The guessed intent's own sentence."""
        turn.say(f"utter_guess_{turn.slot('guess')}")
        turn.send(reply.yes_no(self.slot))


class GuessAnswered(Outcome):
    """Go on with what was meant, or offer the four choices."""

    action = "action_guess_answered"

    def conclude(self, turn: Turn, used: Services) -> None:
        """A wrong guess counts as not understood."""
        guess, right = turn.slot("guess"), turn.slot("guess_confirmed")
        turn.set(guess=None, guess_confirmed=None)
        if right:
            turn.then(f"action_{guess}")
        else:
            turn.set(misses=1)
            rephrase(turn)
