"""Messages of the contract (``docs/contract.md``), built in one place and typed: actions never write a raw payload."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeAlias

Kind = Literal["open", "yes_no", "digits", "choice", "date", "step", "nothing"]
Reason = Literal[
    "human_request",
    "not_understood",
    "identification_failed",
    "upset",
    "technical",
    "retention",
    "policy",
    "silence",
    "fault",
    "bereavement",
]
Skill = Literal["billing", "technical", "retention", "general"]
Answer = Literal["proposed", "accepted", "refused"]
Outcome = Literal["resolved", "handoff", "callback"]


@dataclass(frozen=True)
class Response:
    """A sentence of ``dialogues/domain/responses*.yml``, named, with the values of its variables."""

    name: str
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Custom:
    """A ``custom`` payload of the contract."""

    payload: Mapping[str, Any]


Message: TypeAlias = "Response | Custom"


def expect(
    kind: Kind,
    name: str = "",
    *,
    lengths: Sequence[int] = (),
    check: str = "",
    options: Mapping[str, str] | None = None,
    secret: bool = False,
) -> Custom:
    """What the caller is expected to say next. ``options``: key → intent message."""
    value: dict[str, Any] = {"kind": kind}
    if name:
        value["name"] = name
    if lengths:
        value["lengths"] = list(lengths)
    if check:
        value["check"] = check
    if options:
        value["options"] = dict(options)
    if secret:
        value["secret"] = True
    return Custom({"expect": value})


def yes_no(name: str) -> Custom:
    """A yes or a no is expected; 1 and 2 on the keypad."""
    return expect("yes_no", name, options={"1": "/affirm", "2": "/deny"})


def report(action: str, *, ok: bool, reference: str = "", result: str = "") -> Custom:
    """Something was tried or done; ``result`` is a short French phrase for the agent."""
    value: dict[str, Any] = {"action": action, "ok": ok}
    if reference:
        value["reference"] = reference
    if result:
        value["result"] = result
    return Custom({"report": value})


def identity(
    *,
    verified: bool,
    how: str,
    subscriber: Mapping[str, str] | None = None,
    contract: Mapping[str, str] | None = None,
) -> Custom:
    """Who the caller is known to be; values are masked before they come here."""
    return Custom(
        {
            "identity": {
                "verified": verified,
                "how": how,
                "subscriber": dict(subscriber or {}),
                "contract": dict(contract or {}),
            }
        }
    )


def offer(offer_id: str, terms: str, answer: Answer) -> Custom:
    """An offer was told or answered."""
    return Custom({"offer": {"offer": offer_id, "terms": terms, "answer": answer}})


def handoff(reason: Reason, skill: Skill, *, video: bool = False) -> Custom:
    """Bring in a person."""
    return Custom({"handoff": {"reason": reason, "skill": skill, "video": video}})


def callback(reason: str, due_at: datetime | None = None) -> Custom:
    """The subscriber is promised a call; without ``due_at``, as soon as people answer."""
    value = {"reason": reason}
    if due_at is not None:
        value["due_at"] = due_at.isoformat()
    return Custom({"callback": value})


def recording(*, allowed: bool) -> Custom:
    """The caller accepted or refused recording."""
    return Custom({"recording": {"allowed": allowed}})


def hang_up(outcome: Outcome) -> Custom:
    """Say what was said, then end the call."""
    return Custom({"hang_up": {"outcome": outcome}})
