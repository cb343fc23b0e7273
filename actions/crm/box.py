"""``SimulatedBox``: remote line and box operations on the faults that the data set gives each box."""

from __future__ import annotations

import time
from dataclasses import fields
from typing import Any

from sqlalchemy import select
from sqlalchemy.engine import Row

from actions.crm.accounts import box_state
from actions.crm.database import Database
from actions.crm.port import Box, BoxTest, NotFoundError
from actions.crm.tables import box_states


class SimulatedBox:
    """The :class:`~actions.crm.port.BoxPort` over the CRM's database. Deterministic; safe to share between threads.

    ``latency_s``: seconds each operation takes, as a real line test would. A reboot clears what the data says a
    reboot clears, for good; it reaches no box without power. Raises NotFoundError for an unknown box.
    """

    def __init__(self, url: str, *, timeout_s: float = 3.0, latency_s: float = 0.0) -> None:
        self._database = Database(url, timeout_s)
        self._latency_s = latency_s

    def close(self) -> None:
        """Close idle connections."""
        self._database.dispose()

    def test(self, box: Box) -> BoxTest:
        """Measure the line and the box."""
        time.sleep(self._latency_s)
        with self._database.read() as connection:
            row = connection.execute(select(box_states).where(box_states.c.box_id == box.id)).first()
        return _test_of(row)

    def reboot(self, box: Box) -> BoxTest:
        """Reboot, then measure again."""
        time.sleep(self._latency_s)
        mine = box_states.c.box_id == box.id
        with self._database.write() as connection:
            before = connection.execute(select(box_states).where(mine).with_for_update()).first()
            after = _test_of(before)
            if not after.reachable:
                return after
            changes: dict[str, object] = {"reboots": box_states.c.reboots + 1}
            if before is not None and before.reboot_clears:
                after = box_state("none")
                changes |= {**vars(after), "reboot_clears": False}
            connection.execute(box_states.update().where(mine).values(changes))
        return after


def _test_of(row: Row[Any] | None) -> BoxTest:
    if row is None:
        raise NotFoundError("no such box")
    return BoxTest(**{f.name: row._mapping[f.name] for f in fields(BoxTest)})
