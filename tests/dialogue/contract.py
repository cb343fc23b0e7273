"""The dialogue's side of ``docs/contract.md``: what the schema says, and what a schema cannot say."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator

SCHEMA = json.loads(
    (Path(__file__).resolve().parents[1] / "contracts" / "dialogue_message.schema.json").read_text()
)
_VALIDATOR = Draft7Validator(SCHEMA)


def check_reply(messages: Iterable[Mapping[str, Any]]) -> None:
    """Fail on the first thing in a turn's messages that the contract does not allow."""
    messages = list(messages)
    for message in messages:
        errors = [f"{'/'.join(map(str, e.path))}: {e.message}" for e in _VALIDATOR.iter_errors(message)]
        assert not errors, (message, errors)
    said = [m.get("text") or m["custom"].get("say") for m in messages]
    check_sentences([text for text in said if text])


def check_sentences(said: list[str]) -> None:
    """Whole sentences, one question, and it comes last; no variable left unfilled."""
    for text in said:
        assert not re.search(r"[{}]", text), f"a variable was not filled: {text}"
        assert re.search(r"[.?!]$", text), f"not a whole sentence: {text}"
    whole = " ".join(said)
    assert whole.count("?") <= 1, f"more than one question: {whole}"
    if "?" in whole:
        assert whole.endswith("?"), f"the question does not come last: {whole}"
