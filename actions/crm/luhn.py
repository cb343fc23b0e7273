"""The check digit of a subscriber number: ISO/IEC 7812-1, annex B (the "Luhn formula")."""

from __future__ import annotations


def check_digit(payload: str) -> str:
    """The digit that completes ``payload`` (decimal digits, without check digit).

    Raises ValueError when ``payload`` holds anything but the digits 0-9.
    """
    if not (payload.isascii() and payload.isdigit()):
        raise ValueError("payload must be decimal digits")
    total = 0
    for position, digit in enumerate(reversed(payload)):
        value = int(digit)
        if position % 2 == 0:  # the check digit will stand to the right, so the doubled ones start here
            value = value * 2 - (9 if value > 4 else 0)
        total += value
    return str(-total % 10)


def is_valid(number: str) -> bool:
    """Whether ``number`` ends with its own check digit. Anything but two or more digits is invalid."""
    return (
        len(number) > 1 and number.isascii() and number.isdigit() and check_digit(number[:-1]) == number[-1]
    )
