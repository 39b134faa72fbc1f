"""A tree as data predicts what Spark predicts, to the last bit and the last word."""

from __future__ import annotations

import json
import random
import string
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse.errors import DataError
from lakehouse.table import Column
from pipelines.ml import decision_tree
from pipelines.ml.decision_tree import DecisionTree, Input, Node
from pipelines.ml.model import TreeShape, learn_encoding
from pipelines.ml.prediction import leaf_paths, predict_with_path, tree_of
from pipelines.ml.saved_tree import read_saved_tree
from pipelines.ml.targets import PredictionTarget
from pipelines.runtime.settings import ModelSettings
from tests.support.training import grow_tree

TARGET = PredictionTarget(
    "made_up",
    "Is it?",
    "label",
    "never",
    (
        Column("cut", "INT", "A whole number.", required=True),
        *(Column(f"number_{n}", "DOUBLE", "A number.", required=n == 1) for n in (1, 2, 3)),
    ),
    (Column("some_text", "STRING", "A text."), Column("kind", "STRING", "A text.", required=True)),
)
SCHEMA = ", ".join([*(f"`{one.name}` {one.type}" for one in TARGET.inputs), "label BOOLEAN"])
WORDS = ["shoes", "bags", "", " ", "größe", "__none", "__unknown", "鞋", "a, b", "O'Brien"]

SHAPES = {
    "one leaf": TreeShape(0, 1, "gini"),
    "one split": TreeShape(1, 1, "gini"),
    "entropy": TreeShape(3, 5, "entropy"),
    "default": TreeShape(6, 20, "gini"),
    "deep": TreeShape(14, 1, "entropy"),
}


def _taught():
    rng = random.Random(2)
    rows = []
    for _ in range(3_000):
        numbers = [rng.choice([None, float("nan"), rng.gauss(0, 50), rng.expovariate(0.01), 0.1 * rng.randint(-9, 9)])]
        numbers += [rng.choice([None, float(rng.randint(0, 5))]), rng.lognormvariate(0, 9)]
        text, kind, cut = rng.choice([None, *WORDS]), rng.choice("abcdefgh"), rng.randint(1, 21)
        chance = 0.1 + 0.3 * (kind in "aceg") + 0.2 * (text in WORDS[::2]) + 0.2 * ((numbers[1] or 0) > 2)
        rows.append((cut, *numbers, text, kind, rng.random() < chance))
    return rows


@pytest.fixture(scope="module")
def trees(spark, tmp_path_factory):
    """Trees of several shapes: the model as Spark has it, and the tree as data, read from its files."""
    home = tmp_path_factory.mktemp("trees")
    rows = spark.createDataFrame(_taught(), SCHEMA)
    encoding = learn_encoding(rows.toPandas(), TARGET, ModelSettings(rows_per_category=100))
    found = {}
    for name, shape in SHAPES.items():
        model = grow_tree(rows, encoding, shape, seed=1)
        model.save(str(home / name))
        found[name] = (model, read_saved_tree(home / name, TARGET, 0.3))
    return found


NUMBERS = st.one_of(
    st.none(),
    st.floats(),
    st.sampled_from([float("inf"), float("-inf"), float("nan"), -0.0, 0.005, 1.005, 2.675, 9_999_999_999_999_998.0]),
    st.integers(-(10**9), 10**9).map(lambda thousandths: thousandths / 1_000),
    st.integers(-50, 50).map(lambda halves: halves / 2),
)
ROWS = st.tuples(
    st.one_of(st.none(), st.integers(-(2**31), 2**31 - 1)),
    NUMBERS,
    NUMBERS,
    NUMBERS,
    st.one_of(st.none(), st.sampled_from(WORDS), st.text(max_size=5)),
    st.one_of(st.none(), st.sampled_from(string.ascii_lowercase)),
)


def made_rows(count):
    """Rows that hypothesis makes up: together, because a query on each would take hours."""
    rows = []

    @settings(max_examples=count, database=None)
    @given(ROWS)
    def collect(row):
        rows.append(row)

    collect()
    return rows


@pytest.fixture(scope="module")
def given_rows(trees):
    """Rows on both sides of every threshold, and what hypothesis makes up."""
    limits = {node.at_most for _, tree in trees.values() for node in tree.nodes if node.tested > 0}
    beside = [one for limit in limits for one in (np.nextafter(limit, -np.inf), limit, np.nextafter(limit, np.inf))]
    on_limits = [(1, float(one), float(one), float(one), "bags", "b") for one in beside]
    return [*made_rows(1_500), *on_limits]


