"""Evaluate fitted models on a part of the training data, beside the baselines that they have to beat."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gold.training_examples import TABLE as EXAMPLES
from lakehouse.errors import DataError, OutsideError
from lakehouse.parallel import side_by_side
from pipelines.ml.bootstrap import Comparison, compare, intervals, user_numbers
from pipelines.ml.metrics import best_threshold, measure, measure_by_cutoff
from pipelines.ml.prediction import with_probability
from pipelines.ml.split import TEST
from pipelines.ml.training_data import TrainingData
from pipelines.runtime.settings import ModelSettings

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.ml import PipelineModel
    from pyspark.sql import DataFrame


@dataclass(frozen=True)
class Predictions:
    """A model's predictions for the rows of a part, with their outcomes: arrays of the same length.

    ``users`` numbers the rows' users from 0.
    """

    labels: NDArray[np.bool_]
    probabilities: NDArray[np.float64]
    cutoffs: NDArray[np.int32]
    users: NDArray[np.int64]


@dataclass(frozen=True)
class Evaluation:
    """The metrics of a model on the test period, their 95 % intervals, and the metrics of its baselines.

    The baselines are all_negative, one_rule and logistic_regression.
    """

    threshold: float
    predictions: Predictions
    metrics: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    metrics_by_cutoff: Mapping[int, Mapping[str, float]]
    baselines: Mapping[str, Mapping[str, float]]

    def flat(self) -> dict[str, float]:
        """All metrics by names that the MLflow UI groups."""
        by_cutoff = {f"cut_{cutoff:02}": metrics for cutoff, metrics in self.metrics_by_cutoff.items()}
        groups = {"test": self.metrics, **by_cutoff, **self.baselines}
        flat = {f"{group}/{name}": value for group, metrics in groups.items() for name, value in metrics.items()}
        for name, (low, high) in self.intervals.items():
            flat |= {f"test/{name}_low": low, f"test/{name}_high": high}
        return flat


def evaluate_on_test(
    model: PipelineModel, baselines: Mapping[str, PipelineModel], data: TrainingData, settings: ModelSettings
) -> Evaluation:
    """Chooses the threshold of the model and of each baseline, and measures all of them on the test period."""
    costs = settings.missed_buyer_costs
    (threshold, tested), *others = side_by_side(
        data.rows.sparkSession,
        *(partial(_choose_and_predict, one, data, costs) for one in (model, *baselines.values())),
    )
    measured = {"all_negative": measure(tested.labels, 0.0 * tested.probabilities, 0.5)}
    for name, (own_threshold, predicted) in zip(baselines, others, strict=True):
        measured[name] = measure(predicted.labels, predicted.probabilities, own_threshold)
    return Evaluation(
        threshold,
        tested,
        measure(tested.labels, tested.probabilities, threshold),
        intervals(tested.labels, tested.probabilities, tested.users, settings.seed),
        measure_by_cutoff(tested.labels, tested.probabilities, tested.cutoffs, threshold),
        measured,
    )


def _choose_and_predict(model: PipelineModel, data: TrainingData, costs: float) -> tuple[float, Predictions]:
    """The threshold chosen for a model, and its predictions for the test period."""
    predicted = _predict(model, data, data.part(data.tuned_on, TEST))
    tuning, tested = (_predictions(predicted[predicted["part"] == part]) for part in (data.tuned_on, TEST))
    return best_threshold(tuning.labels, tuning.probabilities, costs), tested


def predict_part(model: PipelineModel, data: TrainingData, part: str, since: str = "") -> Predictions:
    """A model's predictions for the rows of a part: short columns, so they fit the driver.

    Where ``since`` is given, an instant as ISO 8601, only for sessions that began then or later.
    """
    from pyspark.sql import functions as F

    rows = data.part(part)
    if since:
        rows = rows.where(F.col("started_at") >= F.lit(since).cast("TIMESTAMP"))
    return _predictions(_predict(model, data, rows))


def _predict(model: PipelineModel, data: TrainingData, rows: DataFrame) -> pd.DataFrame:
    """Rows with their part, outcome and probability, in one order whatever the partitions.

    Models are compared row by row, and on the same draws of users.
    """
    predicted = with_probability(model, rows)
    predicted = predicted.selectExpr(f"`{data.target.label}` AS label", "probability", "part", *EXAMPLES.key)
    frame: pd.DataFrame = predicted.toPandas()
    return frame.sort_values([*EXAMPLES.key])


def _predictions(frame: pd.DataFrame) -> Predictions:
    labels, probabilities = frame["label"].to_numpy(bool), frame["probability"].to_numpy()
    return Predictions(labels, probabilities, frame["cut"].to_numpy(), user_numbers(frame["user_id"]))


def compare_models(
    first: PipelineModel, second: PipelineModel, data: TrainingData, since: str, seed: int
) -> tuple[Comparison, int]:
    """Two models on the same rows of the test period, and the number of those rows.

    ``since`` is the instant from which on neither has learnt from the sessions. Raises DataError where
    those sessions do not have both outcomes, OutsideError where a model does not take the features of
    today.
    """
    from pyspark.errors import AnalysisException, IllegalArgumentException

    try:
        one, other = (predict_part(model, data, TEST, since) for model in (first, second))
    except (AnalysisException, IllegalArgumentException) as error:
        raise OutsideError(
            "A version cannot score today's features.",
            "Let `clickstream models promote` make one live that was trained on them.",
        ) from error
    if one.labels.all() or not one.labels.any():
        raise DataError(
            f"The {len(one.labels):,} rows of the test period that neither version has learnt from "
            "do not have both outcomes.",
            "Let more sessions come in, run `clickstream aggregate`, and try again.",
        )
    return compare(one.labels, one.probabilities, other.probabilities, one.users, seed), len(one.labels)
