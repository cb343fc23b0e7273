"""Troubleshooting procedures as data (``dialogues/procedures.yml``): what to try for which fault, and what comes after.

The file maps a fault to the steps that may end it. This module reads and checks it, and says which
step comes next; what a step does is the box actions' work.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FAULTS = ("no_power", "no_signal", "weak_signal", "hdmi", "network", "firmware", "disk_full", "remote")
SYMPTOMS = ("no_signal", "black_screen", "error_code", "remote", "network", "recordings", "broken")
REMOTE = ("reboot", "test")
ENDINGS = ("replacement", "technician", "video", "person")


class ProceduresError(Exception):
    """``procedures.yml`` cannot be used; the message names file, key and reason."""

    code = "procedures.invalid"


@dataclass(frozen=True)
class Step:
    """One thing to try: either ``guide``, a response telling the caller what to do, or ``remote`` (reboot | test).

    ``label``: a guided step in a few French words, for the agent. ``check``: whether to ask
    afterwards if it works now. ``usual``: people have mostly tried it before they call, so it is
    skipped when they say so.
    """

    guide: str = ""
    label: str = ""
    remote: str = ""
    check: bool = True
    usual: bool = False


@dataclass(frozen=True)
class Procedure:
    """What to do about a fault. ``ending``: the last resort.

    ``seen``: the response said when the remote test saw the fault; ``unseen``: when it only comes
    from what the caller tells.
    """

    name: str
    seen: str
    unseen: str
    steps: tuple[Step, ...]
    ending: str


@dataclass(frozen=True)
class Procedures:
    """All procedures: by the fault a test saw, else by the code on the front panel, else by what the caller tells."""

    by_name: Mapping[str, Procedure]
    by_fault: Mapping[str, str]
    by_symptom: Mapping[str, str]
    by_code: Mapping[str, str]

    def choose(self, fault: str, symptom: str, error_code: str = "") -> Procedure:
        """The procedure for what the test saw, else for the code told, else for the symptom told."""
        name = (
            self.by_fault.get(fault)
            or self.by_code.get(error_code.upper().replace(" ", ""))
            or self.by_symptom.get(symptom)
            or self.by_symptom["broken"]
        )
        return self.by_name[name]


def next_step(procedure: Procedure, after: int, *, skip_usual: bool, reboots_left: int) -> int | None:
    """Index of the step that follows step ``after`` (-1 to begin); ``None`` when none is left.

    Usual steps are passed over when the caller has tried them, reboots when policy allows no more.
    """
    for index in range(after + 1, len(procedure.steps)):
        step = procedure.steps[index]
        if step.usual and skip_usual:
            continue
        if step.remote == "reboot" and reboots_left <= 0:
            continue
        return index
    return None


def load_procedures(path: Path) -> Procedures:
    """Read and check ``path``.

    Raises:
        ProceduresError: missing or malformed file, unknown key, or a fault or symptom without a procedure.
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as err:
        raise ProceduresError(f"{path}: {err}") from err
    root = _mapping(path, "file", raw, {"version", "procedures", "faults", "symptoms", "error_codes"})
    named = _mapping(path, "procedures", root.get("procedures"))
    procedures = {str(name): _procedure(path, str(name), value) for name, value in named.items()}
    found = Procedures(
        by_name=procedures,
        by_fault=_references(path, "faults", root.get("faults"), procedures, FAULTS),
        by_symptom=_references(path, "symptoms", root.get("symptoms"), procedures, SYMPTOMS),
        by_code=_references(path, "error_codes", root.get("error_codes"), procedures),
    )
    for key, wanted, have in (
        ("faults", FAULTS, found.by_fault),
        ("symptoms", SYMPTOMS, found.by_symptom),
    ):
        missing = [name for name in wanted if name not in have]
        if missing:
            raise ProceduresError(f"{path}: {key}: no procedure for {', '.join(missing)}")
    return found


def responses(procedures: Procedures) -> set[str]:
    """Every response that the procedures name."""
    found = {response for p in procedures.by_name.values() for response in (p.seen, p.unseen)}
    return found | {s.guide for p in procedures.by_name.values() for s in p.steps if s.guide}


def _procedure(path: Path, name: str, value: Any) -> Procedure:
    key = f"procedures.{name}"
    raw = _mapping(path, key, value, {"seen", "unseen", "steps", "ending"})
    steps = raw.get("steps")
    if not isinstance(steps, list):
        raise ProceduresError(f"{path}: {key}.steps: a list is wanted")
    seen, unseen, ending = (raw.get(name) for name in ("seen", "unseen", "ending"))
    for name_of, response in (("seen", seen), ("unseen", unseen)):
        if not isinstance(response, str):
            raise ProceduresError(f"{path}: {key}.{name_of}: the name of a response is wanted")
    if ending not in ENDINGS:
        raise ProceduresError(f"{path}: {key}.ending: one of {', '.join(ENDINGS)} is wanted")
    return Procedure(
        name,
        str(seen),
        str(unseen),
        tuple(_step(path, f"{key}.steps[{i}]", step) for i, step in enumerate(steps)),
        ending,
    )


def _step(path: Path, key: str, value: Any) -> Step:
    raw = _mapping(path, key, value, {"guide", "label", "remote", "check", "usual"})
    guide, remote = raw.get("guide", ""), raw.get("remote", "")
    if bool(guide) == bool(remote):
        raise ProceduresError(f"{path}: {key}: either guide or remote is wanted")
    if guide and not isinstance(raw.get("label"), str):
        raise ProceduresError(f"{path}: {key}.label: a short text for the agent is wanted")
    if remote and remote not in REMOTE:
        raise ProceduresError(f"{path}: {key}.remote: one of {', '.join(REMOTE)} is wanted")
    flags = {name: raw.get(name, default) for name, default in (("check", True), ("usual", False))}
    if not all(isinstance(flag, bool) for flag in flags.values()):
        raise ProceduresError(f"{path}: {key}: check and usual are true or false")
    return Step(guide=str(guide), label=str(raw.get("label", "")), remote=str(remote), **flags)


def _references(
    path: Path,
    key: str,
    value: Any,
    procedures: Mapping[str, Procedure],
    known: Collection[str] | None = None,
) -> dict[str, str]:
    raw = _mapping(path, key, value, known)
    for name, target in raw.items():
        if target not in procedures:
            raise ProceduresError(f"{path}: {key}.{name}: no procedure is called {target!r}")
    return {str(name): str(target) for name, target in raw.items()}


def _mapping(path: Path, key: str, value: Any, known: Collection[str] | None = None) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ProceduresError(f"{path}: {key}: a mapping is wanted")
    unknown = [str(name) for name in value if known is not None and name not in known]
    if unknown:
        raise ProceduresError(f"{path}: {key}: unknown key {', '.join(unknown)}")
    return value
