"""How long to wait after the caller's last word before taking the turn. Pure; milliseconds.

The right wait depends on what was asked: a bare "oui" to a yes/no question is over at once, a number being
dictated has pauses in it, and a story that stops on "et" or "euh" goes on.
"""

from __future__ import annotations

import re

from bot.models import Expectation, ExpectKind

COMPLETE_MS = 480
"""The answer is whole and of the kind asked for; "non merci, c'est tout" has a comma of 0.4 s in it."""
OPEN_MS = 750
"""A request in the caller's words. Published figures for plain silence: about 5 % of pauses cut at
1000 ms; a decoded text that does not end in the air lets us wait less."""
ROUNDED_OFF_MS = 600
"""As above, and the recogniser closed the sentence: Whisper writes the full stop that it hears."""
UNDERSTOOD_MS = 450
"""As above, and the dialogue is sure of what is wanted: what may still follow seldom changes it, and a reply that has
not begun yields to a caller who goes on."""
UNFINISHED_MS = 1500
"""The text ends in the air (a connective, an article, a hesitation)."""
DICTATION_MS = 1800
"""A number that is not whole yet: people pause between pairs, and to read a bill."""

_IN_THE_AIR = re.compile(
    r"\b(?:et|ou|mais|donc|alors|que|qui|quand|parce que|car|si|comme|de|du|des|d'un|d'une|la|le|les|l'|un|une|"
    r"mon|ma|mes|votre|vos|ce|cette|à|au|aux|en|pour|par|avec|sur|dans|j'ai|je|je suis|c'est|il y a|"
    r"euh|heu|hum|ben|bah|enfin|voilà que)\W*$",
    re.IGNORECASE,
)


def ends_in_the_air(text: str) -> bool:
    """Whether the text stops where French cannot stop."""
    return bool(_IN_THE_AIR.search(text))


def patience_ms(expectation: Expectation, text: str, *, complete: bool, understood: bool = False) -> int:
    """Silence to wait for after the last word.

    ``complete``: the text already is a whole answer of the kind expected. ``understood``: the dialogue is sure of
    what is wanted.
    """
    if complete:
        return COMPLETE_MS
    dictating = expectation.kind is ExpectKind.DATE or any(char.isdigit() for char in text)
    if expectation.kind in (ExpectKind.DIGITS, ExpectKind.DATE) and dictating:
        return DICTATION_MS  # "je ne l'ai pas sous la main" is no dictation: the recogniser writes figures
    if ends_in_the_air(text) or text.rstrip().endswith(("...", "…", ",")):
        return UNFINISHED_MS
    if not text.rstrip().endswith((".", "?", "!")):
        return OPEN_MS
    return UNDERSTOOD_MS if understood else ROUNDED_OFF_MS
