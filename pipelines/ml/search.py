"""Search for the tree shape that predicts unseen users best, by nested cross-validation over whole users."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from sklearn.metrics import average_precision_score

from lakehouse.errors import DataError
from pipelines.ml.model import Encoding, TreeShape
from pipelines.ml.teacher import fold_of_users, learn_teacher
from pipelines.ml.tree_inputs import TreeInputs, grow, session_weights
from pipelines.runtime.settings import ModelSettings

if TYPE_CHECKING:
    import pandas as pd


def searched_shapes(settings: ModelSettings) -> list[TreeShape]:
    """The shapes that a search tries: each depth with each leaf size and each impurity."""
    grid = product(settings.search_depths, settings.search_rows_per_leaf, settings.search_impurities)
    return [TreeShape(*shape) for shape in grid]


def search_shape(
    train: pd.DataFrame, encoding: Encoding, settings: ModelSettings, report_progress: Callable[[int, int], None]
) -> TreeShape:
    """The shape whose taught trees have the best average precision on users that neither they nor a teacher have seen.

    ``report_progress`` is given how many trees are fitted, and of how many: first 0, then after each.
    Raises DataError where there are too few users.
    """
    folds = settings.search_folds
    shapes = searched_shapes(settings)
    total = len(shapes) * folds
    labels = train[encoding.target.label].to_numpy(bool)
    fold = fold_of_users(train["user_id"], folds, settings.seed + 1)
    parts = [fold == number for number in range(folds)]
    if any(not labels[part].any() or labels[~part].all() or not labels[~part].any() for part in parts):
        raise DataError(
            "The training rows are of too few users to search by.", "Run `clickstream train` without --search."
        )
    report_progress(0, total)
    precisions = np.zeros((len(shapes), folds))
    for number, unseen in enumerate(parts):
        rows, others = train[~unseen], train[unseen]
        teacher = learn_teacher(rows, encoding, seed=settings.seed)
        inputs = TreeInputs.learn(rows, teacher.encoding, teacher.probabilities)
        matrix, other_matrix = inputs.matrix(rows), inputs.matrix(others)
        for place, shape in enumerate(shapes):
            tree = grow(matrix, teacher.probabilities, session_weights(rows), shape)
            found = tree.predict_proba(other_matrix)[:, 1]
            precisions[place, number] = average_precision_score(labels[unseen], found)
            report_progress(number * len(shapes) + place + 1, total)
    return shapes[int(np.argmax(precisions.mean(axis=1)))]
