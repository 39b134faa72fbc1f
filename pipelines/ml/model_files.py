"""Check a model's files before one is loaded: they are those that training wrote, and a pipeline of Spark's own parts.

A Spark model names the classes that read it, and MLflow's description names code to import. So files that somebody
exchanged would run as the user who scores.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from pipelines.ml.model_version import Version

FILES = "files_sha256"
"""The tag of a version that holds the digest of its files. Versions of older releases have none."""

STAGES = frozenset(
    {
        "org.apache.spark.ml.feature.SQLTransformer",
        "org.apache.spark.ml.feature.StringIndexerModel",
        "org.apache.spark.ml.feature.VectorAssembler",
        "org.apache.spark.ml.classification.DecisionTreeClassificationModel",
    }
)
"""The parts that a pipeline of this project has."""

SPARK = "sparkml"
"""The folder in a model's folder that holds the pipeline as Spark saved it."""

_CACHE = "__pycache__"
_MLFLOW_NOTE = Path("registered_model_meta")
"""MLflow's note of the registered model's name and version, written by each `mlflow.pyfunc.load_model("models:/…")`."""
_PIPELINE = "org.apache.spark.ml.PipelineModel"


def digest(folder: Path) -> str:
    """The SHA-256 of all files below a folder, with their names. Raises ValueError where one is a link.

    Without those that appear when somebody loads the model by MLflow, its note and what Python puts beside the code:
    nothing here reads them.
    """
    whole = hashlib.sha256()
    for path in sorted(folder.rglob("*"), key=lambda path: path.relative_to(folder).as_posix()):
        name = path.relative_to(folder)
        if _CACHE in name.parts or name == _MLFLOW_NOTE:
            continue
        if path.is_symlink():
            raise ValueError(f"{name} is a link")
        if path.is_file():
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
            whole.update(f"{content}  {name.as_posix()}\n".encode())
    return whole.hexdigest()


def check_files(folder: Path, version: Version) -> None:
    """Raises ValueError where the files of a version are not those that training wrote."""
    expected = version.tags.get(FILES)
    if expected is not None and (found := digest(folder)) != expected:
        raise ValueError(
            f"they are not those that training wrote (their SHA-256 begins with {found[:12]}, not with {expected[:12]})"
        )


def check_pipeline(folder: Path) -> None:
    """Raises ValueError where a Spark model has other parts than the pipelines of this project."""
    if (found := str(metadata(folder).get("class"))) != _PIPELINE:
        raise ValueError(f"it is a {found}")
    kinds = {str(metadata(stage).get("class")) for stage in (folder / "stages").iterdir() if stage.is_dir()}
    if unknown := kinds - STAGES:
        raise ValueError(f"it has the stages {', '.join(sorted(unknown))}")


def metadata(folder: Path) -> dict[str, Any]:
    """What Spark says of a model or a part of one in its folder."""
    (path,) = (folder / "metadata").glob("part-*")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8").splitlines()[0])
    return found
