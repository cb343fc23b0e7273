"""Who is alone at the line, and for how long before they are helped."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.telephony.ari import Bridge, Channel
from media.telephony.rescue import LOST_S, STRAY_S, UNSERVED_S, Orphans, Scene, Watch, call_of, orphans

X = "7a0c1b7e-31a9-4f5c-9a44-0c8d6c5a1f00"
Y = "7a0c1b7e-31a9-4f5c-9a44-0c8d6c5a1f01"


def scene(
    *legs: str,
    rooms: Mapping[str, tuple[str, ...]] | None = None,
    not_held: tuple[str, ...] = (),
    calls: Mapping[str, str] | None = None,
    states: Mapping[str, str] | None = None,
) -> Scene:
    """``legs`` are held unless they are in ``not_held``. ``calls``: leg → its DECROCHE_CALL."""
    return Scene(
        tuple(
            Channel(
                leg,
                "PJSIP/x",
                (states or {}).get(leg, "Up"),
                variables={"DECROCHE_CALL": calls[leg]} if calls and leg in calls else {},
            )
            for leg in legs
        ),
        frozenset(legs) - set(not_held),
        tuple(Bridge(name, name, "mixing", members) for name, members in (rooms or {}).items()),
    )


TALKING = scene("caller", f"bot-{X}", rooms={f"room-{X}": ("caller", f"bot-{X}")})
ON_HOLD = scene("caller", f"bot-{X}", rooms={f"room-{X}": ("caller",)})
CUT = scene("caller", rooms={f"room-{X}": ("caller",)})
AGENT = f"agent-{X}-1"
JOINED = scene("caller", f"bot-{X}", AGENT, rooms={f"room-{X}": ("caller", AGENT)})
JOINED_CUT = scene("caller", AGENT, rooms={f"room-{X}": ("caller", AGENT)})
RINGING_CUT = scene("caller", AGENT, rooms={f"room-{X}": ("caller",)}, states={AGENT: "Ringing"})


@pytest.mark.parametrize("look", [TALKING, ON_HOLD, JOINED, JOINED_CUT, scene()])
def test_nobody_is_alone(look: Scene) -> None:
    assert orphans(look) == Orphans()


def test_a_caller_whose_bot_leg_is_gone_is_alone() -> None:
    assert orphans(CUT).callers == {"caller"}
    assert orphans(scene("caller", calls={"caller": X})).callers == {"caller"}
    assert orphans(scene("caller", f"bot-{X}", calls={"caller": X})) == Orphans()
    assert orphans(scene("caller", f"bot-{Y}", rooms={f"room-{X}": ("caller",)})).callers == {"caller"}


def test_an_agent_who_rings_for_a_call_without_a_bot_is_of_no_use() -> None:
    assert orphans(RINGING_CUT) == Orphans(frozenset({"caller"}), frozenset({AGENT}))


def test_legs_without_a_caller() -> None:
    assert orphans(scene(f"bot-{X}", AGENT)).legs == {f"bot-{X}", AGENT}


def test_callers_outside_the_application_are_none_of_ours() -> None:
    assert orphans(scene("caller", not_held=("caller",), rooms={f"room-{X}": ("caller",)})) == Orphans()


def test_who_is_being_rung_is_left_to_ring_and_then_is_a_caller() -> None:
    callee = f"callee-{X}"
    assert orphans(scene(callee, states={callee: "Ringing"})) == Orphans()
    assert orphans(scene(callee, rooms={f"room-{X}": (callee,)})).callers == {callee}


def test_empty_bridges_of_ours_are_left_over_and_others_are_not() -> None:
    rooms: dict[str, tuple[str, ...]] = {f"room-{X}": (), f"aside-{X}": (), "conference": ()}
    assert orphans(scene(rooms=rooms)).bridges == {f"room-{X}", f"aside-{X}"}
    assert (
        orphans(scene("caller", f"bot-{Y}", rooms={f"room-{Y}": ("caller",), f"aside-{Y}": ()})) == Orphans()
    )


def test_kept_calls_are_left_alone() -> None:
    assert orphans(RINGING_CUT, {X}) == Orphans()
    assert orphans(RINGING_CUT, {Y}) != Orphans()


def test_a_caller_who_lost_the_bot_is_helped_after_a_moment_and_nobody_before() -> None:
    watch = Watch()
    assert watch.look(TALKING, 10.0) == Orphans()
    assert watch.look(CUT, 10.3) == Orphans()
    assert watch.look(CUT, 10.3 + LOST_S / 2) == Orphans()
    assert watch.look(CUT, 10.4 + LOST_S).callers == {"caller"}


def test_a_bot_seen_again_starts_the_moment_anew() -> None:
    watch = Watch()
    watch.look(TALKING, 0)
    watch.look(CUT, 1)
    watch.look(TALKING, 1.3)
    assert watch.look(CUT, 1.6) == Orphans()
    assert watch.look(CUT, 1.7 + LOST_S).callers == {"caller"}


def test_a_caller_who_has_not_had_a_bot_yet_is_the_lines_for_longer() -> None:
    watch = Watch()
    assert watch.look(CUT, 0) == Orphans()
    assert watch.look(CUT, UNSERVED_S - 0.1) == Orphans()
    assert watch.look(CUT, UNSERVED_S).callers == {"caller"}


def test_a_caller_who_comes_back_from_the_rescue_waits_for_a_new_bot() -> None:
    watch = Watch()
    watch.look(TALKING, 0)
    watch.look(CUT, 1)
    assert watch.look(CUT, 2).callers == {"caller"}
    assert watch.look(scene("caller", not_held=("caller",)), 2.3) == Orphans()
    back = scene("caller", calls={"caller": X})
    assert watch.look(back, 6) == Orphans()
    assert watch.look(back, 6 + LOST_S) == Orphans()
    assert watch.look(back, 6 + UNSERVED_S).callers == {"caller"}


def test_when_the_agent_of_a_dead_bots_call_leaves_the_caller_is_helped() -> None:
    watch = Watch()
    for at in (0.0, 60.0):
        assert watch.look(JOINED_CUT, at) == Orphans()
    watch.look(CUT, 60.3)
    assert watch.look(CUT, 60.4 + LOST_S).callers == {"caller"}


def test_strays_wait_longer_than_the_line_takes() -> None:
    watch = Watch()
    stray = scene(AGENT, rooms={f"aside-{X}": ()})
    assert watch.look(stray, 0) == Orphans()
    assert watch.look(stray, STRAY_S) == Orphans(legs=frozenset({AGENT}), bridges=frozenset({f"aside-{X}"}))


legs = st.sampled_from(("caller", "caller-2", f"callee-{X}", f"bot-{X}", f"bot-{Y}", AGENT, f"agent-{Y}-3"))
scenes = st.builds(
    lambda present, not_held, in_x, in_y, aside: scene(
        *present,
        not_held=tuple(not_held),
        rooms={
            f"room-{X}": tuple(sorted(in_x & present)),
            f"room-{Y}": tuple(sorted((in_y & present) - in_x)),
            f"aside-{X}": tuple(sorted((aside & present) - in_x - in_y)),
        },
    ),
    *(st.frozensets(legs) for _ in range(5)),
)


@given(st.lists(st.tuples(scenes, st.floats(0.1, 3.0)), max_size=12))
def test_whatever_is_seen_nobody_with_company_is_touched(looks: list[tuple[Scene, float]]) -> None:
    watch, now = Watch(), 0.0
    for look, later in looks:
        now += later
        whom = watch.look(look, now)
        alive = {channel.id for channel in look.channels}
        assert whom.callers <= look.held
        assert whom.legs <= alive
        for bridge in look.bridges:
            bot = f"bot-{call_of(bridge.id)}"
            if bot in alive or any(leg.startswith("agent-") for leg in bridge.channels):
                assert not whom.callers & set(bridge.channels)
        assert not whom.legs & whom.callers
