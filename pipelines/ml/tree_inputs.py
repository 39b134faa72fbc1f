"""Give a tree of scikit-learn its matrix, in this process: the same inputs as Spark's tree has.

Spark's is the tree that scores. Trees that only measure something are grown here, in a fraction of the time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gold.shared.timeline import SESSION
from pipelines.ml.decision_tree import NONE, UNKNOWN
from pipelines.ml.model import OTHER, Encoding, TreeShape

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class TreeInputs:
    """A matrix of numbers, the unknown ones as UNKNOWN, and of texts as ranks.

    ``ranks`` order the values of a text by the mean of what is predicted: the best split of a text, where there are
    two classes, lies between two neighbours.
    """

    encoding: Encoding
    ranks: tuple[Mapping[str, float], ...]

    @classmethod
    def learn(cls, rows: pd.DataFrame, encoding: Encoding, predicted: NDArray[np.float64]) -> TreeInputs:
        """The inputs, with ranks by these rows."""
        ranks = []
        for text, known in zip(encoding.target.texts, encoding.labels, strict=True):
            values = _categories(rows, text.name, known)
            means = {value: predicted[values == value].mean() if (values == value).any() else 0.0 for value in known}
            others = values == OTHER
            means[OTHER] = predicted[others].mean() if others.any() else 0.0
            ranks.append({value: float(rank) for rank, value in enumerate(sorted(means, key=means.__getitem__))})
        return cls(encoding, tuple(ranks))

    def matrix(self, rows: pd.DataFrame) -> NDArray[np.float64]:
        """The rows' matrix."""
        numbers = rows[[one.name for one in self.encoding.target.numbers]].to_numpy(np.float64, na_value=np.nan)
        columns = [np.where(np.isnan(numbers), UNKNOWN, numbers)]
        for text, known, rank in zip(self.encoding.target.texts, self.encoding.labels, self.ranks, strict=True):
            values = _categories(rows, text.name, known)
            columns.append(np.array([rank[value] for value in values], np.float64).reshape(-1, 1))
        return np.hstack(columns)


def _categories(rows: pd.DataFrame, name: str, known: tuple[str, ...]) -> NDArray[np.object_]:
    """Each row's value of a text, OTHER for one that is not known."""
    values = rows[name].fillna(NONE)
    return np.asarray(values.where(values.isin(known), OTHER).to_numpy(object))


def grow(
    matrix: NDArray[np.float64], probabilities: NDArray[np.float64], weights: NDArray[np.float64], shape: TreeShape
) -> Any:
    """A tree of scikit-learn that is taught as Spark's is: each row as a yes and as a no, by its probability."""
    from sklearn.tree import DecisionTreeClassifier

    labels = np.repeat([True, False], len(matrix))
    leaf = min(2 * shape.rows_per_leaf, max(1, len(labels) // 2))
    tree = DecisionTreeClassifier(
        max_depth=shape.max_depth, min_samples_leaf=leaf, criterion=shape.impurity, random_state=0
    )
    both = np.concatenate([weights * probabilities, weights * (1 - probabilities)])
    return tree.fit(np.vstack([matrix, matrix]), labels, sample_weight=both)


def session_weights(rows: pd.DataFrame) -> NDArray[np.float64]:
    """The weight of each row: those of a session add up to 1."""
    return np.asarray(1 / rows.groupby(list(SESSION))["cut"].transform("size").to_numpy(np.float64))
