"""One caller turn as an action sees it, and what the action answers: messages, slots, what comes next."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from rasa_sdk import Tracker
from rasa_sdk.events import ActionExecutionRejected, ActiveLoop, EventType, FollowupAction, SlotSet

from actions.reply import Custom, Message, Response

LISTEN = "action_listen"
REQUESTED = "requested_slot"


class Turn:
    """The caller's last message and the conversation so far, read-only, beside the answer being built."""

    def __init__(self, tracker: Tracker, timezone: ZoneInfo) -> None:
        self._tracker = tracker
        self._timezone = timezone
        self._set: dict[str, Any] = {}
        self._next: str | None = None
        self._rejected: str | None = None
        self._leaves_loop = False
        self.messages: list[Message] = []

    # --- what was said

    @property
    def call_id(self) -> str:
        """The conversation's id, which is the call's."""
        return str(self._tracker.sender_id)

    @property
    def intent(self) -> str:
        """The last message's intent, ``""`` before any."""
        return str((self._tracker.latest_message.get("intent") or {}).get("name") or "")

    @property
    def confidence(self) -> float:
        """How sure the classifier is of the intent, 0–1; 0 when it fell back."""
        if self.intent == "nlu_fallback":
            return 0.0
        return float((self._tracker.latest_message.get("intent") or {}).get("confidence") or 0)

    @property
    def text(self) -> str:
        """The last message, lower-cased and normalised by the bot."""
        return str(self._tracker.latest_message.get("text") or "")

    @property
    def metadata(self) -> Mapping[str, Any]:
        """What the bot sent beside the message (``docs/contract.md``)."""
        return self._tracker.latest_message.get("metadata") or {}

    @property
    def now(self) -> datetime:
        """The time of the turn in the brand's time zone; the bot may set it (``metadata.now``)."""
        given = self.metadata.get("now")
        if isinstance(given, str) and given:
            moment = datetime.fromisoformat(given.replace("Z", "+00:00"))
            return moment.astimezone(self._timezone)
        return datetime.now(self._timezone)

    @property
    def today(self) -> date:
        """The day of the turn in the brand's time zone."""
        return self.now.date()

    def entity(self, name: str) -> str:
        """The last message's first entity called ``name``, or ``""``."""
        for entity in self._tracker.latest_message.get("entities") or ():
            if entity.get("entity") == name:
                return str(entity.get("value") or "")
        return ""

    def ranking(self) -> list[tuple[str, float]]:
        """Intents the classifier thought of, likeliest first, with confidence 0–1."""
        found = self._tracker.latest_message.get("intent_ranking") or ()
        return [(str(item.get("name")), float(item.get("confidence") or 0)) for item in found]

    @property
    def digits(self) -> str:
        """Digits of the last message: its number entity, else every digit of the text (a date keeps none)."""
        given = self.entity("number") or ("" if self.intent == "inform_date" else self.text)
        return re.sub(r"\D", "", given)

    # --- where the conversation stands

    def slot(self, name: str) -> Any:
        """A slot's value, as set in this turn if it was."""
        return self._set[name] if name in self._set else self._tracker.get_slot(name)

    @property
    def loop(self) -> str:
        """The active form, ``""`` when none."""
        return str((self._tracker.active_loop or {}).get("name") or "")

    @property
    def requested(self) -> str:
        """The question being asked, ``""`` when none."""
        return str(self.slot(REQUESTED) or "")

    def since_last_message(self) -> list[EventType]:
        """Events since the caller's last message."""
        found: list[EventType] = []
        for event in reversed(self._tracker.events or ()):
            if event.get("event") == "user":
                break
            found.append(event)
        return found[::-1]

    def actions_since_last_message(self) -> list[str]:
        """Actions run since the caller's last message, oldest first."""
        return [str(e.get("name")) for e in self.since_last_message() if e.get("event") == "action"]

    def last_reply(self) -> list[Mapping[str, Any]]:
        """What the bot said in the last turn in which it spoke: ``text``, ``say`` and ``expect`` payloads, in order."""
        for bots in self._bot_turns():
            spoken = [p for p in map(_spoken, bots) if p]
            if any("say" in payload for payload in spoken):
                return spoken
        return []

    @property
    def expected(self) -> Mapping[str, Any]:
        """The ``expect`` payload the caller is answering, empty when there is none."""
        return next((payload["expect"] for payload in reversed(self.last_reply()) if "expect" in payload), {})

    def _bot_turns(self) -> Iterable[list[EventType]]:
        """Bot events grouped by turn, newest turn first, each in order."""
        turn: list[EventType] = []
        for event in reversed(self._tracker.events or ()):
            if event.get("event") == "bot":
                turn.append(event)
            elif event.get("event") == "user":
                yield turn[::-1]
                turn = []
        yield turn[::-1]

    # --- the answer

    def say(self, response: str, /, **values: str) -> None:
        """Say ``response`` with its variables filled."""
        self.messages.append(Response(response, values))

    def send(self, message: Custom) -> None:
        """Add a payload of the contract (:mod:`actions.reply`)."""
        self.messages.append(message)

    def set(self, **slots: Any) -> None:
        """Set slots."""
        self._set.update(slots)

    def then(self, action: str) -> None:
        """Run ``action`` next, in the same turn, whatever the rules say."""
        self._next = action

    def leave_loop(self) -> None:
        """Stop asking: no form is active after this action."""
        self._leaves_loop = True
        self._set[REQUESTED] = None

    def reject(self, form: str) -> None:
        """Leave the message to the rules: it answers no question of ``form``."""
        self._rejected = form

    @property
    def ended(self) -> bool:
        """Whether the bot has handed the call over or said goodbye."""
        return bool(self.slot("closed"))

    @property
    def ended_now(self) -> bool:
        """Whether that happened since the caller's last message."""
        return bool(self._set.get("closed")) or any(
            e.get("event") == "slot" and e.get("name") == "closed" and e.get("value")
            for e in self.since_last_message()
        )

    def events(self) -> list[EventType]:
        """The answer's events for Rasa."""
        if self._rejected:
            return [ActionExecutionRejected(self._rejected)]
        found: list[EventType] = [SlotSet(name, value) for name, value in self._set.items()]
        if self._leaves_loop:
            found.insert(0, ActiveLoop(None))
        if self._next:
            found.append(FollowupAction(self._next))
        return found


def _spoken(event: EventType) -> Mapping[str, Any]:
    """What of a bot event can be said again: what was said (``private`` kept) and what was expected."""
    custom = (event.get("data") or {}).get("custom") or {}
    kept = {key: custom[key] for key in ("say", "private", "expect") if key in custom}
    if event.get("text"):
        kept |= {"say": event["text"], "private": False}
    return kept
