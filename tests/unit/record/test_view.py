"""The document of a call is a fold of its events, whole or seen from the middle."""

from __future__ import annotations

import json
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from bot.events import CallEnded, CallEvent, RecordingAnswered, SilenceNoted, Understood
from bot.record.codec import UnknownEvent, event_from_json
from bot.record.view import CallView

Sample = Callable[[str], list[CallEvent]]


def test_the_document_tells_the_whole_call(sample_call: Sample) -> None:
    call = CallView.of(sample_call("c1")).to_json()
    assert (call["outcome"], call["ended_by"], call["running"]) == ("handoff", "bot", False)
    assert call["ended_at"] == "2027-03-15T09:00:15+00:00"
    assert call["opening"] == ["Bonjour, Lumia TV. Je suis un assistant automatique."]
    assert [t["turn"] for t in call["turns"]] == [1, 2, 3]
    first, second, _ = call["turns"]
    assert first["said"] is None
    assert first["heard"] == "bonjour ma facture a augmenté ce mois-ci"
    assert (first["intent"], first["confidence"], first["recognition_confidence"]) == (
        "billing_increase",
        0.97,
        0.91,
    )
    assert (first["replies"], first["voice_to_voice_ms"]) == (["Quel est votre code postal ?"], 740)
    assert (second["interrupted"], second["played"]) == (True, "Votre facture est de 42,90 €,")
    assert second["slots"]["postcode"] == "86000"
    assert [a["action"] for a in call["actions"]] == ["explain_invoice"]
    assert [o["answer"] for o in call["offers"]] == ["proposed", "refused"]
    assert call["handoff"]["handoff"]["reason"] == "human_request"
    assert call["intents"] == ["billing_increase", "inform_number", "human_request"]
    assert len(call["events"]) == 20


def test_the_document_survives_json_and_the_journal(sample_call: Sample) -> None:
    events = sample_call("c1")
    again = [event_from_json(json.loads(json.dumps(e.to_json()))) for e in events]
    assert again == events
    assert CallView.of(again).to_json() == CallView.of(events).to_json()


@given(data=st.data())
def test_any_part_of_a_journal_has_a_document(data: st.DataObject) -> None:
    whole: list[CallEvent] = [
        Understood(10, 1, "cancel_contract", 0.9, (), {"a": 1}),
        SilenceNoted(20, 2, "reprompt"),
        UnknownEvent(30, 2, {"type": "later", "at_ms": 30, "turn": 2, "new": [1]}),
        CallEnded(40, 2, "abandoned", "caller"),
    ]
    part = [e for e in whole if data.draw(st.booleans())]
    call = CallView.of(part).to_json()
    assert json.dumps(call["events"]) == json.dumps([e.to_json() for e in part])
    assert call["running"] is (whole[3] not in part)


def test_a_running_call_has_no_end(sample_call: Sample) -> None:
    view = CallView.of(sample_call("c1")[:-3])
    assert view.to_json()["running"] is True
    assert view.to_json()["outcome"] is None
    assert view.packet is None


def test_a_refused_recording_stands_in_the_record_until_it_is_allowed() -> None:
    refused = RecordingAnswered(5, 1, allowed=False)
    assert event_from_json(refused.to_json()) == refused
    assert CallView.of([]).to_json()["recording_refused"] is False
    assert CallView.of([refused]).to_json()["recording_refused"] is True
    assert not CallView.of([refused, RecordingAnswered(9, 2, allowed=True)]).recording_refused


def test_events_of_another_version_are_kept_as_they_were() -> None:
    newer = {"type": "emotion_seen", "at_ms": 5, "turn": 1, "what": "joy"}
    assert event_from_json(newer).to_json() == newer
    cut = {"type": "bot_said", "at_ms": 5, "turn": 1, "text": "x"}  # a field is missing
    assert event_from_json(cut).to_json() == cut
    wider = {"type": "silence", "at_ms": 5, "turn": 1, "step": "keypad", "added_later": 1}
    assert event_from_json(wider) == SilenceNoted(5, 1, "keypad")
