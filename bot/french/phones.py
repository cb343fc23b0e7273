"""How French sounds, roughly: text → phones, and how easily one phone is taken for another.

Only good enough to ask "which number sounds most like this text": a recogniser that does not know a
word writes one that sounds alike ("soit 101" for *soixante et un*, "garde-sac" for *quarante-cinq*).
One character is one phone; near vowels that a telephone line does not tell apart share one:

    a e i o u y    vowels; e is é and è, u is *ou*, y is *u*
    @              eu, œ and a pronounced e
    A I O          nasals: an, in and un, on
    w j            oi is wa, ille is ij
    S Z N          ch, j, gn; other consonants as written
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

_WORD = re.compile(r"[a-zàâäçéèêëîïôöùûüÿœæ]+")

# Words whose letters mislead, mostly because their last consonant is heard (or is not).
_IRREGULAR = {
    "cinq": "sIk", "six": "sis", "sept": "set", "huit": "yit", "neuf": "n@f", "dix": "dis",
    "vingt": "vI", "vingts": "vI", "cent": "sA", "cents": "sA", "mille": "mil", "et": "e", "un": "I",
    "zéro": "zero", "est": "e", "es": "e", "les": "le", "des": "de", "mes": "me", "ces": "se", "ses": "se",
    "femme": "fam", "monsieur": "m@sj@", "plus": "ply", "tous": "tu", "ville": "vil", "fils": "fis",
    "le": "l@", "de": "d@", "je": "Z@", "me": "m@", "te": "t@", "se": "s@", "ce": "s@", "ne": "n@", "que": "k@",
    "soixante": "swasAt", "septante": "setAt", "septembre": "setAbr", "second": "s@gO", "seconde": "s@gOd",
    "avec": "avek",
}  # fmt: skip

_VOWEL = "aeiouyéèàù"
# Tried in order at each place; letters are already without circumflex and trema.
_RULES = [
    (re.compile(pattern), phones)
    for pattern, phones in [
        (r"eaux?$|eau", "o"), (r"aux?$|au", "o"), (r"oeu|eu|ueu", "@"), (r"oui", "wi"), (r"ou", "u"),
        (r"oin", "wI"), (r"oi|oy", "wa"), (r"aill?(?=e|$)|ail", "aj"), (r"eill?(?=e|$)|eil", "ej"),
        (r"(?<=[bcdfgklmnpqrstv])ill(?=[aeéou])", "ij"),
        (rf"ien(?![{_VOWEL}n])", "jI"), (rf"(?:ain|ein|aim)(?![{_VOWEL}nm])", "I"), (r"ai|ei", "e"),
        (rf"(?:in|im|yn|ym|un|um)(?![{_VOWEL}nmh])", "I"), (rf"(?:an|am|en|em)(?![{_VOWEL}nmh])", "A"),
        (rf"(?:on|om)(?![{_VOWEL}nmh])", "O"),
        (r"ch", "S"), (r"gn", "N"), (r"ph", "f"), (r"th", "t"), (r"qu?|cqu", "k"),
        (r"gu(?=[eiéèy])", "g"), (r"ge(?=[ao])", "Z"), (r"g(?=[eiéèy])", "Z"),
        (r"sc(?=[eiéèy])|c(?=[eiéèy])|ç", "s"), (r"x(?=c)", "k"), (r"^x", "gz"), (r"(?<=^e)x(?=[aeiouéè])", "gz"),
        (r"x", "ks"), (rf"(?<=[{_VOWEL}])s(?=[{_VOWEL}])", "z"), (r"ss", "s"), (r"j", "Z"), (r"h", ""),
        (r"(?<=.)e$", ""), (r"é|è", "e"), (r"e(?=x)", "e"), (r"e(?=[bcdfgklmnpqrstvz]{2})|e(?=[rltcf]$)", "e"),
        (r"er$|ez$", "e"), (r"e", "@"),
        (r"à", "a"), (r"ù|u", "y"), (rf"[iy](?=[{_VOWEL}])", "j"), (r"y", "i"), (r"w", "w"), (r"c", "k"),
        (r"([bdfgklmnprst])\1", r"\1"),
    ]
]  # fmt: skip
_SILENT_END = re.compile(r"(?<=[^\W\d_]{2})(?:(?<!m)(?<=[bcdfglprstv])ent|(?<=n)[td]s?|[tdxzp]?s|[tdxzp])$")


@cache
def word_phones(word: str) -> str:
    """Phones of one lower-case French word; empty for what has no letters."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    word = word.replace("œ", "oe").replace("æ", "e")
    keep = {"é": "\0", "è": "\1", "ç": "\2", "à": "\3", "ù": "\4"}
    for letter, mark in keep.items():
        word = word.replace(letter, mark)
    word = "".join(
        c for c in unicodedata.normalize("NFD", word.replace("ê", "\1")) if not unicodedata.combining(c)
    )
    for letter, mark in keep.items():
        word = word.replace(mark, letter)
    spoken_e = re.search(r"(?:er|ez)$", word) is not None and len(word) > 3
    if not spoken_e:
        word = _SILENT_END.sub("", word)
    phones: list[str] = []
    at = 0
    while at < len(word):
        for pattern, sound in _RULES:
            match = pattern.match(word, at)
            if match and match.end() > at:
                phones.append(match.expand(sound))
                at = match.end()
                break
        else:
            phones.append(word[at])
            at += 1
    return "".join(phones)


def words_of(text: str) -> list[str]:
    """Lower-case words of ``text``; figures and punctuation are dropped, elided articles come apart."""
    return _WORD.findall(unicodedata.normalize("NFC", text.lower()))


VOWELS = "aeiouy@AIO"
CONSONANTS = "pbtdkgfvszSZmnNlrwj"
PHONES = VOWELS + CONSONANTS

_NEAR: dict[frozenset[str], float] = {
    frozenset(pair): cost
    for cost, pairs in {
        0.25: "e@ aA oO eI @I",
        0.35: "pb td kg fv sz SZ mn nN yi yu sS zZ @O fs vz iI AO wu ij yj yw AI",
        0.5: "pt tk pk bd dg bg fS lr ln @o ei @y au vb fp st zd ts rg rk jZ ou oA jl vw mb nd a@ ae aI dn sk",
    }.items()
    for pair in pairs.split()
}


def substitution(said: str, heard: str) -> float:
    """What it costs to take ``heard`` for ``said``: 0 when equal, at most 1.2."""
    if said == heard:
        return 0.0
    near = _NEAR.get(frozenset((said, heard)))
    if near is not None:
        return near
    return 0.8 if (said in VOWELS) == (heard in VOWELS) else 1.2


def deletion(said: str) -> float:
    """What it costs not to hear ``said``; the weak ones disappear on a telephone."""
    return {"@": 0.2, "t": 0.5, "r": 0.5, "l": 0.5, "s": 0.6, "z": 0.5, "e": 0.5}.get(said, 0.8)


def insertion(heard: str) -> float:
    """What it costs to hear ``heard`` where nothing was said."""
    return {"@": 0.2, "t": 0.5, "r": 0.6, "l": 0.6, "z": 0.5, "n": 0.6}.get(heard, 0.8)
