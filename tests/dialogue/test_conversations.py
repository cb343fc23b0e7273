"""Whole calls through the trained model, a real action server and a real subscriber system.

Each asserts what the call came to; every reply is also held to the contract (``tests/dialogue/contract.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.dialogue.rig import Call, Rig

# Named subscribers of docs/crm.md: telephone, postcode.
PROMOTION_ENDED = ("+33611223344", "75011")
DUPLICATE = ("+33639980002", "69003")
ABOVE_LIMIT = ("+33639980008", "06000")
STEADY = ("+33639980010", "21000")
REBOOT_HELPS = ("+33639980011", "86000")
NOTHING_HELPS = ("+33639980012", "93100")
BLACK_SCREEN = ("+33639980013", "76600")
COMMITTED = ("+33639980021", "34000")
FREE = ("+33639980023", "49000")
ONLY_ESSENTIEL = ("+33639980026", "72000")
NO_OFFER = ("+33639980027", "51100")
CANCELLED = ("+33639980028", "25000")
TECHNICIAN = ("+33639980033", "14000")


@pytest.fixture(autouse=True)
def _fresh(rig: Rig) -> None:
    """Calls change the data: each test starts with the first day's."""
    rig.fresh()


def identified(rig: Rig, who: tuple[str, str], request: str) -> tuple[Call, object]:
    """A call from a known line up to the answer to its request."""
    call = rig.call(who[0])
    asked = call.say(request)
    assert asked.expect["name"] == "postcode"
    return call, call.number(who[1])


# --- identification


def test_a_known_line_needs_one_check_and_the_request_is_not_asked_again(rig: Rig) -> None:
    call, reply = identified(rig, PROMOTION_ENDED, "pourquoi ma facture a augmenté")
    (identity,) = reply.of("identity")
    assert identity["verified"] and identity["how"] == "caller_number+postcode"
    assert identity["subscriber"] == {"ref": "1", "name": "Mme D.", "number": "••••5674"}
    assert "10 € de plus" in reply.said and "Remise de bienvenue" in reply.said
    assert reply.reports["explain_invoice"]["ok"]
    assert call.say("non merci c'est tout").hang_up == "resolved"


def test_a_subscriber_number_then_a_birth_date(rig: Rig) -> None:
    call = rig.call()
    assert call.say("quel est le montant de ma facture").expect["lengths"] == [8]
    assert "en haut à droite" in call.say("je ne sais pas").said
    assert call.say("mon numéro c'est le 12345674").expect["name"] == "postcode"
    asked = call.say("je ne sais pas")
    assert (asked.expect["name"], asked.expect["secret"]) == ("birth_date", True)
    reply = call.say("je suis né le 1980-05-14")
    assert reply.of("identity")[0]["how"] == "subscriber_number+birth_date"
    assert "34,90 €" in reply.said
    assert "1980" not in str(call.slots())


def test_wrong_number_and_wrong_check_sound_the_same(rig: Rig) -> None:
    def third(number: str) -> list[str]:
        call = rig.call()
        call.say("ma facture est de combien")
        return [call.number(number).said, call.number("99999").said]

    assert third("12345674") == third(
        "00000000"
    )  # the second number has a right check digit and no subscriber


def test_three_failures_bring_a_person_unverified(rig: Rig) -> None:
    call = rig.call(PROMOTION_ENDED[0])
    call.say("ma facture est de combien")
    call.number("11111")
    assert call.number("22222").expect["name"] == "subscriber_number"
    reply = call.number("33333")
    assert reply.of("identity") == [{"verified": False, "how": "failed", "subscriber": {}, "contract": {}}]
    assert reply.handoff == {"reason": "identification_failed", "skill": "billing", "video": False}
    assert "€" not in " ".join(r.said for r in call.replies)


def test_another_request_during_identification_takes_the_first_one_s_place(rig: Rig) -> None:
    call = rig.call(FREE[0])
    call.say("ma facture est de combien")
    call.say("en fait je veux résilier mon abonnement")
    assert call.number(FREE[1]).of("offer")[0]["answer"] == "proposed"


def test_remarks_during_identification_are_answered_and_the_question_comes_again(rig: Rig) -> None:
    call = rig.call(STEADY[0])
    question = call.say("ma facture est de combien")
    robot = call.say("vous êtes un robot ?")
    assert "assistant automatique" in robot.said and robot.expect == question.expect
    assert call.say("répétez s'il vous plaît").said == robot.said
    assert call.say("attendez une seconde").expect == question.expect
    refused = call.say("je ne veux pas être enregistré")
    assert refused.of("recording") == [{"allowed": False}] and refused.expect == question.expect


# --- billing


def test_a_charge_that_stands_twice_is_contested_once(rig: Rig) -> None:
    call, told = identified(rig, DUPLICATE, "on m'a prélevé deux fois le même film")
    assert "deux fois" in told.said
    booked = call.key("1")
    assert booked.reports["open_dispute"]["reference"].startswith("D-")
    assert booked.reports["open_dispute"]["reference"] in booked.said


