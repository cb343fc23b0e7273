"""Which numbers are rung: what a person types becomes E.164, and what costs money or leads abroad is refused.

Toll fraud is the danger here: anybody can type a number into a page. A number is rung only when it is a possible
landline, mobile or box line (``phonenumbers``) *and* begins with one of the operator's prefixes.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat, PhoneNumberType
from phonenumbers.timezone import time_zones_for_number

from bot.errors import NumberRefusedError

MAX_LENGTH = 32
"""Characters that a person may type."""

_DASHES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2212"), "-")
_TYPED = re.compile(r"^\+?[\d\s().\-/]+$")
_RUNG = {
    PhoneNumberType.FIXED_LINE,
    PhoneNumberType.MOBILE,
    PhoneNumberType.FIXED_LINE_OR_MOBILE,
    PhoneNumberType.VOIP,
}
_SPECIAL = {
    PhoneNumberType.PREMIUM_RATE,
    PhoneNumberType.SHARED_COST,
    PhoneNumberType.TOLL_FREE,
    PhoneNumberType.UAN,
    PhoneNumberType.PAGER,
    PhoneNumberType.VOICEMAIL,
}

_ZONES = {
    "FR": "Europe/Paris",
    "GP": "America/Guadeloupe",
    "BL": "America/Guadeloupe",
    "MF": "America/Guadeloupe",
    "MQ": "America/Martinique",
    "GF": "America/Cayenne",
    "RE": "Indian/Reunion",
    "YT": "Indian/Mayotte",
    "PM": "America/Miquelon",
    "WF": "Pacific/Wallis",
    "NC": "Pacific/Noumea",
    "PF": "Pacific/Tahiti",
}
"""Territory → the zone most of its people live in."""

_DIALLED_AS_NATIONAL = ("GP", "GF", "MQ", "RE", "YT")
"""Overseas territories that people all over France dial with ten digits: ``0692…`` is Réunion, not metropolitan."""


@dataclass(frozen=True)
class SubscriberLine:
    """A number that may be rung. ``number``: E.164. ``region``: ISO 3166 of the territory. ``zone``: IANA time zone."""

    number: str
    region: str
    zone: str


def subscriber_line(text: str, prefixes: Sequence[str]) -> SubscriberLine:
    """What a person typed or a network told (``06 …``, ``0033 …``, ``+33 (0)6 …``), as a number that may be rung.

    Raises:
        NumberRefusedError: no such number, or not one that is rung; ``reason`` says which.
    """
    typed = unicodedata.normalize("NFKC", text).translate(_DASHES).strip()
    if not typed or len(typed) > MAX_LENGTH or not _TYPED.match(typed):
        raise NumberRefusedError("malformed", "number: digits, spaces, dots and a leading + are expected")
    parsed = _parsed(typed)
    number = phonenumbers.format_number(parsed, PhoneNumberFormat.E164)
    region = phonenumbers.region_code_for_number(parsed) or ""
    kind = phonenumbers.number_type(parsed)
    if kind in _SPECIAL:
        raise NumberRefusedError("premium", "number: premium, shared-cost and service numbers are not rung")
    if region not in _ZONES and not number.startswith(tuple(prefixes)):
        raise NumberRefusedError("foreign", "number: not a French number")
    if kind not in _RUNG:
        raise _no_such(typed)
    if not number.startswith(tuple(prefixes)):
        raise NumberRefusedError("not_listed", "number: its prefix is not among those that are rung")
    zone = _ZONES.get(region) or next(iter(time_zones_for_number(parsed)), "Europe/Paris")
    return SubscriberLine(number, region, zone)


def _parsed(typed: str) -> PhoneNumber:
    if typed.startswith("0") and not typed.startswith("00"):
        for region in _DIALLED_AS_NATIONAL:
            overseas = _parse(typed, region)
            # Some ten-digit numbers are also good metropolitan ones by their shape; the numbering plan says overseas.
            if phonenumbers.is_valid_number(overseas):
                return overseas
    return _parse(typed, "FR")


def _parse(typed: str, region: str) -> PhoneNumber:
    try:
        return phonenumbers.parse(typed, region)
    except NumberParseException as err:
        if err.error_type == NumberParseException.TOO_SHORT_NSN:
            raise _no_such(typed) from None
        raise NumberRefusedError("malformed", "number: not a telephone number") from None


def _no_such(typed: str) -> NumberRefusedError:
    if not typed.startswith(("+", "0")) and sum(c.isdigit() for c in typed) <= 6:
        return NumberRefusedError("short", "number: short codes and service numbers are not rung")
    return NumberRefusedError("unknown", "number: incomplete, or not in the numbering plan")
