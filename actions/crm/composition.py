"""Composition for the action server: the CRM and the box operations that the environment names."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timezone
from zoneinfo import ZoneInfo

from actions.crm.box import SimulatedBox
from actions.crm.database import DEFAULT_URL, Database
from actions.crm.planning import DEFAULT_ZONE
from actions.crm.port import BoxPort, Crm
from actions.crm.seeding import ensure_seeded
from actions.crm.sql import SqlCrm


def connect(env: Mapping[str, str] = os.environ, *, zone: str = DEFAULT_ZONE) -> tuple[Crm, BoxPort]:
    """The ``Crm`` and ``BoxPort`` for these settings, all optional:

    - ``DECROCHE_CRM_URL``: SQLAlchemy URL; default ``sqlite:///var/crm.db`` under the working directory.
    - ``DECROCHE_CRM_TIMEOUT_S``: seconds for a connection, a statement, a lock; default 3.
    - ``DECROCHE_CRM_SEED``: ``1``/``0``: fill an empty database with the fictional subscribers. Default: 1 for
      SQLite, 0 for PostgreSQL, which an operator fills.
    - ``DECROCHE_CRM_TODAY``: ``YYYY-MM-DD``: seed as of this day and take it for the present (for tests).
    - ``DECROCHE_BOX_LATENCY_S``: seconds a simulated box operation takes; default 0.

    ``zone``: the operator's time zone. Raises ValueError for a malformed setting and, when it has to seed,
    CrmUnavailableError. Without seeding nothing is opened yet: a CRM that is down shows at the first call.
    """
    url = env.get("DECROCHE_CRM_URL") or DEFAULT_URL
    timeout_s = float(env.get("DECROCHE_CRM_TIMEOUT_S") or 3.0)
    fixed = env.get("DECROCHE_CRM_TODAY")
    clock = _clock(date.fromisoformat(fixed) if fixed else None, ZoneInfo(zone))
    seed = env.get("DECROCHE_CRM_SEED") or ("1" if url.startswith("sqlite") else "0")
    if seed not in ("0", "1"):
        raise ValueError(f"DECROCHE_CRM_SEED must be 0 or 1, not {seed!r}")
    if seed == "1":
        database = Database(url, timeout_s)
        try:
            ensure_seeded(database, clock().astimezone(ZoneInfo(zone)).date(), zone=zone)
        finally:
            database.dispose()
    latency_s = float(env.get("DECROCHE_BOX_LATENCY_S") or 0.0)
    return (
        SqlCrm(url, timeout_s=timeout_s, zone=zone, clock=clock),
        SimulatedBox(url, timeout_s=timeout_s, latency_s=latency_s),
    )


def _clock(fixed: date | None, zone: ZoneInfo) -> Callable[[], datetime]:
    if fixed is None:
        return lambda: datetime.now(timezone.utc)
    midnight = datetime.combine(fixed, time(0), zone)  # the start of the day: no slot of that day is past
    return lambda: midnight
