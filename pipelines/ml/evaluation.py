"""Evaluate fitted models on a part of the training data, beside the baselines that they have to beat."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gold.shared.timeline import SESSION
from gold.training_examples import TABLE as EXAMPLES
from lakehouse.errors import DataError, OutsideError
from pipelines.ml.baselines import ALL_NEGATIVE, Predictor
from pipelines.ml.bootstrap import Comparison, compare, intervals, user_numbers
from pipelines.ml.calibration import CalibrationCheck, check_calibration
from pipelines.ml.leaf_values import with_corrected_leaves
from pipelines.ml.metrics import measure, measure_by_cutoff
from pipelines.ml.prediction import with_probability
from pipelines.ml.split import TEST, VALIDATION
from pipelines.ml.threshold import Threshold, choose_threshold
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

    The baselines are all_negative, one_rule and logistic_regression; ``teacher`` has the metrics of what taught the
    tree. ``model`` is the one that was measured: its
    probabilities are corrected as ``calibration`` says. ``comparisons`` are with each baseline, on the sessions of the
    validation and the test period: neither teaches a ranking. ``buying_sessions`` counts those of them that bought.
    """

    model: PipelineModel
    threshold_choice: Threshold
    calibration: CalibrationCheck
    predictions: Predictions
    metrics: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    metrics_by_cutoff: Mapping[int, Mapping[str, float]]
    baselines: Mapping[str, Mapping[str, float]]
    teacher: Mapping[str, float]
    comparisons: Mapping[str, Comparison]
    buying_sessions: int

    @property
    def threshold(self) -> float:
        """The probability from which on a session is a predicted buyer."""
        return self.threshold_choice.value

    def flat(self) -> dict[str, float]:
        """All metrics by names that the MLflow UI groups."""
        by_cutoff = {f"cut_{cutoff:02}": metrics for cutoff, metrics in self.metrics_by_cutoff.items()}
        groups = {"test": self.metrics, **by_cutoff, **self.baselines, TEACHER: self.teacher}
        flat = {f"{group}/{name}": value for group, metrics in groups.items() for name, value in metrics.items()}
        for name, (low, high) in self.intervals.items():
            flat |= {f"test/{name}_low": low, f"test/{name}_high": high}
        checked = self.calibration
        flat |= {"validation/calibration_error_before": checked.error_before}
        flat |= {"validation/calibration_error_after": checked.error_after}
        for name, comparison in self.comparisons.items():
            low, high = comparison.precision_interval
            flat |= {f"{name}/difference_low": low, f"{name}/difference_high": high}
        return flat


def evaluate_on_test(
    model: PipelineModel,
    baselines: Mapping[str, Predictor],
    teacher: Predictor,
    data: TrainingData,
    settings: ModelSettings,
) -> Evaluation:
    """Corrects the model's probabilities, chooses its threshold, and measures it beside its rivals."""
    rows = _predict(model, data, data.part(VALIDATION, TEST))
    own = _calibrated(rows, rows["probability"].to_numpy(), settings)
    others = {name: predict(rows) for name, predict in baselines.items()}
    measured = {ALL_NEGATIVE: measure(own.tested.labels, 0.0 * own.tested.probabilities, 0.5)}
    for name, probabilities in {**others, TEACHER: teacher(rows)}.items():
        one = _calibrated(rows, probabilities, settings)
        measured[name] = measure(one.tested.labels, one.tested.probabilities, one.threshold.value)
    tested, threshold = own.tested, own.threshold.value
    unseen = _predictions(rows, rows["probability"].to_numpy())
    return Evaluation(
        with_corrected_leaves(model, own.calibration.curve),
        own.threshold,
        own.calibration,
        tested,
        measure(tested.labels, tested.probabilities, threshold),
        intervals(tested.labels, tested.probabilities, tested.users, settings.seed),
        measure_by_cutoff(tested.labels, tested.probabilities, tested.cutoffs, threshold),
        baselines={name: measured[name] for name in (ALL_NEGATIVE, *others)},
        teacher=measured[TEACHER],
        comparisons={
            name: compare(unseen.labels, unseen.probabilities, other, unseen.users, settings.seed)
            for name, other in {ALL_NEGATIVE: np.zeros(len(rows)), **others}.items()
        },
        buying_sessions=len(rows.loc[rows[data.target.label], [*SESSION]].drop_duplicates()),
    )


TEACHER = "teacher"
"""The group of the teacher's metrics."""


@dataclass(frozen=True)
class _Calibrated:
    """A model's corrected predictions for the test period, and what the validation period decided."""

    calibration: CalibrationCheck
    threshold: Threshold
    tested: Predictions


def _calibrated(rows: pd.DataFrame, probabilities: NDArray[np.float64], settings: ModelSettings) -> _Calibrated:
    parts = rows["part"].to_numpy()
    tuning, tested = (_predictions(rows[parts == part], probabilities[parts == part]) for part in (VALIDATION, TEST))
    checked = check_calibration(tuning.labels, tuning.probabilities, tuning.users, settings.seed)
    corrected = checked.curve(tuning.probabilities)
    chosen = choose_threshold(tuning.labels, corrected, tuning.users, settings.missed_buyer_costs, settings.seed)
    return _Calibrated(checked, chosen, replace(tested, probabilities=checked.curve(tested.probabilities)))


def predict_part(model: PipelineModel, data: TrainingData, part: str, since: str = "") -> Predictions:
    """A model's predictions for the rows of a part: short columns, so they fit the driver.

    Where ``since`` is given, an instant as ISO 8601, only for sessions that began then or later.
    """
    from pyspark.sql import functions as F

    rows = data.part(part)
    if since:
        rows = rows.where(F.col("started_at") >= F.lit(since).cast("TIMESTAMP"))
    frame = _predict(model, data, rows, *EXAMPLES.key, "label", "probability")
    return _predictions(frame, frame["probability"].to_numpy())


def _predict(model: PipelineModel, data: TrainingData, rows: DataFrame, *columns: str) -> pd.DataFrame:
    """Rows with their outcome as ``label`` and their probability, in one order whatever the partitions.

    Models are compared row by row, and on the same draws of users. Without ``columns`` it gives all.
    """
    from pyspark.sql import functions as F

    predicted = with_probability(model, rows).withColumn("label", F.col(data.target.label))
    frame: pd.DataFrame = predicted.select(*(columns or predicted.columns)).toPandas()
    return frame.sort_values([*EXAMPLES.key])


def _predictions(frame: pd.DataFrame, probabilities: NDArray[np.float64]) -> Predictions:
    labels = frame["label"].to_numpy(bool)
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
