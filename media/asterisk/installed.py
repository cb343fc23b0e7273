"""The Asterisk that ``ops/asterisk.sh`` found or fetched."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from bot.errors import ConfigurationError


@dataclass(frozen=True)
class Installed:
    """``binary``: the program. ``modules``: its loadable modules. ``data``: its documentation, which it reads to
    check configuration files. ``version``: as it says itself."""

    binary: Path
    modules: Path
    data: Path
    version: str


def default_folder() -> Path:
    """Where ``ops/asterisk.sh`` keeps Asterisk unless told otherwise."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "decroche" / "asterisk"


def find_asterisk(folder: Path | None = None) -> Installed:
    """What ``ops/asterisk.sh`` wrote in ``folder`` (default :func:`default_folder`).

    Raises:
        ConfigurationError: it has not run, or what it found is gone.
    """
    paths = (folder or default_folder()) / "paths"
    try:
        lines = paths.read_text(encoding="utf-8").splitlines()
        found = dict(line.split("=", 1) for line in lines if "=" in line)
        installed = Installed(
            Path(found["binary"]), Path(found["modules"]), Path(found["data"]), found["version"]
        )
    except (OSError, KeyError) as err:
        raise ConfigurationError(f"{paths}: no Asterisk here; run ops/asterisk.sh") from err
    if not installed.binary.is_file() or not installed.modules.is_dir():
        raise ConfigurationError(f"{installed.binary}: Asterisk is gone; run ops/asterisk.sh")
    return installed
