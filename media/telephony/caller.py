"""What a telephone call brings with it: the caller's number and ``User-to-User``. Pure; whoever calls writes these.

A value that is malformed is no value: nothing that a caller sends costs them their call.
"""

from __future__ import annotations

import re

MAX_USER_TO_USER = 256
"""Characters of ``User-to-User`` once decoded; a signed reference takes about half."""
_MAX_HEADER = 2 * MAX_USER_TO_USER + 64

_SEPARATORS = str.maketrans("", "", " .-()/\u00a0")
_INTERNATIONAL = re.compile(r"\+[1-9][0-9]{5,14}")
_FRENCH = re.compile(r"0[1-9][0-9]{8}")
_OVERSEAS = {
    "0262": "+262", "0263": "+262", "0269": "+262", "0639": "+262", "0692": "+262", "0693": "+262",
    "0590": "+590", "0690": "+590", "0691": "+590",
    "0594": "+594", "0694": "+594",
    "0596": "+596", "0696": "+596", "0697": "+596",
}  # fmt: skip
"""Ranges of the French numbering plan that have a country code of their own (ARCEP, decision 2018-0881)."""


def e164(number: str) -> str:
    """A number as a French network tells it, in E.164; empty when withheld, short, or no number at all."""
    if len(number) > 40:
        return ""
    plain = number.translate(_SEPARATORS)
    if plain.startswith("00"):
        plain = "+" + plain[2:]
    if _FRENCH.fullmatch(plain):
        return _OVERSEAS.get(plain[:4], "+33") + plain[1:]
    if not plain.startswith("+"):
        # Eleven digits and more are never dialled so in France: the country code is there, the plus sign is not.
        plain = "+" + plain if 11 <= len(plain) <= 15 else ""
    return plain if _INTERNATIONAL.fullmatch(plain) and plain.isascii() else ""


def user_to_user(header: str) -> str:
    """The text in a ``User-to-User`` header (RFC 7433: ``<hex>;encoding=hex``); empty when none is usable.

    The first value counts, where there are several. Parameters other than ``encoding`` are passed over.
    """
    first = header[: _MAX_HEADER + 1].partition(",")[0]
    if len(header) > _MAX_HEADER and "," not in header[:_MAX_HEADER]:
        return ""
    data, *parameters = (part.strip() for part in first.split(";"))
    encodings = [value.strip().lower() for name, _, value in (p.partition("=") for p in parameters)
                 if name.strip().lower() == "encoding"]  # fmt: skip
    if encodings not in ([], ["hex"]):
        return ""
    try:
        text = bytes.fromhex(data.strip('"')).decode()
    except ValueError:
        return ""
    return text if text.isprintable() and len(text) <= MAX_USER_TO_USER else ""


def user_to_user_header(text: str) -> str:
    """The header's value for ``text``."""
    return f"{text.encode().hex()};encoding=hex"
