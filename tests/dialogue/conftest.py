"""What the dialogue's tests share. ``rig`` costs a model load, so there is one a run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.dialogue.rig import Rig


@pytest.fixture(scope="session")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """The dialogue as it runs; importing it takes TensorFlow ten seconds, so only who asks pays."""
    from tests.dialogue.rig import Rig

    started = Rig(tmp_path_factory.mktemp("rig"))
    yield started
    started.close()
