"""Note beside the MLflow store which version is live, so that scoring goes on where the store cannot be read."""

from __future__ import annotations

import json
from pathlib import Path

from lakehouse.atomic_files import write_json
from pipelines.ml import store
from pipelines.ml.model_files import FILES
from pipelines.ml.model_version import Version
from pipelines.runtime.settings import Settings


def write_note(settings: Settings, model: str, version: Version, files: Path) -> None:
    """Notes the version that is live, and where its files are, if they are in the store's own folder."""
    home = store.artifacts_folder(settings)
    if files.is_relative_to(home):
        named = {"number": version.number, "run_id": version.run_id, "threshold": version.threshold}
        tags = {FILES: version.tags[FILES]} if FILES in version.tags else {}
        write_json(_note(settings, model), {**named, "files": files.relative_to(home).as_posix(), "tags": tags})


def read_note(settings: Settings, model: str) -> tuple[Version, Path] | None:
    """The version that was live when the store could last be read, and its files; None where these are gone."""
    try:
        kept = json.loads(_note(settings, model).read_text(encoding="utf-8"))
        tags = dict(kept.get("tags", {}))
        version = Version(str(kept["number"]), str(kept["run_id"]), float(kept["threshold"]), tags)
        files = store.artifacts_folder(settings) / str(kept["files"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return (version, files) if files.is_dir() else None


def _note(settings: Settings, model: str) -> Path:
    return settings.mlflow_home / f"live.{model}.json"
