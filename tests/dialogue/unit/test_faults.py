"""Whatever breaks under an action, the caller hears a sentence and gets a person, and the rest of the turn stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from actions import services
from actions.billing import BillingAmount
from actions.cancellation import CancelContract
from actions.conversation import CallEnded, CallStarted, HumanRequest
from actions.crm.port import ConflictError, CrmUnavailableError
from actions.identification import ValidateIdentification
from actions.payment_dates import PaymentDateAnswered
from tests.dialogue.turns import customs, run, said


class Broken:
    """A subscriber system in which every call raises ``error``."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __getattr__(self, name: str) -> Any:
        def call(*_: Any, **__: Any) -> Any:
            raise self._error

        return call


pytestmark = pytest.mark.usefixtures("installed")


def breaking(error: Exception, installed: services.Services) -> None:
    broken: Any = Broken(error)
    services.install(services.Services(broken, broken, installed.operator, installed.procedures))


def test_a_system_that_is_down_is_told_reported_and_handed_over(installed: services.Services) -> None:
    breaking(CrmUnavailableError("down"), installed)
    messages, slots, events = run(BillingAmount(), verified=True, subscriber_id=1)
    assert customs(messages, "report") == [
        {"action": "tell_amount", "ok": False, "result": "système indisponible"}
    ]
    assert said(messages) == ["utter_fault"]
    assert customs(messages, "handoff") == [{"reason": "fault", "skill": "billing", "video": False}]
    assert slots["closed"] is True
    assert {"event": "active_loop", "timestamp": None, "name": None} in events


def test_an_error_nobody_thought_of_is_handed_over_too(
    installed: services.Services, caplog: pytest.LogCaptureFixture
) -> None:
    breaking(ZeroDivisionError("a secret"), installed)
    messages, _, _ = run(CancelContract(), verified=True, subscriber_id=1)
    assert customs(messages, "handoff")[0]["reason"] == "fault"
    (line,) = [record.getMessage() for record in caplog.records]
    assert "code=action.unexpected error=ZeroDivisionError" in line
    assert "call_id=call-1" in line
    assert "secret" not in line


def test_a_wrong_data_file_is_no_dead_call(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    services.install(None)
    monkeypatch.setenv(services.PROCEDURES_FILE, str(tmp_path / "nowhere.yml"))
    messages, _, _ = run(BillingAmount(), verified=True, subscriber_id=1)
    assert said(messages) == ["utter_fault"]
    assert customs(messages, "handoff")[0]["reason"] == "fault"


def test_what_the_file_refuses_goes_to_a_person(installed: services.Services) -> None:
    breaking(ConflictError("no"), installed)
    messages, _, _ = run(
        PaymentDateAnswered(), verified=True, subscriber_id=1, payment_day="10", payment_day_confirmed=True
    )
    assert customs(messages, "report")[0]["result"] == "refusé par le dossier"
    assert said(messages) == ["utter_conflict"]
    assert customs(messages, "handoff")[0]["reason"] == "policy"


def test_a_system_down_in_a_form_ends_the_form(installed: services.Services) -> None:
    breaking(CrmUnavailableError("down"), installed)
    messages, slots, _ = run(
        ValidateIdentification(),
        loop="identification_form",
        intent="inform_number",
        number="75011",
        requested_slot="identity_check",
        candidate="12345674",
        candidate_how="subscriber_number",
    )
    assert said(messages) == ["utter_fault"]
    assert (slots["requested_slot"], slots["closed"]) == (None, True)


def test_the_start_of_a_call_never_fails(installed: services.Services) -> None:
    breaking(CrmUnavailableError("down"), installed)
    messages, slots, _ = run(CallStarted(), metadata={"caller_number": "+33611223344"})
    assert (messages, slots) == ([], {})


def test_nothing_is_looked_up_before_the_caller_is_identified(installed: services.Services) -> None:
    breaking(AssertionError("looked up"), installed)
    messages, slots, events = run(BillingAmount())
    assert messages == []
    assert slots["pending_request"] == "action_billing_amount"
    assert {"event": "followup", "timestamp": None, "name": "identification_form"} in events


def test_after_the_handover_there_is_one_sentence_and_no_second_handoff() -> None:
    messages, _, _ = run(HumanRequest(), closed=True)
    assert said(messages) == ["utter_already_transferred"]
    assert customs(messages, "handoff") == []


def test_a_caller_who_hung_up_hears_nothing() -> None:
    for closed in (None, True):
        messages, _, _ = run(CallEnded(), closed=closed)
        assert messages == []
