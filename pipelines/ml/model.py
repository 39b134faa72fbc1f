"""Fit a decision tree as one Spark pipeline, from raw gold columns to a probability: no encoding lies elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.ml.decision_tree import NONE, UNKNOWN
from pipelines.ml.targets import PredictionTarget
from pipelines.runtime.settings import ModelSettings

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.ml import PipelineModel, Transformer
    from pyspark.sql import DataFrame, SparkSession

OTHER = "__unknown"
"""The category of a text that is not frequent."""


TAUGHT_BINS = 128
"""Into so many parts at most a taught tree cuts a number, to look for the best place to split it. Spark has 32."""


@dataclass(frozen=True)
class TreeShape:
    """How a tree may grow: its depth, the fewest training rows of a leaf, and the impurity that it splits by."""

    max_depth: int
    rows_per_leaf: int
    impurity: str

    @property
    def params(self) -> dict[str, Any]:
        """The shape as Spark's parameters."""
        return {"maxDepth": self.max_depth, "minInstancesPerNode": self.rows_per_leaf, "impurity": self.impurity}


@dataclass(frozen=True)
class Encoding:
    """How a target's inputs become a vector: the values of each text that are categories of their own."""

    target: PredictionTarget
    labels: tuple[tuple[str, ...], ...]

    def tree_stages(self) -> list[Transformer]:
        """The stages that give a tree its vector: numbers as they are, texts as categories."""
        from pyspark.ml.feature import SQLTransformer, VectorAssembler

        numbers, texts = ([one.name for one in columns] for columns in (self.target.numbers, self.target.texts))
        return [
            SQLTransformer(statement=tree_columns_sql(numbers, texts)),
            *self._indexers(),
            VectorAssembler(
                inputCols=[
                    *(f"number_{column.name}" for column in self.target.numbers),
                    *(f"index_{one.name}" for one in self.target.texts),
                ],
                outputCol="features",
                handleInvalid="keep",
            ),
        ]

    def _indexers(self) -> list[Transformer]:
        from pyspark.ml.feature import StringIndexerModel

        # One stage for all would be shorter, but pads the shorter lists of labels with nulls.
        return [
            StringIndexerModel.from_labels([*labels], f"text_{one.name}", f"index_{one.name}", handleInvalid="keep")
            for one, labels in zip(self.target.texts, self.labels, strict=True)
        ]


def tree_columns_sql(numbers: Iterable[str], texts: Iterable[str]) -> str:
    """The SQL that gives a tree its columns: no number is null or NaN, and no text null.

    No known number is negative, so a tree can tell an unknown one apart.
    """
    return _select([*(f"coalesce({_number(name)}, {UNKNOWN}D) AS `number_{name}`" for name in numbers), *_texts(texts)])


def _texts(names: Iterable[str]) -> list[str]:
    return [f"coalesce(`{name}`, '{NONE}') AS `text_{name}`" for name in names]


def _number(name: str) -> str:
    """SQL for the input as a number; null where it is null, or NaN, which is pandas' null."""
    return f"nanvl(CAST(`{name}` AS DOUBLE), CAST(NULL AS DOUBLE))"


def _select(expressions: list[str]) -> str:
    return f"SELECT *, {', '.join(expressions)} FROM __THIS__"  # noqa: S608 - made of declared names


def learn_encoding(train: pd.DataFrame, target: PredictionTarget, settings: ModelSettings) -> Encoding:
    """The frequent values of each text; the same for the same rows."""
    labels = []
    for text in target.texts:
        counts = train[text.name].value_counts()
        frequent = [
            (-rows, value)
            for value, rows in counts.items()
            if rows >= settings.rows_per_category and value not in (NONE, OTHER)
        ]
        labels.append((NONE, *(value for _, value in sorted(frequent)[: settings.max_categories])))
    return Encoding(target, tuple(labels))


def fit_taught_tree(
    spark: SparkSession,
    train: pd.DataFrame,
    probabilities: NDArray[np.float64],
    weights: NDArray[np.float64],
    encoding: Encoding,
    shape: TreeShape,
    *,
    seed: int,
) -> PipelineModel:
    """A decision tree grown on a teacher's probabilities for the training rows, by their weights.

    Each row stands there twice: as a yes that weighs its probability, and as a no that weighs the rest. So a leaf's
    probability is the teacher's mean, and an impurity of Gini is the teacher's variance.
    """
    import pyarrow as pa

    schema = pa.schema([(one.name, _ARROW[one.type]) for one in encoding.target.inputs])
    rows = pa.Table.from_pandas(train[schema.names], schema)
    parts = [
        rows.append_column("label", pa.array(np.full(len(train), label))).append_column("weight", pa.array(weight))
        for label, weight in ((1.0, weights * probabilities), (0.0, weights * (1 - probabilities)))
    ]
    # Spark counts both rows of a pair.
    params = {**shape.params, "minInstancesPerNode": 2 * shape.rows_per_leaf, "maxBins": TAUGHT_BINS}
    params["weightCol"] = "weight"
    return _fit(spark.createDataFrame(pa.concat_tables(parts)), encoding, params, seed)


_ARROW = {"INT": "int32", "DOUBLE": "float64", "STRING": "string"}


def _fit(rows: DataFrame, encoding: Encoding, params: dict[str, Any], seed: int) -> PipelineModel:
    from pyspark.ml import PipelineModel

    from pipelines.ml.unpruned_tree import UnprunedDecisionTreeClassifier

    stages = encoding.tree_stages()
    tree = UnprunedDecisionTreeClassifier(featuresCol="features", labelCol="label", seed=seed, **params)
    return PipelineModel([*stages, tree.fit(PipelineModel(stages).transform(rows))])
