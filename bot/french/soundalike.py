"""Which digit strings does a text sound like? The cheapest spoken numbers, given their length and check digit.

A recogniser writes dictated digits as figures, as words, or as other words that sound alike. All of
these become one string of phones (:mod:`bot.french.phones`), and this module finds the sequences of
spoken numbers nearest to it, by weighted edit distance: a noisy channel with a grammar. Ambiguity
(*soixante dix-huit* is 78, 60 18 or 60 10 8) needs no rule of its own: every way to cut the phones is
a path, and length and check digit leave few of them.

Grammar: numbers 0–99 as French, Belgian and Swiss callers say them, *zéro* with a digit, hundreds
("trois cent douze") and thousands ("soixante-quinze mille onze"), in any order.
Between two numbers a word may be skipped at a price.

Search: exact cost-to-go by dynamic programming over (place in the text, digits so far, check sum),
then best-first enumeration with that as heuristic, so results come in order of cost.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bot.french import phones

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


class Sound(NamedTuple):
    """One word as it sounds. ``skip``: what it costs to pass over it between two numbers."""

    phones: str
    skip: float


@dataclass(frozen=True)
class Candidate:
    """A digit string and its distance from the text; 0 is an exact reading."""

    digits: str
    cost: float


# --- spoken numbers

_UNITS = [
    "zéro",
    "un",
    "deux",
    "trois",
    "quatre",
    "cinq",
    "six",
    "sept",
    "huit",
    "neuf",
    "dix",
    "onze",
    "douze",
    "treize",
    "quatorze",
    "quinze",
    "seize",
]
_TENS = {2: "vingt", 3: "trente", 4: "quarante", 5: "cinquante", 6: "soixante"}
_SWISS_TENS = {7: "septante", 8: "huitante", 9: "nonante"}


def number_words(value: int) -> str:
    """``value`` (0–999) in French words, separated by spaces: 91 is ``quatre vingt onze``."""
    if value >= 100:
        head = "" if value < 200 else _UNITS[value // 100] + " "
        return f"{head}cent" + (f" {number_words(value % 100)}" if value % 100 else "")
    if value < 17:
        return _UNITS[value]
    if value < 20:
        return f"dix {_UNITS[value - 10]}"
    if value >= 80:
        return "quatre vingt" + (f" {number_words(value - 80)}" if value > 80 else "")
    tens, rest = (6, value - 60) if value >= 60 else divmod(value, 10)
    if not rest:
        return _TENS[tens]
    return f"{_TENS[tens]}{' et' if rest in (1, 11) else ''} {number_words(rest)}"


def _swiss_words(value: int) -> str:
    tens, rest = divmod(value, 10)
    return _SWISS_TENS[tens] + ("" if not rest else " et un" if rest == 1 else f" {_UNITS[rest]}")


def spoken(words: str) -> str:
    """Phones of number words said in one breath: *vingt* has its t in vingt-deux, not in quatre-vingt-deux."""
    sounds = [phones.word_phones(word) for word in words.split()]
    parts = words.split()
    for at, word in enumerate(parts[:-1]):
        if word == "vingt" and (at == 0 or parts[at - 1] != "quatre"):
            sounds[at] = "vIt"
    return "".join(sounds)


_PLAIN, _AFTER_HUNDRED, _AFTER_THOUSAND = range(3)  # grammar states
_NODES = 3


@dataclass(frozen=True)
class _Unit:
    """One arc of the grammar: in state ``source``, ``phones`` give ``digits`` and lead to ``target``."""

    source: int
    target: int
    phones: str
    digits: str
    cost: float


_UNIT_COST = 0.04  # fewer, longer numbers win a tie: "soixante dix-huit" is 78 when nothing else decides
_WORN_COST = 0.5  # a number worn down: what is often left of *soixante* on a line is "soit"


@cache
def _grammar() -> tuple[_Unit, ...]:
    units: dict[tuple[int, int, str, str], _Unit] = {}

    def add(source: int, target: int, sound: str, digits: str, cost: float = _UNIT_COST) -> None:
        units[(source, target, sound, digits)] = _Unit(source, target, sound, digits, cost)

    below_hundred = [(spoken(number_words(n)), n) for n in range(100)]
    below_hundred += [(spoken(_swiss_words(n)), n) for n in range(70, 100)]
    below_hundred += [(spoken("octante" + _swiss_words(n)[8:]), n) for n in range(80, 90)]
    # A t of "vingt-deux" that is not heard, or not written when the words stand apart.
    below_hundred += [(spoken(number_words(n)).replace("vIt", "vI", 1), n) for n in range(21, 30)]
    # Before a consonant, six, huit and dix lose their last consonant; a line loses it too.
    below_hundred += [("si", 6), ("yi", 8), ("di", 10), ("yn", 1)]
    for sound, n in below_hundred:
        add(_PLAIN, _PLAIN, sound, str(n))
        if n > 0:
            add(_AFTER_HUNDRED, _PLAIN, sound, f"{n:02}")
            add(_AFTER_THOUSAND, _PLAIN, sound, f"{n:03}")
            if n < 100:
                add(_PLAIN, _AFTER_THOUSAND, sound + "mil", str(n))
    for n in range(60, 80):
        add(
            _PLAIN,
            _PLAIN,
            spoken(number_words(n)).replace("swasAt", "swa", 1),
            str(n),
            _UNIT_COST + _WORN_COST,
        )
    for n in range(1, 10):
        hundred = spoken(number_words(n * 100))
        add(_PLAIN, _AFTER_HUNDRED, hundred, str(n))
        add(_AFTER_THOUSAND, _AFTER_HUNDRED, hundred, str(n))
    return tuple(units.values())


_NOTHING = {_AFTER_HUNDRED: "00", _AFTER_THOUSAND: "000"}  # "deux cents" is 200: the state ends in silence


class _Trie(NamedTuple):
    """The grammar's phones as a tree, level by level, so that common beginnings are compared once.

    ``levels[d]``: parent (row in the level above) and phone of each node at depth ``d + 1``.
    ``ends[d]``: row and unit index of each unit that ends there.
    """

    levels: tuple[tuple[Ints, Ints], ...]
    ends: tuple[Ints, ...]


@cache
def _trie() -> _Trie:
    levels: list[tuple[Ints, Ints]] = []
    ends: list[Ints] = []
    rows = {"": 0}
    units = _grammar()
    for depth in range(1, max(len(unit.phones) for unit in units) + 1):
        prefixes = sorted({unit.phones[:depth] for unit in units if len(unit.phones) >= depth})
        parents = np.array([rows[prefix[:-1]] for prefix in prefixes])
        last = np.array([phones.PHONES.index(prefix[-1]) for prefix in prefixes])
        rows = {prefix: row for row, prefix in enumerate(prefixes)}
        levels.append((parents, last))
        ending = [(rows[unit.phones], at) for at, unit in enumerate(units) if len(unit.phones) == depth]
        ends.append(np.array(ending, np.int64).reshape(-1, 2))
    return _Trie(tuple(levels), tuple(ends))


@cache
def _costs() -> tuple[Floats, Floats, Floats]:
    """Substitution (said, heard), deletion (said) and insertion (heard) by phone."""
    alphabet = phones.PHONES
    substitution = np.array([[phones.substitution(a, b) for b in alphabet] for a in alphabet], np.float32)
    deletion = np.array([phones.deletion(a) for a in alphabet], np.float32)
    insertion = np.array([phones.insertion(a) for a in alphabet], np.float32)
    return substitution, deletion, insertion


class _Arcs(NamedTuple):
    """Where units fit the text: start, end, unit index and cost, one row each, sorted by start."""

    start: Ints
    end: Ints
    unit: Ints
    cost: Floats


_EXPANSIONS = 3000  # states opened in the enumeration: a text that loops has thousands of equal readings
_STRETCH = 4  # a unit may be heard with so many phones more than it has
_TOLERANCE = 0.22  # cost a phone above which a unit is not considered
_ALLOWANCE = 0.25
_SLACK = 0.45  # the same unit ending elsewhere is considered up to this much dearer


def _match(sound: str) -> _Arcs:
    """Edit distance of every unit to every stretch of ``sound``, where it is small enough."""
    substitution, deletion, insertion = _costs()
    trie = _trie()
    length = len(sound)
    width = len(trie.levels) + _STRETCH + 1
    heard = np.array([phones.PHONES.index(p) for p in sound] + [0] * width)
    window = heard[np.arange(length)[:, None] + np.arange(width - 1)[None, :]]  # (start, offset)
    inside = np.arange(length)[:, None] + np.arange(1, width)[None, :] <= length
    step = np.where(inside, insertion[window], np.float32(1e6))
    inserted = np.concatenate(
        [np.zeros((length, 1), np.float32), np.cumsum(step, axis=1, dtype=np.float32)], axis=1
    )
    rows = inserted[None]
    found: list[tuple[Ints, Ints, Ints, Floats]] = []
    for depth, ((parents, last), ends) in enumerate(zip(trie.levels, trie.ends, strict=True), start=1):
        above = rows[parents]
        best = above + deletion[last][:, None, None]
        taken = above[:, :, :-1] + np.where(inside, substitution[last][:, window], np.float32(1e6))
        best[:, :, 1:] = np.minimum(best[:, :, 1:], taken)
        # Insertions: the cheapest earlier place plus everything inserted since, in one pass.
        rows = np.minimum.accumulate(best - inserted, axis=2) + inserted
        if len(ends):
            ending = rows[ends[:, 0], :, 1:]
            limit = np.minimum(_TOLERANCE * depth + _ALLOWANCE, ending.min(axis=2, keepdims=True) + _SLACK)
            which, start, offset = np.nonzero(ending <= limit)
            found.append((start, start + offset + 1, ends[which, 1], ending[which, start, offset]))
    if not found:
        empty = np.zeros(0, np.int64)
        return _Arcs(empty, empty, empty, np.zeros(0, np.float32))
    start, end, unit, cost = (np.concatenate(column) for column in zip(*found, strict=True))
    order = np.argsort(start, kind="stable")
    own = np.array([unit.cost for unit in _grammar()], np.float32)
    return _Arcs(start[order], end[order], unit[order], (cost + own[unit])[order].astype(np.float32))


def distance(said: str, heard: str) -> float:
    """Weighted edit distance between two strings of phones."""
    row = [0.0]
    for phone in heard:
        row.append(row[-1] + phones.insertion(phone))
    for spoken_phone in said:
        above, row = row, [row[0] + phones.deletion(spoken_phone)]
        for at, phone in enumerate(heard, start=1):
            row.append(
                min(
                    above[at] + phones.deletion(spoken_phone),
                    row[at - 1] + phones.insertion(phone),
                    above[at - 1] + phones.substitution(spoken_phone, phone),
                )
            )
    return row[-1]


# --- the search

_LUHN = "0246813579"  # what a doubled digit adds (ISO/IEC 7812-1, annex B)


@lru_cache(maxsize=64)
def _moves(total: int, check: str) -> tuple[Ints, Ints]:
    """Per unit: how many digits there are after it (``total + 1``: too many) and their check sum, by state before.

    Shapes ``(units + 3, total + 2)`` and ``(units + 3, total + 2, sums)``; the last three rows are the
    grammar states that end in silence.
    """
    strings = [unit.digits for unit in _grammar()] + [_NOTHING.get(node, "") for node in range(_NODES)]
    sums = 10 if check == "luhn" else 1
    count = np.full((len(strings), total + 2), total + 1)
    after = np.zeros((len(strings), total + 2, sums), np.int64)
    for at, digits in enumerate(strings):
        for before in range(total + 1):
            count[at, before] = min(before + len(digits), total + 1)
            added = 0
            if sums == 10:
                for place, digit in enumerate(digits, start=before):
                    doubled = (total - 1 - place) % 2 == 1
                    added += int(_LUHN[int(digit)]) if doubled else int(digit)
            after[at, before] = (np.arange(sums) + added) % sums
    return count, after


class _Step(NamedTuple):
    """One move of the search: grammar states, place reached, cost, digits; ``row`` in :func:`_moves`, −1 for none."""

    source: int
    target: int
    place: int
    cost: float
    digits: str
    row: int


def _steps(arcs: _Arcs, skips: dict[int, tuple[int, float]], length: int) -> list[list[_Step]]:
    """The moves that begin at each place."""
    units = _grammar()
    steps: list[list[_Step]] = [[] for _ in range(length + 1)]
    for start, end, index, cost in zip(*(column.tolist() for column in arcs), strict=True):
        unit = units[index]
        steps[start].append(_Step(unit.source, unit.target, end, cost, unit.digits, index))
    for start, (end, cost) in skips.items():
        steps[start].append(_Step(_PLAIN, _PLAIN, end, cost, "", -1))
    for place in range(length + 1):
        for node, digits in _NOTHING.items():
            steps[place].append(_Step(node, _PLAIN, place, 0.0, digits, len(units) + node))
    return steps


def nearest(sounds: Sequence[Sound], total: int, check: str, *, limit: int, margin: float) -> list[Candidate]:
    """Up to ``limit`` strings of ``total`` digits that ``sounds`` may be, nearest first.

    ``check``: ``"luhn"`` or ``""``. Those that cost ``margin`` more than the nearest are left out.
    """
    sound = "".join(s.phones for s in sounds)
    if not sound:
        return []
    arcs = _match(sound)
    length = len(sound)
    skips: dict[int, tuple[int, float]] = {}
    at = 0
    for s in sounds:
        if s.phones:
            skips[at] = (at + len(s.phones), s.skip)
        at += len(s.phones)
    count, after = _moves(total, check)
    units = _grammar()
    source = np.array([unit.source for unit in units])
    target = np.array([unit.target for unit in units])
    first = np.searchsorted(arcs.start, np.arange(length + 1))
    sums = after.shape[2]

    to_go = np.full((_NODES, length + 1, total + 2, sums), np.float32(np.inf))
    to_go[_PLAIN, length, total, 0] = 0.0

    def end_in_silence(place: int) -> None:
        for node in _NOTHING:
            ending = len(units) + node
            rest = to_go[_PLAIN, place][count[ending][:, None], after[ending]]
            to_go[node, place] = np.minimum(to_go[node, place], rest)

    end_in_silence(length)
    for place in range(length - 1, -1, -1):
        here = slice(first[place], first[place + 1])
        unit = arcs.unit[here]
        rest = to_go[
            target[unit][:, None, None], arcs.end[here][:, None, None], count[unit][:, :, None], after[unit]
        ]
        rest = rest + arcs.cost[here][:, None, None]
        for node in range(_NODES):
            mine = rest[source[unit] == node]
            if len(mine):
                to_go[node, place] = mine.min(axis=0)
        if place in skips:
            end, cost = skips[place]
            to_go[_PLAIN, place] = np.minimum(to_go[_PLAIN, place], to_go[_PLAIN, end] + np.float32(cost))
        end_in_silence(place)

    best = float(to_go[_PLAIN, 0, 0, 0])
    if not np.isfinite(best):
        return []
    steps = _steps(arcs, skips, length)
    found: list[Candidate] = []
    told: set[str] = set()
    seen: set[tuple[int, int, str]] = set()
    queue: list[tuple[float, float, int, int, int, str]] = [(best, 0.0, _PLAIN, 0, 0, "")]
    while queue and len(found) < limit and len(seen) < _EXPANSIONS:
        estimate, spent, node, place, total_sum, digits = heapq.heappop(queue)
        if estimate > best + margin:
            break
        if (node, place, digits) in seen:
            continue
        seen.add((node, place, digits))
        if node == _PLAIN and place == length:
            if digits not in told:
                told.add(digits)
                found.append(Candidate(digits, spent))
            continue
        moves = [move for move in steps[place] if move.source == node]
        for move in moves:
            had = len(digits)
            has = had + len(move.digits)
            if has > total:
                continue
            new_sum = after[move.row, had, total_sum] if move.row >= 0 else total_sum
            new_spent = spent + move.cost
            new_estimate = new_spent + to_go[move.target, move.place, has, new_sum]
            if new_estimate <= best + margin:
                state = (new_estimate, new_spent, move.target, move.place, new_sum, digits + move.digits)
                heapq.heappush(queue, state)
    return found
