"""What a caller said → what the dialogue reads: lower case, numbers in figures, dates and amounts in one form.

    mon numéro c'est le douze, trente-quatre, …   mon numéro c'est le 12345674
    quarante-deux euros quatre-vingt-dix          42.90 euros
    zéro six, onze, vingt-deux, …                 0611223344
    le quinze mars                                le 2027-03-15
    le code p treize                              le code p13

Articles stay words ("un problème"), and so do ordinals ("la deuxième fois") and *neuf* for new.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date

from text_to_num import alpha2digit

from bot.french import dates

_HESITATION = re.compile(r"(?<![\w'-])(?:e+u+h+m*|he+u+|h+u*m+|m+[ -]?h+m*|mm+|uh+)(?![\w'-])[,.…]*")
_PUNCTUATION = re.compile(r"(?<!\d)[.,](?!\d)|(?<=\d)[.,](?!\d)|(?<!\d)[.,](?=\d)|[!?;:…«»\"“”()\[\]*]+")

_NUMBER_WORDS = frozenset(
    str.split(
        """
    zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize vingt
    vingts trente quarante cinquante soixante septante huitante octante nonante cent cents mille million
    millions
    """
    )
)
_TENS = frozenset({"vingt", "trente", "quarante", "cinquante", "soixante", "septante", "huitante", "nonante"})
_ORDINAL = re.compile(r"\w+ième[s]?|premiers?|premières?|seconde?s?")
_WORD = re.compile(r"[^\W\d_]+")
# A one said after these may be a figure: "tapez un", "chaîne un", "virgule un" …
_BEFORE_ONE = frozenset(
    str.split(
        """
    numéro touche tapez taper appuyez chaîne canal code tf note étape option virgule faire fais
    """
    )
)
# … and is one where the noun that an article would belong to does not follow: "faire une réclamation" has one.
_AFTER_FIGURE = frozenset(
    str.split(
        """
    pour et ou puis ensuite après alors donc mais merci svp s ne n est était a c ça il elle je j qui que quand comme
    marche fonctionne affiche oui non d voilà là ici aussi pas
    """
    )
)
_NEW = frozenset(
    str.split(
        """
    tout toute état décodeur box matériel appareil boîtier modem télé télécommande câble remis comme quoi à
    """
    )
)
_AFTER_NINE = frozenset(
    str.split(
        """
    euros euro centimes heures heure jours jour mois ans semaines fois minutes chiffres virgule pour janvier
    février mars avril mai juin juillet août septembre octobre novembre décembre
    """
    )
)
_MARK = "ǂ"  # glued to a word, keeps it from being read as a number; a click letter, absent from French


def normalise(text: str, *, today: date, birth: bool | None = None) -> str:
    """``text`` as the dialogue reads it; empty when nothing but hesitation was said.

    ``today``: what "demain" is counted from. ``birth``: dates are birth dates (in the past); None:
    judged from the text. Text that is normal already comes back unchanged.
    """
    text = unicodedata.normalize("NFC", text).replace(_MARK, "").replace("’", "'").lower()
    text = text.strip().lstrip("/ ")
    text = " ".join(_HESITATION.sub(" ", text).split())
    text = spoken_to_figures(text)
    text = _amounts(text)
    text = dates.replace_dates(text, today=today, past=birth)
    text = _join_groups(text)
    text = _codes(text)
    return " ".join(_PUNCTUATION.sub(" ", text).split()).strip(" -'/")


def spoken_to_figures(text: str, *, every: bool = False) -> str:
    """Lower-case ``text`` with number words in figures; ``every``: *un* and *neuf* too, whatever they mean."""
    protected = _PREMIER.sub("1", text)
    protected = protected if every else _protect(protected)
    # A hyphen between two numbers ("vingt-deux-trente") and Swiss "huitante" are read by the library.
    figures: str = alpha2digit(protected, "fr", 0)
    return figures.replace(_MARK, "")


_PREMIER = re.compile(
    r"""\b(?:premier|1er)(?=\s+(?:janvier|f[ée]vrier|mars|avril|mai|juin|juillet|ao[ûu]t|
    septembre|octobre|novembre|d[ée]cembre)\b)""",
    re.VERBOSE,
)


def _protect(text: str) -> str:
    """Mark the words that look like numbers and are none."""
    words = list(_WORD.finditer(text))
    said = [word[0] for word in words]
    out: list[str] = []
    at = 0
    for index, word in enumerate(words):
        before = said[index - 1] if index else ""
        after = said[index + 1] if index + 1 < len(said) else ""
        gap = text[words[index - 1].end() : word.start()] if index else ""
        out.append(text[at : word.start()])
        out.append(_MARK + word[0] if _is_word(word[0], before, after, gap, said, index) else word[0])
        at = word.end()
    out.append(text[at:])
    return "".join(out)


def _is_word(word: str, before: str, after: str, gap: str, said: list[str], index: int) -> bool:
    if _ORDINAL.fullmatch(word):
        return True
    alone = len(said) == 1
    counted = before in _NUMBER_WORDS or (before == "et" and after == "" and len(said) > 2)
    if word in ("un", "une"):
        in_number = (
            (before in _NUMBER_WORDS and "'" not in gap)
            or (before == "et" and index >= 2 and said[index - 2] in _TENS)
            or (before in _BEFORE_ONE and (not after or after in _NUMBER_WORDS | _AFTER_FIGURE))
            or (after in _NUMBER_WORDS and word == "un")
        )
        return not (alone and word == "un") and not in_number
    if word == "neuf":
        if alone or counted or before in _BEFORE_ONE or after in _NUMBER_WORDS or after in _AFTER_NINE:
            return False
        return before in _NEW or (before in ("de", "du", "en") and after == "")
    if word == "cent":
        return before == "pour"
    return word == "mille" and after in ("merci", "mercis", "excuses")


# --- amounts

_THOUSANDS = re.compile(r"\b(\d{1,3})((?:[  ]\d{3})+)(?=(?:[.,]\d{1,2})?\s*(?:euros?|€))")
_DECIMAL = re.compile(r"\b(\d+)[.,](\d{1,2})\s*(?:euros?\b|€)")
_EURO_CENTS = re.compile(
    r"""\b(\d+)\s*(?:euros?|€)(?:\s+et)?\s*(\d{1,2})(?:\s*(centimes?|cents?)\b)?
    (?!\d|[.,/-]?\d|\s*(?:euros?\b|€|%|pour\ cent|fois|jours?|mois|ans?\b|heures?|h\b|semaines?|chaînes?|\d))""",
    re.VERBOSE,
)
_EUROS = re.compile(r"\b(\d+)\s*€")


def _amounts(text: str) -> str:
    text = _THOUSANDS.sub(lambda m: m[1] + re.sub(r"\D", "", m[2]), text)
    text = _DECIMAL.sub(lambda m: f"{m[1]}.{m[2].ljust(2, '0')} euros", text)

    def with_cents(match: re.Match[str]) -> str:
        # "42 euros 5" without "centimes" is five cents only at the end: "10 euros 2 …" may count something.
        ends = match.end() == len(match.string.rstrip(" .!?"))
        if len(match[2]) == 1 and not match[3] and not ends:
            return match[0]
        return f"{match[1]}.{match[2].rjust(2, '0')} euros"

    return _EUROS.sub(r"\1 euros", _EURO_CENTS.sub(with_cents, text))


# --- figures in groups

_GROUPS = re.compile(r"(?<![\w/.,-])\+?\d+(?:(?:[ .,-]|, |\. )\d+)+(?![\w/]|[.,-]\d)")
_ISO = re.compile(r"\d{4}-\d\d-\d\d")
_PHONE_DIGITS = 10


def _join_groups(text: str) -> str:
    """Dictated groups become one number; a list of small numbers stays a list."""

    def join(match: re.Match[str]) -> str:
        if _ISO.search(match[0]):
            return match[0]
        groups = re.findall(r"\d+", match[0])
        figures = "".join(groups)
        if match[0].startswith("+"):
            return "0" + figures[2:] if figures.startswith("33") else match[0]
        if len(figures) == _PHONE_DIGITS + 1 and figures.startswith("33"):
            return "0" + figures[2:]
        single = all(len(group) == 1 for group in groups)
        long = (
            len(figures) >= 7 and len(groups) >= 2 and (len(groups) > 2 or len(figures) in (8, _PHONE_DIGITS))
        )
        postcode = len(figures) == 5 and len(groups[0]) == 2 and (len(groups) == 2 or "0" in groups)
        return figures if long or postcode or (single and len(groups) >= 4) else match[0]

    return _GROUPS.sub(join, text)


_LETTER_NAMES = {"pé": "p", "bé": "b", "té": "t", "vé": "v", "effe": "f", "erre": "r", "esse": "s", "cé": "c"}
_CODE = re.compile(r"(?<![\w'-])(tf|[b-xz]|pé|bé|té|vé|cé|effe|erre|esse)[ -]?(\d{1,3})(?![\w.,/]|-\d| \d)")


def _codes(text: str) -> str:
    """An error code or channel said as a letter and a number: "p 13" is p13."""
    return _CODE.sub(lambda m: _LETTER_NAMES.get(m[1], m[1]) + m[2], text)
