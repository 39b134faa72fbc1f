"""Fit what a tree has to beat, in this process: a single rule, and the logistic regression."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pipelines.ml.linear_inputs import LinearInputs
from pipelines.ml.model import Encoding, TreeShape
from pipelines.ml.teacher import fit_logistic, one_thread
from pipelines.ml.tree_inputs import TreeInputs, grow
from pipelines.runtime.settings import ModelSettings

if TYPE_CHECKING:
    import pandas as pd

Predictor: TypeAlias = "Callable[[pd.DataFrame], NDArray[np.float64]]"
"""What gives rows their probabilities."""

ALL_NEGATIVE, ONE_RULE, LOGISTIC_REGRESSION = "all_negative", "one_rule", "logistic_regression"
"""The baselines' names."""


def fit_baselines(train: pd.DataFrame, encoding: Encoding, settings: ModelSettings) -> Mapping[str, Predictor]:
    """The baselines that learn, by name, from the training rows."""
    labels = train[encoding.target.label].to_numpy(bool)
    return {
        ONE_RULE: _fit_rule(train, labels, encoding, settings.rows_per_leaf),
        LOGISTIC_REGRESSION: _fit_logistic(train, labels, encoding, settings.logistic_regularization),
    }


def _fit_logistic(
    train: pd.DataFrame, labels: NDArray[np.bool_], encoding: Encoding, regularization: float
) -> Predictor:
    """Regularized as Spark's LogisticRegression with that ``regParam`` is."""
    with one_thread():
        inputs, matrix = LinearInputs.learn(train, encoding)
        model = fit_logistic(matrix, labels, len(train) * regularization)
    return lambda rows: np.asarray(model.predict_proba(inputs.matrix(rows))[:, 1])


def _fit_rule(train: pd.DataFrame, labels: NDArray[np.bool_], encoding: Encoding, rows_per_leaf: int) -> Predictor:
    """The tree of one split: a number at a limit, or some values of a text."""
    outcomes = labels.astype(float)
    inputs = TreeInputs.learn(train, encoding, outcomes)
    rule = grow(inputs.matrix(train), outcomes, np.ones(len(train)), TreeShape(1, rows_per_leaf, "gini"))
    return lambda rows: np.asarray(rule.predict_proba(inputs.matrix(rows))[:, 1])
