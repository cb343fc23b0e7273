"""Written French → what a French person reads aloud. Pure.

A list of rules, each a pattern and what it becomes, applied in order to the whole text: the more a pattern
says about itself the earlier it comes (an e-mail address before a number, a date before a fraction), and
whatever digits are left at the end are said as numbers. What comes out holds no digit, no currency sign and
no markup, so no voice has to guess. Commas are pauses: they group what is dictated.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import Final

from bot.french.spoken_numbers import (
    cardinal,
    clock,
    decimal,
    euros,
    grouped,
    ordinal,
    pairs,
    postcode,
    quantity,
    with_zeros,
)
from bot.french.spoken_words import (
    ABBREVIATIONS,
    ACCENTS,
    DAY_ABBREVIATIONS,
    FEMININE_NOUNS,
    LETTER_NAMES,
    MONTH_ABBREVIATIONS,
    MONTHS,
    PER,
    SPELLED,
    UNITS,
)


def verbalise(text: str) -> str:
    """``"Il reste 42,90 € au 15/03/2027."`` → ``"Il reste quarante-deux euros quatre-vingt-dix au quinze mars deux
    mille vingt-sept."``

    Any text is taken; the result holds no digit. Words come back as they are, so a text without digits, signs
    or abbreviations is only trimmed.
    """
    said = _clean(text)
    for pattern, say in _RULES:
        said = pattern.sub(say, said)
    return _tidy(said)


Match = re.Match[str]
Rule = tuple[re.Pattern[str], Callable[[Match], str]]

# --- building blocks of the patterns ----------------------------------------------------------------------

_START = r"(?<![\w.,])"  # no word and no number goes before
_INT = r"(?:\d{1,3}(?: \d{3})+(?! ?\d)|\d+)"  # thousands are set apart by spaces
_SIGN = r"(?:(?<![\w)])(?P<sign>[-−–+]) ?)?"
_MASK = r"[•*●]"
_MONTH = "|".join([*MONTHS, *(f"{short}\\." for short in MONTH_ABBREVIATIONS)])
_TIME = r"(?:[01]?\d|2[0-4]) ?[hH](?: ?[0-5]\d(?!\d))?(?!\w)|(?:[01]?\d|2[0-4]):[0-5]\d(?![\w:])"
_DOMAIN = r"(?:[\w-]{1,63}\.){1,6}(?:fr|com|net|org|eu|info|io|app|tv|example|test|mg|ma)"
_PATH = r"(?:/[\w./?=&%#-]*[\w/])?"


def _digits(text: str) -> str:
    return "".join(char for char in text if char.isdigit())


def _any_of(words: Iterable[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


def _sign(match: Match) -> str:
    sign = match["sign"]
    return "" if not sign else "plus " if sign == "+" else "moins "


# --- before the rules: one alphabet, one kind of space ----------------------------------------------------

_SPACES = re.compile(r"[^\S\n]+")
_LINES = re.compile(r"\n\s*")
_TAGS = re.compile(r"<[^<>\n]{0,200}>")
_LINK = re.compile(r"\[([^\[\]]*)\]\([^()]*\)")
_EMPHASIS = re.compile(r"(?<!\w)(\*\*|__|\*|_|`+|~~)(?=\S)([^\n]{0,200}?\S)\1(?!\w)")
_BULLET = re.compile(r"^[ \t]*(?:(?:[-*•–—>]|#{1,6})[ \t]+|\d{1,2}[.)][ \t]+(?=\D))", re.MULTILINE)
_KEPT_SYMBOLS = frozenset("°•●*@#&%+=/\\|<>~_^`€$£§×÷−±")
_FRACTIONS = {"½": "un demi", "¼": "un quart", "¾": "trois quarts"}
_SAME = str.maketrans(
    {"’": "'", "ʼ": "'", "‘": "'", "‑": "-", "‐": "-", "º": "°", "μ": "µ", "²": "2", "³": "3"}
)


def _clean(text: str) -> str:
    text = unicodedata.normalize("NFC", text).translate(_SAME)
    text = "".join(_character(char) for char in text)
    text = _LINK.sub(r"\1", _TAGS.sub(" ", text))
    text = _LINES.sub("\n", _SPACES.sub(" ", text))
    return _EMPHASIS.sub(r"\2", _BULLET.sub("", text))


def _character(char: str) -> str:
    """One character of the rules' alphabet: digits of any script are 0–9, emoji and controls are spaces."""
    if char.isascii():
        return char if char.isprintable() or char == "\n" else " "
    value = unicodedata.digit(char, None)
    if value is not None:
        return str(value)
    if char in _FRACTIONS:
        return f" {_FRACTIONS[char]} "
    if unicodedata.category(char)[0] in "CZ" or (
        unicodedata.category(char) in ("So", "Sk", "Sm", "Me", "Mn") and char not in _KEPT_SYMBOLS
    ):
        return " "
    return char


