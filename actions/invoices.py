"""What changed between two invoices, and what on an invoice can be contested. Pure functions."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from actions.crm.port import Invoice, InvoiceLine

Why = Literal["added", "ended", "raised", "lowered"]


@dataclass(frozen=True)
class Change:
    """One line's part in the difference. ``effect``: euros added to the newer invoice (negative: taken off).

    ``added``: a charge that was not there; ``ended``: a discount or charge that is no longer there;
    ``raised``/``lowered``: the same line at another amount, ``before`` → ``after``.
    """

    why: Why
    label: str
    kind: str
    effect: Decimal
    before: Decimal
    after: Decimal


def changes(newer: Invoice, older: Invoice) -> tuple[Change, ...]:
    """The causes of ``newer.total - older.total``, the weightiest first; their effects sum to it."""
    before, after = _amounts(older), _amounts(newer)
    found: list[Change] = []
    for key in sorted({**before, **after}):
        was, now = before.get(key, Decimal(0)), after.get(key, Decimal(0))
        if was == now:
            continue
        why: Why
        if key not in before:
            why = "added"
        elif key not in after:
            why = "ended"
        else:
            why = "raised" if now > was else "lowered"
        kind, label = key
        found.append(Change(why, label, kind, now - was, was, now))
    return tuple(sorted(found, key=lambda change: -abs(change.effect)))


def _amounts(invoice: Invoice) -> dict[tuple[str, str], Decimal]:
    sums: dict[tuple[str, str], Decimal] = {}
    for line in invoice.lines:
        key = (line.kind, line.label)
        sums[key] = sums.get(key, Decimal(0)) + line.amount
    return sums


def duplicates(invoice: Invoice) -> tuple[InvoiceLine, ...]:
    """Charges that stand more than once on the invoice with the same label and amount, each told once."""
    counts = Counter((line.label, line.amount) for line in invoice.lines if line.amount > 0)
    seen: dict[tuple[str, Decimal], InvoiceLine] = {}
    for line in invoice.lines:
        if counts[line.label, line.amount] > 1:
            seen.setdefault((line.label, line.amount), line)
    return tuple(seen.values())


def contestable(invoice: Invoice, limit: int = 4) -> tuple[InvoiceLine, ...]:
    """Charges a caller can point at: the largest first, the plan itself last, one of each, at most ``limit``."""
    lines = {(line.label, line.amount): line for line in invoice.lines if line.amount > 0}
    ordered = sorted(lines.values(), key=lambda line: (line.kind == "plan", -line.amount))
    return tuple(ordered[:limit])
