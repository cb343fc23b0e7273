"""The sentences the understanding is measured on. No dependency on bot or Rasa: both environments read it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
TRAINING = ROOT / "dialogues" / "nlu"
SETS = ROOT / "tests" / "dialogue" / "nlu"
HELD_OUT = SETS / "held_out.yml"
DEVELOPMENT = SETS / "dev.yml"
LINE = SETS / "held_out_line.yml"

_ENTITY = re.compile(r"\[([^\]]*)\](?:\([^)]*\)|\{[^}]*\})")


@dataclass(frozen=True)
class Sentence:
    """An example of a Rasa NLU file, without its entity marks."""

    text: str
    intent: str


@dataclass(frozen=True)
class Heard:
    """One sentence in one voice. ``recognised``: the recogniser's text; ``text``: what the dialogue gets."""

    utterance: str
    intent: str
    voice: str
    recognised: str
    text: str


def sentences(path: Path) -> list[Sentence]:
    """The examples of a Rasa NLU file, or of every one in a folder."""
    files = sorted(path.glob("*.yml")) if path.is_dir() else [path]
    return [
        Sentence(_ENTITY.sub(r"\1", line.removeprefix("- ")).strip(), block["intent"])
        for file in files
        for block in yaml.safe_load(file.read_text(encoding="utf-8"))["nlu"]
        if "intent" in block
        for line in block["examples"].splitlines()
    ]


def read_heard(path: Path = LINE) -> list[Heard]:
    """What :func:`write_heard` wrote."""
    return [Heard(**row) for row in yaml.safe_load(path.read_text(encoding="utf-8"))["heard"]]


def write_heard(path: Path, rows: Sequence[Heard]) -> None:
    """One mapping a line: the file is read by people too."""
    lines = [
        "# Written by python -m bench.nlu_line. recognised: Whisper's text; text: as the dialogue gets it.",
        "heard:",
    ]
    for row in rows:
        flow = yaml.safe_dump(
            vars(row), allow_unicode=True, default_flow_style=True, sort_keys=False, width=10**6
        )
        lines.append(f"  - {flow.strip()}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
