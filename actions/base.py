"""How an action runs: off the event loop, guarded, and always answering with something that can be said.

DecrocheAction      one action of the domain; a fault becomes a sentence and a handoff
├── Request         what a subscriber can ask for; identifies first when it is personal
├── Aside           a remark that leaves the request where it is; a running form asks again
├── Outcome         what follows a finished form
├── Form            reads the answers to a form's questions (``validate_<form>``)
└── Ask             asks one question (``action_ask_<slot>``)
"""

from __future__ import annotations

import asyncio
import logging
import re
import traceback
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from rasa_sdk import Action, Tracker
from rasa_sdk.events import EventType
from rasa_sdk.executor import CollectingDispatcher

from actions import reply
from actions.crm.port import ConflictError
from actions.reply import Reason, Response, Skill
from actions.services import Services, services
from actions.turn import LISTEN, REQUESTED, Turn

logger = logging.getLogger(__name__)

MISSES = 2  # not understood that many times in a row: a person takes over

DONE = ""  # an answer() that ends its form
UNCLEAR = None  # an answer() that could make nothing of what was said

YES = frozenset({"affirm"})
NO = frozenset({"deny", "nothing_else"})

ANSWERS = frozenset(
    {
        "affirm",
        "deny",
        "dont_know",
        "inform_number",
        "inform_date",
        "correct",
        "nothing_else",
        "step_done",
        "works_now",
        "still_broken",
    }
)
"""Intents that answer a question: a form reads them all, and says so when one makes no sense there."""


ALWAYS_HEARD = frozenset(
    {
        "human_request",
        "silence_human",
        "call_ended",
        "call_returned",
        "bereavement",
        "repeat",
        "wait",
        "refuse_recording",
    }
)
"""Intents that no form takes for an answer."""

SURE_ANSWER = 0.8  # below this confidence, words that may be a yes or a no are asked about, not guessed
_BEGINS_YES = r"(?:(?:ah|euh|ben|bah|mais) )*(?:oui|ouais)\b"
_BEGINS_NO = r"(?:(?:ah|euh|ben|bah|mais) )*(?:non|nan)\b"
UNSURE = 0.5  # below this confidence, words that name a told option count more than the intent


class DecrocheAction(Action, ABC):
    """An action of the domain. ``reports``: the action's name in reports when it fails."""

    reports: ClassVar[str] = ""

    @property
    @abstractmethod
    def action(self) -> str:
        """The name in the domain; a class that does not set it is a base and is not registered."""

    def name(self) -> str:
        """The name in the domain, as Rasa asks for it."""
        return self.action

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> list[EventType]:
        """Handle the turn in a worker thread, because the subscriber system is called synchronously."""
        turn = await asyncio.to_thread(self._answer, tracker)
        for message in turn.messages:
            if isinstance(message, Response):
                dispatcher.utter_message(response=message.name, **message.values)
            else:
                dispatcher.utter_message(json_message=dict(message.payload))
        return turn.events()

    def _answer(self, tracker: Tracker) -> Turn:
        try:
            used = services()
        except Exception as err:  # noqa: BLE001  # a data file or the subscriber system: no call may hang on it
            turn = Turn(tracker, ZoneInfo("UTC"))
            self._log(turn, err)
            self._fail(turn)
            return turn
        turn = Turn(tracker, used.operator.timezone)
        self._guarded(turn, used)
        return turn

    def _guarded(self, turn: Turn, used: Services) -> None:
        if turn.ended:
            self._when_closed(turn)
            return
        try:
            self.handle(turn, used)
        except ConflictError:  # the subscriber's file does not allow it: a person has to look
            turn.send(reply.report(self.reports or self.name(), ok=False, result="refusé par le dossier"))
            turn.say("utter_conflict")
            hand_over(turn, "policy")
        except Exception as err:  # noqa: BLE001  # whatever broke, the caller hears a sentence and gets a person
            self._log(turn, err)
            self._fail(turn)

    def _log(self, turn: Turn, err: Exception) -> None:
        """Type, code and place: an exception's own words may hold what a caller said."""
        code = getattr(err, "code", "action.unexpected")
        frames = traceback.extract_tb(err.__traceback__)
        place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
        logger.error(
            "action failed: action=%s code=%s error=%s at=%s call_id=%s",
            self.name(),
            code,
            type(err).__name__,
            place,
            turn.call_id,
        )

    def _when_closed(self, turn: Turn) -> None:
        """A person is on the way: chained actions stay silent, a new message gets one sentence."""
        if not turn.ended_now:
            turn.say("utter_already_transferred")
            turn.send(reply.expect("nothing"))
        turn.leave_loop()
        turn.then(LISTEN)

    def _fail(self, turn: Turn) -> None:
        if self.reports:
            turn.send(reply.report(self.reports, ok=False, result="système indisponible"))
        turn.say("utter_fault")
        hand_over(turn, "fault")

    @abstractmethod
    def handle(self, turn: Turn, used: Services) -> None:
        """Do the work and build the answer. May raise any CrmError."""


class Request(DecrocheAction):
    """Something a subscriber asks for. It takes the place of whatever was being asked before.

    ``skill``: who would take over. ``personal``: nothing is said of it before the caller is identified.
    """

    skill: ClassVar[Skill] = "general"
    personal: ClassVar[bool] = True

    def handle(self, turn: Turn, used: Services) -> None:
        """Identify first if need be, else open the request."""
        if turn.loop:
            turn.leave_loop()
        turn.set(topic=self.skill, misses=0)
        turn.then(LISTEN)
        if self.personal and not turn.slot("verified"):
            turn.set(pending_request=self.name())
            turn.then("identification_form")
            return
        self.open(turn, used)

    @abstractmethod
    def open(self, turn: Turn, used: Services) -> None:
        """Settle the request, or set up its form and ``turn.then`` it."""


