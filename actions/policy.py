"""A contract's real position on the day of a cancellation, and the offers that policy allows. Pure functions.

Sources: Code de la consommation, article L224-28 (after the first year of a commitment, the fee for
leaving early is at most a quarter of what is left to pay; until then, what is left to pay is due),
and the ``policy`` section of ``operator.yml``, whose figures may be kinder than the law's limits.
"""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

from actions.crm.port import Contract
from actions.operator import Offer, Policy

FIRST_YEAR_MONTHS = 12
CENT = Decimal("0.01")


@dataclass(frozen=True)
class Position:
    """Where a subscriber stands if the contract is cancelled on a given day.

    ``ends_on``: last day of service, after the notice. ``fees``: euros due for leaving before the
    commitment ends. ``committed_until``: None when no commitment runs. ``free_on``: the first
    ``ends_on`` at no fee (the day itself when there is none).
    """

    ends_on: date
    notice_days: int
    fees: Decimal
    committed_until: date | None
    free_on: date


def position(contract: Contract, today: date, policy: Policy) -> Position:
    """The position for a cancellation asked on ``today``; months begun after ``ends_on`` are not charged."""
    ends_on = today + timedelta(days=policy.notice_days)
    committed = contract.committed_until
    if committed is None or committed <= today:
        return Position(ends_on, policy.notice_days, Decimal(0), None, ends_on)
    left = whole_months(ends_on, committed)
    first_year_ends = add_months(contract.started_on, FIRST_YEAR_MONTHS)
    in_full = min(left, whole_months(ends_on, min(first_year_ends, committed)))
    share = (left - in_full) * policy.early_termination_share
    fees = (contract.monthly_price * (in_full + share)).quantize(CENT, rounding=ROUND_HALF_UP)
    return Position(ends_on, policy.notice_days, fees, committed, max(ends_on, committed))


def eligible_offers(
    contract: Contract, today: date, offers: Sequence[Offer], policy: Policy
) -> tuple[Offer, ...]:
    """The offers this subscriber may be told, in the operator's order, at most ``policy.max_offers``."""
    tenure = whole_months(contract.started_on, today)
    allowed = [o for o in offers if contract.plan in o.plans and tenure >= o.min_tenure_months]
    return tuple(allowed[: policy.max_offers])


def whole_months(start: date, end: date) -> int:
    """Complete months from ``start`` to ``end``; 0 when ``end`` is not later."""
    if end <= start:
        return 0
    count = (end.year - start.year) * 12 + end.month - start.month
    return count if add_months(start, count) <= end else count - 1


def add_months(day: date, count: int) -> date:
    """The same day ``count`` months later, or the last of the month when it has no such day."""
    index = day.year * 12 + day.month - 1 + count
    year, month = divmod(index, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
