"""Record a training for MLflow: params, metrics, tags, texts and figures, each made once from the structured result."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gold.training_examples import TABLE as EXAMPLES
from pipelines.ml.adversarial_validation import PeriodShift
from pipelines.ml.drift import PROBABILITY, profile
from pipelines.ml.evaluation import Evaluation, Predictions
from pipelines.ml.explanation import describe_tree, importances, rules
from pipelines.ml.model import TreeShape
from pipelines.ml.plots import evaluation_figures, importances_figure, tree_figure
from pipelines.ml.prediction import with_probability
from pipelines.ml.registry import ANSWERS, IMPORTANCES, PROFILE, RULES
from pipelines.ml.split import TRAIN
from pipelines.ml.teacher import Teacher
from pipelines.ml.training_data import TrainingData
from pipelines.runtime.settings import ModelSettings

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from pyspark.ml import PipelineModel

FEW_SESSIONS = 1_000
"""Below, the metrics of a training say little."""

SHIFTED_AUC = 0.75
"""A period shift whose ROC AUC is above is worth a note."""

_MAX_PROFILED_ROWS = 20_000


@dataclass(frozen=True)
class TrainingRecord:
    """A trained model with its data and its evaluation, and what MLflow keeps of them.

    ``example`` is a row of inputs of a real session. ``texts`` and ``figures`` go by their file names.
    """

    model: PipelineModel
    data: TrainingData
    evaluation: Evaluation
    shift: PeriodShift
    shape: Mapping[str, Any]
    importances: Mapping[str, float]
    rules: str
    params: Mapping[str, Any]
    tags: Mapping[str, str]
    example: pd.DataFrame
    texts: Mapping[str, str]
    figures: Sequence[tuple[str, Figure]]

    @property
    def metrics(self) -> dict[str, float]:
        """The metrics of the run."""
        return {**self.evaluation.flat(), "periods/roc_auc": self.shift.roc_auc}

    def notes(self) -> list[str]:
        """What a person should know before believing the metrics."""
        notes = []
        sessions = sum(self.data.sessions.values())
        if sessions < FEW_SESSIONS:
            notes.append(
                f"Made of {sessions:,} sessions, too few to trust the metrics: "
                f"from {FEW_SESSIONS:,} on they say something."
            )
        if not self.data.can_validate:
            notes.append(
                "All outcomes of the validation period are the same, so nothing says whether probabilities are right; "
                "the threshold follows from the costs."
            )
        if self.shift.roc_auc > SHIFTED_AUC:
            notes.append(
                f"The test period differs from the training period, most in {self.shift.most_shifted_feature} "
                f"(a classifier tells them apart with ROC AUC {self.shift.roc_auc:.2f}): "
                "expect less of the metrics to last."
            )
        return notes


def record_training(
    shape: TreeShape,
    teacher: Teacher,
    data: TrainingData,
    evaluation: Evaluation,
    shift: PeriodShift,
    settings: ModelSettings,
    *,
    searched: bool,
) -> TrainingRecord:
    """The record of a training; reads the tree and the training rows once more, for rules, figures and profile."""
    target, model = data.target, evaluation.model
    tree = describe_tree(model, target)
    shares, text = importances(model, target), rules(tree, target)
    sample = _sample(model, data)
    profiled = {"columns": profile(sample, [*target.inputs, PROBABILITY]), "importances": shares}
    predictions = evaluation.predictions
    return TrainingRecord(
        model=model,
        data=data,
        evaluation=evaluation,
        shift=shift,
        shape=asdict(shape),
        importances=shares,
        rules=text,
        params={**_params(shape, data, evaluation, settings, searched=searched), **teacher.describe()},
        tags={
            "question": target.name,
            "table": EXAMPLES.name,
            "table_version": str(data.table_version),
            "table_digest": data.digest,
            "test_from": data.periods.texts()[1],
            "average_precision": f"{evaluation.metrics['average_precision']:.6f}",
        },
        example=sample[[column.name for column in target.inputs]].head(1),
        texts={
            RULES: text,
            IMPORTANCES: _importances_csv(shares),
            ANSWERS: _predictions_csv(predictions),
            PROFILE: json.dumps(profiled),
        },
        figures=[
            *evaluation_figures(
                predictions.labels, predictions.probabilities, evaluation.threshold, evaluation.metrics_by_cutoff
            ),
            ("importances.png", importances_figure(shares)),
            ("tree.png", tree_figure(tree, target)),
        ],
    )


def _params(
    shape: TreeShape, data: TrainingData, evaluation: Evaluation, settings: ModelSettings, *, searched: bool
) -> dict[str, Any]:
    validation_from, test_from = data.periods.texts()
    return {
        "question": data.target.name,
        **asdict(shape),
        "seed": settings.seed,
        "where": data.where,
        "searched": searched,
        "most_categories": settings.max_categories,
        "missed_buyer_costs": settings.missed_buyer_costs,
        "threshold": evaluation.threshold,
        "threshold_chosen_on": evaluation.threshold_choice.chosen_on,
        "threshold_by_costs": evaluation.threshold_choice.by_costs,
        "threshold_cheapest_on_validation": evaluation.threshold_choice.cheapest,
        "threshold_saving": evaluation.threshold_choice.saved,
        "calibration_intercept": evaluation.calibration.curve.intercept,
        "calibration_slope": evaluation.calibration.curve.slope,
        "calibration_fitted": (evaluation.calibration.fitted.intercept, evaluation.calibration.fitted.slope),
        "calibration_gain": evaluation.calibration.gained,
        "validation_from": validation_from,
        "test_from": test_from,
        "first_session": data.spans[0],
        "last_session": data.spans[1],
        **{f"{part}_sessions": count for part, count in data.sessions.items()},
    }


def _sample(model: PipelineModel, data: TrainingData) -> pd.DataFrame:
    """Training rows with their scores: a sample of them, by their hash."""
    from pyspark.sql import functions as F

    rows = with_probability(model, data.part(TRAIN)).orderBy(F.xxhash64(*EXAMPLES.key)).limit(_MAX_PROFILED_ROWS)
    return rows.toPandas()


def _importances_csv(shares: Mapping[str, float]) -> str:
    return "feature,importance\n" + "".join(f"{name},{value:.6f}\n" for name, value in shares.items())


def _predictions_csv(predictions: Predictions) -> str:
    """The rows and the buyers of each probability: curves and calibration follow from it, and it names nobody."""
    probabilities, at = np.unique(predictions.probabilities, return_inverse=True)
    rows, buyers = np.bincount(at), np.bincount(at, weights=predictions.labels).astype(int)
    lines = zip(probabilities, rows, buyers, strict=True)
    return "probability,rows,buyers\n" + "".join(f"{float(one)!r},{rows},{buyers}\n" for one, rows, buyers in lines)
