"""The one redactor of the product, used by the store, the context packet and the logs alike.

What never survives, at any level: IBANs, card numbers, social security numbers (any number of 13 digits
or more), full birth dates, card security codes. E-mail addresses keep their first letter and domain.
Telephone and subscriber numbers stay in the private transcript (``Level.STORE``) and are hidden in logs
(``Level.LOG``). Digits and French number words are treated alike.

Every function is pure, never raises on any string, is idempotent, and takes time linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from enum import StrEnum
from functools import lru_cache
from typing import Any

from stdnum import iban, numdb

from bot.record.spoken import (
    GAP_CHARS,
    MAX_GAP,
    Kind,
    Run,
    Token,
    digit_count,
    number_runs,
    tokenise,
    word_set,
)


class Level(StrEnum):
    """How private the reader is: ``STORE`` is the operator's call record, ``LOG`` anybody's console."""

    STORE = "store"
    LOG = "log"


IBAN_MASK = "[IBAN masqué]"
CARD_MASK = "[carte masquée]"
NUMBER_MASK = "[numéro masqué]"
DATE_MASK = "[date masquée]"
CODE_MASK = "[code masqué]"
EMAIL_MASK = "[e-mail masqué]"
SECRET_MASK = "[secret masqué]"

LONG_NUMBER = 13
"""Digits from which a number is a card, an IBAN or a social security number and never a reference of ours."""

LONG_SPOKEN_NUMBER = 11
"""The same for a number said in words, where "vingt cinq" may have been 20 5 and is counted as two digits."""

LOG_NUMBER = 8
"""Digits from which a number is hidden in logs: a subscriber number has 8, a telephone number 10 or 11."""

_NUMBERS = frozenset({Kind.DIGITS, Kind.NUMBER})
_DATES = frozenset({Kind.DIGITS, Kind.NUMBER, Kind.MONTH, Kind.DATE})

_BIRTH_WORDS = word_set("nee nes nees naissance anniversaire birth birthday birthdate born")
_DATE_CONTEXT_ENDS = word_set(
    "facture factures prelevement prelevements echeance contrat reference euro euros paiement commande"
)
_LINKS_BACK = word_set("c est ma mon la sa le de date jour voila comme pour et cela ca euh")
_TENURE_WORDS = word_set(
    "depuis contrat abonne abonnee abonnes abonnement souscrit souscrite client cliente facture"
)
_CODE_WORDS = word_set("cvv cvc cvvdeux cryptogramme")
_MONEY = word_set("euro euros eur centimes")
_AT_WORDS = word_set("arobase arobas arrobase arrobas")
_EMAIL_JOINS = word_set("point tiret underscore")


def redact(text: str, level: Level = Level.STORE) -> str:
    """``text`` without what must not be kept at ``level``."""
    tokens = tokenise(_hide_ibans(text))
    # An address swallows words: first, so that a second reading counts the same words around what is hidden.
    for rule in (_spoken_emails, _long_numbers, _birth_dates, _card_codes):
        tokens = rule(tokens)
    if level is Level.LOG:
        tokens = _log_numbers(tokens)
    return "".join(_shown(token, level) for token in tokens)


def redact_secret(text: str) -> str:
    """``text`` said when a secret was expected: no number, date or month is left, whatever the context.

    A lone "un" or "une" is an article and stays.
    """
    tokens = tokenise(_hide_ibans(text))
    spans = [
        (run.start, run.end, SECRET_MASK)
        for run in number_runs(tokens, _DATES)
        if len(run.numbers) > 1 or tokens[run.numbers[0]].norm not in ("un", "une")
    ]
    return redact("".join(t.text for t in _masked(tokens, spans)))


def forget(text: str, secrets: Collection[str]) -> str:
    """``text`` without the numbers and dates whose digits are among ``secrets`` (:func:`secret_digits`)."""
    tokens = tokenise(text)
    spans = [
        (run.start, run.end, SECRET_MASK)
        for run in number_runs(tokens, _DATES)
        if _digits(tokens, run) in secrets
    ]
    return "".join(t.text for t in _masked(tokens, spans)) if spans else text


def _digits(tokens: Sequence[Token], run: Run) -> str:
    return "".join(c for t in tokens[run.start : run.end] for c in t.text if c.isdigit())


def secret_digits(text: str, *, everything: bool) -> set[str]:
    """The digits of the birth dates in ``text`` (of all its numbers, with ``everything``), in every order."""
    tokens = tokenise(text)
    runs = number_runs(tokens, _DATES) if everything else _birth_runs(tokens)
    found: set[str] = set()
    for run in runs:
        digits = _digits(tokens, run)
        if len(digits) >= 6:
            found.add(digits)
        if len(digits) == 8:  # day first or year first, whichever was said
            found |= {digits[4:] + digits[2:4] + digits[:2], digits[6:] + digits[4:6] + digits[:4]}
    return found


# --- rules on the text -------------------------------------------------------------------------

_GAP = f"[{re.escape(GAP_CHARS)}]{{0,{MAX_GAP}}}"
_IBAN_START = re.compile(rf"(?<![^\W_])([A-Za-z]){_GAP}([A-Za-z]){_GAP}[0-9]{_GAP}[0-9]")


@lru_cache(maxsize=676)
def _iban_length(country: str) -> int:
    """Characters of an IBAN of ``country`` by the SWIFT registry (as python-stdnum carries it), 0: none."""
    parts = numdb.get("iban").info(country)
    properties = parts[0][1] if parts else {}
    return 4 + sum(int(n) for n in re.findall(r"(\d+)!", properties.get("bban", "")))


def _hide_ibans(text: str) -> str:
    pieces: list[str] = []
    done = 0
    for match in _IBAN_START.finditer(text):
        if match.start() < done:
            continue
        length = _iban_length((match[1] + match[2]).upper())
        end = _iban_end(text, match.start(), length) if length > 4 else None
        if end is not None:
            pieces += [text[done : match.start()], IBAN_MASK]
            done = end
    return "".join([*pieces, text[done:]])


def _iban_end(text: str, start: int, length: int) -> int | None:
    """Where the IBAN that begins at ``start`` ends, or None when none does.

    A misheard IBAN (wrong check digits) counts when its country code and digits are written as one
    word and most of it is digits.
    """
    compact = ""
    gap = 0
    end = start
    for end in range(start, len(text)):
        char = text[end]
        if char.isascii() and char.isalnum():
            compact += char
            gap = 0
            if len(compact) == length:
                break
        elif char in GAP_CHARS and gap < MAX_GAP:
            gap += 1
        else:
            return None
    if len(compact) < length:
        return None
    misheard = text[start : start + 4].isalnum() and sum(map(str.isdigit, compact[2:])) >= 0.7 * (length - 2)
    return end + 1 if misheard or iban.is_valid(compact) else None


# --- rules on the tokens -----------------------------------------------------------------------

_Span = tuple[int, int, str]


def _masked(tokens: Sequence[Token], spans: Sequence[_Span]) -> list[Token]:
    """The tokens with each span (in order, apart from each other) replaced by its mask."""
    out: list[Token] = []
    done = 0
    for start, end, mask in spans:
        out += tokens[done:start]
        out.append(Token(Kind.MASK, mask))
        done = end
    out += tokens[done:]
    return out


def _long_numbers(tokens: Sequence[Token]) -> list[Token]:
    """Card, social security and other numbers of :data:`LONG_NUMBER` digits or more."""
    spans: list[_Span] = []
    for run in number_runs(tokens, _NUMBERS):
        inside = tokens[run.start : run.end]
        spoken = any(t.kind is Kind.NUMBER for t in inside)
        if digit_count(inside) >= (LONG_SPOKEN_NUMBER if spoken else LONG_NUMBER):
            digits = "".join(t.text for t in inside if t.kind is Kind.DIGITS)
            spans.append((run.start, run.end, CARD_MASK if _is_card(digits) else NUMBER_MASK))
    return _masked(tokens, spans)


def _is_card(digits: str) -> bool:
    """Whether digits pass the Luhn check (ISO/IEC 7812-1) at a card's length; it only names the mask."""
    if not 13 <= len(digits) <= 19:
        return False
    total = 0
    for i, char in enumerate(reversed(digits)):
        value = int(char) * (1 + i % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _birth_dates(tokens: Sequence[Token]) -> list[Token]:
    return _masked(tokens, [(run.start, run.end, DATE_MASK) for run in _birth_runs(tokens)])


def _birth_runs(tokens: Sequence[Token]) -> list[Run]:
    """Full dates told as birth dates, and full dates of the 1900s that nothing else explains."""
    runs = number_runs(tokens, _DATES)
    dates = [run for run in runs if _is_full_date(tokens, run)]
    hidden = {run.start for run in dates if _is_old(tokens, run) and not _near_tenure(tokens, run.start)}
    for context in _birth_contexts(tokens):
        forward = _dates_after(tokens, runs, context)
        if forward is None:
            hidden |= _date_before(tokens, dates, context)
        else:
            hidden |= forward
    return [run for run in dates if run.start in hidden]


def _is_full_date(tokens: Sequence[Token], run: Run) -> bool:
    first = tokens[run.numbers[0]]
    return (
        len(run.numbers) > 1 or first.kind is Kind.DATE or len(first.text) >= 6 and first.kind is Kind.DIGITS
    )


def _is_old(tokens: Sequence[Token], run: Run) -> bool:
    """Whether the run reads day, month, 19xx (or the reverse, numeric)."""
    numbers = [tokens[i] for i in run.numbers]
    for i, token in enumerate(numbers):
        if token.kind is Kind.DATE and re.search(r"(?<!\d)19\d\d", token.text):
            return True
        if token.kind is Kind.DIGITS and re.fullmatch(r"19\d\d", token.text) and i >= 2:
            day, month = numbers[i - 2], numbers[i - 1]
            if month.kind is not Kind.DIGITS or (_below(month, 12) and (_below(day, 31))):
                return True
        if token.kind is Kind.MONTH:
            words = [t.norm for t in numbers[i + 1 : i + 4]]
            if words in (["mille", "neuf", "cent"], ["mil", "neuf", "cent"]) or words[:3] == [
                "dix",
                "neuf",
                "cent",
            ]:
                return True
    return False


def _below(token: Token, top: int) -> bool:
    return token.kind is not Kind.DIGITS or (len(token.text) <= 2 and 1 <= int(token.text) <= top)


def _near_tenure(tokens: Sequence[Token], start: int) -> bool:
    words = [t.norm for t in tokens[max(0, start - 14) : start] if t.kind is Kind.WORD]
    return not _TENURE_WORDS.isdisjoint(words[-6:])


def _birth_contexts(tokens: Sequence[Token]) -> Iterator[int]:
    """Positions of the words that announce a birth date."""
    for i, token in enumerate(tokens):
        if token.kind is not Kind.WORD:
            continue
        if token.norm in _BIRTH_WORDS or (token.norm == "ne" and token.text.lower() != "ne"):  # né
            yield i
        elif token.norm in ("ne", "suis"):  # "ne le 15 mars", "je suis du 15 mars"
            after = [t for t in tokens[i + 1 : i + 8] if t.kind is not Kind.OTHER]
            if len(after) > 1 and after[0].norm in ("le", "du") and after[1].kind in (*_DATES, Kind.MASK):
                yield i


def _dates_after(tokens: Sequence[Token], runs: Sequence[Run], context: int) -> set[int] | None:
    """Starts of the date runs within a dozen words after ``context``; None when there is no date at all."""
    starts = {run.start: run for run in runs}
    found: set[int] | None = None
    words = 0
    i = context + 1
    while i < len(tokens) and words < 12:
        token = tokens[i]
        run = starts.get(i)
        if run is not None:
            if _is_full_date(tokens, run) and not _is_money(tokens, run.end):
                found = (found or set()) | {run.start}
            i = run.end
            continue
        if token.kind is Kind.MASK:
            found = found or set()
        elif token.kind is Kind.WORD:
            if token.norm in _DATE_CONTEXT_ENDS:
                break
            words += 1
        i += 1
    return found


def _date_before(tokens: Sequence[Token], dates: Sequence[Run], context: int) -> set[int]:
    """The date told just before: "15 mars 1985, c'est ma date de naissance"."""
    ends = {run.end - 1: run for run in dates}
    for i in range(context - 1, max(-1, context - 40), -1):
        if i in ends:
            return {ends[i].start}
        token = tokens[i]
        if token.kind is not Kind.OTHER and token.norm not in _LINKS_BACK:
            break
    return set()


def _is_money(tokens: Sequence[Token], end: int) -> bool:
    after = next((t for t in tokens[end : end + 3] if not t.text.isspace()), None)
    return after is not None and (after.text == "€" or after.norm in _MONEY)


def _card_codes(tokens: Sequence[Token]) -> list[Token]:
    """Three or four digits told after a card number or a word for the security code."""
    hidden: dict[int, Run] = {}
    runs = number_runs(tokens, _NUMBERS)
    starts = {run.start: run for run in runs}
    budget = 0  # words left in which a code is looked for
    i = 0
    while i < len(tokens):
        token = tokens[i]
        run = starts.get(i)
        if run is not None:
            size = digit_count(tokens[run.start : run.end])
            if budget and 3 <= size <= 4 and not _is_money(tokens, run.end):
                hidden[run.start] = run
            i = run.end
            continue
        if (
            token.norm in _CODE_WORDS
            or _says(tokens, i, ("code", "de", "securite"))
            or _says(tokens, i, ("au", "dos"))
        ):
            budget = 10
        elif token.text == CARD_MASK:
            budget = max(budget, 6)
        elif token.kind is Kind.WORD and budget:
            budget -= 1
        i += 1
    return _masked(tokens, [(r.start, r.end, CODE_MASK) for r in hidden.values()])


def _says(tokens: Sequence[Token], i: int, words: Sequence[str]) -> bool:
    """Whether ``words`` stand at ``i``, one space or sign apart."""
    return tokens[i].norm == words[0] and [t.norm for t in tokens[i : i + 2 * len(words) : 2]] == list(words)


def _spoken_emails(tokens: Sequence[Token]) -> list[Token]:
    """ "jean point dupont arobase free point fr", spelled out."""
    spans: list[_Span] = []
    for i, token in enumerate(tokens):
        if token.norm in _AT_WORDS:
            start = _email_edge(tokens, i, -1)
            end = _email_edge(tokens, i, 1) + 1
            if spans and start < spans[-1][1]:
                start = spans.pop()[0]
            spans.append((start, end, EMAIL_MASK))
    return _masked(tokens, spans)


def _email_edge(tokens: Sequence[Token], at: int, step: int) -> int:
    """How far the words around an "arobase" belong to the address (at most nine words)."""
    edge = at
    for _ in range(9):
        nearest = _next_word(tokens, edge, step)
        if nearest is None:
            break
        edge = nearest
        join = _next_word(tokens, edge, step)
        if join is None or tokens[join].norm not in _EMAIL_JOINS:
            break
        edge = join
    return edge


def _next_word(tokens: Sequence[Token], i: int, step: int) -> int | None:
    j = i + step
    while 0 <= j < len(tokens) and abs(j - i) <= 3:
        if tokens[j].kind is not Kind.OTHER:
            return None if tokens[j].kind is Kind.MASK else j
        j += step
    return None


def _log_numbers(tokens: Sequence[Token]) -> list[Token]:
    """Telephone and subscriber numbers; references (glued to letters) and decimals stay."""
    spans: list[_Span] = []
    for run in number_runs(tokens, _NUMBERS):
        inside = tokens[run.start : run.end]
        decimal = len(inside) == 3 and inside[1].text in (".", ",")
        if digit_count(inside) >= LOG_NUMBER and not decimal and not any(t.glued for t in inside):
            spans.append((run.start, run.end, NUMBER_MASK))
    return _masked(tokens, spans)


def _shown(token: Token, level: Level) -> str:
    if token.kind is not Kind.EMAIL:
        return token.text
    return EMAIL_MASK if level is Level.LOG else f"{token.text[0]}•••@{token.text.rpartition('@')[2]}"


# --- structured values -------------------------------------------------------------------------

_SECRET_KEY = re.compile(
    r"birth|naissance|iban|card_|_card|^card$|carte|cvv|cvc|(^|_)nir(_|$)|password|secret|authorization|token$"
)


def redact_value(value: Any, level: Level = Level.STORE, key: str = "") -> Any:
    """Any JSON-like value redacted; ``key``: the name it goes by, which may make it a secret by itself."""
    if _SECRET_KEY.search(key.lower()) and value not in (None, "", True, False):
        return SECRET_MASK
    if isinstance(value, str):
        return redact(storable(value), level)
    if isinstance(value, Mapping):
        told = str(value.get("entity", ""))  # {"entity": "birth_date", "value": …}
        return {
            str(k): redact_value(v, level, f"{told}_{k}" if k == "value" else str(k))
            for k, v in value.items()
        }
    if isinstance(value, (list, tuple)):
        return type(value)(redact_value(v, level, key) for v in value)
    if isinstance(value, int) and level is Level.STORE and len(str(abs(value))) >= LONG_NUMBER:
        return NUMBER_MASK
    return value


def storable(text: str) -> str:
    """``text`` without what a database refuses: NUL and lone surrogates."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
