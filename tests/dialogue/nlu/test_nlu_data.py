"""The training and held-out sentences themselves."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest
import yaml

from bench.nlu_sets import DEVELOPMENT, HELD_OUT, ROOT, TRAINING, Sentence, read_heard, sentences

FAMILIES = ("conversation", "billing", "box", "cancellation")
SAID_TO_US = 46  # intents.yml, without what only the bot sends
ONE_PLAIN_LINE = frozenset("abcdefghijklmnopqrstuvwxyzàâäçéèêëîïôöùûüÿœæ0123456789'’-. €")


@pytest.fixture(scope="module")
def intents() -> set[str]:
    domain = yaml.safe_load((ROOT / "dialogues" / "domain" / "intents.yml").read_text(encoding="utf-8"))
    return {next(iter(intent)) if isinstance(intent, dict) else intent for intent in domain["intents"]}


@pytest.fixture(scope="module")
def written() -> list[Sentence]:
    """What was written by hand: not what came out of the recogniser or the normaliser."""
    return [one for family in FAMILIES for one in sentences(TRAINING / f"{family}.yml")]


@pytest.fixture(scope="module")
def trained() -> list[Sentence]:
    return sentences(TRAINING)


def test_each_intent_has_25_written_examples(written: list[Sentence]) -> None:
    counts = Counter(one.intent for one in written)
    assert len(counts) >= SAID_TO_US
    assert not {intent: count for intent, count in counts.items() if count < 25}


def test_examples_are_of_intents_of_the_domain(trained: list[Sentence], intents: set[str]) -> None:
    assert {one.intent for one in trained} <= intents
    assert {one.intent for one in sentences(HELD_OUT)} == {one.intent for one in trained}


def test_no_sentence_has_two_meanings_or_stands_twice(trained: list[Sentence]) -> None:
    meanings: dict[str, list[str]] = defaultdict(list)
    for one in trained:
        meanings[one.text].append(one.intent)
    assert not {text: found for text, found in meanings.items() if len(found) > 1}


def test_held_out_sentences_are_not_trained_on(trained: list[Sentence]) -> None:
    known = {_plain(one.text) for one in trained}
    for path in (HELD_OUT, DEVELOPMENT):
        assert not [one.text for one in sentences(path) if _plain(one.text) in known]


def test_held_out_set_is_large_enough() -> None:
    counts = Counter(one.intent for one in sentences(HELD_OUT))
    assert counts.total() >= 320
    assert min(counts.values()) >= 6
    assert counts["cancel_contract"] + counts["cancel_oblique"] >= 50
    assert counts["human_request"] >= 50


def test_every_held_out_sentence_was_heard_in_four_voices() -> None:
    heard: dict[str, set[str]] = defaultdict(set)
    for row in read_heard():
        heard[row.voice].add(row.utterance)
    assert len(heard) == 4
    held_out = {one.text for one in sentences(HELD_OUT)}
    assert all(texts == held_out for texts in heard.values())


def test_sentences_are_written_as_recognised_speech_arrives(written: list[Sentence]) -> None:
    # Front-panel codes are typed in capitals; everything else is lower case without punctuation.
    odd = [one.text for one in written if set(one.text.lower()) - ONE_PLAIN_LINE]
    assert not odd


def _plain(text: str) -> str:
    return " ".join(text.lower().replace("-", " ").replace("'", " ").split())
