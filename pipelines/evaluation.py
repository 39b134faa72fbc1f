"""How a model is judged: by time, with whole users on one side, and next to what needs no model."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
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


def with_part(examples: DataFrame, periods: Periods) -> DataFrame:
    """The rows that are used, each with the ``part`` it belongs to.

    A user belongs to the part in which they were first seen. Their sessions that began later, in
    another part's time, are not used at all: so every training session began before every
    validation session, and those before every test session.
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    def part_at(instant: Column) -> Column:
        at = F.unix_micros(instant)
        later = F.when(at < F.lit(periods.test_from), PARTS[1]).otherwise(PARTS[2])
        return F.when(at < F.lit(periods.validation_from), PARTS[0]).otherwise(later)

    first_seen = F.min("started_at").over(Window.partitionBy("user_id"))
    return examples.withColumn("part", part_at(first_seen)).where(F.col("part") == part_at(F.col("started_at")))


def best_threshold(labels: NDArray[np.bool_], probabilities: NDArray[np.float64]) -> float:
    """The threshold with the best F1 of the buyers; the highest such one.

    It lies halfway between two probabilities that the model gives, so no rounding decides, and
    above 0: who certainly does not buy is not called a buyer.
    """
    given, at = np.unique(-probabilities, return_inverse=True)
    buyers = np.bincount(at, weights=labels).cumsum()
    called = np.bincount(at).cumsum()
    f1 = np.where(given < 0, 2 * buyers / (called + labels.sum()), -1)
    best = int(np.argmax(f1))
    here, below = (-one for one in (*given, 0.0, 0.0)[best : best + 2])
    return float((here + below) / 2) or 0.5


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
