"""The models that answer who will buy: raw gold columns in, a probability out, everything in one Spark pipeline."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gold.features import NUMBERS, TEXTS
from lakehouse.table import Column

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pyspark.ml import PipelineModel, Transformer
    from pyspark.ml.classification import DecisionTreeClassificationModel
    from pyspark.sql import DataFrame

COUNTS = (Column("cut", "INT", "After how many events of the session it is looked at."), *NUMBERS)
"""The model's inputs that are numbers."""

INPUTS = (*COUNTS, *TEXTS)
"""The model's inputs: raw columns of gold.training_examples."""

LABEL = "bought_later"
"""The column that is to be predicted."""

UNKNOWN = -1.0
"""What a number that is not known becomes. No number is negative, so a tree tells it apart and loses nothing."""

MOST_CATEGORIES = 20
"""How many of a text's most frequent values count as themselves; the others are one. Well below Spark's maxBins."""

ROWS_PER_LEAF = 20
"""A leaf stands for at least as many rows, and a value of a text that is rarer counts as another."""

NONE, OTHER = "__none", "__unknown"
"""How a text that is null, and one that is none of the frequent values, are kept."""


@dataclass(frozen=True)
class Encoding:
    """How texts become numbers: the values of each one that count as themselves."""

    labels: tuple[tuple[str, ...], ...]

    def numbers(self) -> list[Transformer]:
        """The stages that give a tree its vector: numbers as they are, texts as categories."""
        from pyspark.ml.feature import SQLTransformer, VectorAssembler

        known = [f"coalesce({_number(column)}, {UNKNOWN}D) AS `number_{column.name}`" for column in COUNTS]
        return [
            SQLTransformer(statement=_select([*known, *_TEXTS_SQL])),
            *self._indexers(),
            VectorAssembler(
                inputCols=[*(f"number_{column.name}" for column in COUNTS), *(f"index_{one.name}" for one in TEXTS)],
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

        known = [f"log1p(coalesce({_number(column)}, 0D)) AS `number_{column.name}`" for column in COUNTS]
        known += [f"CAST({_number(column)} IS NULL AS DOUBLE) AS `missing_{column.name}`" for column in COUNTS]
        return [
            SQLTransformer(statement=_select([*known, *_TEXTS_SQL])),
            *self._indexers(),
            OneHotEncoder(
                inputCols=[f"index_{one.name}" for one in TEXTS],
                outputCols=[f"is_{one.name}" for one in TEXTS],
                handleInvalid="keep",
            ),
            VectorAssembler(
                inputCols=[
                    *(f"number_{column.name}" for column in COUNTS),
                    *(f"missing_{column.name}" for column in COUNTS),
                    *(f"is_{one.name}" for one in TEXTS),
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
            for one, labels in zip(TEXTS, self.labels, strict=True)
        ]


def _number(column: Column) -> str:
    """The input as a number; null where it is null, or NaN as pandas says null."""
    return f"nanvl(CAST(`{column.name}` AS DOUBLE), CAST(NULL AS DOUBLE))"


_TEXTS_SQL = [f"coalesce(`{one.name}`, '{NONE}') AS `text_{one.name}`" for one in TEXTS]


def _select(expressions: list[str]) -> str:
    return f"SELECT *, {', '.join(expressions)} FROM __THIS__"  # noqa: S608 - made of declared names


def learn_encoding(train: DataFrame) -> Encoding:
    """The frequent values of each text; the same for the same rows."""
    from pyspark.sql import functions as F

    labels = []
    for text in TEXTS:
        counts = train.groupBy(F.coalesce(text.name, F.lit(NONE)).alias("value")).agg(F.count("*").alias("rows"))
        frequent = counts.where((F.col("rows") >= ROWS_PER_LEAF) & ~F.col("value").isin(NONE, OTHER))
        found = frequent.orderBy(F.desc("rows"), "value").limit(MOST_CATEGORIES).collect()
        labels.append((NONE, *(row["value"] for row in found)))
    return Encoding(tuple(labels))


def fit_tree(train: DataFrame, encoding: Encoding, *, max_depth: int, seed: int) -> PipelineModel:
    """A decision tree on all inputs.

    No class weights: they would bend the probabilities, and the threshold does the same work.
    """
    from pyspark.ml import PipelineModel
    from pyspark.ml.classification import DecisionTreeClassifier

    stages = encoding.numbers()
    tree = DecisionTreeClassifier(
        featuresCol="features", labelCol="label", maxDepth=max_depth, minInstancesPerNode=ROWS_PER_LEAF, seed=seed
    )
    return PipelineModel([*stages, tree.fit(PipelineModel(stages).transform(_labelled(train)))])


def fit_logistic(train: DataFrame, encoding: Encoding) -> PipelineModel:
    """The logistic regression that a tree has to compare with."""
    from pyspark.ml import Pipeline
    from pyspark.ml.classification import LogisticRegression

    regression = LogisticRegression(featuresCol="features", labelCol="label", regParam=0.001)
    return Pipeline(stages=[*encoding.logistic(), regression]).fit(_labelled(train))


def _labelled(rows: DataFrame) -> DataFrame:
    from pyspark.sql import functions as F

    return rows.withColumn("label", F.col(LABEL).cast("DOUBLE"))


def with_probability(model: PipelineModel, rows: DataFrame) -> DataFrame:
    """The rows, each with its probability of a purchase; a model that saw one class only says 0."""
    from pyspark.ml.functions import vector_to_array
    from pyspark.sql import functions as F

    kept = rows.columns
    answers = model.transform(rows).withColumn("_answer", vector_to_array(F.col("probability")))
    return answers.select(*kept, F.coalesce(F.get("_answer", F.lit(1)), F.lit(0.0)).alias("probability"))


def set_threshold(model: PipelineModel, threshold: float) -> None:
    """Lets the model's own ``prediction`` go by the threshold."""
    model.stages[-1].setThresholds([1 - threshold, threshold])  # type: ignore[attr-defined]


def importances(model: PipelineModel) -> dict[str, float]:
    """How much each input helps the tree, highest first; they add up to 1."""
    values = _tree(model).featureImportances.toArray()
    pairs = zip((column.name for column in INPUTS), (float(value) for value in values), strict=True)
    return dict(sorted(pairs, key=lambda pair: (-pair[1], pair[0])))


def importances_csv(importances: Mapping[str, float]) -> str:
    """The importances as a table."""
    return "feature,importance\n" + "".join(f"{name},{value:.6f}\n" for name, value in importances.items())


def importances_figure(importances: Mapping[str, float]) -> Figure:
    """The importances that are not zero as bars."""
    from matplotlib.figure import Figure

    shown = {name: value for name, value in importances.items() if value > 0}
    figure = Figure(figsize=(8, 1.5 + 0.3 * len(shown)), layout="constrained")
    axes = figure.subplots()
    axes.barh([*shown][::-1], [*shown.values()][::-1])
    axes.set_xlabel("importance in the tree, of 1 in all")
    return figure


def _tree(model: PipelineModel) -> DecisionTreeClassificationModel:
    return model.stages[-1]  # type: ignore[return-value]


def rules(model: PipelineModel, encoding: Encoding) -> str:
    """The tree in words: the names of the inputs, the values of the texts, who buys, and what the names mean."""
    lines: list[str] = []
    used: set[int] = set()

    def walk(node: Any, depth: int) -> None:
        indent = "  " * depth
        if node.getClass().getSimpleName() == "LeafNode":
            others, buyers = (*(int(count) for count in node.impurityStats().stats()), 0)[:2]
            rows = others + buyers
            lines.append(f"{indent}{buyers / max(rows, 1):.1%} buy ({buyers:,} of {rows:,})")
            return
        split = node.split()
        used.add(split.featureIndex())
        yes, no = _condition(split, encoding)
        lines.append(f"{indent}if {yes}:")
        walk(node.leftChild(), depth + 1)
        lines.append(f"{indent}else ({no}):")
        walk(node.rightChild(), depth + 1)

    walk(_tree(model)._call_java("rootNode"), 0)  # noqa: SLF001
    if used:
        lines += ["", "where"]
        lines += [f"  {INPUTS[index].name}: {INPUTS[index].doc}" for index in sorted(used)]
    return "\n".join(lines) + "\n"


def _condition(split: Any, encoding: Encoding) -> tuple[str, str]:
    """What goes to the left, and what to the right."""
    index = split.featureIndex()
    column = INPUTS[index]
    if split.getClass().getSimpleName() == "CategoricalSplit":
        values = (*encoding.labels[index - len(COUNTS)], OTHER)
        left, right = (
            ", ".join(_value(values[int(one)]) for one in categories)
            for categories in (split.leftCategories(), split.rightCategories())
        )
        return f"{column.name} is {left}", f"{column.name} is {right}"
    threshold = split.threshold()
    missable = re.search(r"\bnull\b", column.doc) is not None
    if missable and threshold < 0:
        return f"{column.name} is not known yet", f"{column.name} is known"
    return f"{column.name} <= {threshold:g}{' or not known yet' if missable else ''}", f"{column.name} > {threshold:g}"


def _value(label: str) -> str:
    return {NONE: "none", OTHER: "any other"}.get(label, label)
