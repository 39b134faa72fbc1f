"""Check by a classifier that tells test rows from training rows whether behaviour shifted (adversarial validation)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gold.training_examples import TABLE as EXAMPLES
from pipelines.ml.drift import CLOCK
from pipelines.ml.model import Encoding, TreeShape
from pipelines.ml.split import TEST
from pipelines.ml.teacher import fold_of_users, without
from pipelines.ml.training_data import TrainingData
from pipelines.ml.tree_inputs import TreeInputs, grow
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


def adversarial_validation(
    train: pd.DataFrame, data: TrainingData, encoding: Encoding, settings: ModelSettings
) -> PeriodShift:
    """Fits a tree that tells the periods apart on half of the users, and measures it on the other half."""
    import pandas as pd
    from sklearn.metrics import roc_auc_score

    test: pd.DataFrame = data.part(TEST).toPandas()
    rows = pd.concat([train, test.sort_values([*EXAMPLES.key])], ignore_index=True)
    is_test = np.arange(len(rows)) >= len(train)
    # The hour and the day say when a row is from, not what the session is like.
    encoding = without(encoding, [*CLOCK])
    half = fold_of_users(rows["user_id"], 2, settings.seed) == 0
    if half.all() or not half.any():  # of one user, perhaps
        return PeriodShift(0.5, "")
    inputs = TreeInputs.learn(rows[half], encoding, is_test[half].astype(float))
    shape = TreeShape(DEPTH, settings.rows_per_leaf, settings.impurity)
    tree = grow(inputs.matrix(rows[half]), is_test[half].astype(float), np.ones(int(half.sum())), shape)
    names = [column.name for column in encoding.target.inputs]
    most_shifted = names[int(np.argmax(tree.feature_importances_))]
    others = is_test[~half]
    if others.all() or not others.any():
        return PeriodShift(0.5, most_shifted)
    told = tree.predict_proba(inputs.matrix(rows[~half]))[:, -1]
    return PeriodShift(float(roc_auc_score(others, told)), most_shifted)