# --- addresses -----------------------------------------------------------------------------------------------

_SIGNS_OF_ADDRESS = {
    ".": "point",
    "-": "tiret",
    "_": "tiret bas",
    "+": "plus",
    "@": "arobase",
    "/": "barre oblique",
}
_ADDRESS_PART = re.compile(r"[A-Za-zÀ-ÿ]+|\d+|[.\-_+@/]")


def _address(written: str) -> str:
    said = []
    for part in _ADDRESS_PART.findall(written):
        if part.isdigit():
            said.append(pairs(part) if len(part) > 3 else with_zeros(part))
        else:
            said.append(_SIGNS_OF_ADDRESS.get(part) or ACCENTS.get(part.lower(), part))
    return " ".join(said)


def _email(match: Match) -> str:
    name = re.sub(rf"{_MASK}+|…|\.{{3}}", " et la suite ", match["name"])
    parts = [part if part == "et la suite" else _address(part) for part in re.split(r" (et la suite) ", name)]
    return f" {' '.join(part for part in parts if part)} arobase {_address(match['host'])} "


def _site(match: Match) -> str:
    host = re.sub(r"^www\.", "trois double vé point ", match["host"])
    said = " ".join(_address(part) if "." in part else part for part in host.split(" "))
    return f"{said} {_address(match['path'] or '')}".strip()


_ADDRESSES: Final[tuple[Rule, ...]] = (
    (
        re.compile(
            r"(?<![\w.+•*●…-])(?P<name>[\w.+•*●…-]{1,64})@(?P<host>[\w-]{1,63}(?:\.[\w-]{1,63}){1,6})"
        ),
        _email,
    ),
    (re.compile(rf"https?://(?P<host>[\w.-]*\w)(?::\d+)?(?P<path>{_PATH})"), _site),
    (re.compile(rf"(?<![\w.@-])(?P<host>{_DOMAIN})(?![\w-])(?P<path>{_PATH})"), _site),
)

# --- what identifies somebody or something ----------------------------------------------------------------


def _ending(match: Match) -> str:
    end = match["end"]
    said = pairs(_digits(end)) if not re.search(r"[A-Z]", end) else _spelled(end)
    return f"{match['told'] or 'se terminant par'} {said}"


def _masked_middle(match: Match) -> str:
    return f"commençant par {pairs(_digits(match['start']))}, se terminant par {pairs(_digits(match['end']))}"


def _phone(match: Match) -> str:
    return pairs("0" + _digits(match["national"]))


def _freephone(match: Match) -> str:
    digits = _digits(match[0])
    return f"zéro {grouped([digits[1:4], digits[4:7], digits[7:]])}"


def _letters(word: str) -> str:
    return " ".join(LETTER_NAMES.get(char, char) for char in word)


def _spelled(code: str) -> str:
    """Letter by letter, figure by figure, a pause after each."""
    return ", ".join(
        cardinal(int(char)) if char.isdigit() else LETTER_NAMES.get(char, char)
        for char in code
        if char.isalnum()
    )


_SHORT_CODE = re.compile(r"([A-Z]{1,4})-?(\d{1,3})")
_NUMBER_FIRST = re.compile(r"(\d{1,3})([A-Z]{1,2})")


def _code(match: Match) -> str:
    """``P13`` is "P treize", ``D-4F7K2`` is spelled, ``F-2027-0315`` is told by pairs."""
    code = match[0]
    if short := _SHORT_CODE.fullmatch(code):
        return f"{_letters(short[1])} {with_zeros(short[2])}"
    if short := _NUMBER_FIRST.fullmatch(code):
        return f"{with_zeros(short[1])} {_letters(short[2])}"
    if not any(char.isdigit() for char in code):
        return code
    said = []
    for group in re.split(r"-+|(?<=[A-Z])(?=\d{4,}$)|(?<=^[A-Z])(?=\d{4,})", code):
        if group.isdigit():
            said.append(pairs(group) if len(group) > 3 else with_zeros(group))
        else:
            said.append(_letters(group) if group.isalpha() else _spelled(group))
    return ", ".join(said)


