"""A probability is that of the leaf, and its path names what the tree tested."""

from __future__ import annotations

import pytest

from gold.training_examples import TABLE
from pipelines.ml.explanation import describe_tree, rules
from pipelines.ml.model import TreeShape, learn_encoding
from pipelines.ml.prediction import leaf_paths, predict_with_path, with_probability
from pipelines.ml.targets import IN_SESSION
from pipelines.runtime.settings import ModelSettings
from tests.support.training import examples, fill, grow_tree, noisy

pytestmark = pytest.mark.spark


@pytest.fixture
def tree(job):
    """A tree of two levels on rows with a signal, and the rows."""
    fill(job, examples(400, buys=noisy))
    rows = job.lake.read(TABLE)
    encoding = learn_encoding(rows.toPandas(), IN_SESSION, ModelSettings())
    return grow_tree(rows, encoding, TreeShape(2, 20, "gini"), seed=1), rows


def test_leaves_of_the_same_majority_stay_apart(tree):
    model, rows = tree
    given = {row["probability"] for row in with_probability(model, rows).select("probability").distinct().collect()}
    assert len(leaf_paths(model)) == 4
    assert len(given) == 4
    assert sum(one < 0.5 for one in given) >= 2


def test_a_path_names_what_was_tested_and_fits_the_rules(tree):
    model, rows = tree
    root = describe_tree(model, IN_SESSION)
    words = rules(root, IN_SESSION)
    assert root.rows == rows.count()
    found = (
        predict_with_path(model, leaf_paths(model), IN_SESSION, rows)
        .select("probability", "path", "cart_adds")
        .distinct()
        .collect()
    )
    for row in found:
        assert f"{row['probability']:.1%} buy" in words
        assert row["path"].startswith(f"cart adds {row['cart_adds']:g}")


def test_a_path_has_words_for_texts_and_for_unknown_values(job):
    rows = [list(row) for row in examples(400, buys=lambda *_: False)]
    names = TABLE.column_names
    for number, row in enumerate(rows):
        row[names.index("last_category")] = (None, "shoes")[number % 2]
        row[names.index("price_last")] = (None, 19.5)[number // 2 % 2]
        row[names.index("bought_later")] = number % 4 == 3
    fill(job, [tuple(row) for row in rows])
    examples_ = job.lake.read(TABLE)
    model = grow_tree(
        examples_, learn_encoding(examples_.toPandas(), IN_SESSION, ModelSettings()), TreeShape(2, 20, "gini"), seed=1
    )
    paths = {
        row["path"]
        for row in predict_with_path(model, leaf_paths(model), IN_SESSION, examples_)
        .select("path")
        .distinct()
        .collect()
    }
    phrases = {phrase for path in paths for phrase in path.split(", ")}
    assert {"price last 19.5", "no price last yet", "last category shoes", "no last category yet"} >= phrases
    assert len(phrases) >= 3
