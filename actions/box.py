"""Box troubleshooting: the remote test, then the steps of ``procedures.yml`` at the caller's pace."""

from __future__ import annotations

from actions import reply
from actions.appointments import offer_slots
from actions.base import DONE, NO, UNCLEAR, YES, Ask, Form, Outcome, Request, anything_else, hand_over
from actions.conversation import BringPerson
from actions.crm.port import BoxTest
from actions.procedures import Procedure, Step, next_step
from actions.services import Services
from actions.turn import Turn

STEP, WORKS, VIDEO = "box_step_done", "box_works", "video_wanted"

SYMPTOM_INTENTS = frozenset(
    {
        "box_no_signal",
        "box_black_screen",
        "box_error_code",
        "box_remote",
        "box_network",
        "box_recordings",
        "box_broken",
    }
)

FAULT_LABELS = {
    "none": "aucun défaut vu à distance",
    "no_power": "box injoignable, sans courant",
    "no_signal": "aucun signal",
    "weak_signal": "signal faible",
    "hdmi": "pas d'écran détecté",
    "network": "pas d'accès à Internet",
    "firmware": "logiciel bloqué",
    "disk_full": "disque plein",
    "remote": "télécommande non appairée",
}
"""``BoxTest.fault`` → what the agent reads."""


class Troubleshoot(Request):
    """Something is wrong with the box. ``symptom``: as the caller tells it."""

    skill = "technical"
    reports = "line_test"
    symptom = "broken"

    def open(self, turn: Turn, used: Services) -> None:
        """Test from here, say what was seen, start on the first step."""
        box = used.crm.box(turn.slot("subscriber_id"))
        turn.say("utter_test_running")
        tested = used.boxes.test(box)
        turn.send(reply.report(self.reports, ok=True, result=test_result(tested)))
        code = str(turn.slot("error_code") or tested.error_code or "")
        procedure = used.procedures.choose(tested.fault, self.symptom, code)
        if code:
            turn.say("utter_found_code", code=code)
        turn.say(procedure.seen if tested.fault in used.procedures.by_fault else procedure.unseen)
        turn.set(box_procedure=procedure.name, box_step=-1, box_reboots=0, box_outcome=None)
        turn.set(**{STEP: None, WORKS: None, VIDEO: None})
        turn.then("troubleshooting_form")


class BoxNoSignal(Troubleshoot):
    """No channels."""

    action = "action_box_no_signal"
    symptom = "no_signal"


class BoxBlackScreen(Troubleshoot):
    """Nothing on the screen."""

    action = "action_box_black_screen"
    symptom = "black_screen"


class BoxErrorCode(Troubleshoot):
    """A code on the front panel or the screen."""

    action = "action_box_error_code"
    symptom = "error_code"


class BoxRemote(Troubleshoot):
    """The remote control."""

    action = "action_box_remote"
    symptom = "remote"


class BoxNetwork(Troubleshoot):
    """No internet on the box."""

    action = "action_box_network"
    symptom = "network"


class BoxRecordings(Troubleshoot):
    """Recordings."""

    action = "action_box_recordings"
    symptom = "recordings"


class BoxBroken(Troubleshoot):
    """The box itself."""

    action = "action_box_broken"
    symptom = "broken"


class BoxAlreadyTried(Troubleshoot):
    """The usual things were tried before calling."""

    action = "action_box_already_tried"
    symptom = "no_signal"

    def handle(self, turn: Turn, used: Services) -> None:
        """Remember it, so that nobody has to do it twice; the symptom told before stays the request."""
        told = str(turn.slot("pending_request") or "")
        super().handle(turn, used)
        turn.set(box_tried=True)
        if turn.slot("pending_request") and told.startswith("action_box_"):
            turn.set(pending_request=told)


class StillBroken(Troubleshoot):
    """It does not work: after a procedure in this call, a person; else as any trouble."""

    action = "action_still_broken"
    symptom = "no_signal"

    def open(self, turn: Turn, used: Services) -> None:
        """Nobody goes twice through the same steps."""
        if turn.slot("box_outcome"):
            turn.say("utter_still_broken")
            hand_over(turn, "technical", skill="technical")
        else:
            super().open(turn, used)


class VideoRequest(BringPerson):
    """The caller would rather show it."""

    action = "action_video_request"
    reason = "technical"
    skill = "technical"
    sentence = "utter_video"
    video = True


def test_result(tested: BoxTest) -> str:
    """A remote test in a few French words, for the agent."""
    parts = [FAULT_LABELS.get(tested.fault, tested.fault)]
    if tested.signal_db is not None:
        parts.append(f"signal {tested.signal_db:.1f} dB".replace(".", ","))
    if tested.error_code:
        parts.append(f"code {tested.error_code}")
    return ", ".join(parts)