def test_a_charge_above_the_limit_is_for_a_person(rig: Rig) -> None:
    call, asked = identified(rig, ABOVE_LIMIT, "je conteste un montant sur ma facture")
    assert asked.expect["kind"] == "choice"
    reply = call.say("les appels à l'étranger")
    assert reply.handoff == {"reason": "policy", "skill": "billing", "video": False}


def test_payment_date_then_a_copy_by_e_mail(rig: Rig) -> None:
    call, _ = identified(rig, STEADY, "je voudrais changer ma date de prélèvement")
    assert "pas possible" in call.say("le 12").said
    assert "le 10" in call.say("le 10").said
    assert call.say("oui").reports["change_payment_date"]["ok"]
    hint = call.say("envoyez-moi une copie de ma facture par mail")
    assert "@" not in hint.said and "courriel.example" in hint.said
    assert call.say("oui").reports["send_invoice"]["ok"]
    assert call.say("non").hang_up == "resolved"


def test_amount_due_date_and_contract(rig: Rig) -> None:
    call, amount = identified(rig, STEADY, "ma facture est de combien")
    assert "€" in amount.said
    assert call.say("quand est-ce que je serai prélevé").reports["tell_due_date"]["ok"]
    assert "par mois" in call.say("c'est quoi mon abonnement").said


def test_hard_to_pay(rig: Rig) -> None:
    call = rig.call(STEADY[0])
    assert call.say("je n'arrive plus à payer ma facture").expect["kind"] == "choice"
    assert call.key("2").handoff == {"reason": "policy", "skill": "billing", "video": False}


# --- box


def test_guided_at_the_caller_s_pace_and_repaired_by_a_reboot(rig: Rig) -> None:
    call, step = identified(rig, REBOOT_HELPS, "je n'ai plus de signal sur ma télé")
    assert step.expect["kind"] == "step" and step.reports["line_test"]["ok"]
    assert call.say("attendez").said == "Prenez votre temps."
    assert call.say("c'est fait").expect["kind"] == "yes_no"
    call.say("non toujours rien")
    call.say("voilà c'est fait")
    assert call.say("toujours rien").reports["box_reboot"]["ok"]
    assert call.say("oui ça remarche").reports["troubleshoot"]["ok"]


def test_nothing_helps_so_the_box_is_replaced(rig: Rig) -> None:
    call, step = identified(rig, NOTHING_HELPS, "ma box affiche le code p13")
    assert "P13" in step.said
    skipped = call.say("j'ai déjà tout débranché et rebranché")
    assert skipped.said != step.said
    slots = call.say("ça marche toujours pas")
    assert not slots.reports["box_reboot"]["ok"]
    assert list(slots.expect["options"]) == ["1", "2", "3"]
    booked = call.key("2")
    assert booked.reports["book_replacement"]["reference"].startswith("V-")


def test_eyes_are_needed(rig: Rig) -> None:
    call, _ = identified(rig, BLACK_SCREEN, "mon écran est tout noir")
    assert call.say("je ne sais pas où c'est").expect["name"] == "video_wanted"
    assert call.say("oui").handoff == {"reason": "technical", "skill": "technical", "video": True}


def test_video_is_given_when_asked_for(rig: Rig) -> None:
    call, _ = identified(rig, BLACK_SCREEN, "mon écran est tout noir")
    assert call.say("je peux vous montrer avec la caméra").handoff["video"] is True


def test_an_appointment_is_told_and_moved(rig: Rig) -> None:
    call, told = identified(rig, TECHNICIAN, "à quelle heure passe le technicien")
    assert "technicien passe chez vous" in told.said
    call.say("oui")
    assert call.say("le deuxième").reports["book_technician"]["ok"]


# --- cancellation


def test_an_oblique_intention_is_confirmed_then_cancelled_with_its_routes(rig: Rig) -> None:
    call = rig.call(FREE[0])
    assert call.say("je vais aller chez un concurrent").expect["name"] == "cancel_intention"
    call.say("oui")
    first = call.number(FREE[1])
    assert "sans frais" in first.said and first.reports["tell_position"]["ok"]
    second = call.say("non")
    assert [o["answer"] for o in second.of("offer")] == ["refused", "proposed"]
    confirm = call.say("non merci")
    assert confirm.expect["name"] == "cancel_confirmed"
    done = call.say("oui je confirme")
    assert done.reports["cancel_contract"]["reference"].startswith("R-")
    assert "en ligne" in done.said and "courrier" in done.said
    assert len({o["offer"] for r in call.replies for o in r.of("offer")}) == 2


def test_an_offer_is_accepted_in_one_exchange(rig: Rig) -> None:
    call, first = identified(rig, FREE, "je veux résilier mon contrat")
    (told,) = first.of("offer")
    assert told["terms"] in first.said
    accepted = call.say("oui d'accord")
    assert accepted.of("offer")[0]["answer"] == "accepted"
    assert accepted.reports["accept_offer"]["reference"].startswith("O-")


