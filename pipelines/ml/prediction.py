"""Predict with a fitted model: the probability of each row, and the path through the tree that led to it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lakehouse.table import Column
from pipelines.ml.targets import PredictionTarget

if TYPE_CHECKING:
    from pyspark.ml import PipelineModel
    from pyspark.ml.classification import DecisionTreeClassificationModel
    from pyspark.sql import Column as SparkColumn
    from pyspark.sql import DataFrame


def probability_of_yes() -> SparkColumn:
    """The probability of the positive class, from the ``probability`` vector that Spark's classifiers give."""
    from pyspark.ml.functions import vector_to_array
    from pyspark.sql import functions as F

    return vector_to_array(F.col("probability"))[1]


def with_probability(model: PipelineModel, rows: DataFrame) -> DataFrame:
    """The rows, each with its ``probability`` of a yes."""
    return model.transform(rows).select(*rows.columns, probability_of_yes().alias("probability"))


def set_threshold(model: PipelineModel, threshold: float) -> None:
    """Lets the model's own ``prediction`` use the threshold."""
    threshold = min(threshold, 1.0)
    model.stages[-1].setThresholds([1 - threshold, threshold])  # type: ignore[attr-defined]


def tree_of(model: PipelineModel) -> DecisionTreeClassificationModel:
    """The tree at the end of a pipeline."""
    return model.stages[-1]  # type: ignore[return-value]


def model_inputs(model: PipelineModel, target: PredictionTarget) -> list[Column]:
    """The inputs that the model itself was given, in its order; they may be others than the target's of today."""
    from pyspark.ml.feature import VectorAssembler

    (assembler,) = (stage for stage in model.stages if isinstance(stage, VectorAssembler))
    known = {column.name: column for column in target.inputs}
    inputs = []
    for vector_name in assembler.getInputCols():
        kind, _, name = vector_name.partition("_")
        retired = Column(name, "STRING" if kind == "index" else "DOUBLE", "No input any more.", required=True)
        inputs.append(known.get(name, retired))
    return inputs


def leaf_paths(model: PipelineModel) -> list[tuple[int, ...]]:
    """For each leaf, from left to right as Spark numbers them: the inputs tested on the way, each once."""
    nodes = nodes_of(model)

    def walk(place: int, tested: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        node = nodes[place]
        if node["leftChild"] < 0:
            yield tested
            return
        index = node["split"]["featureIndex"]
        further = tested if index in tested else (*tested, index)
        for child in (node["leftChild"], node["rightChild"]):
            yield from walk(child, further)

    return [*walk(0, ())]


def nodes_of(model: PipelineModel) -> list[dict[str, Any]]:
    """The nodes of a pipeline's tree, depth first, as Spark saves them; one without children has them at -1.

    Java hands them over at once: node by node would take thousands of calls.
    """
    java = _java()
    saved = java.java.lang.Class.forName(f"{_NODES}$NodeData$")
    root = tree_of(model)._call_java("rootNode")  # noqa: SLF001
    nodes = saved.getField("MODULE$").get(None).build(root, 0)._1()  # noqa: SLF001 - a pair of Scala
    found: list[dict[str, Any]] = json.loads(_mapper(java).writeValueAsString(nodes))
    return sorted(found, key=lambda node: int(node["id"]))


def with_nodes(model: PipelineModel, nodes: Sequence[Mapping[str, Any]]) -> PipelineModel:
    """The same pipeline, whose tree has these nodes, as ``nodes_of`` gives them: handed to Java at once, too."""
    from pyspark.ml import PipelineModel
    from pyspark.ml.classification import DecisionTreeClassificationModel

    java, tree = _java(), tree_of(model)
    read = _mapper(java).readValue(json.dumps([*nodes]), java.java.lang.Class.forName(f"[L{_NODES}$NodeData;"))
    builder = java.java.lang.Class.forName(f"{_NODES}$").getField("MODULE$").get(None)
    root = builder.buildTreeFromNodes(read, tree.getImpurity())
    whole = java.org.apache.spark.ml.classification.DecisionTreeClassificationModel(
        tree.uid, root, tree.numFeatures, tree.numClasses
    )
    made: Any = DecisionTreeClassificationModel(whole)
    made = tree._copyValues(made)  # noqa: SLF001 - the names of its columns
    return PipelineModel([*model.stages[:-1], made])


_NODES = "org.apache.spark.ml.tree.DecisionTreeModelReadWrite"


def _java() -> Any:
    from pyspark import SparkContext

    return SparkContext._gateway.jvm  # type: ignore[union-attr] # noqa: SLF001


def _mapper(java: Any) -> Any:
    """What writes and reads Scala's classes as JSON: every number comes back to the same bits."""
    jackson = java.com.fasterxml.jackson
    mapper = jackson.databind.json.JsonMapper().registerModule(jackson.module.scala.DefaultScalaModule())
    access, visible = jackson.annotation.PropertyAccessor, jackson.annotation.JsonAutoDetect.Visibility
    mapper.setVisibility(access.GETTER, visible.NONE)
    mapper.setVisibility(access.FIELD, visible.ANY)
    return mapper


def predict_with_path(
    model: PipelineModel, paths: Sequence[tuple[int, ...]], target: PredictionTarget, rows: DataFrame
) -> DataFrame:
    """The rows, each with its ``probability``, and its ``path`` as text.

    ``paths`` are the leaf_paths of the model; they are read once for many batches. ``path`` names the inputs that the
    tree tested for the row, in order, each with the row's value.
    """
    from pyspark.sql import functions as F

    inputs_of_leaf = F.array(*(F.array(*(F.lit(index) for index in path)).cast("ARRAY<INT>") for path in paths))
    tree_of(model).setLeafCol("_leaf")
    phrases = F.array(*(_phrase(column) for column in model_inputs(model, target)))
    predicted = model.transform(rows).withColumn("_phrases", phrases)
    tested = F.get(inputs_of_leaf, F.col("_leaf").cast("INT"))
    return predicted.select(
        *rows.columns,
        probability_of_yes().alias("probability"),
        F.array_join(F.transform(tested, lambda index: F.get("_phrases", index)), ", ").alias("path"),
    )


def _phrase(column: Column) -> SparkColumn:
    """An input's name and its value in a row, as in "product views 3"."""
    from pyspark.sql import functions as F

    name, value = column.name.replace("_", " "), F.col(column.name)
    if column.type != "STRING":
        # Two digits after the point, where there are any: seconds and prices need no more.
        value = F.regexp_replace(value.try_cast("DECIMAL(18,2)").cast("STRING"), r"\.?0+$", "")
    return F.coalesce(F.concat(F.lit(f"{name} "), value), F.lit(f"no {name} yet"))
