"""The simulated line and box operations: faults come from the data, a reboot repairs what the data says, for good."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from actions.crm.box import SimulatedBox
from actions.crm.port import Box, BoxTest, NotFoundError

from .conftest import crm_at, named


@pytest.fixture
def box_of(crm_url: str) -> Callable[[str], Box]:
    return lambda name: crm_at(crm_url).box(named(name))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("steady", BoxTest(True, 14.5, True, "none")),
        ("no_power", BoxTest(False, None, False, "no_power")),
        ("no_signal_reboot", BoxTest(True, 0.0, True, "no_signal")),
        ("error_p13", BoxTest(True, 0.0, True, "no_signal", "P13")),
        ("weak_signal", BoxTest(True, 5.5, True, "weak_signal", "P12")),
        ("black_screen", BoxTest(True, 14.5, True, "hdmi")),
        ("network_fault", BoxTest(True, 14.5, False, "network", "N21")),
        ("firmware", BoxTest(True, 14.5, True, "firmware", "F07")),
        ("disk_full", BoxTest(True, 14.5, True, "disk_full", "D30")),
        ("remote", BoxTest(True, 14.5, True, "remote")),
    ],
)
def test_a_test_sees_the_fault(
    crm_url: str, box_of: Callable[[str], Box], name: str, expected: BoxTest
) -> None:
    simulated = SimulatedBox(crm_url)
    assert simulated.test(box_of(name)) == expected
    assert simulated.test(box_of(name)) == expected


@pytest.mark.parametrize("name", ["no_signal_reboot", "network_fault", "firmware"])
def test_a_reboot_repairs_for_good(crm_url: str, box_of: Callable[[str], Box], name: str) -> None:
    healthy = BoxTest(True, 14.5, True, "none")
    assert SimulatedBox(crm_url).reboot(box_of(name)) == healthy
    assert SimulatedBox(crm_url).test(box_of(name)) == healthy


@pytest.mark.parametrize("name", ["no_signal_lasting", "error_p13", "black_screen", "disk_full", "no_power"])
def test_a_reboot_leaves_the_other_faults(crm_url: str, box_of: Callable[[str], Box], name: str) -> None:
    simulated = SimulatedBox(crm_url)
    before = simulated.test(box_of(name))
    assert simulated.reboot(box_of(name)) == before
    assert simulated.test(box_of(name)) == before


@pytest.mark.parametrize("operation", [SimulatedBox.test, SimulatedBox.reboot], ids=["test", "reboot"])
def test_an_unknown_box_is_not_found(
    crm_url: str, box_of: Callable[[str], Box], operation: Callable[[SimulatedBox, Box], BoxTest]
) -> None:
    with pytest.raises(NotFoundError):
        operation(SimulatedBox(crm_url), replace(box_of("steady"), id=10**6))
