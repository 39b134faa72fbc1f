"""The models that answer who will buy: raw gold columns in, a probability out, everything in one Spark pipeline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lakehouse.errors import DataError
from lakehouse.table import Column
from pipelines.ml.targets import Question

if TYPE_CHECKING:
    from pyspark.ml import PipelineModel, Transformer
    from pyspark.sql import DataFrame

UNKNOWN = -1.0
"""What a number that is not known becomes. No number is negative, so a tree tells it apart and loses nothing."""

MOST_CATEGORIES = 20
"""How many of a text's most frequent values count as themselves; the others are one. Well below Spark's maxBins."""

ROWS_PER_VALUE = 20
"""A value of a text that fewer rows have counts as another."""

NONE, OTHER = "__none", "__unknown"
"""How a text that is null, and one that is none of the frequent values, are kept."""


@dataclass(frozen=True)
class Shape:
    """How a tree may grow: how deep, how many rows a leaf stands for at least, and by which impurity it splits."""

    max_depth: int
    rows_per_leaf: int
    impurity: str

    @property
    def params(self) -> dict[str, Any]:
        """As Spark names them."""
        return {"maxDepth": self.max_depth, "minInstancesPerNode": self.rows_per_leaf, "impurity": self.impurity}


@dataclass(frozen=True)
class Encoding:
    """How a question's texts become numbers: the values of each one that count as themselves."""

    question: Question
    labels: tuple[tuple[str, ...], ...]

    def numbers(self) -> list[Transformer]:
        """The stages that give a tree its vector: numbers as they are, texts as categories."""
        from pyspark.ml.feature import SQLTransformer, VectorAssembler

        known = [
            f"coalesce({_number(column)}, {UNKNOWN}D) AS `number_{column.name}`" for column in self.question.numbers
        ]
        return [
            SQLTransformer(statement=_select([*known, *self._texts()])),
            *self._indexers(),
            VectorAssembler(
                inputCols=[
                    *(f"number_{column.name}" for column in self.question.numbers),
                    *(f"index_{one.name}" for one in self.question.texts),
                ],
                outputCol="features",
                handleInvalid="keep",
            ),
        ]

    def logistic(self) -> list[Any]:
        """The stages that give a linear model its vector.

        Numbers as logarithms, because prices and seconds have long tails; those not known as zero,
        each with a column of its own that says so; texts one column per value.
        """
        from pyspark.ml.feature import OneHotEncoder, SQLTransformer, VectorAssembler

        known = [
            f"log1p(coalesce({_number(column)}, 0D)) AS `number_{column.name}`" for column in self.question.numbers
        ]
        known += [
            f"CAST({_number(column)} IS NULL AS DOUBLE) AS `missing_{column.name}`" for column in self.question.numbers
        ]
        return [
            SQLTransformer(statement=_select([*known, *self._texts()])),
            *self._indexers(),
            OneHotEncoder(
                inputCols=[f"index_{one.name}" for one in self.question.texts],
                outputCols=[f"is_{one.name}" for one in self.question.texts],
                handleInvalid="keep",
            ),
            VectorAssembler(
                inputCols=[
                    *(f"number_{column.name}" for column in self.question.numbers),
                    *(f"missing_{column.name}" for column in self.question.numbers),
                    *(f"is_{one.name}" for one in self.question.texts),
                ],
                outputCol="features",
                handleInvalid="keep",
            ),
        ]

    def _texts(self) -> list[str]:
        return [f"coalesce(`{one.name}`, '{NONE}') AS `text_{one.name}`" for one in self.question.texts]

    def _indexers(self) -> list[Transformer]:
        from pyspark.ml.feature import StringIndexerModel

        # One stage for all would be shorter, but pads the shorter lists of labels with nulls.
        return [
            StringIndexerModel.from_labels([*labels], f"text_{one.name}", f"index_{one.name}", handleInvalid="keep")
            for one, labels in zip(self.question.texts, self.labels, strict=True)
        ]


def _number(column: Column) -> str:
    """The input as a number; null where it is null, or NaN as pandas says null."""
    return f"nanvl(CAST(`{column.name}` AS DOUBLE), CAST(NULL AS DOUBLE))"


def _select(expressions: list[str]) -> str:
    return f"SELECT *, {', '.join(expressions)} FROM __THIS__"  # noqa: S608 - made of declared names


