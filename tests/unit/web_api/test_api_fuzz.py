"""Whatever is sent, the answer is one that the API describes."""

from __future__ import annotations

from pathlib import Path

import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.record.journal import CallJournal
from bot.record.migrations import upgrade
from bot.record.reader import RecordReader
from bot.record.spool import Spool
from bot.record.store import CallStore, make_engine

from .conftest import build_app


def test_every_answer_is_one_that_is_described(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'calls.db'}"
    upgrade(url)
    store = CallStore(make_engine(url))
    app = build_app(RecordReader(CallJournal(store, Spool(tmp_path)), store), dict)
    operations = [
        found.ok() for found in schemathesis.openapi.from_asgi("/openapi.json", app).get_all_operations()
    ]

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(case=st.one_of([operation.as_strategy() for operation in operations]))
    def ask(case: schemathesis.Case) -> None:
        case.call_and_validate(headers={"Authorization": "Bearer desk-token"})

    assert len(operations) == 5
    ask()
