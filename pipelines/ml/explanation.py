"""Explain a fitted tree to a person: its rules in words, and the importance of each input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lakehouse.table import Column
from pipelines.ml.decision_tree import NONE
from pipelines.ml.model import OTHER
from pipelines.ml.prediction import model_inputs, nodes_of, tree_of
from pipelines.ml.targets import PredictionTarget

if TYPE_CHECKING:
    from pyspark.ml import PipelineModel


@dataclass(frozen=True)
class Node:
    """A node of a tree: what reaches it of its training, the probability of a yes there, and the input that it tests.

    ``weight`` is in sessions where the tree is taught, else in rows. A leaf tests nothing, and has no branches.
    ``branches`` are the left and the right child, each with the condition that leads there.
    """

    weight: float
    share: float
    tested: Column | None = None
    branches: tuple[tuple[str, Node], ...] = ()

    @property
    def rows(self) -> int:
        """The weight as a whole number."""
        return round(self.weight)


def describe_tree(model: PipelineModel, target: PredictionTarget) -> Node:
    """The tree of a pipeline, its conditions in words."""
    from pyspark.ml.feature import StringIndexerModel

    inputs = model_inputs(model, target)
    texts = sum(column.type == "STRING" for column in inputs)
    labels: list[Sequence[str]] = [()] * (len(inputs) - texts)
    labels += [stage.labels for stage in model.stages if isinstance(stage, StringIndexerModel)]

    nodes = nodes_of(model)

    def describe(node: Mapping[str, Any]) -> Node:
        others, buyers = node["impurityStats"]
        weight = others + buyers
        share = buyers / weight if weight else 0.0
        if node["leftChild"] < 0:
            return Node(weight, share)
        conditions = _conditions(node["split"], inputs, labels)
        children = (describe(nodes[node["leftChild"]]), describe(nodes[node["rightChild"]]))
        tested = inputs[node["split"]["featureIndex"]]
        return Node(weight, share, tested, tuple(zip(conditions, children, strict=True)))

    return describe(nodes[0])


def rules(tree: Node, target: PredictionTarget) -> str:
    """The tree as text: its conditions, who buys, and what the inputs mean."""
    lines: list[str] = []
    used: set[Column] = set()

    def walk(node: Node, depth: int) -> None:
        indent = "  " * depth
        if node.tested is None:
            lines.append(f"{indent}{node.share:.1%} buy (of {node.rows:,})")
            return
        used.add(node.tested)
        (yes, left), (no, right) = node.branches
        lines.append(f"{indent}if {yes}:")
        walk(left, depth + 1)
        lines.append(f"{indent}else ({no}):")
        walk(right, depth + 1)

    walk(tree, 0)
    if used:
        lines += ["", "where"]
        lines += [f"  {column.name}: {column.doc}" for column in target.inputs if column in used]
    return "\n".join(lines) + "\n"


def importances(model: PipelineModel, target: PredictionTarget) -> dict[str, float]:
    """The impurity importance of each input, highest first; they add up to 1."""
    values = tree_of(model).featureImportances.toArray()
    names = (column.name for column in model_inputs(model, target))
    pairs = zip(names, (float(value) for value in values), strict=True)
    return dict(sorted(pairs, key=lambda pair: (-pair[1], pair[0])))


def _conditions(split: Mapping[str, Any], inputs: Sequence[Column], labels: Sequence[Sequence[str]]) -> tuple[str, str]:
    """The condition of the left branch, and of the right one."""
    column, limits = inputs[split["featureIndex"]], split["leftCategoriesOrThreshold"]
    if split["numCategories"] >= 0:
        values = (*labels[split["featureIndex"]], OTHER)
        to_the_left = {int(category) for category in limits}
        left, right = (
            ", ".join(
                _value(values[number]) for number in range(split["numCategories"]) if (number in to_the_left) == side
            )
            for side in (True, False)
        )
        return f"{column.name} is {left}", f"{column.name} is {right}"
    (threshold,) = limits
    missable = not column.required
    if missable and threshold < 0:
        return f"{column.name} is not known yet", f"{column.name} is known"
    return f"{column.name} <= {threshold:g}{' or not known yet' if missable else ''}", f"{column.name} > {threshold:g}"


def _value(label: str) -> str:
    return {NONE: "none", OTHER: "any other"}.get(label, label)
