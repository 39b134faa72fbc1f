"""How a model is judged: by time, with whole users on one side, and next to what needs no model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import Column, DataFrame

PARTS = ("train", "validation", "test")
"""What the parts of the data are for: to learn, to choose the threshold, to judge. In order of time."""

SHARES = (0.6, 0.8)
"""Which share of the sessions lies before the end of the first part, and of the second."""


@dataclass(frozen=True)
class Periods:
    """Where the parts meet: instants in microseconds since 1970, in UTC."""

    validation_from: int
    test_from: int

    def texts(self) -> tuple[str, str]:
        """Both instants in ISO 8601."""
        start = datetime(1970, 1, 1, tzinfo=UTC)
        first, second = (start + timedelta(microseconds=at) for at in (self.validation_from, self.test_from))
        return first.isoformat(), second.isoformat()


def choose_periods(examples: DataFrame) -> Periods:
    """The instants by which about 60, 20 and 20 % of the sessions fall into the parts.

    A session counts where its user was first seen, because users stay on one side.
    """
    from pyspark.sql import functions as F

    users = examples.groupBy("user_id").agg(
        F.unix_micros(F.min("started_at")).alias("first_seen"), F.count_distinct("session_id").alias("sessions")
    )
    found = users.agg(F.percentile("first_seen", list(SHARES), F.col("sessions")).alias("at")).first()
    return Periods(*(int(at) for at in found["at"]))  # type: ignore[index]


def with_part(examples: DataFrame, periods: Periods, known_at: str) -> DataFrame:
    """The rows that are used, each with the ``part`` it belongs to.

    A user belongs to the part in which they were first seen. Two kinds of their sessions are not
    used at all: those that began later, in another part's time, and those whose answer came then
    (``known_at`` names the column that says when). So whatever a part teaches was known before the
    next part's first session began.
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    def part_at(instant: Column) -> Column:
        at = F.unix_micros(instant)
        later = F.when(at < F.lit(periods.test_from), PARTS[1]).otherwise(PARTS[2])
        return F.when(at < F.lit(periods.validation_from), PARTS[0]).otherwise(later)

    first_seen = F.min("started_at").over(Window.partitionBy("user_id"))
    rows = examples.withColumn("part", part_at(first_seen))
    return rows.where((F.col("part") == part_at(F.col("started_at"))) & (F.col("part") == part_at(F.col(known_at))))


def best_threshold(labels: NDArray[np.bool_], probabilities: NDArray[np.float64], missed_buyer_costs: float) -> float:
    """The threshold at which the mistakes cost least; the highest such one.

    A visitor who is wrongly called a buyer costs 1, a buyer who is missed ``missed_buyer_costs``. The
    threshold lies halfway between two probabilities that the model gives, or one and the end of the
    scale, so no rounding decides, and above 0: who certainly does not buy is not called a buyer.
    """
    given, at = np.unique(-probabilities, return_inverse=True)
    buyers = np.bincount(at, weights=labels).cumsum()
    called = np.bincount(at).cumsum()
    cost = (called - buyers) + (labels.sum() - buyers) * missed_buyer_costs
    # The first choice is to call nobody a buyer.
    cost = np.array([labels.sum() * missed_buyer_costs, *np.where(given < 0, cost, np.inf)])
    best = int(np.argmin(cost))
    here, below = (-one for one in (-1.0, *given, 0.0)[best : best + 2])
    # Nobody, though some are certain to the model: then there is no room between them and the end.
    return float((here + below) / 2) if here > below or best else float(np.nextafter(1, 2))


