"""Fit the models as one Spark pipeline each, from raw gold columns to a probability: no encoding lies elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipelines.ml.decision_tree import NONE, UNKNOWN
from pipelines.ml.targets import PredictionTarget
from pipelines.runtime.settings import ModelSettings

if TYPE_CHECKING:
    from pyspark.ml import PipelineModel, Transformer
    from pyspark.sql import DataFrame

OTHER = "__unknown"
"""The category of a text that is not frequent."""


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

    def linear_stages(self) -> list[Any]:
        """The stages that give a linear model its vector.

        Numbers are logarithms, because prices and seconds have long tails. An unknown number is zero,
        and has a column of its own that says so. Texts have one column per value.
        """
        from pyspark.ml.feature import OneHotEncoder, SQLTransformer, VectorAssembler

        numbers = [column.name for column in self.target.numbers]
        known = [f"log1p(coalesce({_number(name)}, 0D)) AS `number_{name}`" for name in numbers]
        known += [f"CAST({_number(name)} IS NULL AS DOUBLE) AS `missing_{name}`" for name in numbers]
        return [
            SQLTransformer(statement=_select([*known, *_texts(one.name for one in self.target.texts)])),
            *self._indexers(),
            OneHotEncoder(
                inputCols=[f"index_{one.name}" for one in self.target.texts],
                outputCols=[f"is_{one.name}" for one in self.target.texts],
                handleInvalid="keep",
            ),
            VectorAssembler(
                inputCols=[
                    *(f"number_{column.name}" for column in self.target.numbers),
                    *(f"missing_{column.name}" for column in self.target.numbers),
                    *(f"is_{one.name}" for one in self.target.texts),
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


def learn_encoding(train: DataFrame, target: PredictionTarget, settings: ModelSettings) -> Encoding:
    """The frequent values of each text; the same for the same rows."""
    from pyspark.sql import functions as F

    values = F.array(*(F.struct(F.lit(one.name).alias("text"), F.col(one.name).alias("value")) for one in target.texts))
    counts = train.select(F.explode(values).alias("_")).groupBy("_.text", "_.value").agg(F.count("*").alias("rows"))
    frequent = counts.where((F.col("rows") >= settings.rows_per_category) & ~F.col("value").isin(NONE, OTHER)).collect()
    by_frequency = sorted(frequent, key=lambda row: (-row["rows"], row["value"]))
    by_text = [[row["value"] for row in by_frequency if row["text"] == text.name] for text in target.texts]
    return Encoding(target, tuple((NONE, *labels[: settings.max_categories]) for labels in by_text))


def fit_tree(train: DataFrame, encoding: Encoding, shape: TreeShape, *, seed: int) -> PipelineModel:
    """A decision tree on all inputs.

    It has no class weights: they would bend the probabilities, and the threshold does the same work.
    """
    from pyspark.ml import PipelineModel

    from pipelines.ml.unpruned_tree import UnprunedDecisionTreeClassifier

    stages = encoding.tree_stages()
    tree = UnprunedDecisionTreeClassifier(featuresCol="features", labelCol="label", seed=seed, **shape.params)
    return PipelineModel([*stages, tree.fit(PipelineModel(stages).transform(with_label(train, encoding)))])


def fit_logistic(train: DataFrame, encoding: Encoding, regularization: float) -> PipelineModel:
    """The logistic regression that is a tree's baseline."""
    from pyspark.ml import Pipeline
    from pyspark.ml.classification import LogisticRegression

    regression = LogisticRegression(featuresCol="features", labelCol="label", regParam=regularization)
    return Pipeline(stages=[*encoding.linear_stages(), regression]).fit(with_label(train, encoding))


def with_label(rows: DataFrame, encoding: Encoding) -> DataFrame:
    """The rows with the target's outcome as ``label``, 0 or 1, as Spark's estimators want it."""
    from pyspark.sql import functions as F

    return rows.withColumn("label", F.col(encoding.target.label).cast("DOUBLE"))
