"""A person who takes the call has everything needed and nothing that must not be kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.events import (
    ActionDone,
    CallbackPromised,
    CallerSaid,
    CallEvent,
    HandoffRequested,
    Identified,
    RecordingAnswered,
    Understood,
)
from bot.handoff import labels
from bot.handoff.packet import ContextPacket, Link, Site, build_packet, mask_number, packet_id
from bot.handoff.schema import DEFAULT_PATH, schema_text

Sample = Callable[[str], list[CallEvent]]
ROOT = Path(__file__).resolve().parents[3]


def test_the_packet_tells_the_case(sample_call: Sample) -> None:
    packet = build_packet(sample_call("c1"))
    assert (packet.call_id, packet.case_id, packet.channel, packet.language) == (
        "c1",
        "case-1",
        "phone",
        "fr",
    )
    assert packet.identity.verified
    assert packet.identity.subscriber.number == "••••5674"
    assert packet.identity.contract.since == "1998-05-12"
    assert packet.caller.number_masked == "+336••••••44"
    assert [i.intent for i in packet.intents] == ["billing_increase", "inform_number", "human_request"]
    assert packet.slots == {"subscriber_number": "••••5674", "postcode": "86•••", "topic": "billing"}
    assert [(a.action, a.ok) for a in packet.tried] == [("explain_invoice", True)]
    assert [(o.offer, o.answer) for o in packet.offers] == [("fidelity12", "refused")]
    assert packet.sentiment.mood == "tense"
    assert packet.handoff is not None
    assert (packet.handoff.reason, packet.handoff.skill) == ("human_request", "billing")
    assert packet.handoff.why == "Demande d'un conseiller ; dernière demande : une facture en hausse"
    assert [line.who for line in packet.transcript] == [
        "bot",
        "caller",
        "bot",
        "caller",
        "bot",
        "caller",
        "bot",
    ]
    assert packet.transcript[4].played == "Votre facture est de 42,90 €,"


def test_the_summary_is_two_sentences_an_agent_can_start_from(sample_call: Sample) -> None:
    packet = build_packet(sample_call("c1"))
    assert packet.summary == (
        "Madame D., identifiée par numéro d'appelant et code postal, appelle pour une facture en hausse. "
        "L'explication de la facture a été donnée, une offre a été proposée et refusée, elle demande un conseiller."
    )
    assert packet.whisper == "Madame D., identifiée, pour une facture en hausse. Elle demande un conseiller."


@pytest.mark.parametrize(
    ("events", "summary"),
    [
        ([], "Une personne, non identifiée, appelle sans avoir dit pourquoi. Elle attend un rappel."),
        (
            [HandoffRequested(1, 0, "silence", "general")],
            "Une personne, non identifiée, appelle sans avoir dit pourquoi. Elle ne répond plus à l'assistant.",
        ),
        (
            [
                Identified(1, 1, True, "subscriber_number+birth_date", {"name": "M. L."}),
                Understood(2, 1, "box_no_signal", 0.9),
                Understood(3, 2, "complaint_upset", 0.9),
                ActionDone(4, 2, "line_test", True, "", "signal faible"),
                ActionDone(5, 2, "unheard_of", True, "", "Niveau mesuré à -12 dB."),
                ActionDone(6, 2, "troubleshoot", False, "", "passage d'un technicien"),
                HandoffRequested(6, 2, "technical", "technical", True),
            ],
            "Monsieur L., identifié par numéro d'abonné et date de naissance, appelle pour une absence de signal. "
            "Un test à distance a été fait, niveau mesuré à -12 dB, le dépannage n'a pas suffi "
            "(passage d'un technicien), il a besoin d'un technicien et se dit mécontent.",
        ),
        (
            [
                Understood(2, 1, "cancel_contract", 0.9),
                Understood(3, 2, "move_house", 0.9),
                ActionDone(4, 2, "cancel_contract", False, "", "Système indisponible"),
                HandoffRequested(6, 2, "fault", "retention"),
                CallbackPromised(7, 2, "fault"),
            ],
            "Une personne, non identifiée, appelle pour une résiliation et un déménagement. Ce qui a été tenté n'a "
            "pas abouti (système indisponible), elle a été coupée par un incident technique de l'assistant et attend "
            "un rappel.",
        ),
    ],
)
def test_the_summary_fits_the_call(events: list[CallEvent], summary: str) -> None:
    assert build_packet(events).summary == summary


def test_whoever_takes_the_call_is_told_that_recording_was_refused(sample_call: Sample) -> None:
    assert not build_packet(sample_call("c1")).recording_refused
    packet = build_packet([*sample_call("c1"), RecordingAnswered(9_000, 3, allowed=False)])
    assert packet.recording_refused
    assert packet.summary.endswith(" Enregistrement refusé.")


def test_the_same_events_always_give_the_same_packet(sample_call: Sample) -> None:
    assert build_packet(sample_call("c1")) == build_packet(sample_call("c1"))
    assert build_packet(sample_call("c1")).created_at == "2027-03-15T09:00:15+00:00"
    now = datetime(2027, 3, 15, 10, tzinfo=UTC)
    assert build_packet(sample_call("c1"), now=now).created_at == now.isoformat()


def test_a_packet_keeps_its_id_and_grows_its_version(sample_call: Sample) -> None:
    events = sample_call("c1")
    asked, ended = build_packet(events[:18]), build_packet(events)
    assert asked.handoff_id == ended.handoff_id == packet_id("c1")
    assert (asked.version, ended.version) == (1, 2)


def test_site_and_links_are_given_by_who_knows_them(sample_call: Sample) -> None:
    site = Site(id="rennes", name="Rennes", why="Ouvert, 2 conseillers libres")
    link = Link(kind="recording", id="rec-1", right="recording:listen")
    packet = build_packet(sample_call("c1"), site=site, links=[link])
    assert packet.handoff is not None
    assert packet.handoff.site == site
    assert packet.links == (link,)


def test_a_link_is_never_an_address() -> None:
    with pytest.raises(ValidationError):
        Link(kind="snapshot", id="https://host/x?token=1", right="snapshot:view")


SECRETS = ["FR76 3000 6000 0112 3456 7890 189", "4970 1012 3456 7893", "née le 15/03/1985"]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("place", ["summary", "whisper", "transcript", "tried", "slots"])
def test_the_model_refuses_what_must_not_be_in_it(sample_call: Sample, place: str, secret: str) -> None:
    data = json.loads(build_packet(sample_call("c1")).model_dump_json())
    if place == "slots":
        data["slots"]["note"] = [secret]
    elif place in ("transcript", "tried"):
        data[place][0]["text" if place == "transcript" else "result"] = secret
    else:
        data[place] = secret
    with pytest.raises(ValidationError):
        ContextPacket.model_validate(data)


@given(st.text(), st.sampled_from(SECRETS))
def test_whatever_was_said_a_packet_can_be_built_without_it(text: str, secret: str) -> None:
    said = f"{text} {secret}"
    packet = build_packet(
        [
            CallerSaid(-5, 1, said, said, text, 0.5, 0, 0),
            Understood(1, 1, text, 7.0, (), {"note": said, "birth_date": "15", "_hidden": 1, "none": None}),
            Identified(2, 1, True, text, {"name": text, "number": "12345674", "odd": "x"}, {"since": said}),
            ActionDone(3, 1, text, True, "", said),
            HandoffRequested(4, 1, text, text),
        ]
    )
    assert secret not in packet.model_dump_json()
    assert ContextPacket.model_validate_json(packet.model_dump_json()) == packet


def test_a_promised_callback_has_a_packet_too() -> None:
    packet = build_packet([CallbackPromised(5, 1, "closed", "2027-03-16T08:00:00+01:00")])
    assert packet.handoff is None
    assert packet.callback is not None
    assert packet.callback.due_at == "2027-03-16T08:00:00+01:00"


@pytest.mark.parametrize(
    ("number", "shown"), [("+33611223344", "+336••••••44"), ("12345674", "••••5674"), ("", ""), ("12", "12")]
)
def test_numbers_are_masked_to_their_ends(number: str, shown: str) -> None:
    assert mask_number(number) == shown


def test_the_published_schema_is_current() -> None:
    assert DEFAULT_PATH.read_text(encoding="utf-8") == schema_text(), "run python -m bot.handoff.schema"


STEERING = {
    "greet", "goodbye", "thanks", "affirm", "deny", "dont_know", "repeat", "wait", "nothing_else", "help",
    "bot_challenge", "human_request", "complaint_upset", "refuse_recording", "inform_number", "inform_date",
    "correct", "out_of_scope", "box_already_tried", "step_done", "works_now", "still_broken",
}  # fmt: skip


def test_every_reason_to_call_has_french_words() -> None:
    domain = yaml.safe_load((ROOT / "dialogues" / "domain" / "intents.yml").read_text(encoding="utf-8"))
    intents = {i if isinstance(i, str) else next(iter(i)) for i in domain["intents"]}
    spoken = {i for i in intents if not i.startswith(("call_", "silence_", "session_", "nlu_"))}
    assert spoken - STEERING - labels.REQUESTS.keys() == set()