def learn_encoding(train: DataFrame, question: Question) -> Encoding:
    """The frequent values of each text; the same for the same rows."""
    from pyspark.sql import functions as F

    values = F.array(
        *(F.struct(F.lit(one.name).alias("text"), F.col(one.name).alias("value")) for one in question.texts)
    )
    counts = train.select(F.explode(values).alias("_")).groupBy("_.text", "_.value").agg(F.count("*").alias("rows"))
    frequent = counts.where((F.col("rows") >= ROWS_PER_VALUE) & ~F.col("value").isin(NONE, OTHER)).collect()
    found = sorted(frequent, key=lambda row: (-row["rows"], row["value"]))
    by_text = [[row["value"] for row in found if row["text"] == one.name] for one in question.texts]
    return Encoding(question, tuple((NONE, *labels[:MOST_CATEGORIES]) for labels in by_text))


def fit_tree(train: DataFrame, encoding: Encoding, shape: Shape, *, seed: int) -> PipelineModel:
    """A decision tree on all inputs.

    No class weights: they would bend the probabilities, and the threshold does the same work.
    """
    from pyspark.ml import PipelineModel

    from pipelines.ml.unpruned_tree import WholeTreeClassifier

    stages = encoding.numbers()
    tree = WholeTreeClassifier(featuresCol="features", labelCol="label", seed=seed, **shape.params)
    return PipelineModel([*stages, tree.fit(PipelineModel(stages).transform(_labelled(train, encoding)))])


def fit_logistic(train: DataFrame, encoding: Encoding) -> PipelineModel:
    """The logistic regression that a tree has to compare with."""
    from pyspark.ml import Pipeline
    from pyspark.ml.classification import LogisticRegression

    regression = LogisticRegression(featuresCol="features", labelCol="label", regParam=0.001)
    return Pipeline(stages=[*encoding.logistic(), regression]).fit(_labelled(train, encoding))


FOLDS = 3
"""Into how many parts a search cuts the training rows, whole users in each."""


def search_shape(
    train: DataFrame, encoding: Encoding, shapes: Sequence[Shape], *, seed: int, tick: Callable[[], None]
) -> Shape:
    """The shape whose trees have the best average precision on users that they have not seen.

    ``tick`` is called after each of the ``len(shapes) * FOLDS`` trees. Raises DataError where there
    are too few users.
    """
    from pyspark.ml import PipelineModel
    from pyspark.ml.tuning import CrossValidator
    from pyspark.sql import functions as F

    from pipelines.ml.unpruned_tree import AveragePrecision, WholeTreeClassifier

    rows = PipelineModel(encoding.numbers()).transform(_labelled(train, encoding))
    fold = F.pmod(F.xxhash64("user_id", F.lit(seed)), F.lit(FOLDS)).cast("INT")
    if train.select(fold).distinct().count() < FOLDS:
        raise DataError(
            "The training rows are of too few users to search by.", "Run `clickstream train` without --search."
        )
    tree = WholeTreeClassifier(featuresCol="features", labelCol="label", seed=seed)
    maps = [{tree.getParam(name): value for name, value in shape.params.items()} for shape in shapes]
    found = CrossValidator(
        estimator=tree, estimatorParamMaps=maps, evaluator=AveragePrecision(tick), numFolds=FOLDS, foldCol="fold"
    ).fit(rows.select("features", "label", fold.alias("fold")))
    _, best = max(zip(found.avgMetrics, range(len(shapes)), strict=True), key=lambda one: (one[0], -one[1]))
    return shapes[best]


def _labelled(rows: DataFrame, encoding: Encoding) -> DataFrame:
    from pyspark.sql import functions as F

    return rows.withColumn("label", F.col(encoding.question.label).cast("DOUBLE"))


def with_probability(model: PipelineModel, rows: DataFrame) -> DataFrame:
    """The rows, each with its probability of a yes."""
    from pyspark.ml.functions import vector_to_array
    from pyspark.sql import functions as F

    answers = model.transform(rows)
    return answers.select(*rows.columns, vector_to_array(F.col("probability"))[1].alias("probability"))


def set_threshold(model: PipelineModel, threshold: float) -> None:
    """Lets the model's own ``prediction`` go by the threshold."""
    threshold = min(threshold, 1.0)
    model.stages[-1].setThresholds([1 - threshold, threshold])  # type: ignore[attr-defined]
