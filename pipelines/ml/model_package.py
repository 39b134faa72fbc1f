"""Put a trained model into the one folder that MLflow keeps: for Spark, and as plain data for everyone else."""

from __future__ import annotations

import hashlib
from importlib.metadata import version as installed
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lakehouse.shipped_files import read_shipped
from pipelines.ml import decision_tree
from pipelines.ml.decision_tree import DecisionTree
from pipelines.ml.model_files import SPARK, check_files
from pipelines.ml.model_version import Version
from pipelines.ml.registry import files_are_damaged, files_are_gone
from pipelines.ml.saved_tree import read_saved_tree
from pipelines.ml.store import artifacts_folder
from pipelines.ml.targets import PredictionTarget
from pipelines.runtime.settings import Settings

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.ml import PipelineModel

TREE = "tree.json"
"""The file in a model's folder that holds the tree as data."""

_MODEL, _CODE = "model", "code"
_KINDS = {"INT": "long", "DOUBLE": "double", "STRING": "string"}


def save_package(
    mlflow: Any,
    folder: Path,
    model: PipelineModel,
    target: PredictionTarget,
    *,
    threshold: float,
    example: pd.DataFrame,
    run_id: str,
    scratch: str,
) -> Any:
    """Writes the folder, and gives MLflow's description of it.

    Its two flavors: ``spark`` is the fitted pipeline; ``python_function`` is the tree as JSON, with the code that
    reads it, which needs no Spark and unpickles nothing. ``scratch`` is a folder through which Spark hands over.
    """
    described = mlflow.models.Model(artifact_path=_MODEL, run_id=run_id)
    mlflow.spark.save_model(
        model,
        str(folder),
        mlflow_model=described,
        dfs_tmpdir=scratch,
        signature=_signature(mlflow, target),
        input_example=example,
        pip_requirements=[f"{name}=={installed(name)}" for name in ("mlflow", "numpy", "pandas")],
    )
    tree = read_saved_tree(folder / SPARK, target, threshold)
    (folder / TREE).write_text(tree.to_json(), encoding="utf-8")
    source = read_shipped(Path(decision_tree.__file__))
    # A name of its own for each text: a process may load versions that were made by different releases.
    module = f"clickstream_tree_{hashlib.sha256(source).hexdigest()[:8]}"
    (folder / _CODE).mkdir()
    (folder / _CODE / f"{module}.py").write_bytes(source)
    mlflow.pyfunc.add_to_model(
        described, loader_module=module, data=TREE, code=_CODE, conda_env="conda.yaml", python_env="python_env.yaml"
    )
    described.save(str(folder / "MLmodel"))
    return described


def load_tree(settings: Settings, target: PredictionTarget, version: Version) -> DecisionTree:
    """The tree of a version as data; that of a version without the file is read from its Spark model.

    It needs neither Java nor MLflow. Raises ModelFilesError where its files are gone, OutsideError where they are
    damaged, or not those that training wrote.
    """
    folder = model_folder(settings, version)
    if not folder.is_dir():
        raise files_are_gone(target.model, version, folder)
    try:
        check_files(folder, version)
        if (folder / TREE).exists():
            return DecisionTree.from_json((folder / TREE).read_text(encoding="utf-8"))
        return read_saved_tree(folder / SPARK, target, version.threshold)
    except Exception as error:
        raise files_are_damaged(target.model, version, error) from error


def model_folder(settings: Settings, version: Version) -> Path:
    """Where the files of a version lie: in the store of today, wherever that was when they were written."""
    return artifacts_folder(settings) / version.run_id / "artifacts" / _MODEL


def _signature(mlflow: Any, target: PredictionTarget) -> Any:
    """Raw gold columns in, which may be left out where they may be null; a probability and its reasons out."""
    schema, column = mlflow.types.Schema, mlflow.types.ColSpec
    inputs = [column(_KINDS[one.type], one.name, required=one.required) for one in target.inputs]
    kinds = {"probability": "double", "prediction": "boolean", "threshold": "double", "path": "string"}
    return mlflow.models.ModelSignature(schema(inputs), schema([column(kind, name) for name, kind in kinds.items()]))
