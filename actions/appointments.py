"""Choosing a slot: a technician, the delivery of a replacement, a call back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from actions import choices, french, reply
from actions.base import DONE, NO, UNCLEAR, UNSURE, YES, Ask, Form, Outcome, Request, anything_else, hand_over
from actions.choices import Option
from actions.crm.port import ConflictError, Slot
from actions.operator import Hours
from actions.reply import Skill
from actions.services import Services
from actions.turn import Turn

TOLD_SLOTS = 3  # as many as one can keep in mind
SLOTS_LOOKED_AT = 15
NOON = 12

LABELS = {
    "replacement": "livraison de la nouvelle box",
    "technician": "passage du technicien",
    "callback": "rappel",
}
"""``kind`` of an appointment → its French name, for the agent."""

SKILLS: dict[str, Skill] = {"replacement": "technical", "technician": "technical"}


def offer_slots(turn: Turn, used: Services, kind: str) -> None:
    """Load the next free slots of ``kind`` and let the caller choose; a person when there is none."""
    slots = on_different_days(
        used.crm.slots(turn.slot("subscriber_id"), kind, turn.now, SLOTS_LOOKED_AT), TOLD_SLOTS
    )
    if not slots:
        turn.send(reply.report(f"book_{kind}", ok=False, result="aucun créneau libre"))
        turn.say("utter_no_slot")
        hand_over(turn, "policy")
        return
    options = [slot_option(slot).as_slot() for slot in slots]
    turn.set(appointment_kind=kind, appointment_slot=None, choices=options)
    turn.then("appointment_form")


def on_different_days(slots: Sequence[Slot], limit: int) -> list[Slot]:
    """The first slot of each day, soonest first, at most ``limit``: the day alone then says which one is meant."""
    first: dict[date, Slot] = {}
    for slot in slots:
        first.setdefault(slot.starts_at.date(), slot)
    return list(first.values())[:limit]


def slot_option(slot: Slot) -> Option:
    """A free slot as an option to tell."""
    return Option(
        value=str(slot.id),
        label=french.slot(slot.starts_at, slot.ends_at),
        date=slot.starts_at.isoformat(),
        number=str(slot.starts_at.day),
        words="matin" if slot.starts_at.hour < NOON else "après-midi",
    )


class BoxAppointment(Request):
    """When does somebody come? The one booked is told; without one, a technician's slot is chosen."""

    action = "action_box_appointment"
    reports = "tell_appointment"
    skill = "technical"

    def open(self, turn: Turn, used: Services) -> None:
        """The next appointment, else the free slots."""
        booked = used.crm.appointments(turn.slot("subscriber_id"))
        if not booked:
            turn.say("utter_no_appointment")
            offer_slots(turn, used, "technician")
            return
        coming = booked[0]
        when = french.slot(coming.starts_at, coming.ends_at)
        result = f"{LABELS[coming.kind]} : {when}"
        turn.send(reply.report(self.reports, ok=True, reference=coming.reference, result=result))
        turn.say(f"utter_appointment_{coming.kind}", when=when)
        turn.set(appointment_kind=coming.kind, move_wanted=None)
        turn.then("move_form")


class ValidateMove(Form):
    """Keep the appointment, or move it?"""

    form = "move_form"
    own = frozenset({"box_appointment"})

    def start(self, turn: Turn, used: Services) -> str:
        """Ask."""
        return "move_wanted"

    def answer(self, turn: Turn, used: Services, asked: str) -> str | None:
        """Yes moves it."""
        if turn.intent in YES | NO | {"box_appointment"}:
            turn.set(move_wanted=turn.intent not in NO)
            return DONE
        return UNCLEAR


class AskMove(Ask):
    """Would another day be better?"""

    slot = "move_wanted"

    def ask(self, turn: Turn, used: Services) -> None:
        """A yes or a no."""
        turn.say("utter_ask_move")
        turn.send(reply.yes_no(self.slot))


class MoveAnswered(Outcome):
    """Other slots, or nothing."""

    action = "action_move_answered"

    def conclude(self, turn: Turn, used: Services) -> None:
        """Booking another slot moves the appointment."""
        wanted = turn.slot("move_wanted")
        turn.set(move_wanted=None)
        if wanted:
            offer_slots(turn, used, str(turn.slot("appointment_kind")))
        else:
            turn.say("utter_nothing_changed")
            anything_else(turn)


