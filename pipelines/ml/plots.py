"""What a training looks like: the pictures that are kept with its run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from textwrap import shorten
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipelines.ml.evaluation import calibration
from pipelines.ml.explanation import Node
from pipelines.ml.targets import Question

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DRAWN_LEVELS = 4
"""How many levels of a tree are drawn; the rules have all of it."""


def period_figures(
    labels: NDArray[np.bool_],
    probabilities: NDArray[np.float64],
    threshold: float,
    by_cut: Mapping[int, Mapping[str, float]],
) -> Iterator[tuple[str, Figure]]:
    """Pictures of what a model says of the test period, by file name."""
    from sklearn.metrics import ConfusionMatrixDisplay, PrecisionRecallDisplay, RocCurveDisplay

    figure, axes = _new("Precision and recall of the buyers")
    PrecisionRecallDisplay.from_predictions(labels, probabilities, ax=axes, name="tree", plot_chance_level=True)
    yield "precision_recall.png", figure

    figure, axes = _new("ROC")
    RocCurveDisplay.from_predictions(labels, probabilities, ax=axes, name="tree", plot_chance_level=True)
    yield "roc.png", figure

    figure, axes = _new(f"What was called a buyer from a probability of {threshold:.3f} on, and what happened")
    names = ["no purchase", "purchase"]
    ConfusionMatrixDisplay.from_predictions(
        labels, probabilities >= threshold, labels=[False, True], display_labels=names, ax=axes, colorbar=False
    )
    yield "confusion.png", figure

    figure, axes = _new("Calibration: groups of a tenth of the rows")
    found = calibration(labels, probabilities)
    top = max(found.said.max(), found.happened.max())
    axes.plot([0, top], [0, top], linestyle=":", color="grey", label="as it should be")
    axes.plot(found.said, found.happened, marker="o", label="tree")
    axes.set(xlabel="mean probability given", ylabel="share that bought")
    axes.legend()
    yield "calibration.png", figure

    figure, axes = _new("Lift: how much more often the most likely ones buy")
    order = np.argsort(-probabilities, kind="stable")
    shares = np.arange(1, len(labels) + 1) / len(labels)
    axes.plot(shares, labels[order].cumsum() / (shares * labels.sum()))
    axes.axhline(1, linestyle=":", color="grey")
    axes.set(xlabel="share of the rows, most likely first", ylabel="times the mean rate")
    yield "lift.png", figure

    figure, axes = _new("How well it ranks after how many events")
    for name in ("average_precision", "prevalence"):
        pairs = [(cut, one[name]) for cut, one in by_cut.items() if name in one]
        axes.plot([cut for cut, _ in pairs], [value for _, value in pairs], marker="o", label=name.replace("_", " "))
    axes.set(xlabel="events of the session so far", xticks=[*by_cut])
    axes.legend()
    yield "by_cut.png", figure


def importances_figure(importances: Mapping[str, float]) -> Figure:
    """The importances that are not zero as bars."""
    shown = {name: value for name, value in importances.items() if value > 0}
    figure, axes = _new("What the tree goes by", height=1.5 + 0.3 * len(shown))
    axes.barh([*shown][::-1], [*shown.values()][::-1])
    axes.set_xlabel("importance in the tree, of 1 in all")
    return figure


def tree_figure(tree: Node, question: Question) -> Figure:
    """The first levels of a tree: what each node asks, how many rows reach it, and how many of them say yes."""
    figure, axes = _new("The tree's first questions; to the left if yes", width=18, height=9)
    axes.axis("off")

    def draw(node: Node, left: float, right: float, level: int) -> None:
        middle = (left + right) / 2
        text = f"{node.share:.1%} of {node.rows:,}"
        further = node.branches if level < DRAWN_LEVELS else ()
        if further:
            condition = further[0][0]
            text = f"{shorten(condition, 36, placeholder=' …')}\n{text}"
        for (_, child), (start, end) in zip(further, ((left, middle), (middle, right)), strict=False):
            axes.plot([middle, (start + end) / 2], [-level, -level - 1], color="grey", linewidth=0.8, zorder=1)
            draw(child, start, end, level + 1)
        shade = min(node.share / max(tree.share, 1e-9) / 4, 1)
        box = {"boxstyle": "round", "facecolor": (1 - 0.5 * shade, 1 - 0.2 * shade, 1.0), "edgecolor": "grey"}
        size = 9 if level < DRAWN_LEVELS - 1 else 7
        axes.text(middle, -level, text, ha="center", va="center", fontsize=size, bbox=box, zorder=2)

    draw(tree, 0.0, 1.0, 0)
    axes.set(xlim=(0, 1), ylim=(-DRAWN_LEVELS - 0.5, 0.5))
    axes.text(0.0, 0.4, question.asks, fontsize=10, style="italic")
    return figure


def _new(title: str, *, width: float = 8, height: float = 5) -> tuple[Figure, Axes]:
    # Not by pyplot: it keeps every figure, and looks for a screen.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    axes.set_title(title)
    return figure, axes
