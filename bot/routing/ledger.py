"""What sites got lately, kept up from the events of the calls. In memory; :mod:`bot.routing.past` fills it at start.

A call counts for a site when the site is chosen first, or rung because those before it did not answer; ringing that
reached nobody at all (a dead line) does not count. Every call that counts is owed to the sites that were open, by their
shares, and paid by the one that got it.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from bot.events import AgentJoined, CallEnded, CallEvent, SiteChosen, SiteRung
from bot.models import RingResult
from bot.ports import Journal
from bot.routing.model import Ledger, Tally
from bot.routing.wait import KEPT

REACH = timedelta(days=7)
"""How far back calls are counted."""
CATCH_UP = 25.0
"""Calls that a site can be owed at most: whoever took none for long is not flooded after."""
WAITS_FOR = timedelta(minutes=30)
"""Waits that are older say nothing about now."""
LINE_FAILURES = 3
"""Rings in a row that reached nobody, after which a line is taken to be down."""
LINE_DOWN_FOR = timedelta(seconds=60)
"""Then it is tried again."""

_CALLS = 2000


@dataclass
class _Sought:
    """A call on its way to somebody.

    ``charged``: the site chosen first has been charged for it. ``rung``: ringing some site has come to an end.
    """

    skill: str
    order: tuple[str, ...]
    due: Mapping[str, float]
    charged: bool = True
    rung: bool = False


@dataclass
class _Day:
    offered: dict[str, int] = field(default_factory=dict)
    answered: dict[str, int] = field(default_factory=dict)


class CallLedger:
    """See the module. ``now``: the time, aware; everything here is real time, also for a rehearsed call."""

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._now = now
        self._owed: dict[str, float] = {}
        self._days: dict[date, _Day] = {}
        self._waits: dict[str, deque[tuple[datetime, float | None]]] = {}
        self._failures: dict[str, tuple[int, datetime]] = {}
        self._calls: OrderedDict[str, _Sought] = OrderedDict()

    def observe(self, call_id: str, event: CallEvent, at: datetime | None = None) -> None:
        """Take note of an event of a call, in order. ``at``: when it happened, aware; None: now."""
        at = at or self._now()
        match event:
            case SiteChosen():
                self._chosen(call_id, event, at)
            case SiteRung():
                self._rung(call_id, event, at)
            case AgentJoined():
                self._joined(call_id, event, at)
            case CallEnded():
                self._ended(call_id, event, at)

    def lately(self, skill: str) -> Ledger:
        """As it stands now."""
        now = self._now()
        self._forget(now)
        sites = {*self._owed, *(s for day in self._days.values() for s in (*day.offered, *day.answered))}
        tallies = {
            site: Tally(
                offered=sum(day.offered.get(site, 0) for day in self._days.values()),
                answered=sum(day.answered.get(site, 0) for day in self._days.values()),
                owed=round(self._owed.get(site, 0.0), 9),
            )
            for site in sorted(sites)
        }
        waits = tuple(wait for at, wait in self._waits.get(skill, ()) if now - at <= WAITS_FOR)
        return Ledger(tallies, waits)

    def line_up(self, site: str) -> bool:
        """Whether a site's line may be expected to ring."""
        failures, last = self._failures.get(site, (0, self._now()))
        return failures < LINE_FAILURES or self._now() - last > LINE_DOWN_FOR

    # --- events

    def _chosen(self, call_id: str, event: SiteChosen, at: datetime) -> None:
        self._calls.pop(call_id, None)
        if not event.order:
            return
        self._calls[call_id] = _Sought(event.skill, tuple(event.order), dict(event.due))
        if len(self._calls) > _CALLS:
            self._calls.popitem(last=False)
        self._count(event.order[0], event.due, at, 1)

    def _rung(self, call_id: str, event: SiteRung, at: datetime) -> None:
        failed = event.result == RingResult.FAILED
        self._failures[event.site] = (
            (self._failures.get(event.site, (0, at))[0] + 1, at) if failed else (0, at)
        )
        sought = self._calls.get(call_id)
        if sought is None:
            return
        sought.rung = True
        if event.site == sought.order[0]:
            if failed and sought.charged:
                sought.charged = False
                self._count(event.site, sought.due, at, -1)
        elif not failed:
            self._count(event.site, sought.due, at, 1)
        if event.site == sought.order[-1] and event.result != RingResult.ANSWERED:
            del self._calls[call_id]
            self._waited(sought.skill, at, None)

    def _joined(self, call_id: str, event: AgentJoined, at: datetime) -> None:
        answered = self._days.setdefault(at.astimezone(UTC).date(), _Day()).answered
        answered[event.site] = answered.get(event.site, 0) + 1
        if sought := self._calls.pop(call_id, None):
            self._waited(sought.skill, at, event.waited_ms / 1000)

    def _ended(self, call_id: str, event: CallEnded, at: datetime) -> None:
        sought = self._calls.pop(call_id, None)
        if sought is None:
            return
        if event.outcome == "abandoned":
            self._waited(sought.skill, at, None)
        elif (
            not sought.rung and sought.charged
        ):  # a call without legs, or cut: one that resumes it chooses again
            self._count(sought.order[0], sought.due, at, -1)

    # --- figures

    def _count(self, site: str, due: Mapping[str, float], at: datetime, calls: int) -> None:
        offered = self._days.setdefault(at.astimezone(UTC).date(), _Day()).offered
        offered[site] = max(0, offered.get(site, 0) + calls)
        if site not in due:  # it takes overflow only: nobody's share is touched
            return
        for one, part in due.items():
            paid = 1.0 if one == site else 0.0
            self._owed[one] = self._owed.get(one, 0.0) + calls * (part - paid)
        self._forgive(due)

    def _forgive(self, due: Mapping[str, float]) -> None:
        """What a site is owed beyond the bound is owed to the others that are open: theirs stay in proportion."""
        spare = 0.0
        for one in due:
            spare += max(0.0, self._owed[one] - CATCH_UP)
            self._owed[one] = min(CATCH_UP, self._owed[one])
        takers = {one: part for one, part in due.items() if self._owed[one] < CATCH_UP}
        total = sum(takers.values())
        for one, part in takers.items():
            self._owed[one] += spare * part / total

    def _waited(self, skill: str, at: datetime, wait_s: float | None) -> None:
        self._waits.setdefault(skill, deque(maxlen=KEPT)).append((at, wait_s))

    def _forget(self, now: datetime) -> None:
        oldest = (now - REACH).astimezone(UTC).date()
        for day in [day for day in self._days if day < oldest]:
            del self._days[day]


class LedgerJournal:
    """A journal with an ear: the ledger learns of an event when it is noted, stored or not."""

    def __init__(self, journal: Journal, ledger: CallLedger) -> None:
        self._journal = journal
        self._ledger = ledger

    def append(self, call_id: str, event: CallEvent) -> None:
        """See :class:`bot.ports.Journal`."""
        self._ledger.observe(call_id, event)
        self._journal.append(call_id, event)
