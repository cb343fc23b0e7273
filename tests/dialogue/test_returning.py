"""A caller who comes back to the dialogue: from a person, from waiting for one, or after a failure cut the call."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.dialogue.rig import Rig

STEADY = ("+33639980010", "21000")


@pytest.fixture(autouse=True)
def _fresh(rig: Rig) -> None:
    rig.fresh()


def test_after_a_person_the_next_request_is_settled_as_any_other(rig: Rig) -> None:
    call = rig.call(STEADY[0])
    call.say("quel est le montant de ma facture")
    call.number(STEADY[1])
    assert call.say("/human_request").handoff
    assert call.say("/call_returned").said == ""
    assert call.say("c'est quand le prélèvement").reports["tell_due_date"]["ok"]  # still identified
    assert call.say("non merci c'est tout").hang_up == "resolved"


def test_after_a_person_no_means_goodbye(rig: Rig) -> None:
    call = rig.call(STEADY[0])
    assert call.say("je veux parler à un conseiller").handoff
    call.say("/call_returned")
    assert call.say("/deny").hang_up == "resolved"


def test_a_person_can_be_asked_for_again(rig: Rig) -> None:
    call = rig.call(STEADY[0])
    assert call.say("/human_request").handoff
    call.say("/call_returned")
    assert call.say("/human_request").handoff["reason"] == "human_request"


def test_a_form_left_for_a_person_is_not_taken_up_again(rig: Rig) -> None:
    call = rig.call(STEADY[0])
    assert call.say("quel est le montant de ma facture").expect["name"] == "postcode"
    assert call.say("/human_request").handoff
    assert call.say("/call_returned").said == ""
    assert call.say("/nothing_else").hang_up == "resolved"


def test_a_call_that_was_cut_goes_on_with_its_last_question(rig: Rig) -> None:
    call = rig.call(STEADY[0])
    asked = call.say("quel est le montant de ma facture")
    again = call.say("/repeat", resumes="the-call-that-was-cut")
    assert again.said == asked.said
    assert again.expect == asked.expect
    assert call.number(STEADY[1]).reports["tell_amount"]["ok"]