def _acronym(match: Match) -> str:
    word = match[0]
    return _letters(word) if word in SPELLED or not re.search(r"[AEIOUY]", word) else word


_IDENTIFIERS: Final[tuple[Rule, ...]] = (
    # A bank account or a card is never said whole, even if it is written so by mistake.
    (
        re.compile(
            r"(?P<told>)(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7} ?(?P<end>(?<=[ A-Z0-9])[A-Z0-9]{4}"
            r"|[A-Z0-9]{1,3})(?!\w)"
        ),
        lambda m: f"se terminant par {_last_four(m[0])}",
    ),
    (
        re.compile(r"(?<![\d ])\d{4}([ -]?)\d{4}\1\d{4}\1\d{4}(?! ?\d)"),
        lambda m: f"se terminant par {_last_four(m[0])}",
    ),
    (
        re.compile(
            rf"(?<!\w)(?P<start>\+?\d(?: ?\d){{0,14}}) ?(?:{_MASK} ?){{2,30}}(?P<end>\d(?: ?\d){{0,14}})(?!\w)"
        ),
        _masked_middle,
    ),
    (
        re.compile(
            rf"(?:(?P<told>\b(?:se |)(?:termin|finiss)\w+ par) )?(?:(?<!\w)[A-Z]{{2}}(?:\d{{2}})? ?)?"
            rf"(?:{_MASK}{{2}}|\b[xX]{{2}}(?=[ \dxX]))[ -]?(?:(?:{_MASK}|[xX])[ -]?){{0,30}}"
            r"(?P<end>(?=[A-Z]{0,11}\d)[A-Z0-9]{1,12}(?: \d{1,4}){0,4})(?!\w)"
        ),
        _ending,
    ),
    (re.compile(rf"{_MASK}(?: ?{_MASK})+"), lambda m: " "),
    (
        re.compile(
            r"(?P<told>\b(?:termin|finiss|finit)\w* par (?:le |les chiffres )?)(?P<end>\d{2}(?: ?\d\d)+)(?!\d)"
        ),
        lambda m: m["told"] + pairs(_digits(m["end"])),
    ),
    (re.compile(rf"{_START}0 ?8\d\d ?\d{{3}} ?\d{{3}}(?! ?\d)"), _freephone),
    (
        re.compile(
            r"(?<![\w+.,])(?:(?:\+|00) ?33 ?(?:\(0\) ?)?|0)(?P<national>[1-9](?:[ .-]?\d{2}){4})(?![ .-]?\d)"
        ),
        _phone,
    ),
    (
        re.compile(r"(?<!\w)\+(?P<national>\d{2,3}(?:[ .-]?\d{2,4}){2,5})(?! ?\d)"),
        lambda m: f"plus {pairs(_digits(m[0]))}",
    ),
)


def _last_four(written: str) -> str:
    end = re.sub(r"[^A-Z0-9]", "", written)[-4:]
    return pairs(end) if end.isdigit() else _spelled(end)


# --- dates and times ----------------------------------------------------------------------------------------


def _month(written: str) -> str:
    return MONTH_ABBREVIATIONS.get(written.rstrip("."), written)


def _day(value: int) -> str:
    return "premier" if value == 1 else cardinal(value)


def _date(day: str, month: str, year: str, otherwise: str) -> str:
    if not (1 <= int(day) <= 31 and 1 <= int(month) <= 12):
        return otherwise
    full = f"20{year}" if len(year) == 2 else year
    return " ".join([_day(int(day)), MONTHS[int(month) - 1], *([cardinal(int(full))] if full else [])])


def _clock(written: str) -> str:
    hours, _, minutes = written.replace(" ", "").lower().replace(":", "h").partition("h")
    return clock(int(hours), int(minutes or 0))


def _iso(match: Match) -> str:
    date = _date(match["d"], match["m"], match["y"], "")
    if not date:
        return match[0].replace("-", " ")
    return f"{date} à {_clock(match['t'])}" if match["t"] else date


