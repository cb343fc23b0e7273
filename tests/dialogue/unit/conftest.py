"""A subscriber system of its own for each test, as on the first day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from actions import services
from actions.crm import connect

TODAY = date(2027, 3, 15)


@pytest.fixture
def installed(tmp_path: Path) -> Iterator[services.Services]:
    url = f"sqlite:///{tmp_path / 'crm.db'}"
    crm, boxes = connect({"DECROCHE_CRM_URL": url, "DECROCHE_CRM_TODAY": TODAY.isoformat()})
    found = services.Services(crm, boxes, *services.load_data())
    services.install(found)
    yield found
    services.install(None)
