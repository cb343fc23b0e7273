"""``decroche call``: options, what is printed, exit status."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner, Result

from simulator import report
from simulator.cli import call
from simulator.result import CallResult, Fidelity, TurnResult

StartBot = Callable[..., Awaitable[Any]]

app = typer.Typer()
app.command("call")(call)
app.command("other")(lambda: None)


async def decroche(*arguments: str | Path, url: str = "http://127.0.0.1:9") -> Result:
    """The command in a thread of its own, so that the fake bot goes on answering."""
    command = ["call", *map(str, arguments), "--url", url]
    return await asyncio.to_thread(CliRunner().invoke, app, command)


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    folder = tmp_path / "scripts"
    folder.mkdir()
    for name, outcome in (("good", "resolved"), ("bad", "handoff")):
        text = f"title: a {name} call\ntags: [{name}]\nturns: [{{say: un}}]\nexpect: {{outcome: {outcome}}}\n"
        (folder / f"{name}.yml").write_text(text)
    return folder


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("DECROCHE_API_TOKEN", "let-me-in")


async def test_one_call_is_printed_live(scripts: Path, fake_bot: StartBot) -> None:
    bot = await fake_bot([["Bonjour."], ["Voilà."]])
    done = await decroche(scripts / "good.yml", "--text", url=bot.address.url)
    assert done.exit_code == 0
    for text in ("a good call", "Bonjour.", "un", "greet", "as expected", "resolved"):
        assert text in done.output


async def test_a_difference_is_told_and_fails(scripts: Path, fake_bot: StartBot) -> None:
    bot = await fake_bot([["Bonjour."], ["Voilà."]])
    done = await decroche(scripts / "bad.yml", "--text", url=bot.address.url)
    assert done.exit_code == 1
    assert "handoff expected, got resolved" in done.output


async def test_a_suite_ends_in_a_table_and_json(scripts: Path, fake_bot: StartBot, tmp_path: Path) -> None:
    bot = await fake_bot([["Bonjour."], ["Voilà."], ["Bonjour."], ["Voilà."]])
    out = tmp_path / "out" / "calls.json"
    done = await decroche(scripts, "--text", "--json", out, url=bot.address.url)
    assert done.exit_code == 1
    assert "1 of 2 calls as expected" in done.output
    written = json.loads(out.read_text())
    assert written["held"] is False
    assert [one["held"] for one in written["calls"]] == [False, True]


async def test_a_single_call_in_json(scripts: Path, fake_bot: StartBot, tmp_path: Path) -> None:
    bot = await fake_bot([["Bonjour."], ["Voilà."]])
    out = tmp_path / "call.json"
    await decroche(scripts, "--tag", "good", "--text", "--json", out, url=bot.address.url)
    written = json.loads(out.read_text())
    assert {"outcome", "turns", "actions", "handoff", "events"} <= written.keys()
    assert {
        "said",
        "heard",
        "intent",
        "confidence",
        "slots",
        "replies",
        "voice_to_voice_ms",
        "interrupted",
    } <= (written["turns"][0].keys())


async def test_nobody_to_call(scripts: Path) -> None:
    assert (await decroche(scripts / "good.yml", "--text")).exit_code == 3
    suite = await decroche(scripts, "--text", "--parallel", "2")
    assert suite.exit_code == 3
    assert "0 of 2 calls" in suite.output


async def test_what_is_wrong_before_any_call(scripts: Path, tmp_path: Path) -> None:
    (scripts / "wrong.yml").write_text("turns: [{sya: un}]\n")
    wrong = await decroche(scripts, "--text")
    assert wrong.exit_code == 2
    assert "wrong.yml:1: turns.0.sya: unknown key" in wrong.output.replace("\n", "")
    (scripts / "wrong.yml").unlink()
    for arguments in (
        (tmp_path / "nowhere.yml",),
        (scripts, "--tag", "nothing"),
        (scripts, "--channel", "text"),
        (scripts, "--text", "--wav", tmp_path / "a.wav"),
        (scripts, "--live", "--parallel", "2", "--text"),
    ):
        assert (await decroche(*arguments)).exit_code == 2, arguments
    assert (await decroche(scripts, url="ftp://x")).exit_code == 2


async def test_scripts_can_be_listed(scripts: Path) -> None:
    done = await decroche(scripts, "--list")
    assert done.exit_code == 0
    assert "a good call" in done.output


def printed(renderable: object) -> str:
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(renderable)
    return console.export_text()


def test_a_verdict_says_what_spoiled_the_figures() -> None:
    turn = TurnResult(1, "oui [sic]", "oui", "oui", "voice", 0.8, "affirm", 0.9, voice_to_voice_ms=640)
    result = CallResult(
        "a.yml", "a", "phone", outcome="resolved", turns=(turn,), problems=("it went [wrong]",),
        warnings=("voice x needs y",), fidelity=Fidelity(250, ("a command of 200 bytes",)),
    )  # fmt: skip
    text = printed(report.verdict(result))
    for part in ("640 ms", "oui [sic]", "late by up to 250 ms", "a command of 200 bytes", "it went [wrong]"):
        assert part in text


@pytest.mark.parametrize(
    ("event", "shown"),
    [
        ({"type": "caller_said", "mode": "voice", "raw": "oui", "confidence": 0.5}, "heard  «oui» 50%"),
        (
            {
                "type": "understood",
                "intent": "affirm",
                "confidence": 0.9,
                "entities": [{"entity": "a", "value": 1}],
            },
            "intent  affirm 90% a=1",
        ),
        ({"type": "action_done", "action": "x", "ok": False, "reference": "D-1"}, "action  x failed D-1"),
        (
            {"type": "identified", "verified": True, "how": "h", "subscriber": {"name": "Mme D."}},
            "verified h Mme D.",
        ),
        ({"type": "offer", "offer": "o", "answer": "accepted", "terms": "t"}, "offer  o accepted t"),
        ({"type": "handoff_requested", "reason": "upset", "skill": "general", "video": True}, "with video"),
        ({"type": "callback_promised", "reason": "r", "due_at": ""}, "callback  r"),
        ({"type": "silence", "step": "keypad"}, "silence  keypad"),
        ({"type": "bot_interrupted", "heard": "Bonj"}, "after «Bonj»"),
        ({"type": "fault", "code": "dialogue.failed", "stage": "dialogue"}, "dialogue.failed"),
        ({"type": "turn_timed", "voice_to_voice_ms": 640, "endpoint_ms": 300}, "640 ms (end of turn 300)"),
        ({"type": "call_ended", "by": "bot", "outcome": "resolved"}, "by the bot resolved"),
    ],
)
def test_each_line_of_the_journal(event: dict[str, Any], shown: str) -> None:
    text = report.event_text(event)
    assert text is not None
    assert shown in text.plain


def test_lines_that_are_not_shown() -> None:
    assert report.event_text({"type": "call_started"}) is None
    assert report.event_text({"type": "caller_said", "mode": "text", "raw": "x"}) is None