class ValidateAppointment(Form):
    """Which slot."""

    form = "appointment_form"
    own = frozenset({"box_appointment", "callback_request"})

    def start(self, turn: Turn, used: Services) -> str:
        """The slots are loaded already."""
        return "appointment_slot"

    def recognises(self, turn: Turn, asked: str) -> bool:
        """A told slot named by its day."""
        return turn.confidence < UNSURE and _chosen(turn) is not None

    def answer(self, turn: Turn, used: Services, asked: str) -> str | None:
        """A key, a rank, a day; none of them brings a person."""
        chosen = _chosen(turn)
        options = choices.from_slot(turn.slot("choices"))
        if chosen is None and turn.intent in YES and len(options) == 1:
            chosen = options[0]
        if chosen:
            turn.set(appointment_slot=chosen.value)
            return DONE
        if turn.intent in NO | {"dont_know"}:
            turn.say("utter_no_slot_suits")
            hand_over(turn, "policy")
            return DONE
        return UNCLEAR


def _chosen(turn: Turn) -> Option | None:
    options = choices.from_slot(turn.slot("choices"))
    day = said_day(turn.today, turn.entity("weekday"))
    date = day.isoformat() if day else turn.entity("date")
    return choices.pick(options, turn.text, turn.entity("number"), date=date, rank=turn.entity("rank"))


def said_day(today: date, word: str) -> date | None:
    """The coming day that ``demain``, ``après-demain`` or a weekday names; ``None`` for another word."""
    if word in ("demain", "après-demain"):
        return today + timedelta(days=1 if word == "demain" else 2)
    if word in french.WEEKDAYS:
        return today + timedelta(days=(french.WEEKDAYS.index(word) - today.weekday()) % 7 or 7)
    return None


class AskAppointmentSlot(Ask):
    """Which slot?"""

    slot = "appointment_slot"

    def ask(self, turn: Turn, used: Services) -> None:
        """The slots, each with a key."""
        options = choices.from_slot(turn.slot("choices"))
        told = french.enumerate_or([option.label for option in options])
        turn.say(f"utter_ask_slot_{turn.slot('appointment_kind')}", slots=told)
        turn.send(reply.expect("choice", self.slot, options=choices.keys(options)))


class AppointmentChosen(Outcome):
    """Books the slot."""

    action = "action_appointment_chosen"
    reports = "book_appointment"

    def conclude(self, turn: Turn, used: Services) -> None:
        """Once a call and slot; a slot taken meanwhile brings other ones."""
        kind, slot_id = str(turn.slot("appointment_kind")), turn.slot("appointment_slot")
        options = {option.value: option for option in choices.from_slot(turn.slot("choices"))}
        key = f"{turn.call_id}:{kind}:{slot_id}"
        try:
            booking = used.crm.book(turn.slot("subscriber_id"), kind, int(slot_id), key)
        except ConflictError:
            turn.say("utter_slot_taken")
            offer_slots(turn, used, kind)
            return
        chosen = options[slot_id]
        turn.set(appointment_slot=None, appointment_kind=None, choices=None)
        result = f"{LABELS[kind]} : {chosen.label}"
        turn.send(reply.report(f"book_{kind}", ok=True, reference=booking.reference, result=result))
        if kind == "callback":
            turn.send(reply.callback("callback_request", datetime.fromisoformat(chosen.date)))
            turn.set(callback_promised=True)
        turn.say(f"utter_booked_{kind}", when=chosen.label, reference=booking.reference)
        anything_else(turn)


class CallbackRequest(Request):
    """A call at a time the subscriber chooses, or as soon as people answer when only the line is known."""

    action = "action_callback_request"
    reports = "book_callback"
    personal = False

    def open(self, turn: Turn, used: Services) -> None:
        """An identified subscriber picks a slot."""
        number = str(turn.metadata.get("caller_number") or "")
        if turn.slot("verified"):
            offer_slots(turn, used, "callback")
        elif number:
            self._promise(turn, used, french.phone_end(number))
            anything_else(turn)
        else:
            turn.set(pending_request=self.action)
            turn.then("identification_form")

    def _promise(self, turn: Turn, used: Services, end: str) -> None:
        """On the day said, else as soon as people answer."""
        day = said_day(turn.today, str(turn.slot("weekday") or ""))
        due = opening(day, used.operator.hours, used.operator.timezone) if day else None
        turn.send(reply.callback("callback_request", due))
        when = f"{french.weekday(due)} à partir de {french.hour(due)}" if due else "dès que possible"
        turn.send(reply.report(self.reports, ok=True, result=f"rappel : {when}"))
        turn.say("utter_callback_promised", when=when, end=end)
        turn.set(callback_promised=True)


def opening(day: date, hours: Hours, zone: ZoneInfo) -> datetime:
    """When people begin to answer on ``day``, or on the next day they do."""
    names = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    for ahead in range(7):
        candidate = day + timedelta(days=ahead)
        if names[candidate.weekday()] in hours.days:
            return datetime.combine(candidate, time.fromisoformat(hours.open), zone)
    return datetime.combine(day, time.fromisoformat(hours.open), zone)