def measure(labels: NDArray[np.bool_], probabilities: NDArray[np.float64], threshold: float) -> dict[str, float]:
    """What a model's answers are worth. Rank measures need both classes, and are left out without.

    ``precision``, ``recall`` and ``f1`` are those of the buyers at the threshold; the weighted
    ones are the means over both classes by their size, which look good when nobody buys.
    """
    from sklearn.metrics import (
        average_precision_score,
        brier_score_loss,
        precision_recall_fscore_support,
        roc_auc_score,
    )

    said = probabilities >= threshold
    buyers = precision_recall_fscore_support(labels, said, labels=[True], average=None, zero_division=0.0)
    both = precision_recall_fscore_support(labels, said, average="weighted", zero_division=0.0)
    found = {
        "rows": float(len(labels)),
        "prevalence": float(labels.mean()),
        "precision": float(buyers[0][0]),
        "recall": float(buyers[1][0]),
        "f1": float(buyers[2][0]),
        "calibration_error": calibration_error(labels, probabilities),
        "brier": float(brier_score_loss(labels, probabilities, labels=[False, True])),
        "weighted_accuracy": float((said == labels).mean()),
        "weighted_precision": float(both[0]),
        "weighted_recall": float(both[1]),
        "weighted_f1": float(both[2]),
    }
    if labels.any() and not labels.all():
        found["average_precision"] = float(average_precision_score(labels, probabilities))
        found["roc_auc"] = float(roc_auc_score(labels, probabilities))
        found["top_decile_lift"] = top_decile_lift(labels, probabilities)
    return found


BINS = 10
"""Into how many groups of the same size rows are put to compare what was said with what happened."""


@dataclass(frozen=True)
class Calibration:
    """What was said and what happened, by groups of rows with like probabilities, lowest first: arrays of a length."""

    rows: NDArray[np.float64]
    said: NDArray[np.float64]
    happened: NDArray[np.float64]


