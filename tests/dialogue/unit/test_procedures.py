"""Troubleshooting procedures are data: what the shipped file holds, and what a wrong one is told."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from actions.procedures import FAULTS, SYMPTOMS, Procedure, ProceduresError, Step, load_procedures, next_step

SHIPPED = Path(__file__).resolve().parents[3] / "dialogues" / "procedures.yml"


def test_every_fault_and_symptom_has_a_procedure() -> None:
    procedures = load_procedures(SHIPPED)
    for fault in FAULTS:
        assert procedures.choose(fault, "broken")
    for symptom in SYMPTOMS:
        assert procedures.choose("none", symptom)


def test_what_the_test_saw_goes_before_what_the_caller_tells() -> None:
    procedures = load_procedures(SHIPPED)
    assert procedures.choose("hdmi", "no_signal", "P13").name == "screen"
    assert procedures.choose("none", "error_code", "p 13").name == "signal"
    assert procedures.choose("none", "network").name == "network"
    assert procedures.choose("something new", "something else").name == "broken"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda raw: raw["faults"].pop("hdmi"), "faults: no procedure for hdmi"),
        (
            lambda raw: raw["symptoms"].update(remote="nowhere"),
            "symptoms.remote: no procedure is called 'nowhere'",
        ),
        (lambda raw: raw["procedures"]["signal"].update(ending="magic"), "procedures.signal.ending"),
        (
            lambda raw: raw["procedures"]["signal"]["steps"].append({"remote": "explode"}),
            r"steps\[3\].remote",
        ),
        (lambda raw: raw["procedures"]["signal"]["steps"].append({"guide": "utter_x"}), r"steps\[3\].label"),
        (lambda raw: raw["procedures"]["signal"]["steps"].append({}), r"steps\[3\]: either guide or remote"),
        (lambda raw: raw["procedures"]["signal"].update(colour="red"), "unknown key colour"),
        (lambda raw: raw.update(extra=1), "unknown key extra"),
        (lambda raw: raw["procedures"]["signal"].pop("seen"), "procedures.signal.seen"),
    ],
)
def test_a_wrong_file_is_refused_with_its_key(change: object, complaint: str, tmp_path: Path) -> None:
    raw = yaml.safe_load(SHIPPED.read_text())
    change(raw)  # type: ignore[operator]
    wrong = tmp_path / "procedures.yml"
    wrong.write_text(yaml.safe_dump(raw))
    with pytest.raises(ProceduresError, match=complaint):
        load_procedures(wrong)


steps = st.lists(
    st.builds(Step, guide=st.just("utter_x"), usual=st.booleans())
    | st.builds(Step, remote=st.sampled_from(["reboot", "test"])),
    max_size=6,
).map(tuple)


@given(steps, st.booleans(), st.integers(0, 2))
def test_steps_come_once_each_and_only_those_that_make_sense(
    given_steps: tuple[Step, ...], tried: bool, reboots: int
) -> None:
    procedure = Procedure("p", "utter_a", "utter_b", given_steps, "person")
    done: list[int] = []
    after: int | None = -1
    while (after := next_step(procedure, after, skip_usual=tried, reboots_left=reboots)) is not None:
        done.append(after)
    assert done == sorted(set(done))
    for index, step in enumerate(given_steps):
        passed_over = (step.usual and tried) or (step.remote == "reboot" and reboots <= 0)
        assert (index in done) is not passed_over
