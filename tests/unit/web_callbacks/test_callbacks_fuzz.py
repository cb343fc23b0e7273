"""Whatever is sent, the answer is one that the API describes."""

from __future__ import annotations

from pathlib import Path

import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import positive_data_acceptance

from bot.callbacks.store import CallbackStore
from bot.record.migrations import upgrade
from bot.record.store import make_engine

from .conftest import Now, build_app


def test_every_answer_is_one_that_is_described(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'calls.db'}"
    upgrade(url)
    app, _service = build_app(CallbackStore(make_engine(url)), Now())
    operations = [
        found.ok() for found in schemathesis.openapi.from_asgi("/openapi.json", app).get_all_operations()
    ]

    @settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(case=st.one_of([operation.as_strategy() for operation in operations]))
    def ask(case: schemathesis.Case) -> None:
        case.call_and_validate(
            headers={"Authorization": "Bearer desk-token"},
            # No schema can tell which numbers are rung: one that it allows may well be refused.
            excluded_checks=[positive_data_acceptance],
        )

    assert len(operations) == 4
    ask()
