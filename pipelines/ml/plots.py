"""Plot a trained model's evaluation and its tree; the figures are logged with its run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from textwrap import shorten
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.ml.explanation import Node
from pipelines.ml.metrics import calibration
from pipelines.ml.targets import PredictionTarget

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DRAWN_LEVELS = 4
"""How many levels of a tree are drawn; the rules have all levels."""


def evaluation_figures(
    labels: NDArray[np.bool_],
    probabilities: NDArray[np.float64],
    threshold: float,
    by_cutoff: Mapping[int, Mapping[str, float]],
) -> Iterator[tuple[str, Figure]]:
    """Figures of a model's predictions for the test period, by file name."""
    from sklearn.metrics import ConfusionMatrixDisplay, PrecisionRecallDisplay, RocCurveDisplay

    figure, axes = _new("Precision and recall of the buyers")
    PrecisionRecallDisplay.from_predictions(labels, probabilities, ax=axes, name="tree", plot_chance_level=True)
    yield "precision_recall.png", figure

    figure, axes = _new("ROC")
    RocCurveDisplay.from_predictions(labels, probabilities, ax=axes, name="tree", plot_chance_level=True)
    yield "roc.png", figure

    figure, axes = _new(f"Predicted buyers (probability of at least {threshold:.3f}), and what happened")
    names = ["no purchase", "purchase"]
    ConfusionMatrixDisplay.from_predictions(
        labels, probabilities >= threshold, labels=[False, True], display_labels=names, ax=axes, colorbar=False
    )
    yield "confusion.png", figure

    figure, axes = _new("Calibration: bins of a tenth of the rows")
    bins = calibration(labels, probabilities)
    top = max(bins.predicted.max(), bins.observed.max())
    axes.plot([0, top], [0, top], linestyle=":", color="grey", label="perfect")
    axes.plot(bins.predicted, bins.observed, marker="o", label="tree")
    axes.set(xlabel="mean predicted probability", ylabel="share that bought")
    axes.legend()
    yield "calibration.png", figure

    figure, axes = _new("Lift: how much more often the most likely sessions buy")
    order = np.argsort(-probabilities, kind="stable")
    shares = np.arange(1, len(labels) + 1) / len(labels)
    axes.plot(shares, labels[order].cumsum() / (shares * labels.sum()))
    axes.axhline(1, linestyle=":", color="grey")
    axes.set(xlabel="share of the rows, most likely first", ylabel="times the mean rate")
    yield "lift.png", figure

    figure, axes = _new("Average precision by cutoff")
    for name in ("average_precision", "prevalence"):
        pairs = [(cutoff, metrics[name]) for cutoff, metrics in by_cutoff.items() if name in metrics]
        axes.plot(
            [cutoff for cutoff, _ in pairs], [value for _, value in pairs], marker="o", label=name.replace("_", " ")
        )
    axes.set(xlabel="cutoff: events of the session so far", xticks=[*by_cutoff])
    axes.legend()
    yield "by_cut.png", figure


def importances_figure(importances: Mapping[str, float]) -> Figure:
    """The importances above zero as bars."""
    shown = {name: value for name, value in importances.items() if value > 0}
    figure, axes = _new("Importance of the inputs", height=1.5 + 0.3 * len(shown))
    axes.barh([*shown][::-1], [*shown.values()][::-1])
    axes.set_xlabel("importance in the tree, of 1 in all")
    return figure


# A category between two dollar signs is no formula, and one that is none would be an error.
_AS_IT_IS: dict[str, Any] = {"ha": "center", "va": "center", "parse_math": False}


def tree_figure(tree: Node, target: PredictionTarget) -> Figure:
    """The first levels of a tree: what each node tests, how many rows reach it, and the share of buyers."""
    figure, axes = _new("The tree's first levels; to the left if the condition holds", width=18, height=9)
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
        axes.text(middle, -level, text, **_AS_IT_IS, fontsize=size, bbox=box, zorder=2)

    draw(tree, 0.0, 1.0, 0)
    axes.set(xlim=(0, 1), ylim=(-DRAWN_LEVELS - 0.5, 0.5))
    axes.text(0.0, 0.4, target.description, fontsize=10, style="italic")
    return figure


def _new(title: str, *, width: float = 8, height: float = 5) -> tuple[Figure, Axes]:
    # Not by pyplot: it keeps every figure, and looks for a screen.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    axes.set_title(title)
    return figure, axes