@pytest.mark.spark
@pytest.mark.parametrize("name", SHAPES)
def test_spark_and_the_tree_as_data_predict_the_same(spark, trees, given_rows, name):
    model, tree = trees[name]
    columns = [column.name for column in TARGET.inputs]
    frame = spark.createDataFrame([(number, *row) for number, row in enumerate(given_rows)], f"id INT, {_inputs()}")
    spoken = predict_with_path(model, leaf_paths(model), TARGET, frame).toPandas().sort_values("id")
    leaves = model.transform(frame).select("id", tree_of(model).getLeafCol()).toPandas().sort_values("id")

    given_columns = dict(zip(columns, zip(*given_rows, strict=True), strict=True))
    table = pa.table(
        {
            one.name: pa.array(given_columns[one.name], {"INT": pa.int32(), "DOUBLE": pa.float64()}.get(one.type))
            for one in TARGET.inputs
        }
    )
    found = tree.predict(table)
    assert found.probability.tobytes() == spoken["probability"].to_numpy().tobytes()
    assert [*found.leaf] == [*leaves[tree_of(model).getLeafCol()].astype(int)]
    assert found.path == [*spoken["path"]]
    again = DecisionTree.from_json(tree.to_json())
    assert again == tree
    for rows in (table.to_pandas(), given_columns):
        same = again.predict(rows)
        assert same.probability.tobytes() == found.probability.tobytes()
        assert same.path == found.path


def _inputs():
    return ", ".join(f"`{one.name}` {one.type}" for one in TARGET.inputs)


@pytest.mark.spark
def test_the_trees_of_the_test_test_what_they_should(trees):
    assert len(trees["one leaf"][1].nodes) == 1
    assert len(trees["deep"][1].nodes) > 500
    deep = trees["deep"][1]
    assert {deep.inputs[node.tested].labels is None for node in deep.nodes if node.tested >= 0} == {True, False}
    assert max(map(len, deep.paths)) >= 5


@pytest.mark.spark
def test_a_saved_model_of_another_kind_is_refused(trees, tmp_path):
    model, _ = trees["one split"]
    with pytest.raises(DataError, match="no decision tree of this project"):
        read_saved_tree(tmp_path, TARGET, 0.5)
    model.save(str(tmp_path / "model"))
    (sql,) = (tmp_path / "model" / "stages").glob("0_*/metadata/part-*")
    sql.write_text(sql.read_text().replace("-1.0D", "-2.0D"))
    with pytest.raises(DataError, match="prepares its inputs in another way"):
        read_saved_tree(tmp_path / "model", TARGET, 0.5)


TREE = DecisionTree(
    "made_up",
    (Input("cart_adds", required=True), Input("price_last"), Input("kind", ("__none", "click"))),
    (
        Node((6.0, 4.0), 0, at_most=0.5, left=1, right=2),
        Node((5.0, 0.0)),
        Node((1.0, 4.0), 1, at_most=-0.5, left=3, right=4),
        Node((1.0, 0.0)),
        Node((0.0, 4.0), 2, categories=(0, 1), left=5, right=6),
        Node((0.0, 3.0)),
        Node((0.0, 1.0)),
    ),
    0.25,
)


def test_columns_that_may_be_null_may_be_left_out():
    found = TREE.predict(pd.DataFrame({"cart_adds": [0, 2]}))
    assert [*found.probability] == [0.0, 0.0]
    assert found.path == ["cart adds 0", "cart adds 2, no price last yet"]
    with pytest.raises(KeyError, match="lack cart_adds"):
        TREE.predict(pd.DataFrame({"price_last": [1.0]}))


def test_no_rows_are_no_predictions():
    assert TREE.predict(pa.table({"cart_adds": pa.array([], pa.float64())})).path == []


@pytest.mark.parametrize("text", ["", "{}", "[]", TREE.to_json().replace('"format": 1', '"format": 2')])
def test_what_is_no_tree_is_refused(text):
    with pytest.raises(ValueError, match=r"tree|Expecting"):
        DecisionTree.from_json(text)


def test_its_file_alone_predicts_elsewhere(tmp_path):
    """The code that goes with a model needs nothing of this repository, nor Spark, nor pyarrow."""
    copied = tmp_path / "alone.py"
    copied.write_bytes(Path(decision_tree.__file__).read_bytes())
    (tmp_path / "tree.json").write_text(TREE.to_json(), encoding="utf-8")
    script = (
        "import sys, pandas, alone\n"
        "model = alone._load_pyfunc('tree.json')\n"
        "frame = pandas.DataFrame({'cart_adds': [2.0], 'price_last': [1.5], 'kind': ['else']}, index=[7])\n"
        "print(model.predict(frame).to_json())\n"
        "assert not {'pyspark', 'pipelines', 'pyarrow.parquet', 'mlflow'} & set(sys.modules)\n"
    )
    environment = {"PYTHONPATH": str(tmp_path), "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == {
        "probability": {"7": 1.0},
        "prediction": {"7": True},
        "threshold": {"7": 0.25},
        "path": {"7": "cart adds 2, price last 1.5, kind else"},
    }


def test_a_thousand_rows_take_milliseconds():
    import time

    frame = pd.DataFrame({"cart_adds": np.arange(1_000) % 3, "price_last": np.arange(1_000) / 7, "kind": "click"})
    TREE.predict(frame)
    began = time.perf_counter()
    replace(TREE).predict(frame)
    assert time.perf_counter() - began < 0.25
