"""The configuration of Asterisk, rendered from templates. Pure: :func:`render` touches no disk but the templates'."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from bot.errors import ConfigurationError
from media.asterisk.config import AsteriskConfig

TEMPLATES = Path(__file__).parent / "templates"

_WRITTEN = ("lib/keys", "log", "run", "spool/recording", "spool/monitor", "agi")
"""Folders that Asterisk wants to find beside its configuration."""

_BREAKS_A_LINE = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029;]")


def _refuse_breaks(value: object) -> object:
    """The last gate: whatever form a value passed, it ends neither its line nor what is read of it."""
    if _BREAKS_A_LINE.search(str(value)):
        raise ConfigurationError("asterisk: a value holds a line break, a control character or a semicolon")
    return value


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        finalize=_refuse_breaks,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # these are not HTML; values are checked instead
    )


def render(config: AsteriskConfig) -> Mapping[str, str]:
    """Name and text of every file of ``etc``."""
    values: dict[str, Any] = {"c": config}
    return {
        path.name.removesuffix(".j2"): _environment().get_template(path.name).render(values)
        for path in sorted(TEMPLATES.glob("*.conf.j2"))
    }


def write(config: AsteriskConfig) -> Path:
    """Write the configuration into ``config.folder``, readable by its owner only: it holds passwords.

    Returns the ``asterisk.conf`` to start Asterisk with (``asterisk -C``). Files are put in place whole.

    Raises:
        ConfigurationError: the folder cannot be written.
    """
    etc = config.folder / "etc"
    try:
        for name in ("etc", *_WRITTEN):
            (config.folder / name).mkdir(parents=True, exist_ok=True)
        etc.chmod(0o700)
        for name, text in render(config).items():
            new = etc / f".{name}.new"
            new.touch(mode=0o600)
            new.write_text(text, encoding="utf-8")
            new.replace(etc / name)
    except OSError as err:
        raise ConfigurationError(f"{config.folder}: cannot be written: {err.strerror}") from err
    return etc / "asterisk.conf"
