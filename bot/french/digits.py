"""Dictated digits: what number did the caller give, when a number is expected?

Dictation is where recognition is weakest, and where most is known beforehand: how many digits, and
often a check digit. So every hypothesis is read as *sound* (:mod:`bot.french.soundalike`), the format
leaves few of the nearest numbers, and the hypotheses vote with their scores. Figures: ``bench/digits.py``.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from stdnum import luhn

from bot.french import dates, numbers, phones, soundalike
from bot.french.soundalike import Sound
from bot.models import Expectation, Hypothesis, Recognition, RecognitionHint

BIRTH_DATE = "birth_date"
"""The expectation's name that makes its digits a date."""

_TRUST = 2.0  # how much a better score counts: weight is exp(trust × score)
_SHARPNESS = 3.0  # how much a nearer sound counts: exp(-sharpness × cost)
_MARGIN = 2.5
_NEAREST = 12
_FARTHEST = 0.16  # cost a digit above which nothing is offered: of 45 such readings 40 were wrong
_CERTAIN_SHARE = 0.95
_CERTAIN_COST = 0.06  # a digit
_FIGURE_SKIP = 0.6  # a phone of a figure that was written but not meant
_WORD_SKIP = (0.3, 0.18)  # a word that is no number: once, and a phone
_FILLER_SKIP = 0.02
_ALTERNATIVES = 3
_HYPOTHESES = 10  # asked of the decoder
_CLEARLY = 0.3  # a correction must fit one place this much better than any other
_READINGS = 8  # sounds compared, the heaviest; each takes about 15 ms

# Words around a dictated number, without accents: passed over almost freely.
_FILLERS = frozenset(
    str.split(
        """
    a abonne abonnee ah ai ainsi alors appelle apres attendez au avec bah ben bien bon bonjour c ca ce celle celui
    cest client code contrat d de debut des devant donc du e eh elle en ensuite est et euh euhm fait fin fini hein
    heu hm hum il j je l la le les m ma madame mais me mon monsieur n ne non numero oh ok on ouais oui plait
    postal puis puisque que qui reference s s'il si sil suis sur tiens toujours tout tres vas voici voila vous y
    """
    )
)


@dataclass(frozen=True)
class DigitsReading:
    """What was dictated. ``digits``: empty when nothing like the expected number was heard.

    ``certain``: safe to use without reading it back. ``alternatives``: other readings, likeliest first.
    """

    digits: str
    certain: bool
    alternatives: tuple[str, ...] = ()


def read_digits(
    recognition: Recognition, expectation: Expectation, *, today: date | None = None
) -> DigitsReading:
    """The number that ``recognition`` most likely is, among those that ``expectation`` accepts.

    A birth date (``name="birth_date"``) may be given as a date or as ``JJMMAAAA``, and comes out as the
    latter. ``today``: for birth dates; default: the machine's. About 50 ms, remembered for repeats.
    """
    if not recognition.hypotheses:
        return DigitsReading("", certain=False)
    if not expectation.lengths:
        return _read_freely(recognition)
    born_by = (today or date.today()) if expectation.name == BIRTH_DATE else None
    return _choose(recognition.hypotheses, expectation.lengths, expectation.check, born_by)


