"""Whatever is repeated, in whatever order: a key books once, and what stands is what was first asked with each key."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from actions.crm import tables
from actions.crm.database import Database
from actions.crm.port import Booking, ConflictError

from .conftest import crm_at, named

WHO = [named("steady"), named("film_bought")]
requests = st.tuples(st.sampled_from(WHO), st.sampled_from([5, 10, 15]), st.sampled_from(["k1", "k2", "k3"]))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked=st.lists(requests, max_size=12))
def test_any_sequence_of_requests_books_each_key_once(
    fresh_sqlite: Callable[[], str], asked: list[tuple[int, int, str]]
) -> None:
    url = fresh_sqlite()
    crm = crm_at(url)
    first: dict[str, tuple[int, int, Booking]] = {}
    days = {who: crm.contract(who).payment_day for who in WHO}
    for who, day, key in asked:
        try:
            booking = crm.change_payment_day(who, day, key)
        except ConflictError:
            assert first[key][:2] != (who, day)
            continue
        if key in first:
            assert booking == Booking(first[key][2].reference, repeated=True)
            assert first[key][:2] == (who, day)
        else:
            assert not booking.repeated
            first[key] = (who, day, booking)
            days[who] = day
    assert {who: crm.contract(who).payment_day for who in WHO} == days
    database = Database(url)
    with database.read() as connection:
        count = connection.execute(
            select(func.count())
            .select_from(tables.bookings)
            .where(tables.bookings.c.key.in_(["k1", "k2", "k3"]))
        ).scalar_one()
    assert count == len(first)
    database.dispose()
    crm.close()
    Path(url.removeprefix("sqlite:///")).unlink()
