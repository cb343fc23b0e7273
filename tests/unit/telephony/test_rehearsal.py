"""What a simulated caller says of itself."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.telephony.rehearsal import Rehearsal, read_rehearsal


@given(st.uuids(), st.none() | st.datetimes(timezones=st.just(UTC)))
def test_it_is_read_as_it_was_written(call_id: UUID, now: datetime | None) -> None:
    rehearsal = Rehearsal(str(call_id), now)
    assert read_rehearsal(rehearsal.to_user()) == rehearsal
    assert len(rehearsal.to_user().encode().hex()) < 200, "the dialplan keeps no more of the header than 512"


@given(st.text())
def test_what_a_stranger_sends_is_not_one(text: str) -> None:
    assert read_rehearsal(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "rehearsal",
        "rehearsal 12",
        "rehearsal 8f14e45f-ceea-4672-a5ab-8b3f1c1b0e11 tomorrow",
        "rehearsal 8f14e45f-ceea-4672-a5ab-8b3f1c1b0e11 2027-03-16T10:00:00",
        "rehearsal 8f14e45f-ceea-4672-a5ab-8b3f1c1b0e11 2027-03-16T10:00:00+01:00 more",
        "Rehearsal 8f14e45f-ceea-4672-a5ab-8b3f1c1b0e11",
    ],
)
def test_what_is_not_quite_one_is_not_one(text: str) -> None:
    assert read_rehearsal(text) is None
