"""Reading a script: what a writer may write, and where a mistake is shown."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import InputError
from simulator import script
from simulator.script import Deed

WHOLE = """\
title: a bill
channel: phone
caller: {number: "+33611223344", voice: pico, speed: 1.1, noise_db: -50}
turns:
  - say: "Bonjour, ma facture a augmenté ce mois-ci"
  - when: "numéro d'abonné"
    say: "douze trente-quatre cinquante-six soixante-quatorze"
  - {keys: "75011#"}
  - {after: 0.8, say: "non non attendez"}
  - {silence: 8}
  - {noise: cough}
reactions:
  - {when: "répéter", again: true, times: 1}
expect: {outcome: resolved, intents: [billing_increase], actions: [explain_invoice], slots: {}}
"""


def fault(source: str) -> str:
    with pytest.raises(InputError) as err:
        script.parse(source, Path("a.yml"))
    return str(err.value)


def test_a_whole_script() -> None:
    read = script.parse(WHOLE, Path("a.yml"))
    assert [turn.deed for turn in read.turns] == [
        Deed.SAY, Deed.SAY, Deed.KEYS, Deed.SAY, Deed.SILENCE, Deed.NOISE,
    ]  # fmt: skip
    assert read.turns[3].after == 0.8
    assert read.expect.outcome == "resolved"


def test_an_unknown_key_is_refused_with_its_line() -> None:
    assert fault("turns:\n  - say: bonjour\n    wen: x\n") == "a.yml:3: turns.0.wen: unknown key"
    assert fault("expect:\n  outcom: resolved\n").startswith("a.yml:2: expect.outcom: unknown key")


def test_every_fault_is_told_at_once() -> None:
    told = fault("chanel: phone\ncaller: {voice: nobody}\nturns: [{keys: 7}]\n").splitlines()
    assert [line.split(": ")[0] for line in told] == ["a.yml:2", "a.yml:3", "a.yml:1"]


def test_a_key_given_twice_is_refused() -> None:
    assert fault("channel: phone\nchannel: browser\n") == "a.yml:2: channel: given twice"


@pytest.mark.parametrize(
    ("turn", "reason"),
    [
        ("{}", "nothing"),
        ("{say: a, keys: '1'}", "say and keys"),
        ("{keys: '12a'}", "keys are"),
        ("{say: a, when: '('}", "not a regular expression"),
        ("{say: a, after: -1}", "greater than or equal to 0"),
        ("{silence: 0}", "greater than 0"),
        ("{say: a, text: b}", "text goes with play"),
        ("{again: true}", "nothing to say again"),
        ("{play: nowhere.wav}", "no such file"),
    ],
)
def test_a_turn_that_cannot_be_played(turn: str, reason: str) -> None:
    assert reason in fault(f"turns: [{turn}]\n")


def test_a_time_without_offset_is_refused() -> None:
    assert "offset" in fault('now: "2027-03-16T10:00:00"\n')
    read = script.parse("now: 2027-03-16T10:00:00+01:00\n", Path("a.yml"))
    moment = read.moment(date(2026, 1, 1))
    assert moment is not None
    assert moment.isoformat() == "2027-03-16T10:00:00+01:00"


@given(st.dates(date(2026, 1, 1), date(2030, 12, 31)), st.sampled_from(["mon", "tue", "sat", "sun"]))
def test_a_weekly_time_is_the_next_one(today: date, day: str) -> None:
    moment = script.parse(f'now: "{day} 08:30"\n', Path("a.yml")).moment(today)
    assert moment is not None
    assert 0 <= (moment.date() - today).days < 7
    assert f"{moment:%a %H:%M}".lower() == f"{day} 08:30"
    assert moment.utcoffset() in (timedelta(hours=1), timedelta(hours=2))


def test_the_real_time_otherwise() -> None:
    assert script.parse("title: x\n", Path("a.yml")).moment(date(2026, 1, 1)) is None
    assert "now" in fault('now: "tuesday at ten"\n')


def test_nothing_follows_hanging_up() -> None:
    assert "turns follow it" in fault("turns: [{hang_up: true}, {say: a}]\n")


@pytest.mark.parametrize("source", ["- a\n", "", "a: [", "a: 2027-02-30\n"])
def test_what_is_not_a_script(source: str) -> None:
    assert fault(source).startswith("a.yml")


def test_a_directory_is_searched_in_order(tmp_path: Path) -> None:
    for name in ("b.yml", "a.yml", "notes.md"):
        (tmp_path / name).write_text("title: x\n")
    assert [path.name for path in script.find([tmp_path])] == ["a.yml", "b.yml"]
    with pytest.raises(InputError, match="no such"):
        script.find([tmp_path / "c.yml"])


def test_an_unreadable_file(tmp_path: Path) -> None:
    file = tmp_path / "a.yml"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="cannot be read"):
        script.load(file)
