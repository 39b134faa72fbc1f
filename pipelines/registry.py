"""The MLflow store of an installation: runs, model versions, and the one that is live.

The only module that imports mlflow, and late, because that takes seconds.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version as installed
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from lakehouse.errors import DataError, LakehouseError, OutsideError
from lakehouse.locks import exclusive
from pipelines.purchase_model import INPUTS, importances_csv, importances_figure
from pipelines.settings import Settings

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.ml import PipelineModel

MODEL = "purchase_in_session"
"""The name of the registered model, and of the experiment."""

CHAMPION = "champion"
"""The alias of the version that is live."""

_FOLDER = "model"


@dataclass(frozen=True)
class Version:
    """A registered version: its number, the run that made it, and from which probability on it says yes."""

    number: str
    run_id: str
    threshold: float


@dataclass(frozen=True)
class Record:
    """What is kept of a training, beside the model."""

    params: Mapping[str, Any]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    rules: str
    importances: Mapping[str, float]
    threshold: float
    table: str
    table_path: str
    table_version: int


def tracking_uri(settings: Settings) -> str:
    """Where runs and versions are kept."""
    return f"sqlite:///{settings.mlflow_home / 'mlflow.db'}"


class Registry:
    """The store, made where there is none.

    Raises OutsideError where it cannot be made, read or written.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        with self._explained():
            (settings.mlflow_home / "artifacts").mkdir(parents=True, exist_ok=True)
            self._mlflow = _quiet_mlflow()
            self._mlflow.set_tracking_uri(tracking_uri(settings))
            self._mlflow.set_registry_uri(tracking_uri(settings))
            # Two that find no tables both make them, and one fails.
            with exclusive(settings.locks, "mlflow"):
                self._client = self._mlflow.MlflowClient()
                self._experiment = self._experiment_id()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keeps every other training from writing the store, and from naming a champion meanwhile."""
        with exclusive(self._settings.locks, "mlflow"):
            yield

    def champion(self) -> Version | None:
        """The version that is live, if one is."""
        with self._explained():
            try:
                found = self._client.get_model_version_by_alias(MODEL, CHAMPION)
            except self._mlflow.MlflowException as error:
                if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                    return None
                raise
            threshold = float(found.tags.get("threshold", 0.5))
            return Version(str(found.version), found.run_id, threshold)

    def live(self) -> Version:
        """The version that is live.

        Raises DataError where none is.
        """
        champion = self.champion()
        if champion is None:
            raise _no_champion()
        return champion

    def load(self, version: Version) -> PipelineModel:
        """The version as a Spark model.

        Raises OutsideError where its files are gone or damaged.
        """
        try:
            model: PipelineModel = self._mlflow.spark.load_model(
                f"models:/{MODEL}/{version.number}", dfs_tmpdir=self._scratch()
            )
        except Exception as error:
            raise OutsideError(
                f"Version {version.number} of {MODEL} cannot be loaded: {_first_line(error)}.",
                f"Restore {self._settings.mlflow_home}, or give the alias {CHAMPION} to another version "
                "in the MLflow UI (`clickstream serve mlflow`).",
            ) from error
        return model

    def register(self, model: PipelineModel, record: Record) -> Version:
        """Keeps a run with its model, and registers it as a new version; the alias stays where it is."""
        with self._explained(), self._mlflow.start_run(experiment_id=self._experiment) as run:
            self._mlflow.log_params(dict(record.params))
            self._mlflow.log_metrics(dict(record.metrics))
            self._mlflow.set_tags(dict(record.tags))
            self._mlflow.log_text(record.rules, "rules.txt")
            self._mlflow.log_text(importances_csv(record.importances), "importances.csv")
            self._mlflow.log_figure(importances_figure(record.importances), "importances.png")
            self._mlflow.log_input(self._dataset(record), context="training")
            self._mlflow.spark.log_model(
                model,
                artifact_path=_FOLDER,
                dfs_tmpdir=self._scratch(),
                signature=_signature(),
                input_example=_example(),
                pip_requirements=[f"{name}=={installed(name)}" for name in ("mlflow", "numpy", "pandas", "pyspark")],
            )
            source = f"{run.info.artifact_uri}/{_FOLDER}"
            self._name_model()
            tags = {**record.tags, "threshold": repr(record.threshold)}
            made = self._client.create_model_version(MODEL, source, run.info.run_id, tags=tags)
            return Version(str(made.version), run.info.run_id, record.threshold)

    def promote(self, version: Version) -> None:
        """Makes a version the champion."""
        with self._explained():
            self._client.set_registered_model_alias(MODEL, CHAMPION, version.number)

    def _experiment_id(self) -> str:
        found = self._client.get_experiment_by_name(MODEL)
        if found is not None:
            return str(found.experiment_id)
        home = (self._settings.mlflow_home / "artifacts").as_uri()
        return str(self._client.create_experiment(MODEL, artifact_location=home))

    def _name_model(self) -> None:
        try:
            self._client.create_registered_model(MODEL, description="Will this open session end in a purchase?")
        except self._mlflow.MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise

    def _dataset(self, record: Record) -> Any:
        from mlflow.data.delta_dataset_source import DeltaDatasetSource
        from mlflow.data.meta_dataset import MetaDataset

        source = DeltaDatasetSource(path=record.table_path, delta_table_version=record.table_version)
        return MetaDataset(source, name=record.table, digest=f"version-{record.table_version}")

    def _scratch(self) -> str:
        """Where Spark and MLflow hand models over: beside the store, or in the lake where that is not a local folder.

        MLflow empties it.
        """
        if "://" in self._settings.lake_root:
            return f"{self._settings.lake_root}/_scratch/mlflow"
        return str(self._settings.state_root / "scratch" / "mlflow")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except LakehouseError:
            raise
        except Exception as error:
            raise OutsideError(
                f"The MLflow store in {self._settings.mlflow_home} failed: {_first_line(error)}.",
                "Check that the disk has room and the folder can be written, then run it again.",
            ) from error


def open_registry(settings: Settings) -> Registry:
    """The store, where there is one: it is not made just to find it empty.

    Raises DataError where there is none.
    """
    if not (settings.mlflow_home / "mlflow.db").exists():
        raise _no_champion()
    return Registry(settings)


def _no_champion() -> DataError:
    return DataError(f"No version of {MODEL} has the alias {CHAMPION}.", "Run `clickstream train` first.")


def _quiet_mlflow() -> Any:
    """MLflow without its chatter, and without its calls home."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    if find_spec("grpc") is None:
        # MLflow looks whether a model is one of Spark Connect; without grpc, that import ends a `python -c` in silence.
        sys.modules.setdefault("pyspark.sql.connect", None)  # type: ignore[arg-type]
    import mlflow

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return mlflow


def _signature() -> Any:
    """Raw gold columns in, 0 or 1 out: no vector that only Spark could make."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    kinds = {"INT": "long", "DOUBLE": "double", "STRING": "string"}
    return ModelSignature(Schema([ColSpec(kinds[one.type], one.name) for one in INPUTS]), Schema([ColSpec("double")]))


def _example() -> pd.DataFrame:
    """A made-up visitor after one page."""
    import pandas as pd

    values = {"INT": 1, "DOUBLE": 1.0, "STRING": "other"}
    return pd.DataFrame([{one.name: values[one.type] for one in INPUTS}])


def _first_line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:300].rstrip(".")
