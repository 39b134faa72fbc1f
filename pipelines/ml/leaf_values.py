"""Give the leaves of a fitted tree other probabilities, as a Spark model like any other.

So what corrects a tree's probabilities is in the tree itself, and nothing that predicts with it has to know.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.ml.calibration import CalibrationCurve
from pipelines.ml.prediction import is_leaf, root_of, tree_of

if TYPE_CHECKING:
    from pyspark.ml import PipelineModel


def with_corrected_leaves(model: PipelineModel, curve: CalibrationCurve) -> PipelineModel:
    """The same pipeline, whose tree gives the curve's probability in each leaf; the model itself where it is none."""
    if curve.is_identity:
        return model
    from pyspark import SparkContext
    from pyspark.ml import PipelineModel
    from pyspark.ml.classification import DecisionTreeClassificationModel

    gateway: Any = SparkContext._gateway  # noqa: SLF001
    java: Any = gateway.jvm
    trees, calculator = java.org.apache.spark.ml.tree, java.org.apache.spark.mllib.tree.impurity.GiniCalculator

    def calculated(stats: Any, rows: int, probability: float) -> Any:
        weight = stats[0] + stats[1]
        given = gateway.new_array(java.double, 2)
        given[0], given[1] = weight * (1 - probability), weight * probability
        return calculator(given, rows)

    def copy(node: Any) -> Any:
        before = node.impurityStats()
        if not is_leaf(node):
            children = (copy(node.leftChild()), copy(node.rightChild()))
            return trees.InternalNode(node.prediction(), node.impurity(), node.gain(), *children, node.split(), before)
        stats = before.stats()
        given = stats[1] / (stats[0] + stats[1]) if stats[0] + stats[1] else 0.0
        probability = float(curve(np.array([given]))[0])
        predicts = float(probability > 0.5)  # noqa: PLR2004 - as Spark does
        return trees.LeafNode(predicts, node.impurity(), calculated(stats, before.rawCount(), probability))

    tree = tree_of(model)
    whole = java.org.apache.spark.ml.classification.DecisionTreeClassificationModel(
        tree.uid, copy(root_of(model)), tree.numFeatures, tree.numClasses
    )
    corrected: Any = DecisionTreeClassificationModel(whole)
    corrected = tree._copyValues(corrected)  # noqa: SLF001 - the names of its columns
    return PipelineModel([*model.stages[:-1], corrected])
