"""One agent's presence: every event in every state, in any order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import ConflictError
from desk.presence import (
    Accept,
    Away,
    Connected,
    Decline,
    Event,
    Lost,
    Miss,
    Offer,
    Over,
    Pause,
    Presence,
    Ready,
    SignOut,
    State,
    Withdraw,
    WrapUpOver,
    step,
)

CALLS = st.sampled_from(("a", "b"))
EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.sampled_from((Ready(), Pause("break"), SignOut(), Connected(), Lost(), Away(), WrapUpOver())),
    st.builds(Offer, CALLS),
    st.builds(Accept, CALLS),
    st.builds(Decline, CALLS),
    st.builds(Withdraw, CALLS),
    st.builds(Miss, CALLS),
    st.builds(Over, CALLS, st.sampled_from((0.0, 60.0)), st.booleans()),
)


def after(*events: Event, presence: Presence | None = None) -> Presence:
    now = presence or Presence()
    for at, event in enumerate(events):
        now = step(now, event, float(at))
    return now


SIGNED_IN = (Connected(), Ready())
OFFERED = (*SIGNED_IN, Offer("a"))
TALKING = (*OFFERED, Accept("a"))
WRAPPING_UP = (*TALKING, Over("a", 60.0))


def test_signing_in_is_not_being_ready() -> None:
    arrived = after(Connected())
    assert (arrived.state, arrived.reason, arrived.free) == (State.PAUSED, "arrival", False)
    assert after(*SIGNED_IN).free


def test_a_call_from_offer_to_the_end_of_the_wrap_up() -> None:
    assert after(*OFFERED).state is State.OFFERED
    assert after(*TALKING).state is State.TALKING
    done = after(*WRAPPING_UP)
    assert (done.state, done.until) == (State.WRAP_UP, done.since + 60.0)
    assert after(*WRAPPING_UP, WrapUpOver()).free


@pytest.mark.parametrize(
    ("events", "state", "reason"),
    [
        ((*OFFERED, Decline("a")), State.IDLE, ""),
        ((*OFFERED, Withdraw("a")), State.IDLE, ""),
        ((*OFFERED, Miss("a")), State.PAUSED, "missed"),
        ((*OFFERED, Pause("lunch")), State.PAUSED, "lunch"),
        ((*OFFERED, SignOut()), State.OUT, ""),
        ((*OFFERED, Lost()), State.IDLE, ""),
        ((*TALKING, Pause("lunch"), Over("a", 9.0), WrapUpOver()), State.PAUSED, "lunch"),
        ((*TALKING, Pause("lunch"), Ready(), Over("a", 9.0), WrapUpOver()), State.IDLE, ""),
        ((*TALKING, Over("a", 0.0)), State.IDLE, ""),
        ((*TALKING, Over("a", 0.0, unreachable=True)), State.PAUSED, "unreachable"),
        ((*TALKING, Over("b", 9.0)), State.TALKING, ""),
        ((*TALKING, Lost(), Away()), State.TALKING, ""),
        ((*SIGNED_IN, Lost(), Away()), State.OUT, ""),
        ((*SIGNED_IN, Away()), State.IDLE, ""),
        ((*WRAPPING_UP, Ready()), State.IDLE, ""),
        ((*WRAPPING_UP, Pause("break")), State.PAUSED, "break"),
    ],
)
def test_what_leads_where(events: tuple[Event, ...], state: State, reason: str) -> None:
    now = after(*events)
    assert (now.state, now.reason) == (state, reason)


@pytest.mark.parametrize("asked", [Accept("a"), Decline("a"), Accept("b")])
@pytest.mark.parametrize("before", [(), SIGNED_IN, TALKING, WRAPPING_UP])
def test_a_call_that_is_not_offered_cannot_be_had(before: tuple[Event, ...], asked: Event) -> None:
    with pytest.raises(ConflictError):
        after(*before, asked)


def test_an_agent_without_a_page_is_not_free() -> None:
    assert not after(*SIGNED_IN, Lost()).free
    assert after(*SIGNED_IN, Lost(), Connected()).free


@given(st.lists(EVENTS, max_size=40))
def test_never_two_calls_never_one_in_a_pause(events: list[Event]) -> None:
    now = Presence()
    for at, event in enumerate(events):
        before = now
        try:
            now = step(now, event, float(at))
        except ConflictError:
            assert isinstance(event, (Ready, Pause, Accept, Decline))
            continue
        if isinstance(event, Offer) and now != before:
            assert before.state is State.IDLE and before.connected
        has_call = now.state in (State.OFFERED, State.TALKING, State.WRAP_UP)
        assert bool(now.call_id) == has_call
        if before.call_id and now.call_id:
            assert now.call_id == before.call_id, "a second call before the first was over"
        if now.state is State.TALKING and before.state is not State.TALKING:
            assert isinstance(event, Accept) and before.state is State.OFFERED
        if now.state is State.PAUSED:
            assert now.reason
        assert (now.until is not None) == (now.state is State.WRAP_UP)
        assert now.free == (now.state is State.IDLE and now.connected)