def test_fees_are_told_before_and_at_the_confirmation(rig: Rig) -> None:
    call, first = identified(rig, COMMITTED, "je veux résilier mon contrat")
    assert "15 octobre 2027" in first.said and "89,85 €" in first.said
    call.say("non")
    assert "89,85 €" in call.say("non").said
    kept = call.say("finalement je reste")
    assert not kept.reports["cancel_contract"]["ok"]


@pytest.mark.parametrize(("who", "offers"), [(NO_OFFER, 0), (ONLY_ESSENTIEL, 1)])
def test_no_offer_is_told_that_policy_does_not_allow(rig: Rig, who: tuple[str, str], offers: int) -> None:
    call, reply = identified(rig, who, "je veux résilier mon contrat")
    for _ in range(offers):
        reply = call.say("non")
    assert reply.expect["name"] == "cancel_confirmed"
    assert call.say("oui").reports["cancel_contract"]["ok"]
    assert sum(len(r.of("offer")) for r in call.replies) == 2 * offers


def test_cancelled_already(rig: Rig) -> None:
    _, reply = identified(rig, CANCELLED, "je veux résilier mon contrat")
    assert "déjà résilié" in reply.said


# --- a person, and what was not understood


@pytest.mark.parametrize(
    ("before", "skill"),
    [
        ("ma facture est de combien", "billing"),
        ("je n'ai plus de signal", "technical"),
        ("bonjour", "general"),
    ],
)
def test_a_person_at_any_moment_with_the_skill_of_the_request(rig: Rig, before: str, skill: str) -> None:
    call = rig.call(STEADY[0])
    call.say(before)
    reply = call.say("je veux parler à un conseiller")
    assert reply.handoff == {"reason": "human_request", "skill": skill, "video": False}
    assert reply.said == ""
    assert call.say("allô").handoff == {}


def test_upset_twice(rig: Rig) -> None:
    call = rig.call(STEADY[0])
    assert call.say("c'est inadmissible votre service").handoff == {}
    assert call.say("j'en ai marre c'est scandaleux").handoff["reason"] == "upset"


def test_bereavement_is_gentle(rig: Rig) -> None:
    reply = rig.call().say("mon mari est décédé")
    assert "condoléances" in reply.said and reply.handoff["reason"] == "bereavement"


def test_silence_to_the_end(rig: Rig) -> None:
    call = rig.call(STEADY[0])
    call.say("ma facture est de combien")
    assert call.say("/silence_human").handoff["reason"] == "silence"


def test_not_understood_twice_in_a_form(rig: Rig) -> None:
    call, _ = identified(rig, FREE, "je veux résilier mon contrat")
    assert call.say("/inform_date").expect["name"] == "offer_answer"
    assert call.say("/inform_date").handoff["reason"] == "not_understood"


@pytest.mark.parametrize("doubtful", ["/affirm@0.6", "/deny@0.7", "/nothing_else@0.5"])
def test_a_doubtful_yes_or_no_is_asked_about_and_not_guessed(rig: Rig, doubtful: str) -> None:
    call, _ = identified(rig, FREE, "je veux résilier mon contrat")
    reply = call.say(doubtful)
    assert "oui ou non" in reply.said
    assert reply.expect["name"] == "offer_answer"
    assert not reply.of("offer") or reply.of("offer")[-1]["answer"] == "proposed"
    assert call.say(doubtful).handoff["reason"] == "not_understood"


def test_a_sure_answer_after_a_doubt_goes_on(rig: Rig) -> None:
    call, _ = identified(rig, FREE, "je veux résilier mon contrat")
    call.say("/affirm@0.6")
    assert call.say("/deny").expect["name"] in ("offer_answer", "cancel_confirmed")
    call.say("/affirm@0.6")
    assert not call.say("/deny").handoff, "one doubt a question, not two in a call"


def test_words_that_begin_with_what_they_mean_are_in_no_doubt(rig: Rig) -> None:
    call, _ = identified(rig, FREE, "je veux résilier mon contrat")
    assert "oui ou non" not in call.say("non c'est parfait").said


def test_not_understood_twice_anywhere(rig: Rig) -> None:
    call = rig.call()
    assert call.say("/nlu_fallback").expect["name"] == "main_menu"
    assert call.say("/nlu_fallback").handoff["reason"] == "not_understood"


def test_the_menu_s_keys_lead_on(rig: Rig) -> None:
    call = rig.call(STEADY[0])
    call.say("/nlu_fallback")
    assert call.key("3").expect["name"] == "postcode"
    call = rig.call(STEADY[0])
    call.say("/nlu_fallback")
    assert call.key("4").handoff["reason"] == "human_request"


def test_a_call_back_on_the_day_said(rig: Rig) -> None:
    call = rig.call(STEADY[0])
    reply = call.say("rappelez-moi demain")
    assert reply.of("callback") == [{"reason": "callback_request", "due_at": "2027-03-16T08:00:00+01:00"}]
    assert call.say("non merci").hang_up == "callback"
