"""Grow Spark's decision tree without pruning, so that leaves of the same majority keep their own probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyspark.ml.classification import DecisionTreeClassifier

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


class UnprunedDecisionTreeClassifier(DecisionTreeClassifier):
    """A binary DecisionTreeClassifier that keeps leaves whose majority is the same.

    Spark merges such leaves after training (SPARK-3159), and with them the different probabilities
    that they stand for: where few buy, that is most of what a tree has learnt. The estimator has no
    parameter for it (SPARK-34591), the function below it has.
    """

    def _fit_java(self, dataset: DataFrame) -> Any:
        self._transfer_params_to_java()
        java: Any = dataset.sparkSession._jvm  # noqa: SLF001
        estimator: Any = self._java_obj
        rows, nothing = dataset._jdf, java.scala.Option.empty()  # noqa: SLF001
        features = rows.schema().apply(self.getFeaturesCol())
        categories = _scala_object(java, "org.apache.spark.ml.util.MetadataUtils").getCategoricalFeatures(features)
        dataset_utils = _scala_object(java, "org.apache.spark.ml.util.DatasetUtils")
        instances = dataset_utils.extractInstances(estimator, rows, nothing)
        strategy = estimator.getOldStrategy(categories, 2)
        grow = _scala_object(java, "org.apache.spark.ml.tree.impl.RandomForest").run
        prune = False
        (tree,) = grow(instances, strategy, 1, "all", self.getSeed(), nothing, prune, java.scala.Some(self.uid))
        return tree


def _scala_object(java: Any, name: str) -> Any:
    return java.java.lang.Class.forName(f"{name}$").getField("MODULE$").get(None)
