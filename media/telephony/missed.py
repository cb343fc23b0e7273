"""The line's list of callers whom it could bring to nobody (``decroche-fallback`` in the dialplan). Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from bot.models import MissedCall
from media.telephony.caller import e164

VARIABLE = "DECROCHE_MISSED"
"""Asterisk's global variable: ``id:seconds since 1970:number`` for each call, separated by spaces, the oldest first.
It is cut to a length, so the first may be a fragment. Nobody ever takes an entry out."""

_ENTRY = re.compile(r"([A-Za-z0-9._-]{1,64}):([0-9]{9,11}):(\+?[0-9]{1,20})")


def missed_calls(listed: str) -> tuple[MissedCall, ...]:
    """What :data:`VARIABLE` holds, in its order. Fragments and numbers that cannot be rung are passed over."""
    entries = (_ENTRY.fullmatch(entry) for entry in listed.split())
    return tuple(
        MissedCall(entry[1], number, datetime.fromtimestamp(int(entry[2]), UTC))
        for entry in entries
        if entry and (number := e164(entry[3]))
    )