_DATES: Final[tuple[Rule, ...]] = (
    (
        re.compile(rf"(?<!\w)(?P<day>{'|'.join(DAY_ABBREVIATIONS)})\.(?= ?\d| {'|'.join(MONTHS)})"),
        lambda m: DAY_ABBREVIATIONS[m["day"]],
    ),
    (
        re.compile(
            r"(?<![\w-])(?P<y>\d{4})-(?P<m>\d\d)-(?P<d>\d\d)(?:[T ](?P<t>[0-2]\d:[0-5]\d)(?::\d\d)?"
            r"(?:Z|[+-]\d\d:\d\d)?)?(?![\w-])"
        ),
        _iso,
    ),
    (re.compile(r"24 ?h(?:eures)? ?(?:/|sur) ?24\b"), lambda m: "vingt-quatre heures sur vingt-quatre"),
    (re.compile(r"7 ?j(?:ours)? ?(?:/|sur) ?7\b"), lambda m: "sept jours sur sept"),
    (
        re.compile(
            r"(?<![\w/])(?P<d>\d{1,2})(?P<by>[/.])(?P<m>\d{1,2})(?P=by)(?P<y>\d{4}|\d{2})(?![\w/]|\.\d)"
        ),
        lambda m: _date(m["d"], m["m"], m["y"], m[0].replace(m["by"], " ")),
    ),
    (
        re.compile(r"(?<![\w/])(?P<d>\d{2})/(?P<m>0\d|1[0-2])(?![\w/])"),
        lambda m: _date(m["d"], m["m"], "", m[0]),
    ),
    (
        re.compile(
            rf"\b(?P<a>du|entre le) 1 (?P<b>au|et le) (?P<d>\d{{1,2}}) (?P<m>{_MONTH})\b", re.IGNORECASE
        ),
        lambda m: f"{m['a']} premier {m['b']} {_day(int(m['d']))} {_month(m['m'])}",
    ),
    (
        re.compile(rf"(?<!\w)(?P<d>\d{{1,2}})(?:er)? (?P<m>{_MONTH})(?!\w)", re.IGNORECASE),
        lambda m: f"{_day(int(m['d']))} {_month(m['m'])}",
    ),
    (
        re.compile(rf"(?<!\w)(?P<m>{'|'.join(MONTH_ABBREVIATIONS)})\. ?(?=\d{{4}})"),
        lambda m: f"{_month(m['m'])} ",
    ),
    (
        re.compile(rf"(?P<of>\bde )?{_START}(?P<from>{_TIME}) ?[-–—] ?(?P<to>{_TIME})"),
        lambda m: f"de {_clock(m['from'])} à {_clock(m['to'])}",
    ),
    (re.compile(rf"{_START}(?P<t>{_TIME})"), lambda m: _clock(m["t"])),
)

# --- amounts and measures -------------------------------------------------------------------------------------

_MONEY_WHOLE = r"(?:\d{1,3}(?:[ .]\d{3})+|\d+)"
_PER = rf"(?: ?/ ?(?P<per>{_any_of(PER)})(?!\w))?"


def _per(match: Match) -> str:
    return f" par {PER[match['per']]}" if match["per"] else ""


def _amount(match: Match) -> str:
    cents = match["cents"] or match["after"] or ""
    plus = "plus " if match["sign"] == "+" else ""
    negative = bool(match["sign"]) and not plus
    return f"{plus}{euros(_digits(match['whole']), cents, negative=negative)}{_per(match)}"


def _measure(match: Match) -> str:
    unit = UNITS[match["unit"]]
    whole, fraction = _digits(match["whole"]), match["fraction"] or ""
    said = decimal(whole, fraction) if fraction else quantity(whole, feminine=unit.feminine)
    word = unit.one if int(whole[:3] or "0") < 2 and len(whole.lstrip("0")) < 2 else unit.many
    return f"{_sign(match)}{said} {word}{_per(match)}"


_ORDINAL_ENDS = "ers?|ères?|eres?|res?|es?|èmes?|emes?|ièmes?|è|nds?|ndes?"


def _ordinal(match: Match) -> str:
    value, end = int(match["value"][:9]), match["end"]
    if value == 0:
        return "zéro"
    if value == 2 and end.startswith("nd"):
        said = "seconde" if "de" in end else "second"
    else:
        said = ordinal(value, feminine=end[0] in "èr" or end.startswith("ere"))
    return said + ("s" if end.endswith("s") else "")


