"""Read the decision tree of a Spark model from the files in which Spark saved it, without Java."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from lakehouse.errors import DataError
from pipelines.ml.decision_tree import DecisionTree, Input, Node
from pipelines.ml.model import tree_columns_sql
from pipelines.ml.model_files import check_pipeline, metadata
from pipelines.ml.targets import PredictionTarget

_TREE = "org.apache.spark.ml.classification.DecisionTreeClassificationModel"


def read_saved_tree(folder: Path, target: PredictionTarget, threshold: float) -> DecisionTree:
    """The tree of the PipelineModel that Spark saved in a folder.

    Raises DataError where the folder holds no pipeline that training made, or is damaged.
    """
    try:
        return _read(folder, target, threshold)
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise DataError(
            f"The Spark model in {folder} is no decision tree of this project: {str(error).splitlines()[0][:200]}.",
            "Train another: `clickstream train`.",
        ) from error


def _read(folder: Path, target: PredictionTarget, threshold: float) -> DecisionTree:
    check_pipeline(folder)
    order = metadata(folder)["paramMap"]["stageUids"]
    stages = {stage.name.partition("_")[2]: stage for stage in (folder / "stages").iterdir()}
    described = {uid: metadata(stages[uid]) for uid in order}
    kinds = {uid: said["class"].rpartition(".")[2] for uid, said in described.items()}
    params = {uid: said["paramMap"] for uid, said in described.items()}
    labels = {
        params[uid]["outputCol"]: tuple(_rows(stages[uid])[0]["labelsArray"][0])
        for uid in order
        if kinds[uid] == "StringIndexerModel"
    }
    (statement,) = (params[uid]["statement"] for uid in order if kinds[uid] == "SQLTransformer")
    (columns,) = (params[uid]["inputCols"] for uid in order if kinds[uid] == "VectorAssembler")
    required = {column.name: column.required for column in target.inputs}
    inputs = tuple(_input(name, labels, required) for name in columns)
    numbers, texts = ([one.name for one in inputs if (one.labels is None) is number] for number in (True, False))
    if statement != tree_columns_sql(numbers, texts):
        raise ValueError("it prepares its inputs in another way")
    if described[order[-1]]["class"] != _TREE:
        raise ValueError("it ends in no decision tree")
    return DecisionTree(target.model, inputs, _nodes(_rows(stages[order[-1]])), threshold)


def _input(column: str, labels: dict[str, tuple[str, ...]], required: dict[str, bool]) -> Input:
    kind, _, name = column.partition("_")
    # An input that is none any more was given a value for each training row: it may as well be null.
    return Input(name, labels[column] if kind == "index" else None, required.get(name, False))


def _nodes(rows: list[dict[str, Any]]) -> tuple[Node, ...]:
    rows = sorted(rows, key=lambda row: row["id"])
    if [row["id"] for row in rows] != list(range(len(rows))):
        raise ValueError("it lacks nodes")
    nodes = []
    for row in rows:
        others, buyers = row["impurityStats"]
        if row["leftChild"] < 0:
            nodes.append(Node((others, buyers)))
            continue
        split, children = row["split"], {"left": row["leftChild"], "right": row["rightChild"]}
        tested, limits = split["featureIndex"], split["leftCategoriesOrThreshold"]
        if split["numCategories"] < 0:
            nodes.append(Node((others, buyers), tested, at_most=limits[0], **children))
        else:
            nodes.append(Node((others, buyers), tested, categories=tuple(sorted(map(int, limits))), **children))
    return tuple(nodes)


def _rows(folder: Path) -> list[dict[str, Any]]:
    files = sorted((folder / "data").glob("*.parquet"))
    if not files:
        raise ValueError(f"{folder.name} has no data")
    return [row for file in files for row in pq.read_table(file).to_pylist()]
