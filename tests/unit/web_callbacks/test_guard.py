"""Form tokens and the limit for each address."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.web.guard import FORM_LIFE_S, AddressLimit, FormGuard


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def test_a_token_is_good_for_its_cookie_and_an_hour() -> None:
    clock = Clock()
    guard = FormGuard(b"secret", clock=clock)
    key = guard.issue()
    assert guard.holds(key.cookie, key.token)
    assert guard.issue(key.cookie).cookie == key.cookie
    assert not guard.holds(guard.issue().cookie, key.token)
    assert not FormGuard(b"other", clock=clock).holds(key.cookie, key.token)
    clock.now += FORM_LIFE_S
    assert guard.holds(key.cookie, key.token)
    clock.now += 1
    assert not guard.holds(key.cookie, key.token)
    clock.now -= 2 * FORM_LIFE_S
    assert not guard.holds(key.cookie, key.token), "from the future"


@given(st.text(max_size=100), st.text(max_size=100))
def test_nothing_made_up_is_a_token(cookie: str, token: str) -> None:
    guard = FormGuard(b"secret")
    assert not guard.holds(cookie, token)
    issued = guard.issue(cookie)
    assert issued.cookie.isalnum()
    assert guard.holds(issued.cookie, issued.token)


def test_so_many_from_one_address_in_a_window() -> None:
    clock = Clock()
    limit = AddressLimit(3, window_s=60, clock=clock)
    assert [limit.allow("192.0.2.1") for _ in range(5)] == [True, True, True, False, False]
    assert limit.allow("192.0.2.2")
    clock.now += 60
    assert limit.allow("192.0.2.1")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("fe80::1%eth0", "fe80::2", True),
        ("", "", True),
        ("testclient", "testclient", True),
    ],
)
def test_a_household_is_one_address(one: str, other: str, same: bool) -> None:
    limit = AddressLimit(1)
    assert limit.allow(one)
    assert limit.allow(other) is not same


def test_addresses_are_forgotten_before_they_fill_the_memory() -> None:
    limit = AddressLimit(1)
    for n in range(20_000):
        limit.allow(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}")
    assert len(limit._seen) == 10_000
