"""A configuration that is right in everything, to be made wrong in one thing at a time."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from media.asterisk.config import Ari, AsteriskConfig, Tls, Trunk
from media.asterisk.render import render


def config(**changes: Any) -> AsteriskConfig:
    """The configuration of a fresh checkout, with these fields changed."""
    right = AsteriskConfig(
        folder=Path("/var/decroche/asterisk"),
        sounds=Path("/var/decroche/sounds"),
        number="+33180880000",
        fallback="+33180880099",
        trunk=Trunk("127.0.0.1:5080"),
        sites=("sip:rennes@127.0.0.1:5090", "sip:poitiers@127.0.0.1:5092"),
        ari=Ari("127.0.0.1", 8088, "decroche", "a-password-of-tests"),
        bot_media="ws://127.0.0.1:8080/media",
    )
    return replace(right, **changes)


def tls(folder: Path, **changes: Any) -> Tls:
    """A TLS side whose files exist."""
    for name in ("certificate.pem", "key.pem"):
        (folder / name).touch()
    return Tls(folder / "certificate.pem", folder / "key.pem", **changes)


Section = dict[str, list[str]]


def sections(text: str) -> dict[str, list[Section]]:
    """A rendered file as Asterisk reads it: by name, every section of that name, its values in order."""
    found: dict[str, list[Section]] = {}
    current: Section = {}
    for line in text.splitlines():
        bare = re.split(r"(?<!\\);", line, maxsplit=1)[0].strip()
        if not bare:
            continue
        if heading := re.fullmatch(r"\[([^\]]+)\](?:\(([^)]*)\))?", bare):
            current = {"()": (heading[2] or "").split(",")}
            found.setdefault(heading[1], []).append(current)
        else:
            key, _, value = bare.partition("=")
            current.setdefault(key.strip(), []).append(value.removeprefix(">").strip())
    return found


def section(config: AsteriskConfig, file: str, name: str, **having: str) -> Section:
    """The one section of that name with these values."""
    (found,) = (
        one
        for one in sections(render(config)[file])[name]
        if all(one.get(key) == [value] for key, value in having.items())
    )
    return found
