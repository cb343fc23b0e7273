"""Paying is hard: another date by oneself, or a schedule with a person."""

from __future__ import annotations

from actions import choices, reply
from actions.base import DONE, NO, UNCLEAR, UNSURE, Ask, Form, Outcome, Request, anything_else, hand_over
from actions.choices import Option
from actions.services import Services
from actions.turn import Turn

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
