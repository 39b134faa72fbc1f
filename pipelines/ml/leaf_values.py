"""Give the leaves of a fitted tree other probabilities, as a Spark model like any other.

So what corrects a tree's probabilities is in the tree itself, and nothing that predicts with it has to know.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pipelines.ml.calibration import CalibrationCurve
from pipelines.ml.prediction import nodes_of, with_nodes

if TYPE_CHECKING:
    from pyspark.ml import PipelineModel


def with_corrected_leaves(model: PipelineModel, curve: CalibrationCurve) -> PipelineModel:
    """The same pipeline, whose tree gives the curve's probability in each leaf; the model itself where it is none."""
    if curve.is_identity:
        return model
    nodes = nodes_of(model)
    leaves = [node for node in nodes if node["leftChild"] < 0]
    stats = np.array([node["impurityStats"] for node in leaves])
    weights = stats.sum(axis=1)
    given = np.divide(stats[:, 1], weights, out=np.zeros(len(leaves)), where=weights > 0)
    for node, weight, probability in zip(leaves, weights.tolist(), curve(given).tolist(), strict=True):
        node["impurityStats"] = [weight * (1 - probability), weight * probability]
        node["prediction"] = float(probability > 0.5)  # noqa: PLR2004 - as Spark does
    return with_nodes(model, nodes)