@lru_cache(maxsize=8)  # a turn is read again by whoever asks whether it is complete
def _choose(
    hypotheses: tuple[Hypothesis, ...], lengths: tuple[int, ...], check: str, born_by: date | None
) -> DigitsReading:
    """``born_by``: the number is a birth date, not after this day."""
    mass: defaultdict[str, float] = defaultdict(float)
    distance: dict[str, float] = {}
    votes: defaultdict[tuple[Sound, ...], float] = defaultdict(float)
    accepted = Expectation(lengths=lengths, check=check)
    best = hypotheses[0].score
    for hypothesis in hypotheses:
        weight = math.exp(_TRUST * (hypothesis.score - best))
        written = re.sub(r"\D", "", hypothesis.text)
        if born_by:
            written = _birth_digits(hypothesis.text, born_by)
        if is_acceptable(written, accepted):
            mass[written] += weight
            distance[written] = 0.0
        for sounds in readings(hypothesis.text):
            votes[sounds] += weight
    loudest = sorted(votes.items(), key=lambda vote: vote[1], reverse=True)[:_READINGS]
    for sounds, weight in loudest:
        for total in lengths:
            for candidate in soundalike.nearest(sounds, total, check, limit=_NEAREST, margin=_MARGIN):
                if born_by and not dates.read_birth_date(candidate.digits, today=born_by):
                    continue
                mass[candidate.digits] += weight * math.exp(-_SHARPNESS * candidate.cost)
                distance[candidate.digits] = min(candidate.cost, distance.get(candidate.digits, math.inf))
    ranked = sorted(mass, key=lambda digits: mass[digits], reverse=True)
    if not ranked or distance[ranked[0]] > _FARTHEST * len(ranked[0]):
        return DigitsReading("", certain=False)
    first = ranked[0]
    share = mass[first] / sum(mass.values())
    return DigitsReading(
        first,
        certain=share >= _CERTAIN_SHARE and distance[first] <= _CERTAIN_COST * len(first),
        alternatives=tuple(ranked[1 : 1 + _ALTERNATIVES]),
    )


def _birth_digits(text: str, today: date) -> str:
    """``JJMMAAAA`` of the birth date in ``text``, or empty."""
    born = dates.read_birth_date(numbers.normalise(text, today=today, birth=True), today=today)
    return born.strftime("%d%m%Y") if born else ""


def is_acceptable(digits: str, expectation: Expectation) -> bool:
    """Whether ``digits`` has an accepted length and a right check digit."""
    if not digits or (expectation.lengths and len(digits) not in expectation.lengths):
        return False
    return expectation.check != "luhn" or luhn.is_valid(digits)


def _read_freely(recognition: Recognition) -> DigitsReading:
    """Without a length there is nothing to choose by: the figures of each hypothesis as they stand."""
    readings = [_figures(hypothesis.text) for hypothesis in recognition.hypotheses]
    distinct = [figures for figures in dict.fromkeys(readings) if figures]
    if not distinct:
        return DigitsReading("", certain=False)
    return DigitsReading(distinct[0], certain=False, alternatives=tuple(distinct[1 : 1 + _ALTERNATIVES]))


def _figures(text: str) -> str:
    return re.sub(r"\D", "", numbers.spoken_to_figures(text.lower(), every=True))


def digits_prompt(expectation: Expectation) -> str:
    """What to condition the decoder on: a sentence like the one awaited."""
    if expectation.lengths and max(expectation.lengths) <= 5:
        return "Mon code postal est le 75 011."
    return (
        "Mon numéro d'abonné est le 60 91 17 82."  # not one that counts up: the decoder would go on counting
    )


def digits_hint(expectation: Expectation) -> RecognitionHint:
    """How to decode an utterance in which ``expectation`` awaits a number."""
    return RecognitionHint(digits_prompt(expectation), _HYPOTHESES)


# --- corrections

_NOT_BUT = re.compile(r"\bpas (?:le |un |du )?(?P<wrong>\d+)\D+(?P<right>\d+)")
_BUT_NOT = re.compile(r"(?P<right>\d+)\D*\b(?:et )?pas (?:le |un |du )?(?P<wrong>\d+)")
_AT_END = re.compile(r"\b(?:à la fin|au bout|pour finir|en dernier|(?:le|les|la)(?: \w+)? derni[eè]re?s?)\b")
_AT_START = re.compile(
    r"\b(?:au début|au départ|pour commencer|en premier|(?:le|les|la)(?: \w+)? premi[eè]re?s?)\b"
)


