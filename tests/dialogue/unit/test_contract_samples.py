"""The samples that both sides are held to are what this side may send."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from tests.dialogue.contract import SCHEMA, check_reply

UNMASKED = {"ref": "1", "name": "Mme Durand", "number": "12345674"}
CONTRACTS = Path(__file__).resolve().parents[2] / "contracts"


def test_the_schema_is_one() -> None:
    Draft7Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("sample", sorted(CONTRACTS.glob("reply_*.json")), ids=lambda path: path.stem)
def test_a_sample_keeps_the_contract(sample: Path) -> None:
    check_reply(json.loads(sample.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    "wrong",
    [
        {"text": "x", "custom": {}},
        {"custom": {"surprise": 1}},
        {"custom": {"private": True}},
        {"custom": {"handoff": {"reason": "boredom", "skill": "general"}}},
        {"custom": {"expect": {"kind": "choice", "options": {"1": "affirm"}}}},
        {"custom": {"identity": {"verified": False, "how": "failed", "subscriber": UNMASKED, "contract": {}}}},
        {"text": "Oui ? Non ?"},
        {"text": "C'est bien cela ? Merci."},
        {"text": "Pas de point"},
        {"text": "Bonjour {name}."},
    ],
)  # fmt: skip
def test_what_it_refuses(wrong: dict[str, object]) -> None:
    with pytest.raises(AssertionError):
        check_reply([wrong])
