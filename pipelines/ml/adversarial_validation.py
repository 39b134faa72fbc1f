"""Check by a classifier that tells test rows from training rows whether behaviour shifted (adversarial validation)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pipelines.ml.drift import CLOCK
from pipelines.ml.explanation import importances
from pipelines.ml.model import Encoding, TreeShape, fit_tree
from pipelines.ml.prediction import with_probability
from pipelines.ml.split import TEST, TRAIN
from pipelines.ml.training_data import TrainingData
from pipelines.runtime.settings import ModelSettings

if TYPE_CHECKING:
    import pandas as pd

DEPTH = 4
"""The depth of the classifier's tree."""


@dataclass(frozen=True)
class PeriodShift:
    """How well a classifier tells test rows from training rows, and the feature that shifted most.

    A ``roc_auc`` of 0.5 means that it cannot tell them apart.
    """

    roc_auc: float
    most_shifted_feature: str


def adversarial_validation(data: TrainingData, encoding: Encoding, settings: ModelSettings) -> PeriodShift:
    """Fits a tree that tells the periods apart on half of the users, and measures it on the other half."""
    from pyspark.sql import functions as F
    from sklearn.metrics import roc_auc_score

    # The hour and the day say when a row is from, not what the session is like.
    numbers = tuple(column for column in encoding.target.numbers if column.name not in CLOCK)
    target = replace(encoding.target, label="_is_test", numbers=numbers)
    rows = data.part(TRAIN, TEST).withColumn("_is_test", F.col("part") == TEST)
    is_fitted_on = F.pmod(F.xxhash64("user_id", F.lit(settings.seed)), F.lit(2)) == 0
    if rows.select(is_fitted_on).distinct().count() < 2:  # noqa: PLR2004 - of one user, perhaps
        return PeriodShift(0.5, "")
    shape = TreeShape(DEPTH, settings.rows_per_leaf, settings.impurity)
    model = fit_tree(rows.where(is_fitted_on), replace(encoding, target=target), shape, seed=settings.seed)
    unseen = with_probability(model, rows.where(~is_fitted_on)).select("_is_test", "probability")
    frame: pd.DataFrame = unseen.toPandas()
    has_both = frame["_is_test"].any() and not frame["_is_test"].all()
    auc = float(roc_auc_score(frame["_is_test"], frame["probability"])) if has_both else 0.5
    return PeriodShift(auc, next(iter(importances(model, target))))
