"""The domain, the actions, the procedures and the sentences fit together."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from rasa_sdk import Action, utils

import actions
from actions.conversation import GUESSABLE
from actions.procedures import ENDINGS, load_procedures, responses
from tests.dialogue.contract import check_reply

ROOT = Path(__file__).resolve().parents[3]
DOMAIN = ROOT / "dialogues" / "domain"

FAMILIES = {
    "utter_amount_": ("due", "paid", "late"),
    "utter_change_": ("up", "down", "same"),
    "utter_cause_added_": ("plan", "option", "purchase", "fee", "call"),
    "utter_cause_": ("raised", "lowered"),
    "utter_due_": ("direct_debit", "card", "transfer", "paid"),
    "utter_copy_sent_": ("email", "sms"),
    "utter_guess_": tuple(sorted(GUESSABLE)),
    "utter_ending_": ENDINGS,
    "utter_appointment_": ("replacement", "technician", "callback"),
    "utter_ask_slot_": ("replacement", "technician", "callback"),
    "utter_booked_": ("replacement", "technician", "callback"),
}
"""Responses whose name an action puts together: beginning → endings."""


def domain(key: str) -> dict[str, Any]:
    """Everything under ``key`` in the domain's files, as one mapping."""
    found: dict[str, Any] = {}
    for path in sorted(DOMAIN.glob("*.yml")):
        part = yaml.safe_load(path.read_text()).get(key) or {}
        found |= part if isinstance(part, dict) else dict.fromkeys(part)
    return found


RESPONSES = domain("responses")


def action_classes() -> list[type[Action]]:
    for module in pkgutil.iter_modules(actions.__path__):
        importlib.import_module(f"actions.{module.name}")
    return [
        found
        for found in utils.all_subclasses(Action)
        if found.__module__.startswith("actions.") and not inspect.isabstract(found)
    ]


def say_calls() -> Iterator[tuple[str, set[str] | None]]:
    """Every ``turn.say("utter_…", a=…)`` in the actions: the response, its variables (None: not known statically)."""
    for path in (ROOT / "actions").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "say"
            ):
                given = (
                    None if any(k.arg is None for k in node.keywords) else {str(k.arg) for k in node.keywords}
                )
                for constant in ast.walk(node.args[0]):
                    if isinstance(constant, ast.Constant) and str(constant.value).startswith("utter_"):
                        yield str(constant.value), given


def variables(value: Any) -> set[str]:
    """Names between braces, at any depth."""
    if isinstance(value, dict):
        return set().union(*map(variables, value.values()))
    return set(re.findall(r"{(\w+)}", value)) if isinstance(value, str) else set()


def test_every_action_of_the_domain_is_written_and_the_other_way_round() -> None:
    assert {found().name() for found in action_classes()} == set(domain("actions"))


def test_every_form_has_its_questions() -> None:
    names = set(domain("actions"))
    for form, settings in domain("forms").items():
        assert f"validate_{form}" in names
        for slot in settings["required_slots"]:
            assert slot in domain("slots")
            assert f"action_ask_{slot}" in names


def test_every_guess_can_be_asked_and_opened() -> None:
    for intent in GUESSABLE:
        assert f"utter_guess_{intent}" in RESPONSES
        assert f"action_{intent}" in domain("actions")


def test_every_sentence_named_is_written_and_every_one_written_is_said() -> None:
    in_rules = re.findall(
        r"utter_\w+", "".join(p.read_text() for p in (ROOT / "dialogues/rules").glob("*.yml"))
    )
    in_code = re.findall(r'"(utter_\w+)"', "".join(p.read_text() for p in (ROOT / "actions").glob("*.py")))
    families = {beginning + ending for beginning, endings in FAMILIES.items() for ending in endings}
    procedures = responses(load_procedures(ROOT / "dialogues" / "procedures.yml"))
    assert {*in_rules, *in_code, *families, *procedures} == set(RESPONSES)


def test_actions_fill_the_variables_of_what_they_say() -> None:
    for name, given in say_calls():
        if name in RESPONSES and given is not None:
            for version in RESPONSES[name]:
                assert variables(version) <= given, name


@pytest.mark.parametrize("name", sorted(RESPONSES))
def test_a_response_is_static_text_or_a_payload_of_the_contract(name: str) -> None:
    for version in RESPONSES[name]:
        (kind,) = version.keys()
        assert kind in ("text", "custom")
        if kind == "text":
            assert not variables(version), "a sentence with a variable is a custom.say, with its privacy told"
        else:
            assert "private" in version["custom"]
        filled = yaml.safe_load(re.sub(r"{\w+}", "x", yaml.safe_dump(version, allow_unicode=True)))
        check_reply([filled])
