"""What every action shares: subscriber system, box operations, operator's data, troubleshooting procedures.

One set a process, made at start (``python -m actions``) or at the first use; tests install their own.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from pathlib import Path

from actions.crm import connect
from actions.crm.port import BoxPort, Crm
from actions.operator import Operator, load_operator
from actions.procedures import Procedures, load_procedures

ROOT = Path(__file__).resolve().parent.parent
OPERATOR_FILE = "DECROCHE_OPERATOR_FILE"  # environment: another operator.yml
PROCEDURES_FILE = "DECROCHE_PROCEDURES_FILE"  # environment: another procedures.yml


@dataclass(frozen=True)
class Services:
    """Everything outside the conversation that an action may use."""

    crm: Crm
    boxes: BoxPort
    operator: Operator
    procedures: Procedures


_lock = threading.Lock()
_installed: Services | None = None


def install(services: Services | None) -> None:
    """Use these services from now on; ``None`` makes the next use load them from the environment."""
    global _installed
    with _lock:
        _installed = services


def services() -> Services:
    """The process's services, loaded at the first use.

    Raises:
        OperatorError, ProceduresError: a data file is wrong.
        CrmError: the subscriber system cannot be set up.
    """
    global _installed
    with _lock:
        if _installed is None:
            _installed = load()
        return _installed


def load() -> Services:
    """Read the data files and connect to the subscriber system. Raises as :func:`services`."""
    operator, procedures = load_data()
    crm, boxes = connect(zone=operator.brand.timezone)
    return Services(crm, boxes, operator, procedures)


def load_data() -> tuple[Operator, Procedures]:
    """Read the data files that the environment names, else the project's. Raises OperatorError, ProceduresError."""
    return (
        load_operator(Path(os.environ.get(OPERATOR_FILE, ROOT / "operator.yml"))),
        load_procedures(Path(os.environ.get(PROCEDURES_FILE, ROOT / "dialogues" / "procedures.yml"))),
    )
