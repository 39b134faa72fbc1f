"""Search for the tree shape that predicts unseen users best, by cross-validation over whole users."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import TYPE_CHECKING

from pyspark.ml import PipelineModel
from pyspark.ml.evaluation import Evaluator
from pyspark.ml.tuning import CrossValidator
from pyspark.sql import functions as F
from sklearn.metrics import average_precision_score

from lakehouse.errors import DataError
from pipelines.ml.model import Encoding, TreeShape, with_label
from pipelines.ml.prediction import probability_of_yes
from pipelines.ml.unpruned_tree import UnprunedDecisionTreeClassifier
from pipelines.runtime.settings import ModelSettings

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import DataFrame


def searched_shapes(settings: ModelSettings) -> list[TreeShape]:
    """The shapes that a search tries: each depth with each leaf size and each impurity."""
    grid = product(settings.search_depths, settings.search_rows_per_leaf, settings.search_impurities)
    return [TreeShape(*shape) for shape in grid]


def search_shape(
    train: DataFrame, encoding: Encoding, settings: ModelSettings, report_progress: Callable[[int, int], None]
) -> TreeShape:
    """The shape whose trees have the best average precision on users that they have not seen.

    ``report_progress`` is given how many trees are fitted, and of how many: first 0, then after each.
    Raises DataError where there are too few users.
    """
    folds = settings.search_folds
    shapes = searched_shapes(settings)
    total = len(shapes) * folds
    rows = PipelineModel(encoding.tree_stages()).transform(with_label(train, encoding))
    fold = F.pmod(F.xxhash64("user_id", F.lit(settings.seed)), F.lit(folds)).cast("INT")
    if train.select(fold).distinct().count() < folds:
        raise DataError(
            "The training rows are of too few users to search by.", "Run `clickstream train` without --search."
        )
    report_progress(0, total)
    tree = UnprunedDecisionTreeClassifier(featuresCol="features", labelCol="label", seed=settings.seed)
    maps = [{tree.getParam(name): value for name, value in shape.params.items()} for shape in shapes]
    validator = CrossValidator(
        estimator=tree,
        estimatorParamMaps=maps,
        evaluator=_AveragePrecision(lambda fitted: report_progress(fitted, total)),
        numFolds=folds,
        foldCol="fold",
    ).fit(rows.select("features", "label", fold.alias("fold")))
    _, best = max(zip(validator.avgMetrics, range(len(shapes)), strict=True), key=lambda pair: (pair[0], -pair[1]))
    return shapes[best]


class _AveragePrecision(Evaluator):
    """The average precision of a model's probabilities; tells how many models it has evaluated."""

    def __init__(self, on_evaluated: Callable[[int], None]) -> None:
        super().__init__()
        self._on_evaluated = on_evaluated
        self._evaluated = 0

    def _evaluate(self, dataset: DataFrame) -> float:
        rows: pd.DataFrame = dataset.select("label", probability_of_yes().alias("probability")).toPandas()
        self._evaluated += 1
        self._on_evaluated(self._evaluated)
        return float(average_precision_score(rows["label"], rows["probability"]))