_QUANTITIES: Final[tuple[Rule, ...]] = (
    (re.compile(r"(?<=\d) ?[x×] ?(?=\d)"), lambda m: " fois "),
    (
        re.compile(
            r"(?<![\w.,-])(?P<a>\d{1,4}) ?(?:–|—|(?<! )-(?! )) ?(?P<b>\d{1,4})(?![\w-]|[.,/:]\d)(?! ?\d)"
        ),
        lambda m: f"{m['a']} à {m['b']}",
    ),
    (
        re.compile(
            rf"{_SIGN}(?<![\d.,])(?P<whole>{_MONEY_WHOLE})(?:[.,](?P<cents>\d+))? ?(?:€|EUR\b|euros?\b)"
            rf"(?P<after>\d{{2}}(?!\d))?{_PER}"
        ),
        _amount,
    ),
    (
        re.compile(rf"€ ?(?P<whole>{_INT})(?:[.,](?P<cents>\d{{1,2}}))?(?!\d)"),
        lambda m: euros(_digits(m["whole"]), m["cents"] or ""),
    ),
    (
        re.compile(
            rf"{_SIGN}(?<![\d.,])(?P<whole>{_INT})(?:[.,](?P<fraction>\d+))? ?(?P<unit>{_any_of(UNITS)})(?![\w'])"
            rf"{_PER}"
        ),
        _measure,
    ),
    (re.compile(rf"(?<![\w.,])(?P<value>\d+)(?P<end>{_ORDINAL_ENDS})(?!\w)"), _ordinal),
    (re.compile(rf"(?<=\w) ?/ ?(?P<per>{_any_of(PER)})(?!\w)"), _per),
)

# --- what is left -----------------------------------------------------------------------------------------------


def _fraction(match: Match) -> str:
    over, under = int(match["over"]), int(match["under"])
    names = {2: "demi", 3: "tiers", 4: "quart"}
    if under in names and 0 < over < under:
        return f"{cardinal(over)} {names[under]}{'s' if over > 1 and under != 3 else ''}"
    return f"{cardinal(over)} sur {cardinal(under)}"


def _number(match: Match) -> str:
    whole, fraction = _digits(match["whole"]), match["fraction"] or ""
    if fraction:
        return _sign(match) + decimal(whole, fraction)
    if len(whole) >= 7 and " " not in match["whole"]:
        return _sign(match) + pairs(whole)  # nobody says a bare run that long as a quantity
    if whole.startswith("0") and len(whole) > 1:
        return _sign(match) + (with_zeros(whole) if len(whole) <= 3 else pairs(whole))
    return _sign(match) + quantity(whole)


_KEYS = {"#": "dièse", "*": "étoile"}
_WORDS_FOR_SIGNS = {
    "&": "et",
    "=": "égale",
    "@": "arobase",
    "%": "pour cent",
    "€": "euros",
    "$": "dollars",
    "£": "livres",
    "§": "paragraphe",
    "×": "fois",
    "÷": "divisé par",
    "±": "plus ou moins",
    "°": "degrés",
}

