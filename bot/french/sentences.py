"""Cutting written French into sentences, so that the first one is spoken while the next is made. Pure."""

from __future__ import annotations

import re

SHORTEST = 16
"""Characters. A shorter sentence ("Pardon ?") joins the next one: alone it would sound like a reply of its own."""

_END = re.compile(r"[.!?…]+[\s\u00a0]*[»\")\]]*(?=\s)|\n+")
_ABBREVIATION = re.compile(
    r"(?:(?<!\w)(?:M|MM|Mr|Mme|Mlle|Dr|Me|St|Ste|av|bd|réf|tél|ex|p|cf|env|max|min|no|n|art|c|vs|approx"
    r"|janv|févr|fév|avr|juil|sept|oct|nov|déc|lun|mar|mer|jeu|ven|sam|dim)|(?<![\w-])c\.-à-d)$",
    re.IGNORECASE,
)
_INITIAL = re.compile(r"(?:^|\s)[A-ZÀ-Ý]$")
_TITLED_INITIAL = re.compile(r"(?:^|\s)(?:M\.|Mr|Mme|Mlle|Dr|[Mm]onsieur|[Mm]adame) [A-ZÀ-Ý]$")
_NEXT_BEGINS = re.compile(r"\s*[«\"(\[–—-]?\s*[A-ZÀ-Ý0-9•]")


def sentences(text: str) -> list[str]:
    """The sentences of ``text`` in order, each with its punctuation; short ones joined to the next.

    Joined by single spaces they are ``text`` again, but for its white space. A stop ends a sentence when
    it is followed by a space and a capital, a digit or an opening quotation, and is not an abbreviation's.
    """
    whole: list[str] = []
    start = 0
    for end in _END.finditer(text):
        if _ends_here(text, end):
            whole.append(text[start : end.end()])
            start = end.end()
    whole.append(text[start:])
    return _joined([" ".join(sentence.split()) for sentence in whole if sentence.strip()])


def _ends_here(text: str, end: re.Match[str]) -> bool:
    mark = end[0].strip()
    if not mark:
        return True  # a new line
    if not _NEXT_BEGINS.match(text, end.end()):
        return False
    if mark != ".":
        return True
    before = text[max(0, end.start() - 16) : end.start()]
    if _TITLED_INITIAL.search(before):
        return True  # "Bonjour Mme D. Votre facture…": names are shortened so
    return not (_ABBREVIATION.search(before) or _INITIAL.search(before))


def _joined(whole: list[str]) -> list[str]:
    joined: list[str] = []
    for sentence in whole:
        if joined and len(joined[-1]) < SHORTEST:
            joined[-1] += f" {sentence}"
        else:
            joined.append(sentence)
    if len(joined) > 1 and len(joined[-1]) < SHORTEST:
        last = joined.pop()
        joined[-1] += f" {last}"
    return joined
