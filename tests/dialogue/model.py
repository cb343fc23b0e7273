"""Where the trained dialogue is."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def newest_model() -> Path:
    """The model trained last; ``DECROCHE_RASA_MODEL`` names another.

    Raises:
        FileNotFoundError: nothing was trained yet.
    """
    if named := os.environ.get("DECROCHE_RASA_MODEL"):
        return Path(named)
    models = sorted((ROOT / "models" / "rasa").glob("*.tar.gz"), key=lambda path: path.stat().st_mtime)
    if not models:
        raise FileNotFoundError("no trained dialogue in models/rasa: run make setup")
    return models[-1]
