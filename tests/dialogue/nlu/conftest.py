"""What the tests of the understanding share."""

from __future__ import annotations

import pytest

from bench.nlu import Model
from tests.dialogue.model import newest_model


@pytest.fixture(scope="session")
def nlu() -> Model:
    """The model trained last, or the one ``DECROCHE_RASA_MODEL`` names; loading it takes ten seconds."""
    return Model(newest_model())
