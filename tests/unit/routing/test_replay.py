"""A choice goes into the record and out again, and can be made again from it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from typer.testing import CliRunner

from bot.cli import cli
from bot.errors import InputError
from bot.events import AgentJoined, CallEnded, CallStarted, HandoffRequested, SiteChosen, SiteRung
from bot.handoff.packet import build_packet, chosen_site
from bot.record.codec import Entry, event_from_json
from bot.record.migrations import upgrade
from bot.record.redact_events import CallRedactor
from bot.record.store import CallStore, make_engine
from bot.record.view import CallView
from bot.routing.codec import case_from_json, case_to_json, choice_from_json, choice_to_json, site_chosen
from bot.routing.model import Ledger, RouteCase, SiteState, Tally
from bot.routing.replay import replay_document, replay_events
from bot.routing.router import choose
from tests.unit.routing.worlds import case, cases, paris

RUN = CliRunner()


def event(one: RouteCase | None = None) -> SiteChosen:
    one = one or case("technical", states={"marrakech": SiteState(2, 5)})
    return site_chosen(4200, 2, one, choose(one))


@settings(deadline=None)  # the first choice loads calendars
@given(cases())
def test_a_case_and_a_choice_survive_json(one: RouteCase) -> None:
    kept = json.loads(json.dumps(case_to_json(one)))
    assert case_to_json(case_from_json(kept)) == kept
    chosen = choice_to_json(choose(one))
    assert choice_to_json(choice_from_json(json.loads(json.dumps(chosen)))) == chosen
    assert choice_to_json(choose(case_from_json(kept))) == chosen, "the same case, the same choice"


@settings(deadline=None)  # the first choice loads calendars
@given(cases())
def test_what_the_record_keeps_is_what_was_chosen(one: RouteCase) -> None:
    """Redacted and stored like every event: nothing of it is taken for a secret."""
    noted = event(one)
    stored = event_from_json(json.loads(json.dumps(CallRedactor().event(noted).to_json())))
    assert isinstance(stored, SiteChosen)
    assert stored.order == noted.order
    (again,) = replay_events([stored])
    assert again.before
    assert choice_to_json(again.before) == choice_to_json(again.now) == choice_to_json(choose(one))
    assert again.same


def test_a_choice_that_would_fall_otherwise_today_is_told() -> None:
    noted = event().to_json()
    noted["choice"]["ranked"].reverse()
    (again,) = replay_document(noted)
    assert not again.same


@pytest.mark.parametrize(
    "document", [[], {}, 7, "x", {"events": []}, {"inputs": {"request": 1}}, {"request": {}, "sites": []}]
)
def test_what_holds_no_choice_is_refused(document: object) -> None:
    with pytest.raises(InputError):
        replay_document(document)


def run(path: Path | str) -> tuple[int, str]:
    result = RUN.invoke(cli, ["route", "replay", str(path)])
    return result.exit_code, result.output


def test_the_command_reads_a_file(tmp_path: Path) -> None:
    path = tmp_path / "choice.json"
    path.write_text(
        json.dumps([event().to_json(), case_to_json(case("retention", paris("2026-11-22 10:00")))])
    )
    code, output = run(path)
    assert code == 0
    assert "Marrakech : 2 libres, compétence box" in output
    assert "= le même choix aujourd'hui" in output
    assert "rappel promis : 2026-11-23T08:00:00+01:00" in output
    other = event().to_json()
    other["choice"]["ranked"].reverse()
    path.write_text(json.dumps({"events": [other]}))
    code, output = run(path)
    assert code == 1
    assert "≠ aujourd'hui : Poitiers" in output
    path.write_text("{")
    assert isinstance(RUN.invoke(cli, ["route", "replay", str(path)]).exception, InputError)


async def _store_a_call(url: str) -> None:
    store = CallStore(make_engine(url))
    events = [
        CallStarted(0, 0, "c1", "case1", "phone", "", datetime(2026, 11, 23, 9, tzinfo=UTC).isoformat()),
        HandoffRequested(4000, 2, "human_request", "technical"), event(), CallEnded(9000, 2, "handoff", "caller"),
    ]  # fmt: skip
    await store.write([Entry("c1", seq, one) for seq, one in enumerate(events, start=1)])
    await store.close()


async def test_the_command_reads_a_call_of_the_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'calls.db'}"
    await asyncio.to_thread(upgrade, url)
    await _store_a_call(url)
    monkeypatch.setenv("DECROCHE_DATABASE_URL", url)
    code, output = await asyncio.to_thread(run, "c1")
    assert code == 0
    assert "1. Poitiers" in output
    result = await asyncio.to_thread(RUN.invoke, cli, ["route", "replay", "c2"])
    assert isinstance(result.exception, InputError)


def test_the_document_of_a_call_tells_the_choice() -> None:
    view = CallView.of([HandoffRequested(4000, 2, "human_request", "technical"), event()], "c1")
    (choice,) = view.to_json()["choices"]
    assert [one["site"] for one in choice["ranked"]] == ["poitiers", "marrakech", "rennes"]
    assert choice["left_out"][0]["reason"] == "Antananarivo : n'a pas la compétence box"
    assert choice["skill"] == "technical"


def test_the_packet_names_the_site_that_has_the_call_and_why() -> None:
    events = [HandoffRequested(4000, 2, "human_request", "technical"), event()]

    def site() -> str:
        handoff = build_packet(events, call_id="c1").handoff
        assert handoff
        return handoff.site.id if handoff.site else ""

    assert site() == "poitiers"
    events.append(SiteRung(9000, 2, "poitiers", "no_answer", 5000))
    assert site() == "marrakech", "the one that is rung next"
    found = chosen_site(events)
    assert found
    assert found.why.startswith("Marrakech : 2 libres, compétence box")
    assert "Poitiers" not in build_packet(events, call_id="c1").model_dump_json(), "nothing of other partners"
    events += [SiteRung(12_000, 2, "marrakech", "answered", 3000), AgentJoined(12_000, 2, "marrakech", 8000)]
    assert site() == "marrakech"
    found = chosen_site(events, "rennes")
    assert found
    assert found.name == "Rennes"
    assert chosen_site(events, "elsewhere") is None
    events.append(event(case("technical", ledger=Ledger({"rennes": Tally(owed=20.0)}))))
    assert site() == "rennes", "asked for again: the last choice counts"
    missed = [SiteRung(13_000, 2, one, "busy", 0) for one in ("rennes", "poitiers", "marrakech")]
    handoff = build_packet([*events, *missed], call_id="c1").handoff
    assert handoff
    assert handoff.site is None


def test_a_choice_written_by_another_version_harms_nothing() -> None:
    odd = replace(event(), choice={"ranked": [{"other": 1}]}, inputs={"v": 2})
    events = [HandoffRequested(4000, 2, "human_request", "technical"), odd]
    handoff = build_packet(events, call_id="c1").handoff
    assert handoff
    assert handoff.site is None
    assert CallView.of(events, "c1").to_json()["choices"]
    with pytest.raises(InputError):
        replay_events(events)
