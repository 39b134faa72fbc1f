"""The instrument is true: on a public file, training and measuring give the figures that others have published.

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
from pipelines.ml.evaluation import measure
from pipelines.ml.model import Shape, fit_tree, learn_encoding, with_probability
from pipelines.ml.targets import Question
from tests.conftest import DATA

pytestmark = pytest.mark.spark

TEXTS = ("Month", "OperatingSystems", "Browser", "Region", "TrafficType", "VisitorType", "Weekend")
NUMBERS = (
    *("Administrative", "Administrative_Duration", "Informational", "Informational_Duration", "ProductRelated"),
    *("ProductRelated_Duration", "BounceRates", "ExitRates", "PageValues", "SpecialDay"),
)
QUESTION = Question(
    "uci",
    "Did this session end in a purchase?",
    "Revenue",
    "never",
    tuple(Column(name, "DOUBLE", f"{name} of the file.") for name in NUMBERS),
    tuple(Column(name, "STRING", f"{name} of the file.") for name in TEXTS),
)
FOLDS = 3


@pytest.fixture(scope="module")
def visits(spark):
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


def judged(visits, question):
    """The figures of trees of depth 5, each on visits that it has not seen, at a threshold of one half."""
    said = []
    for fold in range(FOLDS):
        train = visits.where(visits.fold != fold)
        tree = fit_tree(train, learn_encoding(train, question), Shape(5, 1, "gini"), seed=1)
        rows = with_probability(tree, visits.where(visits.fold == fold))
        said.append(rows.select("Revenue", "probability").toPandas())
    labels, given = (np.concatenate([one[name] for one in said]) for name in ("Revenue", "probability"))
    return measure(labels, given, 0.5)


def test_a_tree_of_depth_5_has_its_published_figures(visits):
    found = judged(visits, QUESTION)
    assert found["rows"] == 12_330
    assert found["prevalence"] == pytest.approx(0.1547, abs=0.0001)
    assert found["weighted_accuracy"] == pytest.approx(0.90, abs=0.01)
    assert found["f1"] == pytest.approx(0.64, abs=0.02)
    assert found["roc_auc"] == pytest.approx(0.92, abs=0.01)
    assert found["average_precision"] == pytest.approx(0.719, abs=0.02)


def test_without_what_is_known_only_afterwards_little_is_left(visits):
    honest = replace(QUESTION, numbers=tuple(one for one in QUESTION.numbers if one.name != "PageValues"))
    found = judged(visits, honest)
    assert found["f1"] == pytest.approx(0.14, abs=0.04)
    assert found["roc_auc"] == pytest.approx(0.745, abs=0.02)
    assert found["average_precision"] == pytest.approx(0.327, abs=0.03)