class ValidateTroubleshooting(Form):
    """Reads how each step went and chooses the next one."""

    form = "troubleshooting_form"
    own = SYMPTOM_INTENTS | {"box_already_tried"}
    reports = "guided_step"

    def start(self, turn: Turn, used: Services) -> str:
        """The first step."""
        return self._advance(turn, used)

    def answer(self, turn: Turn, used: Services, asked: str) -> str | None:
        """What a caller says at the box: done, works, still broken, cannot."""
        if asked == VIDEO:
            return self._video(turn)
        if turn.intent == "works_now":
            return self._solved(turn, used)
        if turn.intent == "box_already_tried":
            turn.set(box_tried=True)
            return self._advance(turn, used)
        if turn.intent in SYMPTOM_INTENTS | {"still_broken"}:
            return self._failed(turn, used)
        return self._works(turn, used) if asked == WORKS else self._step(turn, used)

    def _step(self, turn: Turn, used: Services) -> str | None:
        if turn.intent in YES | {"step_done"}:
            return WORKS if _current(turn, used).check else self._failed(turn, used)
        if turn.intent in NO | {"dont_know"}:
            return VIDEO  # the step cannot be done by words alone
        return UNCLEAR

    def _works(self, turn: Turn, used: Services) -> str | None:
        if turn.intent in YES:
            return self._solved(turn, used)
        if turn.intent in NO | {"dont_know"}:
            return self._failed(turn, used)
        return UNCLEAR if turn.intent != "step_done" else WORKS

    def _video(self, turn: Turn) -> str | None:
        if turn.intent not in YES | NO:
            return UNCLEAR
        turn.set(box_outcome="video" if turn.intent in YES else "person")
        return DONE

    def _solved(self, turn: Turn, used: Services) -> str:
        self._report_step(turn, used, ok=True)
        turn.set(box_outcome="solved")
        return DONE

    def _failed(self, turn: Turn, used: Services) -> str:
        self._report_step(turn, used, ok=False)
        return self._advance(turn, used)

    def _report_step(self, turn: Turn, used: Services, *, ok: bool) -> None:
        """Remote operations report themselves."""
        step = _current(turn, used)
        if step.guide:
            turn.send(reply.report(self.reports, ok=ok, result=step.label))

    def _advance(self, turn: Turn, used: Services) -> str:
        """Go on to the next step that asks something of the caller; remote ones are done on the way."""
        procedure = _procedure(turn, used)
        while True:
            left = used.operator.policy.box_reboots - int(turn.slot("box_reboots") or 0)
            index = next_step(
                procedure,
                int(turn.slot("box_step")),
                skip_usual=bool(turn.slot("box_tried")),
                reboots_left=left,
            )
            if index is None:
                return self._finish(turn, procedure)
            turn.set(box_step=index)
            step = procedure.steps[index]
            if step.guide:
                return STEP
            if self._remote(turn, used, step):
                return WORKS

    def _remote(self, turn: Turn, used: Services, step: Step) -> bool:
        """Do ``step`` from here; True when the fault seems gone and the caller should look."""
        box = used.crm.box(turn.slot("subscriber_id"))
        if step.remote == "reboot":
            turn.say("utter_rebooting")
            tested = used.boxes.reboot(box)
            turn.set(box_reboots=int(turn.slot("box_reboots") or 0) + 1)
        else:
            turn.say("utter_test_running")
            tested = used.boxes.test(box)
        name = "box_reboot" if step.remote == "reboot" else "line_test"
        gone = tested.fault == "none"
        turn.send(reply.report(name, ok=gone, result=test_result(tested)))
        turn.say("utter_remote_good" if gone else "utter_remote_no_effect")
        return gone

    def _finish(self, turn: Turn, procedure: Procedure) -> str:
        if procedure.ending == "video":
            return VIDEO
        turn.set(box_outcome=procedure.ending)
        return DONE


def _procedure(turn: Turn, used: Services) -> Procedure:
    return used.procedures.by_name[str(turn.slot("box_procedure"))]


def _current(turn: Turn, used: Services) -> Step:
    return _procedure(turn, used).steps[int(turn.slot("box_step"))]


class AskBoxStep(Ask):
    """Tells the step."""

    slot = STEP

    def ask(self, turn: Turn, used: Services) -> None:
        """Long silences are normal here."""
        turn.say(_current(turn, used).guide)
        turn.send(reply.expect("step", self.slot, options={"1": "/step_done", "2": "/still_broken"}))


class AskBoxWorks(Ask):
    """Does it work now?"""

    slot = WORKS

    def ask(self, turn: Turn, used: Services) -> None:
        """A yes or a no."""
        turn.say("utter_ask_box_works")
        turn.send(reply.expect("yes_no", self.slot, options={"1": "/works_now", "2": "/still_broken"}))


class AskVideo(Ask):
    """Shall somebody look?"""

    slot = VIDEO

    def ask(self, turn: Turn, used: Services) -> None:
        """A yes or a no."""
        turn.say("utter_ask_video")
        turn.send(reply.yes_no(self.slot))


class TroubleshootingDone(Outcome):
    """Solved, replaced, visited, shown or handed over."""

    action = "action_troubleshooting_done"
    reports = "troubleshoot"

    def conclude(self, turn: Turn, used: Services) -> None:
        """Go the way the procedure ended."""
        outcome = turn.slot("box_outcome")
        turn.set(box_tried=None, **{STEP: None, WORKS: None, VIDEO: None})
        turn.send(reply.report(self.reports, ok=outcome == "solved", result=ENDING_LABELS[outcome]))
        if outcome == "solved":
            turn.say("utter_box_solved")
            anything_else(turn)
        elif outcome in ("replacement", "technician"):
            turn.say(f"utter_ending_{outcome}")
            offer_slots(turn, used, outcome)
        else:
            turn.say(f"utter_ending_{outcome}")
            hand_over(turn, "technical", skill="technical", video=outcome == "video")


ENDING_LABELS = {
    "solved": "résolu au téléphone",
    "replacement": "remplacement de la box",
    "technician": "passage d'un technicien",
    "video": "à regarder en vidéo",
    "person": "à reprendre avec un conseiller",
}
"""How troubleshooting ended → what the agent reads."""