_REST: Final[tuple[Rule, ...]] = (
    (re.compile(r"(?<!\d)\d{2}(?:[ .-]\d{2}){2,11}(?![ .-]?\d)"), lambda m: pairs(_digits(m[0]))),
    (re.compile(r"(?<!\d)\d{4}(?: \d{4}){1,5}(?! ?\d)"), lambda m: pairs(_digits(m[0]))),
    (
        re.compile(r"(?P<before>\bcode postal\b[^\d.!?]{0,30})(?P<code>\d{5})(?!\d)", re.IGNORECASE),
        lambda m: m["before"] + postcode(m["code"]),
    ),
    (re.compile(r"(?<![\d.,])(?P<code>\d{5})(?= [A-ZÀ-Ý][\w'-]+)"), lambda m: postcode(m["code"])),
    (
        re.compile(
            r"(?P<before>\b(?:code|numéro|référence|pin|appelez le|composez le|faites le)\b"
            r"(?: (?:secret|confidentiel|est|le|court|reçu|d'\w+|de \w+|:))*:? )(?P<code>\d{4,6})(?! ?\d)",
            re.IGNORECASE,
        ),
        lambda m: m["before"] + pairs(m["code"]),
    ),
    (
        re.compile(r"(?<![\w-])(?=[A-Z0-9-]*\d)(?=[A-Z0-9-]*[A-Z])[A-Z0-9]+(?:-[A-Z0-9]+)*(?![\w-])"),
        _code,
    ),
    (
        re.compile(r"(?<![\w-])(?P<a>[A-Z])-(?P<b>\d{1,3})(?!\w)"),
        lambda m: f"{m['a']} moins {cardinal(int(m['b']))}",
    ),
    (re.compile(r"(?<!\w)[A-Z]{2,6}(?!\w)"), _acronym),
    (
        re.compile(r"(?<![\d.,])\d+(?:\.\d+){2,}(?!\d)"),
        lambda m: " point ".join(with_zeros(n) for n in m[0].split(".")),
    ),
    (re.compile(r"(?<![\d.,/])(?P<over>\d{1,3}) ?/ ?(?P<under>\d{1,3})(?![\d/])"), _fraction),
    (
        re.compile(rf"(?<![\d.,])(?P<whole>\d*1)(?= (?:{'|'.join(FEMININE_NOUNS)})s?\b)"),
        lambda m: quantity(m["whole"], feminine=not m["whole"].endswith("11")),
    ),
    (re.compile(rf"{_SIGN}(?P<whole>{_INT})(?:[.,](?P<fraction>\d+))?"), lambda m: f" {_number(m)} "),
    (
        re.compile(r"(?P<word>\btouche |\bsur |\btapez |\bappuyez sur |\bfaites )(?P<key>[#*])"),
        lambda m: m["word"] + _KEYS[m["key"]],
    ),
    (re.compile(r"(?<=\w)\+(?!\w)"), lambda m: " plus"),
    (re.compile(f"[{re.escape(''.join(_WORDS_FOR_SIGNS))}]"), lambda m: f" {_WORDS_FOR_SIGNS[m[0]]} "),
)


def _replaced_by(said: str) -> Callable[[Match], str]:
    return lambda match: said


_ABBREVIATION_RULES: Final[tuple[Rule, ...]] = tuple(
    (re.compile(rf"(?<![\w-]){pattern}"), _replaced_by(said)) for pattern, said in ABBREVIATIONS.items()
)

_RULES: Final[tuple[Rule, ...]] = (
    *_ADDRESSES,
    *_ABBREVIATION_RULES,
    *_IDENTIFIERS,
    *_DATES,
    *_QUANTITIES,
    *_REST,
)

# --- after the rules: pauses ------------------------------------------------------------------------------

_TIDY: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (re.compile(r"(?<=[^\s.!?…,;:]) ?\n(?=\S)"), ". "),  # a line that ends on no stop is a sentence
    (re.compile(r"\.{2,}|…"), "…"),
    (
        re.compile(r"…(?=\s*(?:$|[A-ZÀ-Ý«\"]))"),
        ".",
    ),  # hesitation: one voice stops thrice, the other not at all
    (re.compile(r"…"), ", "),
    (re.compile(r"\s*[(\[{]\s*"), ", "),
    (re.compile(r"\s*[)\]}]\s*(?=\w)"), ", "),
    (re.compile(r"[)\]}]"), ""),
    (re.compile(r"\s+[-–—−]+\s+"), ", "),
    (re.compile(r"[«»“”„\"<>*#_`~^|\\•●]+"), " "),
    (re.compile(r"(?<=\w)/(?=\w)|\s+/\s+|/"), " "),
    (re.compile(r"[–—−]"), " "),
    (re.compile(r"(?<!\w)[-'+]+|[-+]+(?!\w)"), " "),
    (re.compile(r"([!?])[!?.]+"), r"\1"),
    (re.compile(r"\s+"), " "),
    (re.compile(r" +(?=[,.])"), ""),
    (re.compile(r"([,;:])(?:\s*[,;:])+"), r"\1"),
    (re.compile(r"[,;:]+\s*(?=[.!?])"), ""),
    (re.compile(r"(?<=[.!?])\s*[,;:]+"), ""),
    (re.compile(r",(?=[^\s,])"), ", "),
    (re.compile(r"^[\s,;:.]+|[\s,;]+$"), ""),
    (re.compile(r"\s+"), " "),
)


def _tidy(text: str) -> str:
    for pattern, said in _TIDY:
        text = pattern.sub(said, text)
    return text.strip()
