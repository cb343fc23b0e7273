"""How well the trained model understands the held-out sentences, typed and through the telephone.

Prints the table, writes it and the confusion matrix under ``bench/results/``. Needs Rasa's environment:

    .venv-rasa/bin/python -m bench.nlu [--model FILE] [--set held_out|dev]

The model is ``--model``, else ``$DECROCHE_RASA_MODEL``, else the newest in ``models/rasa/``.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.nlu_sets import DEVELOPMENT, HELD_OUT, read_heard, sentences
from bench.results import RESULTS, Share, table
from tests.dialogue.model import newest_model

CANCELLATION = frozenset({"cancel_contract", "cancel_oblique"})
HUMAN = frozenset({"human_request"})
FALLBACK = "nlu_fallback"  # the model asks again instead of guessing
TYPED = "typed"


@dataclass(frozen=True)
class Understood:
    """One sentence and what the model made of it. ``way``: ``typed`` or the caller's voice."""

    text: str
    way: str
    said: str
    understood: str
    confidence: float

    @property
    def right(self) -> bool:
        """The intent is the one meant; asking again is not."""
        return self.said == self.understood


def accuracy(results: Iterable[Understood]) -> Share:
    """Sentences whose intent is right."""
    results = list(results)
    return Share(sum(one.right for one in results), len(results))


def taken_for_else(results: Iterable[Understood], intents: frozenset[str]) -> Share:
    """Of the sentences that mean one of ``intents``, those taken for an intent outside them (asking again apart)."""
    meant = [one for one in results if one.said in intents]
    return Share(sum(one.understood not in intents | {FALLBACK} for one in meant), len(meant))


def asked_again(results: Iterable[Understood]) -> Share:
    """Sentences the model would not guess at."""
    results = list(results)
    return Share(sum(one.understood == FALLBACK for one in results), len(results))


class Model:
    """A trained model without a server."""

    def __init__(self, file: Path) -> None:
        logging.getLogger("rasa").setLevel(logging.ERROR)
        from rasa.core.agent import Agent  # imports TensorFlow: ten seconds, for who needs it only

        self._agent = Agent.load(str(file))

    def parse(self, texts: Iterable[str]) -> list[dict[str, Any]]:
        """Rasa's reading of each text."""

        async def run() -> list[dict[str, Any]]:
            return [await self._agent.parse_message(text) for text in texts]

        return asyncio.run(run())

    def understand(self, wanted: Sequence[tuple[str, str, str]]) -> list[Understood]:
        """Run ``(text, way, intent)`` triples through the model.

        Nothing recognised never reaches the dialogue, the bot asks again by itself: it counts as asked again.
        """
        parsed = iter(self.parse(text for text, _, _ in wanted if text))
        found = []
        for text, way, intent in wanted:
            top = next(parsed)["intent"] if text else {}
            found.append(
                Understood(text, way, intent, top.get("name") or FALLBACK, top.get("confidence", 0.0))
            )
        return found


def held_out() -> list[tuple[str, str, str]]:
    """The held-out set, typed and as recognised in each voice."""
    typed = [(one.text, TYPED, one.intent) for one in sentences(HELD_OUT)]
    return typed + [(one.text, one.voice, one.intent) for one in read_heard()]


def development() -> list[tuple[str, str, str]]:
    """The set to look into while improving the training data."""
    return [(one.text, TYPED, one.intent) for one in sentences(DEVELOPMENT)]


def report(results: Sequence[Understood], name: str) -> None:
    """Print and write the tables."""
    ways = list(dict.fromkeys(one.way for one in results))
    groups: list[tuple[str, list[Understood]]] = [
        (way, [one for one in results if one.way == way]) for way in ways
    ]
    if len(ways) > 2:
        groups.insert(1, ("line, all voices", [one for one in results if one.way != TYPED]))
    columns: list[tuple[str, Callable[[list[Understood]], Share]]] = [
        ("intent right", accuracy),
        ("asked again", asked_again),
        ("cancellation taken for else", lambda group: taken_for_else(group, CANCELLATION)),
        ("human request taken for else", lambda group: taken_for_else(group, HUMAN)),
    ]
    rows = [["", *(title for title, _ in columns)]]
    rows += [[way, *(str(measure(group)) for _, measure in columns)] for way, group in groups]
    table(f"{name}", "Understanding of the held-out sentences (95 % Wilson intervals)", rows)
    table(f"{name}_intents", "Recall of each intent", _by_intent(results))


def _by_intent(results: Sequence[Understood]) -> list[list[str]]:
    rows = [["intent", "typed", "line", "most often taken for"]]
    said: dict[str, list[Understood]] = defaultdict(list)
    for one in results:
        said[one.said].append(one)
    for intent, group in sorted(said.items()):
        typed = accuracy(one for one in group if one.way == TYPED)
        line = accuracy(one for one in group if one.way != TYPED)
        wrong = Counter(one.understood for one in group if not one.right).most_common(3)
        rows.append(
            [
                intent,
                f"{typed.hits}/{typed.total}",
                f"{line.hits}/{line.total}" if line.total else "",
                ", ".join(f"{other} {count}" for other, count in wrong),
            ]
        )
    return rows


def save_confusion(results: Sequence[Understood], file: Path) -> None:
    """The confusion matrices, typed and through the line, side by side as a picture; rows are what was meant."""
    import matplotlib as mpl

    mpl.use("Agg")
    import numpy as np
    from matplotlib import pyplot as plt

    intents = sorted({one.said for one in results})
    columns = [*intents, FALLBACK]
    parts = {
        "typed": [one for one in results if one.way == TYPED],
        "through the telephone": [one for one in results if one.way != TYPED],
    }
    parts = {title: part for title, part in parts.items() if part}
    figure, axes = plt.subplots(1, len(parts), figsize=(11 * len(parts), 11), dpi=90, squeeze=False)
    for axis, (title, part) in zip(axes[0], parts.items(), strict=True):
        counts = np.zeros((len(intents), len(columns)))
        for one in part:
            counts[intents.index(one.said), columns.index(one.understood)] += 1
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for row, column in zip(*np.nonzero(counts), strict=True):
            dark = shares[row, column] > 0.6
            axis.text(
                column, row, int(counts[row, column]), ha="center", va="center", fontsize=6,
                color="white" if dark else "black",
            )  # fmt: skip
        axis.set_xticks(range(len(columns)), columns, rotation=90, fontsize=7)
        axis.set_yticks(range(len(intents)), intents, fontsize=7)
        axis.set(title=f"{title}: {accuracy(part).value:.1%} right", xlabel="understood", ylabel="meant")
    figure.tight_layout()
    file.parent.mkdir(exist_ok=True)
    figure.savefig(file)
    plt.close(figure)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="bench.nlu", description=__doc__.partition("\n")[0])
    parser.add_argument("--model", type=Path)
    parser.add_argument("--set", choices=("held_out", "dev"), default="held_out")
    options = parser.parse_args()
    model = options.model or newest_model()
    results = Model(model).understand(held_out() if options.set == "held_out" else development())
    name = "nlu" if options.set == "held_out" else "nlu_dev"
    report(results, name)
    save_confusion(results, RESULTS / f"{name}_confusion.png")
    if options.set == "dev":  # the held-out sentences stay unseen
        for one in results:
            if not one.right:
                print(f"  {one.said} → {one.understood} ({one.confidence:.2f}): {one.text}")
    print(f"model {model.name}; confusion matrix in {RESULTS / (name + '_confusion.png')}")


if __name__ == "__main__":
    main()
