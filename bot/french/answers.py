"""Quick readings of very short answers: yes, no, and the noises of somebody listening.

Only for what needs no understanding, decided while the caller is still on the line; anything longer
goes to the dialogue. A text is a yes (or a no) only when nothing in it says otherwise.
"""

from __future__ import annotations

import re
import unicodedata

_PADDING = (
    r"euh|heu|hum|hm|mm|ah|oh|eh|eh bien|ben|bah|bon|alors|donc|mais|et|merci|merci bien|s il vous plait|svp|"
    r"madame|monsieur|c est|pour moi|je pense|je crois|beaucoup|hein|la"
)
_YES = (
    r"oui|ouais|ouai|oui oui|mouais|yes|si|d accord|ok|okay|entendu|exact|exactement|tout a fait|absolument|"
    r"bien sur|bien entendu|volontiers|evidemment|certainement|(?:c est )?(?:bien )?(?:ca|cela)|"
    r"c est (?:bien )?(?:exact|juste|correct|bon|le bon|parfait)|parfait|ca marche|ca roule|ca me va|je veux bien|"
    r"affirmatif|voila|effectivement|en effet|j accepte|je confirme|je suis d accord|avec plaisir|pourquoi pas|"
    r"je prends|vas y|allez y|tres bien"
)
_NO = (
    r"non|nan|nonon|no|pas du tout|surtout pas|jamais|absolument pas|pas vraiment|certainement pas|"
    r"(?:ce n est|c est|ca n est|est) pas (?:ca|cela|bon|le bon|la bonne|exact|correct|juste|mon numero)|"
    r"(?:c est )?(?:faux|pas bon|pas ca|pas exact)|negatif|hors de question|pas question|"
    r"je (?:ne |n )?(?:veux|souhaite|prefere|accepte|confirme) pas|ca (?:ne )?m interesse pas|pas interesse(?:e)?|"
    r"je refuse|je ne suis pas d accord|pas d accord"
)
_LISTENING = (
    r"m+|m+h+m*|m+ h+m+|hu+m+|h+m+|mm mm|uh huh|a+h+|o+h+|e+u+h+|he+u+|eh|ha|ouh|oui|ouais|oui oui|ok|okay|"
    r"d accord|d acc|ah bon|ah oui|ah d accord|bien|tres bien|je vois|voila|hein|bon|ben|tout a fait|c est ca|si si|"
    r"humhum|mhmh|ouais ouais|parfait|entendu"
)
_LISTENING_WORDS = 4
_PERSON = r"conseill\w*|operatrice|operateur|agente?|quelqu un|humaine?|(?:vraie|autre|une) personne|parler a une? \w+"


def leads_with(text: str) -> str:
    """``"yes"`` or ``"no"`` when ``text`` begins with one and takes nothing of it back; empty otherwise.

    Weaker than :func:`is_yes`: for words after it that may have been misheard ("oui, ça renonce maintenant").
    """
    plain = _plain(text)
    first = re.match(r"(?:(?:ah|euh|ben|bah|alors|bon|mais) )*(oui|ouais|non|nan)\b", plain)
    if first is None:
        return ""
    yes, rest = first[1] in ("oui", "ouais"), plain[first.end() :]
    against = r"\b(?:non|nan|mais|pas)\b" if yes else r"\b(?:oui|ouais|mais|si)\b"
    return "" if re.search(against, rest) else "yes" if yes else "no"


def cuts_both_ways(text: str) -> bool:
    """Whether a yes in words may be a no: "c'est bon" confirms a number and turns an offer down."""
    return re.search(r"\bc est (?:tout )?bon\b", _plain(text)) is not None


def asks_for_person(text: str) -> bool:
    """Whether ``text`` names a person to talk to ("un conseiller", "quelqu'un s'il vous plaît")."""
    return re.search(rf"\b(?:{_PERSON})\b", _plain(text)) is not None


def is_yes(text: str) -> bool:
    """Whether ``text`` says yes and nothing else ("oui oui, c'est ça"); "oui mais non" does not."""
    return _says(text, _YES)


def is_no(text: str) -> bool:
    """Whether ``text`` says no and nothing else ("non, pas du tout")."""
    return _says(text, _NO)


def is_backchannel(text: str) -> bool:
    """Whether ``text`` only shows that the caller is listening ("mm-hm", "d'accord", "euh").

    For use while the bot speaks. "oui" and "d'accord" are among them: when a yes or no is expected, ask
    :func:`is_yes` first. The empty text (a cough, a noise) is one too.
    """
    plain = _plain(text)
    if not plain:
        return True
    return len(plain.split()) <= _LISTENING_WORDS and _covers(plain, _LISTENING)


def _says(text: str, phrases: str) -> bool:
    plain = _plain(text)
    return _covers(plain, f"{phrases}|{_PADDING}") and re.search(rf"\b(?:{phrases})\b", plain) is not None


def _covers(plain: str, phrases: str) -> bool:
    return re.fullmatch(rf"(?:(?:{phrases})(?: |$))+", plain) is not None


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold().replace("œ", "oe"))
    bare = "".join(c for c in decomposed if not unicodedata.combining(c))
    return " ".join(re.sub(r"[^a-z0-9]+", " ", bare).split())
