"""How a call ended, from what happened in it. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from bot.events import (
    ActionDone,
    AgentJoined,
    CallbackPromised,
    CallEvent,
    Fault,
    HandoffRequested,
    SiteChosen,
)


def outcome_of(
    events: Iterable[CallEvent], *, hung_up_as: str = "", sought: bool = False, waiting: bool = False
) -> str:
    """``resolved | handoff | callback | abandoned | failed``.

    ``hung_up_as``: what the dialogue said when it ended the call, empty when the caller hung up. A caller who
    leaves after something was done for them got what they came for; one who leaves before it gave up. ``sought``: this
    call's line brings the people asked for, so that asking for one is not yet a handoff; nor is it where no site could
    take the call. ``waiting``: the caller hung up on hold.
    """
    seen = list(events)
    if any(isinstance(e, CallbackPromised) for e in seen):
        return "callback"
    chosen = [e for e in seen if isinstance(e, SiteChosen)]
    nobody = bool(chosen) and not chosen[-1].order
    if any(isinstance(e, AgentJoined if sought or nobody else HandoffRequested) for e in seen):
        return "handoff"
    if waiting:
        return "abandoned"
    if hung_up_as:
        return hung_up_as
    if any(isinstance(e, ActionDone) and e.ok for e in seen):
        return "resolved"
    return "failed" if any(isinstance(e, Fault) for e in seen) else "abandoned"