class Aside(DecrocheAction):
    """A remark. Rules end with listening, which Rasa turns into the form's question when one is active."""


class Outcome(DecrocheAction):
    """What follows a form: acts on its slots and clears them."""

    def handle(self, turn: Turn, used: Services) -> None:
        """Conclude, then listen unless the conclusion goes on."""
        turn.then(LISTEN)
        self.conclude(turn, used)

    @abstractmethod
    def conclude(self, turn: Turn, used: Services) -> None:
        """Act on what the form gathered."""


class Ask(DecrocheAction):
    """Asks one question of a form; silent when the caller only wanted the last sentence again, or time."""

    @property
    @abstractmethod
    def slot(self) -> str:
        """The slot of the question."""

    @property
    def action(self) -> str:
        """``action_ask_<slot>``, which Rasa finds by itself."""
        return f"action_ask_{self.slot}"

    def handle(self, turn: Turn, used: Services) -> None:
        """Ask, unless an aside has just said all there is to say."""
        said = turn.actions_since_last_message()
        if "action_repeat" in said or "action_wait" in said:
            return
        self.ask(turn, used)

    @abstractmethod
    def ask(self, turn: Turn, used: Services) -> None:
        """Say the question and what is expected."""


class Form(DecrocheAction):
    """Reads what the caller answers to the questions of ``form``; what is no answer is left to the rules.

    ``own``: intents that are answers here although they are requests elsewhere.
    """

    own: ClassVar[frozenset[str]] = frozenset()

    @property
    @abstractmethod
    def form(self) -> str:
        """The form's name in the domain."""

    @property
    def action(self) -> str:
        """``validate_<form>``, which Rasa finds by itself."""
        return f"validate_{self.form}"

    def handle(self, turn: Turn, used: Services) -> None:
        """Start, go on, or ask again after an aside."""
        asked = turn.requested
        if not asked:
            turn.set(**{REQUESTED: self.start(turn, used) or None})
        elif self._returning(turn):
            turn.set(**{REQUESTED: asked})
        elif turn.intent not in ANSWERS | self.own and not self._recognised(turn, asked):
            turn.reject(self.form)
        else:
            self._read(turn, used, asked)

    def _returning(self, turn: Turn) -> bool:
        others = [name for name in turn.actions_since_last_message() if name not in (LISTEN, self.form)]
        return bool(others)

    def _read(self, turn: Turn, used: Services, asked: str) -> None:
        doubtful = _doubtful(turn)
        coming = UNCLEAR if doubtful else self.answer(turn, used, asked)
        if turn.ended_now:
            coming = DONE
        elif coming is UNCLEAR:
            sentence = "utter_yes_or_no" if doubtful else "utter_not_understood"
            coming = asked if missed(turn, sentence) else DONE
        else:
            turn.set(misses=0)
        # Rasa takes a turn that fills no slot of the form for a rejection, so the question's own slot is always set.
        turn.set(**{asked: turn.slot(asked), REQUESTED: coming or None})

    def _recognised(self, turn: Turn, asked: str) -> bool:
        return turn.intent not in ALWAYS_HEARD and self.recognises(turn, asked)

    def recognises(self, turn: Turn, asked: str) -> bool:
        """Whether the words themselves answer ``asked``, whatever the classifier took them for."""
        return False

    @abstractmethod
    def start(self, turn: Turn, used: Services) -> str:
        """The first question's slot, with what has to be said before it."""

    @abstractmethod
    def answer(self, turn: Turn, used: Services, asked: str) -> str | None:
        """Take the answer to ``asked``: the next question's slot (the same one to ask again), DONE or UNCLEAR."""


def hand_over(turn: Turn, reason: Reason, *, skill: Skill | None = None, video: bool = False) -> None:
    """Give the call to a person; nothing is asked after this."""
    turn.send(reply.handoff(reason, skill or turn.slot("topic") or "general", video=video))
    turn.leave_loop()
    turn.set(closed=True, pending_request=None)


def say_goodbye(turn: Turn) -> None:
    """End the call with what it came to."""
    turn.say("utter_goodbye")
    turn.send(reply.expect("nothing"))
    turn.send(reply.hang_up("callback" if turn.slot("callback_promised") else "resolved"))
    turn.leave_loop()
    turn.set(closed=True)


def anything_else(turn: Turn) -> None:
    """The request is settled: ask for another."""
    turn.say("utter_anything_else")
    turn.set(
        settled=True, misses=0, error_code=None, amount=None, delivery=None, equipment=None, weekday=None
    )


def _doubtful(turn: Turn) -> bool:
    """Whether a yes or no was asked and the words are not surely one.

    A plain "oui" never gets here in doubt: the bot sends it as ``/affirm``, certain. Words that begin with what they
    are taken for are in no doubt either: "non, c'est parfait" to "voulez-vous changer ?".
    """
    asked = turn.expected.get("kind") == "yes_no"
    if not asked or turn.intent not in YES | NO or turn.confidence >= SURE_ANSWER:
        return False
    return not re.match(_BEGINS_YES if turn.intent in YES else _BEGINS_NO, turn.text.lower())


def missed(turn: Turn, sentence: str = "utter_not_understood") -> bool:
    """Something was not understood: apologise and return True; once too often, hand over and return False."""
    count = int(turn.slot("misses") or 0) + 1
    turn.set(misses=count)
    if count >= MISSES:
        turn.say("utter_not_understood_again")
        hand_over(turn, "not_understood")
        return False
    turn.say(sentence)
    return True
