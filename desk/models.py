"""Plain data of the desk. No logic."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Role(StrEnum):
    """What somebody may do at the desk."""

    AGENT = "agent"
    LEVEL2 = "level2"
    SUPERVISOR = "supervisor"


@dataclass(frozen=True)
class Agent:
    """Somebody who may sign in.

    ``sip``: SIP URI of their own telephone; empty: the headset of their browser. ``subject``: who they are at the
    operator's identity provider, or empty.
    """

    id: str
    login: str
    name: str
    site: str
    roles: frozenset[Role] = frozenset({Role.AGENT})
    skills: frozenset[str] = field(default_factory=frozenset)
    sip: str = ""
    subject: str = ""
    disabled: bool = False

    @property
    def address(self) -> str:
        """What the line is told to ring."""
        return self.sip or f"headset:{self.id}"


@dataclass(frozen=True)
class Note:
    """What an agent wrote down during a call. ``at``: seconds since 1970."""

    at: float
    text: str


@dataclass(frozen=True)
class Contact:
    """One agent's part in one call, kept for good. Times in seconds since 1970, None: it did not come to that.

    ``level``: 2 when it was handed over by a colleague. ``then``: what the bot was told to go on with, or empty.
    """

    id: str
    call_id: str
    handoff_id: str
    site: str
    agent: str
    level: int
    accepted_at: float
    joined_at: float | None = None
    ended_at: float | None = None
    then: str = ""
    disposition: str = ""
    notes: tuple[Note, ...] = ()


PAUSES = {
    "break": "Pause",
    "lunch": "Déjeuner",
    "training": "Formation",
    "meeting": "Réunion",
    "back_office": "Dossiers",
}
"""Reasons that an agent may give, with their French names."""

DISPOSITIONS = {
    "solved": "Résolu",
    "follow_up": "À suivre",
    "level2": "Transmis au niveau 2",
    "not_solved": "Non résolu",
    "wrong_service": "Mauvais service",
    "cut": "Appel coupé",
}
"""How a call is closed, with French names."""