def correct(previous: str, text: str, expectation: Expectation) -> str | None:
    """``previous`` after the caller's correction ``text``, or None when ``text`` corrects nothing surely.

    "non, soixante-treize" replaces the part that sounds most like it, "non, treize à la fin" the end,
    "pas 12, 13" the twelve; a whole number replaces everything. What results must be acceptable.
    """
    said = numbers.spoken_to_figures(text.lower(), every=False)
    whole = read_digits(Recognition((Hypothesis(text, 0.0),), 0.0, 0, 0), expectation)
    figures = re.sub(r"\D", "", said)
    if is_acceptable(figures, expectation) and len(figures) == len(previous):
        return figures
    if whole.digits and whole.certain:
        return whole.digits
    swap = _NOT_BUT.search(said) or _BUT_NOT.search(said)
    if swap:
        places = _places(previous, swap["wrong"])
        right = swap["right"]
        return _only(
            [previous[:at] + right + previous[at + len(swap["wrong"]) :] for at in places], expectation
        )
    groups = re.findall(r"\d+", said)
    if not groups or len("".join(groups)) >= len(previous):
        return None
    right = "".join(groups)
    if _AT_END.search(said):
        return _only([previous[: -len(right)] + right], expectation)
    if _AT_START.search(said):
        return _only([right + previous[len(right) :]], expectation)
    return _closest(previous, right, expectation)


def _places(number: str, part: str) -> list[int]:
    """Where ``part`` stands in ``number``; where pairs are dictated, at pairs if it stands there at all."""
    places = [at for at in range(len(number) - len(part) + 1) if number.startswith(part, at)]
    return [at for at in places if at % 2 == 0] or places


def _only(candidates: Iterable[str], expectation: Expectation) -> str | None:
    accepted = {candidate for candidate in candidates if is_acceptable(candidate, expectation)}
    return accepted.pop() if len(accepted) == 1 else None


def _closest(previous: str, right: str, expectation: Expectation) -> str | None:
    """The one replacement by ``right`` that is acceptable and whose old part sounds most like it."""
    size = len(right)
    ranked: dict[str, float] = {}
    for at in range(len(previous) - size + 1):
        candidate = previous[:at] + right + previous[at + size :]
        if candidate == previous or not is_acceptable(candidate, expectation):
            continue
        # A correction repeats a group as it was dictated: by pairs, so at an even place.
        cost = _sound_distance(previous[at : at + size], right) + (0.5 if size == 2 and at % 2 else 0.0)
        ranked[candidate] = min(cost, ranked.get(candidate, math.inf))
    order = sorted(ranked, key=lambda candidate: ranked[candidate])
    if not order or (len(order) > 1 and ranked[order[1]] - ranked[order[0]] < _CLEARLY):
        return None
    return order[0]


def _sound_distance(first: str, second: str) -> float:
    return soundalike.distance(
        *("".join(sound.phones for sound in _sounds([figures], by=2)) for figures in (first, second))
    )


# --- text → sounds

_TOKEN = re.compile(r"\d+|[^\W\d_]+(?:['’][^\W\d_]*)?")


def readings(text: str) -> Iterator[tuple[Sound, ...]]:
    """How ``text`` may have sounded; more than one way when figures are glued ("1234", "199")."""
    tokens = _TOKEN.findall(unicodedata.normalize("NFC", text.lower()))
    glued = any(len(token) > 2 and token.isdigit() for token in tokens)
    yield tuple(_sounds(tokens, by=3))
    if glued:
        yield tuple(_sounds(tokens, by=2))
        yield tuple(_sounds(tokens, by=1))


def _sounds(tokens: Iterable[str], by: int) -> Iterator[Sound]:
    for token in tokens:
        if token.isdigit():
            for piece in _pieces(token, by):
                sound = soundalike.spoken(soundalike.number_words(int(piece)))
                yield Sound(sound, _FIGURE_SKIP * len(sound))
            continue
        for word in phones.words_of(token):
            sound = phones.word_phones(word)
            once, each = _WORD_SKIP
            bare = "".join(c for c in unicodedata.normalize("NFD", word) if not unicodedata.combining(c))
            yield Sound(sound, _FILLER_SKIP if bare in _FILLERS else once + each * len(sound))


def _pieces(figures: str, by: int) -> Iterator[str]:
    """Cut glued figures as they may have been spoken: one by one, by two, or up to three as hundreds."""
    if len(figures) <= by and not (len(figures) > 1 and figures.startswith("0")):
        yield figures
    elif by == 1 or len(figures) <= 2:
        yield from figures
    else:
        for at in range(0, len(figures), 2):
            yield from _pieces(figures[at : at + 2], 2)
