"""Measure predicted probabilities against outcomes: ranking, calibration, and the threshold that costs least."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


def best_threshold(
    labels: NDArray[np.bool_],
    probabilities: NDArray[np.float64],
    missed_buyer_costs: float,
    weights: NDArray[np.float64] | None = None,
) -> float:
    """The threshold at which the wrong predictions cost least; the highest such one.

    A false positive costs 1, a missed buyer ``missed_buyer_costs``. The threshold lies halfway between
    two probabilities that the model gives, or between one and the end of the scale, so no rounding
    decides. It lies above 0: a session of probability 0 is never a predicted buyer.
    """
    given, at = np.unique(-probabilities, return_inverse=True)
    weights = np.ones(len(labels)) if weights is None else weights
    buyers = np.bincount(at, weights=weights * labels).cumsum()
    predicted = np.bincount(at, weights=weights).cumsum()
    cost = (predicted - buyers) + (buyers[-1] - buyers) * missed_buyer_costs
    # The first choice is to predict no buyer at all.
    cost = np.array([buyers[-1] * missed_buyer_costs, *np.where(given < 0, cost, np.inf)])
    best = int(np.argmin(cost))
    here, below = (-negated for negated in (-1.0, *given, 0.0)[best : best + 2])
    # No buyer, though the model gives some sessions 1: then there is no room between them and the end.
    return float((here + below) / 2) if here > below or best else float(np.nextafter(1, 2))


def measure(labels: NDArray[np.bool_], probabilities: NDArray[np.float64], threshold: float) -> dict[str, float]:
    """The metrics of a model's probabilities. Ranking metrics need both classes, and are left out without.

    ``precision``, ``recall`` and ``f1`` are those of the buyers at the threshold. The weighted ones
    are means over both classes by their size; they look good where nobody buys.
    """
    from sklearn.metrics import (
        average_precision_score,
        brier_score_loss,
        precision_recall_fscore_support,
        roc_auc_score,
    )

    predicted = probabilities >= threshold
    buyers = precision_recall_fscore_support(labels, predicted, labels=[True], average=None, zero_division=0.0)
    both = precision_recall_fscore_support(labels, predicted, average="weighted", zero_division=0.0)
    metrics = {
        "rows": float(len(labels)),
        "prevalence": float(labels.mean()),
        "precision": float(buyers[0][0]),
        "recall": float(buyers[1][0]),
        "f1": float(buyers[2][0]),
        "calibration_error": expected_calibration_error(labels, probabilities),
        "brier": float(brier_score_loss(labels, probabilities, labels=[False, True])),
        "weighted_accuracy": float((predicted == labels).mean()),
        "weighted_precision": float(both[0]),
        "weighted_recall": float(both[1]),
        "weighted_f1": float(both[2]),
    }
    if labels.any() and not labels.all():
        metrics["average_precision"] = float(average_precision_score(labels, probabilities))
        metrics["roc_auc"] = float(roc_auc_score(labels, probabilities))
        metrics["top_decile_lift"] = top_decile_lift(labels, probabilities)
    return metrics


BINS = 10
"""The number of calibration bins, each of the same number of rows."""


@dataclass(frozen=True)
class Calibration:
    """A reliability curve by bins of similar probabilities, lowest first: arrays of one length."""

    rows: NDArray[np.float64]
    predicted: NDArray[np.float64]
    observed: NDArray[np.float64]


class WeightedMetrics:
    """The metrics of fixed predictions under many row weights, as a bootstrap needs them.

    The rows are grouped by probability once, so each weighting is quick. ``labels``,
    ``probabilities`` and the methods' ``weights`` are arrays of one length. The metrics are those of
    scikit-learn with ``sample_weight``.
    """

    def __init__(self, labels: NDArray[np.bool_], probabilities: NDArray[np.float64]) -> None:
        self.labels = labels
        self._given, self._at = np.unique(probabilities, return_inverse=True)
        self._squares = (probabilities - labels) ** 2

    def _counts(self, weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The rows and the buyers of each probability, lowest first."""
        size = len(self._given)
        rows, buyers = (
            np.bincount(self._at, weights=counted, minlength=size).astype(float)
            for counted in (weights, weights * self.labels)
        )
        return rows, buyers

    def average_precision(self, weights: NDArray[np.float64]) -> float:
        """The average precision of the ranking by probability; needs buyers."""
        rows, buyers = (counts[::-1] for counts in self._counts(weights))
        predicted = rows.cumsum()
        precision = np.divide(buyers.cumsum(), predicted, out=np.zeros_like(predicted), where=predicted > 0)
        return float((buyers * precision).sum() / buyers.sum())

    def roc_auc(self, weights: NDArray[np.float64]) -> float:
        """The chance that a buyer ranks above a non-buyer; needs both."""
        rows, buyers = self._counts(weights)
        others = rows - buyers
        below = others.cumsum() - others / 2
        return float((buyers * below).sum() / (buyers.sum() * others.sum()))

    def brier(self, weights: NDArray[np.float64]) -> float:
        """The mean squared difference of probability and outcome."""
        return float((weights * self._squares).sum() / weights.sum())

    def calibration(self, weights: NDArray[np.float64]) -> Calibration:
        """Bins of about a tenth of the rows each; rows of the same probability share a bin."""
        sizes, buyers = self._counts(weights)
        middles = sizes.cumsum() - sizes / 2
        group = np.minimum((middles * BINS / max(sizes.sum(), 1)).astype(int), BINS - 1)
        rows = np.bincount(group, weights=sizes).astype(float)
        predicted = np.bincount(group, weights=sizes * self._given)
        observed = np.bincount(group, weights=buyers)
        kept = rows > 0
        return Calibration(rows[kept], predicted[kept] / rows[kept], observed[kept] / rows[kept])

    def expected_calibration_error(self, weights: NDArray[np.float64]) -> float:
        """The difference of predicted and observed share of a bin, as the mean over the rows."""
        bins = self.calibration(weights)
        return float((bins.rows * np.abs(bins.predicted - bins.observed)).sum() / bins.rows.sum())


def calibration(labels: NDArray[np.bool_], probabilities: NDArray[np.float64]) -> Calibration:
    """The reliability curve, where each row counts once."""
    return WeightedMetrics(labels, probabilities).calibration(np.ones(len(labels)))


def expected_calibration_error(labels: NDArray[np.bool_], probabilities: NDArray[np.float64]) -> float:
    """The expected calibration error (ECE), where each row counts once."""
    return WeightedMetrics(labels, probabilities).expected_calibration_error(np.ones(len(labels)))


def top_decile_lift(labels: NDArray[np.bool_], probabilities: NDArray[np.float64]) -> float:
    """How many times more often the tenth of the rows with the highest probabilities buys than all rows do.

    A tree gives many rows one probability: of those on the edge, the share that fits counts.
    """
    _, at = np.unique(-probabilities, return_inverse=True)
    sizes = np.bincount(at)
    rates = np.bincount(at, weights=labels) / sizes
    room = len(labels) / 10
    taken = np.clip(room - (sizes.cumsum() - sizes), 0, sizes)
    return float((rates * taken).sum() / room / labels.mean())


def measure_by_cutoff(
    labels: NDArray[np.bool_], probabilities: NDArray[np.float64], cutoffs: NDArray[np.int32], threshold: float
) -> dict[int, dict[str, float]]:
    """The metrics at each cutoff."""
    return {
        int(cutoff): measure(labels[cutoffs == cutoff], probabilities[cutoffs == cutoff], threshold)
        for cutoff in np.unique(cutoffs)
    }
