"""References told to a caller: short, and hard to mishear or misread.

``D-4F7K2``: a letter for the kind, then five characters out of 18. Left out of the alphabet:
what looks alike on paper (0 O Q, 1 I L, 2 Z, 5 S, 8 B) and the French letters that rhyme on a telephone line
(B C D E G P T V; N beside M; S beside F; W beside V). That leaves 18^5 = 1.9 million a kind.
"""

from __future__ import annotations

import secrets

ALPHABET = "23456789" + "AFHJKMRUXY"
LENGTH = 5

PREFIXES = {
    "dispute": "D",
    "payment_day": "P",
    "cancellation": "R",  # résiliation
    "offer": "O",
    "appointment": "V",  # visite
    "invoice_copy": "F",
}


def new_reference(kind: str) -> str:
    """A fresh random reference for ``kind`` (a key of :data:`PREFIXES`); the database keeps it unique."""
    return f"{PREFIXES[kind]}-" + "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
