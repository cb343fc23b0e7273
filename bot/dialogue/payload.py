"""What the dialogue answers, checked against ``docs/contract.md`` and turned into plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bot.errors import DialoguePayloadError
from bot.models import Expectation, ExpectKind, Say

HandoffReason = Literal[
    "human_request", "not_understood", "identification_failed", "upset", "technical",
    "retention", "policy", "silence", "fault", "bereavement",
]  # fmt: skip


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Expect(_Part):
    """What is expected next, as the dialogue writes it."""

    kind: ExpectKind
    name: str = ""
    lengths: tuple[int, ...] = ()
    check: Literal["", "luhn"] = ""
    options: dict[str, str] = Field(default_factory=dict)
    secret: bool = False

    def to_expectation(self) -> Expectation:
        """As plain data."""
        return Expectation(**self.model_dump())


class Report(_Part):
    """Something was tried or done."""

    action: str
    ok: bool
    reference: str = ""
    result: str = ""


class Identity(_Part):
    """The subscriber's identity as it stands, masked."""

    verified: bool
    how: str
    subscriber: dict[str, str] = Field(default_factory=dict)
    contract: dict[str, str] = Field(default_factory=dict)


class OfferStep(_Part):
    """An offer was told or answered."""

    offer: str
    terms: str
    answer: Literal["proposed", "accepted", "refused"]


class HandoffStep(_Part):
    """A person is needed."""

    reason: HandoffReason
    skill: Literal["billing", "technical", "retention", "general"]
    video: bool = False


class CallbackStep(_Part):
    """A call back is promised."""

    reason: str
    due_at: str = ""


class Recording(_Part):
    """Whether the caller accepts being recorded."""

    allowed: bool


class HangUp(_Part):
    """The call ends after what was said."""

    outcome: Literal["resolved", "handoff", "callback"]


class Custom(_Part):
    """One ``custom`` message."""

    say: str | None = None
    private: bool = True
    expect: Expect | None = None
    report: Report | None = None
    identity: Identity | None = None
    offer: OfferStep | None = None
    handoff: HandoffStep | None = None
    callback: CallbackStep | None = None
    recording: Recording | None = None
    hang_up: HangUp | None = None


Step = Report | Identity | OfferStep | HandoffStep | CallbackStep | Recording


@dataclass(frozen=True)
class Reply:
    """One whole reply of the dialogue.

    ``steps``: facts in the order they came. ``hang_up``: None to go on.
    """

    says: tuple[Say, ...]
    expectation: Expectation
    steps: tuple[Step, ...] = ()
    hang_up: HangUp | None = None

    @property
    def handoff(self) -> HandoffStep | None:
        """The last request for a person, if any."""
        return next((step for step in reversed(self.steps) if isinstance(step, HandoffStep)), None)


def parse_reply(messages: Sequence[Mapping[str, Any]]) -> Reply:
    """Check the messages of one reply and fold them.

    Raises:
        DialoguePayloadError: a message is outside the contract; names key and reason, never the value.
    """
    says: list[Say] = []
    steps: list[Step] = []
    expectation = Expectation()
    hang_up = None
    for message in messages:
        if text := message.get("text"):
            says.append(Say(str(text)))
        if (raw := message.get("custom")) is None:
            continue
        try:
            custom = Custom.model_validate(raw)
        except ValidationError as err:
            faults = "; ".join(f"{'.'.join(map(str, f['loc']))}: {f['type']}" for f in err.errors())
            raise DialoguePayloadError(f"custom message outside the contract: {faults}") from err
        if custom.say:
            says.append(Say(custom.say, private=custom.private))
        if custom.expect:
            expectation = custom.expect.to_expectation()
        steps += [
            step
            for step in (
                custom.report,
                custom.identity,
                custom.offer,
                custom.handoff,
                custom.callback,
                custom.recording,
            )
            if step is not None
        ]
        hang_up = custom.hang_up or hang_up
    if hang_up:
        expectation = Expectation(ExpectKind.NOTHING)
    return Reply(tuple(says), expectation, tuple(steps), hang_up)
