"""Spark's decision tree with all of its leaves, and what a search for its shape goes by."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pyspark.ml.classification import DecisionTreeClassifier
from pyspark.ml.evaluation import Evaluator
from pyspark.ml.functions import vector_to_array
from pyspark.sql import functions as F
from sklearn.metrics import average_precision_score

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import DataFrame


class WholeTreeClassifier(DecisionTreeClassifier):
    """A DecisionTreeClassifier for yes or no that keeps leaves whose majority is the same.

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
        categories = _module(java, "org.apache.spark.ml.util.MetadataUtils").getCategoricalFeatures(features)
        instances = _module(java, "org.apache.spark.ml.util.DatasetUtils").extractInstances(estimator, rows, nothing)
        strategy = estimator.getOldStrategy(categories, 2)
        grow = _module(java, "org.apache.spark.ml.tree.impl.RandomForest").run
        prune = False
        (tree,) = grow(instances, strategy, 1, "all", self.getSeed(), nothing, prune, java.scala.Some(self.uid))
        return tree


def _module(java: Any, name: str) -> Any:
    """A Scala object."""
    return java.java.lang.Class.forName(f"{name}$").getField("MODULE$").get(None)


class AveragePrecision(Evaluator):
    """The average precision of a model's probabilities, for a search; ``tick`` is called after each one."""

    def __init__(self, tick: Callable[[], None]) -> None:
        super().__init__()
        self._tick = tick

    def _evaluate(self, dataset: DataFrame) -> float:
        rows = dataset.select("label", vector_to_array(F.col("probability"))[1].alias("probability"))
        found: pd.DataFrame = rows.toPandas()
        self._tick()
        return float(average_precision_score(found["label"], found["probability"]))
