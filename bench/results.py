"""Where the benches put what they measured: a table in Markdown, a plot, raw figures; all under ``bench/results/``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

import numpy as np

RESULTS = Path(__file__).resolve().parent / "results"
_95 = 1.959964  # normal quantile


@dataclass(frozen=True)
class Share:
    """``hits`` of ``total``, with Wilson's 95 % interval (E. B. Wilson, JASA 22, 1927)."""

    hits: int
    total: int

    @property
    def value(self) -> float:
        """0–1; 0 of nothing."""
        return self.hits / self.total if self.total else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Lower and upper bound, 0–1."""
        if not self.total:
            return (0.0, 1.0)
        n, p, z = self.total, self.value, _95
        middle = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
        return (max(0.0, middle - half), min(1.0, middle + half))

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.value:.1%} ({self.hits}/{self.total}; {low:.1%}–{high:.1%})"


def table(name: str, title: str, rows: Sequence[Sequence[str]]) -> None:
    """Print ``rows`` (the first is the heading) and write them to ``NAME.md``."""
    head, *body = rows
    lines = [
        f"**{title}**",
        "",
        "| " + " | ".join(head) + " |",
        "|" + "---|" * len(head),
        *("| " + " | ".join(row) + " |" for row in body),
    ]
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    print(f"\n{title}")
    for row in rows:
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def save_plot(name: str, series: Mapping[str, Sequence[float]], *, x_label: str, title: str) -> None:
    """The distribution of each series as a curve: share of the values at or below x. ``NAME.png``."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 3.6), dpi=110)
    for label, values in series.items():
        ordered = np.sort(np.asarray(values, dtype=float))
        if len(ordered):
            axes.step(ordered, np.arange(1, len(ordered) + 1) / len(ordered), where="post", label=label)
    axes.set(xlabel=x_label, ylabel="share of answers", title=title, ylim=(0, 1), xlim=(0, None))
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    figure.tight_layout()
    figure.savefig(RESULTS / f"{name}.png")
    plt.close(figure)