class Ranked:
    """What a model says of some rows, put together by probability: measures are then soon found, whatever a row counts.

    ``labels`` and ``probabilities`` are arrays of one length, ``weights`` of the methods too. The
    measures are those of scikit-learn with ``sample_weight``.
    """

    def __init__(self, labels: NDArray[np.bool_], probabilities: NDArray[np.float64]) -> None:
        self.labels = labels
        self._given, self._at = np.unique(probabilities, return_inverse=True)
        self._squares = (probabilities - labels) ** 2

    def _counts(self, weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The rows and the buyers of each probability, lowest first."""
        size = len(self._given)
        rows, buyers = (
            np.bincount(self._at, weights=one, minlength=size).astype(float) for one in (weights, weights * self.labels)
        )
        return rows, buyers

    def average_precision(self, weights: NDArray[np.float64]) -> float:
        """Of the ranking by probability; needs buyers."""
        rows, buyers = (one[::-1] for one in self._counts(weights))
        called = rows.cumsum()
        precision = np.divide(buyers.cumsum(), called, out=np.zeros_like(called), where=called > 0)
        return float((buyers * precision).sum() / buyers.sum())

    def roc_auc(self, weights: NDArray[np.float64]) -> float:
        """The chance that a buyer stands above another; needs both."""
        rows, buyers = self._counts(weights)
        others = rows - buyers
        below = others.cumsum() - others / 2
        return float((buyers * below).sum() / (buyers.sum() * others.sum()))

    def brier(self, weights: NDArray[np.float64]) -> float:
        """The mean squared difference of probability and outcome."""
        return float((weights * self._squares).sum() / weights.sum())

    def calibration(self, weights: NDArray[np.float64]) -> Calibration:
        """Groups of about a tenth of the rows each; rows of the same probability stay together."""
        sizes, buyers = self._counts(weights)
        middles = sizes.cumsum() - sizes / 2
        group = np.minimum((middles * BINS / max(sizes.sum(), 1)).astype(int), BINS - 1)
        rows = np.bincount(group, weights=sizes).astype(float)
        said = np.bincount(group, weights=sizes * self._given)
        happened = np.bincount(group, weights=buyers)
        kept = rows > 0
        return Calibration(rows[kept], said[kept] / rows[kept], happened[kept] / rows[kept])

    def calibration_error(self, weights: NDArray[np.float64]) -> float:
        """By how much the groups of a calibration are off, in the mean over the rows."""
        found = self.calibration(weights)
        return float((found.rows * np.abs(found.said - found.happened)).sum() / found.rows.sum())


def calibration(labels: NDArray[np.bool_], probabilities: NDArray[np.float64]) -> Calibration:
    """What was said and what happened, where each row counts once."""
    return Ranked(labels, probabilities).calibration(np.ones(len(labels)))


def calibration_error(labels: NDArray[np.bool_], probabilities: NDArray[np.float64]) -> float:
    """By how much the groups of a calibration are off, in the mean over the rows: the expected calibration error."""
    return Ranked(labels, probabilities).calibration_error(np.ones(len(labels)))


REPLICATES = 200
"""How often the test period is drawn anew to say how far chance moves a measure."""


def numbered(users: pd.Series) -> NDArray[np.int64]:
    """The rows' users as numbers from 0."""
    return np.unique(users.to_numpy(dtype=str), return_inverse=True)[1]


def resampled(users: NDArray[np.int64], seed: int) -> Iterator[NDArray[np.float64]]:
    """How often each row counts in each of REPLICATES draws of users, with replacement.

    ``users`` numbers each row's user from 0. Whole users are drawn, because the rows of one are alike.
    """
    rng = np.random.default_rng(seed)
    count = int(users.max()) + 1
    for _ in range(REPLICATES):
        yield np.bincount(rng.integers(0, count, count), minlength=count)[users].astype(float)


def intervals(
    labels: NDArray[np.bool_], probabilities: NDArray[np.float64], users: NDArray[np.int64], seed: int
) -> dict[str, tuple[float, float]]:
    """The 95 % intervals of average precision, ROC AUC, Brier score and calibration error, by bootstrap over users."""
    ranked = Ranked(labels, probabilities)
    measures = (ranked.average_precision, ranked.roc_auc, ranked.brier, ranked.calibration_error)
    draws = [drawn for drawn in resampled(users, seed) if _has_both(labels, drawn)]
    return {one.__name__: _middle([one(drawn) for drawn in draws]) for one in measures if draws}


def _has_both(labels: NDArray[np.bool_], drawn: NDArray[np.float64]) -> bool:
    return bool((drawn[labels] > 0).any() and (drawn[~labels] > 0).any())


def _middle(values: list[float]) -> tuple[float, float]:
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


@dataclass(frozen=True)
class Comparison:
    """One model against another on the same rows: the first one's figures less the second one's.

    ``*_interval`` are 95 % intervals by paired bootstrap: both are measured on the same draws of users.
    """

    average_precisions: tuple[float, float]
    calibration_errors: tuple[float, float]
    precision_interval: tuple[float, float]
    calibration_interval: tuple[float, float]

    @property
    def is_more_precise(self) -> bool:
        """Whether the first has the higher average precision, by more than chance explains."""
        return self.precision_interval[0] > 0

    @property
    def is_worse_calibrated(self) -> bool:
        """Whether what the first says is further from what happens, by more than chance explains."""
        return self.calibration_interval[0] > 0


def compare(
    labels: NDArray[np.bool_],
    one: NDArray[np.float64],
    other: NDArray[np.float64],
    users: NDArray[np.int64],
    seed: int,
) -> Comparison:
    """Compares what two models say of the same rows. Needs rows of both classes."""
    first, second = Ranked(labels, one), Ranked(labels, other)
    draws = [drawn for drawn in resampled(users, seed) if _has_both(labels, drawn)]
    once = np.ones(len(labels))
    return Comparison(
        (first.average_precision(once), second.average_precision(once)),
        (first.calibration_error(once), second.calibration_error(once)),
        _middle([first.average_precision(drawn) - second.average_precision(drawn) for drawn in draws]),
        _middle([first.calibration_error(drawn) - second.calibration_error(drawn) for drawn in draws]),
    )


def top_decile_lift(labels: NDArray[np.bool_], probabilities: NDArray[np.float64]) -> float:
    """How many times more often the tenth with the highest probabilities buys than all do.

    A tree gives many rows one probability: of those on the edge, the share that fits counts.
    """
    _, at = np.unique(-probabilities, return_inverse=True)
    sizes = np.bincount(at)
    rates = np.bincount(at, weights=labels) / sizes
    room = len(labels) / 10
    taken = np.clip(room - (sizes.cumsum() - sizes), 0, sizes)
    return float((rates * taken).sum() / room / labels.mean())


def measure_by_cut(
    labels: NDArray[np.bool_], probabilities: NDArray[np.float64], cuts: NDArray[np.int32], threshold: float
) -> dict[int, dict[str, float]]:
    """The measures at each cut."""
    return {int(cut): measure(labels[cuts == cut], probabilities[cuts == cut], threshold) for cut in np.unique(cuts)}
