"""On a public file, fitting and measuring give the metrics that others have published.

The Online Shoppers Purchasing Intention Dataset, C. O. Sakar and Y. Kastro, UCI Machine Learning Repository 468,
CC BY 4.0. A tree of depth 5 is published with an accuracy of about 0.90, an F1 of the buyers of about 0.64 and a ROC
AUC of about 0.92; without PageValues, which is made from completed purchases, its F1 falls to about 0.14.
"""

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest

from lakehouse.table import Column
from pipelines.ml.metrics import measure
from pipelines.ml.model import TreeShape, learn_encoding
from pipelines.ml.prediction import with_probability
from pipelines.ml.targets import PredictionTarget
from pipelines.runtime.settings import ModelSettings
from tests.conftest import DATA
from tests.support.training import grow_tree

pytestmark = pytest.mark.spark

TEXTS = ("Month", "OperatingSystems", "Browser", "Region", "TrafficType", "VisitorType", "Weekend")
NUMBERS = (
    *("Administrative", "Administrative_Duration", "Informational", "Informational_Duration", "ProductRelated"),
    *("ProductRelated_Duration", "BounceRates", "ExitRates", "PageValues", "SpecialDay"),
)
TARGET = PredictionTarget(
    "uci",
    "Did this session end in a purchase?",
    "Revenue",
    "never",
    tuple(Column(name, "DOUBLE", f"{name} of the file.") for name in NUMBERS),
    tuple(Column(name, "STRING", f"{name} of the file.") for name in TEXTS),
)
FOLDS = 3


@pytest.fixture(scope="module")
def sessions(spark):
    with (DATA / "uci_online_shoppers_intention.csv").open(encoding="utf-8") as file:
        rows = [
            (*(float(row[name]) for name in NUMBERS), *(row[name] for name in TEXTS), row["Revenue"] == "TRUE")
            for row in csv.DictReader(file)
        ]
    chance = np.random.default_rng(1)
    rows = [(*row, int(fold)) for row, fold in zip(rows, chance.permutation(len(rows)) % FOLDS, strict=True)]
    names = [f"{name} DOUBLE" for name in NUMBERS] + [f"{name} STRING" for name in TEXTS]
    frame = spark.createDataFrame(rows, ", ".join([*names, "Revenue BOOLEAN", "fold INT"])).cache()
    yield frame
    frame.unpersist()


def cross_validated(sessions, target):
    """The metrics of trees of depth 5, each on sessions that it has not seen, at a threshold of one half."""
    predicted = []
    for fold in range(FOLDS):
        train = sessions.where(sessions.fold != fold)
        tree = grow_tree(
            train, learn_encoding(train.toPandas(), target, ModelSettings()), TreeShape(5, 1, "gini"), seed=1
        )
        rows = with_probability(tree, sessions.where(sessions.fold == fold))
        predicted.append(rows.select("Revenue", "probability").toPandas())
    labels, probabilities = (
        np.concatenate([frame[name] for frame in predicted]) for name in ("Revenue", "probability")
    )
    return measure(labels, probabilities, 0.5)


def test_a_tree_of_depth_5_has_its_published_metrics(sessions):
    metrics = cross_validated(sessions, TARGET)
    assert metrics["rows"] == 12_330
    assert metrics["prevalence"] == pytest.approx(0.1547, abs=0.0001)
    assert metrics["weighted_accuracy"] == pytest.approx(0.90, abs=0.01)
    assert metrics["f1"] == pytest.approx(0.64, abs=0.02)
    assert metrics["roc_auc"] == pytest.approx(0.92, abs=0.01)
    assert metrics["average_precision"] == pytest.approx(0.719, abs=0.02)


def test_without_the_leaking_feature_little_is_left(sessions):
    honest = replace(TARGET, numbers=tuple(one for one in TARGET.numbers if one.name != "PageValues"))
    metrics = cross_validated(sessions, honest)
    assert metrics["f1"] == pytest.approx(0.14, abs=0.04)
    assert metrics["roc_auc"] == pytest.approx(0.745, abs=0.02)
    assert metrics["average_precision"] == pytest.approx(0.327, abs=0.03)
