"""A virtual clock."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tests.virtual_time import run_virtual


@pytest.fixture(name="run_virtual")
def run_virtual_fixture() -> Callable[[Coroutine[Any, Any, None]], None]:
    """Run a coroutine on a virtual clock."""
    return run_virtual
