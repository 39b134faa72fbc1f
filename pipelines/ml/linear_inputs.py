"""Give a linear model its matrix, in this process: logarithms, what is unknown, and a column for each text value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipelines.ml.decision_tree import NONE
from pipelines.ml.model import Encoding

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class LinearInputs:
    """A matrix whose columns have mean 0 and deviation 1 on the rows that it was learnt from.

    Numbers are logarithms, because prices and seconds have long tails. An unknown number is zero, and has a column of
    its own that says so. Texts have one column per value.
    """

    encoding: Encoding
    means: NDArray[np.float64]
    deviations: NDArray[np.float64]

    @classmethod
    def learn(cls, rows: pd.DataFrame, encoding: Encoding) -> tuple[LinearInputs, NDArray[np.float64]]:
        """The inputs as these rows scale them, and the rows' matrix."""
        raw = _raw(rows, encoding)
        deviations = raw.std(axis=0)
        deviations[deviations == 0] = np.inf  # a column that is always the same says nothing
        inputs = cls(encoding, raw.mean(axis=0), deviations)
        return inputs, inputs.scale(raw)

    def matrix(self, rows: pd.DataFrame) -> NDArray[np.float64]:
        """The matrix of other rows."""
        return self.scale(_raw(rows, self.encoding))

    def scale(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        """The columns, each less its mean, over its deviation."""
        return np.asarray((raw - self.means) / self.deviations)


def _raw(rows: pd.DataFrame, encoding: Encoding) -> NDArray[np.float64]:
    numbers = rows[[one.name for one in encoding.target.numbers]].to_numpy(np.float64, na_value=np.nan)
    is_unknown = np.isnan(numbers)
    columns = [np.log1p(np.maximum(np.where(is_unknown, 0.0, numbers), 0.0)), is_unknown.astype(float)]
    for text, labels in zip(encoding.target.texts, encoding.labels, strict=True):
        values = rows[text.name].fillna(NONE).to_numpy(object)
        columns.append(np.stack([values == label for label in labels], axis=1).astype(float))
    return np.hstack(columns)
