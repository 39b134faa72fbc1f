"""A fitted tree in words: its rules, what it looks at, and why it gave one visit its probability."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lakehouse.table import Column
from pipelines.ml.model import NONE, OTHER
from pipelines.ml.targets import Question

if TYPE_CHECKING:
    from pyspark.ml import PipelineModel
    from pyspark.ml.classification import DecisionTreeClassificationModel
    from pyspark.sql import Column as SparkColumn
    from pyspark.sql import DataFrame


@dataclass(frozen=True)
class Node:
    """A node of a tree: the training rows that reach it, how many of them say yes, and what it asks.

    ``asked`` is the place of the input that it asks for; a leaf has none, and no branches.
    ``branches`` are the nodes to the left and to the right, with the conditions that lead there.
    """

    rows: int
    buyers: int
    asked: int | None = None
    branches: tuple[tuple[str, Node], ...] = ()

    @property
    def share(self) -> float:
        """The share of its training rows that say yes, which is the probability that a leaf gives."""
        return self.buyers / max(self.rows, 1)

    def leaves(self, asked: tuple[int, ...] = ()) -> Iterator[tuple[int, ...]]:
        """For each leaf, from left to right as Spark numbers them: the inputs asked for on the way, each once."""
        if self.asked is None:
            yield asked
            return
        further = asked if self.asked in asked else (*asked, self.asked)
        for _, node in self.branches:
            yield from node.leaves(further)


def read_tree(model: PipelineModel, question: Question) -> Node:
    """The tree of a pipeline."""
    from pyspark.ml.feature import StringIndexerModel

    inputs = _inputs(model, question)
    texts = sum(one.type == "STRING" for one in inputs)
    labels: list[Sequence[str]] = [()] * (len(inputs) - texts)
    labels += [stage.labels for stage in model.stages if isinstance(stage, StringIndexerModel)]

    def read(node: Any) -> Node:
        others, buyers = (round(count) for count in node.impurityStats().stats())
        if node.getClass().getSimpleName() == "LeafNode":
            return Node(others + buyers, buyers)
        conditions = _conditions(node.split(), inputs, labels)
        branches = zip(conditions, (read(node.leftChild()), read(node.rightChild())), strict=True)
        return Node(others + buyers, buyers, node.split().featureIndex(), tuple(branches))

    return read(_tree(model)._call_java("rootNode"))  # noqa: SLF001


def _inputs(model: PipelineModel, question: Question) -> list[Column]:
    """The inputs that the model itself was given, which may be others than those of today."""
    from pyspark.ml.feature import VectorAssembler

    (assembler,) = (stage for stage in model.stages if isinstance(stage, VectorAssembler))
    known = {one.name: one for one in question.inputs}
    found = []
    for place in assembler.getInputCols():
        kind, _, name = place.partition("_")
        found.append(
            known.get(
                name, Column(name, "STRING" if kind == "index" else "DOUBLE", "No input any more.", required=True)
            )
        )
    return found


def rules(tree: Node, question: Question) -> str:
    """The tree in words: the names of the inputs, the values of the texts, who buys, and what the names mean."""
    lines: list[str] = []
    used: set[int] = set()

    def walk(node: Node, depth: int) -> None:
        indent = "  " * depth
        if node.asked is None:
            lines.append(f"{indent}{node.share:.1%} buy ({node.buyers:,} of {node.rows:,})")
            return
        used.add(node.asked)
        (yes, left), (no, right) = node.branches
        lines.append(f"{indent}if {yes}:")
        walk(left, depth + 1)
        lines.append(f"{indent}else ({no}):")
        walk(right, depth + 1)

    walk(tree, 0)
    if used:
        lines += ["", "where"]
        lines += [f"  {question.inputs[index].name}: {question.inputs[index].doc}" for index in sorted(used)]
    return "\n".join(lines) + "\n"


def importances(model: PipelineModel, question: Question) -> dict[str, float]:
    """How much each input helps the tree, highest first; they add up to 1."""
    values = _tree(model).featureImportances.toArray()
    pairs = zip((column.name for column in _inputs(model, question)), (float(value) for value in values), strict=True)
    return dict(sorted(pairs, key=lambda pair: (-pair[1], pair[0])))


def with_path(
    model: PipelineModel, leaves: Sequence[tuple[int, ...]], question: Question, rows: DataFrame
) -> DataFrame:
    """The rows, each with its ``probability`` and, in words, what the tree looked at to give it.

    ``leaves`` are those of the model's tree. ``path`` names the inputs on the row's way down the
    tree, in the order in which they are asked for, each with the row's value.
    """
    from pyspark.ml.functions import vector_to_array
    from pyspark.sql import functions as F

    asked = F.array(*(F.array(*(F.lit(index) for index in path)).cast("ARRAY<INT>") for path in leaves))
    _tree(model).setLeafCol("_leaf")
    answers = model.transform(rows).withColumn("_phrases", F.array(*(_phrase(one) for one in _inputs(model, question))))
    path = F.transform(F.get(asked, F.col("_leaf").cast("INT")), lambda index: F.get("_phrases", index))
    return answers.select(
        *rows.columns,
        vector_to_array(F.col("probability"))[1].alias("probability"),
        F.array_join(path, ", ").alias("path"),
    )


def _phrase(column: Column) -> SparkColumn:
    """An input's name and its value in a row, as in "product views 3"."""
    from pyspark.sql import functions as F

    words, value = column.name.replace("_", " "), F.col(column.name)
    if column.type != "STRING":
        # Two digits after the point, where there are any: seconds and prices need no more.
        value = F.regexp_replace(value.try_cast("DECIMAL(18,2)").cast("STRING"), r"\.?0+$", "")
    return F.coalesce(F.concat(F.lit(f"{words} "), value), F.lit(f"no {words} yet"))


def _tree(model: PipelineModel) -> DecisionTreeClassificationModel:
    return model.stages[-1]  # type: ignore[return-value]


def _conditions(split: Any, inputs: Sequence[Column], labels: Sequence[Sequence[str]]) -> tuple[str, str]:
    """What goes to the left, and what to the right."""
    index = split.featureIndex()
    column = inputs[index]
    if split.getClass().getSimpleName() == "CategoricalSplit":
        values = (*labels[index], OTHER)
        left, right = (
            ", ".join(_value(values[int(one)]) for one in categories)
            for categories in (split.leftCategories(), split.rightCategories())
        )
        return f"{column.name} is {left}", f"{column.name} is {right}"
    threshold = split.threshold()
    missable = not column.required
    if missable and threshold < 0:
        return f"{column.name} is not known yet", f"{column.name} is known"
    return f"{column.name} <= {threshold:g}{' or not known yet' if missable else ''}", f"{column.name} > {threshold:g}"


def _value(label: str) -> str:
    return {NONE: "none", OTHER: "any other"}.get(label, label)
