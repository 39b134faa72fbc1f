"""Keep runs and model versions in the installation's MLflow store; the only module that imports mlflow.

It imports mlflow late, because that takes seconds.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from gold.training_examples import TABLE as EXAMPLES
from lakehouse.atomic_files import draft_of
from lakehouse.errors import LakehouseError, OutsideError, UsageError
from lakehouse.locks import exclusive
from pipelines.ml import live_note, store
from pipelines.ml.model_files import FILES, SPARK, check_files, check_pipeline, digest
from pipelines.ml.model_version import CHALLENGER, CHAMPION, REPLACED, Version, no_champion
from pipelines.ml.targets import IN_SESSION, TARGETS, PredictionTarget
from pipelines.runtime.console import err
from pipelines.runtime.settings import Settings

if TYPE_CHECKING:
    from pyspark.ml import PipelineModel

    from pipelines.ml.training_record import TrainingRecord

PROFILE = "profile.json"
"""The artifact that holds the profile of a version's training rows, which drift is measured against."""

RULES, IMPORTANCES, ANSWERS = "rules.txt", "importances.csv", "answers.csv"
"""The artifacts that hold a version's tree in words, its importances, and its predictions for the test period."""

_FOLDER = "model"


class ModelFilesError(OutsideError):
    """The files of a registered version are gone."""


class Registry:
    """The MLflow store's part for one prediction target. It is opened when it is first needed.

    Its methods raise OutsideError, with the cure, where the store cannot be created, read or written.
    """

    def __init__(self, settings: Settings, target: PredictionTarget = IN_SESSION) -> None:
        self._settings = settings
        self.target = target
        self.model = target.model

    def import_mlflow(self) -> None:
        """Imports what ``register`` needs, which takes seconds; touches no store."""
        _ = self._mlflow
        for name in ("mlflow.spark", "mlflow.pyfunc", "mlflow.data.delta_dataset_source"):
            import_module(name)

    def open(self) -> Registry:
        """Opens the store, and creates it where there is none."""
        with self._explained():
            _ = self._client
        return self

    @cached_property
    def _mlflow(self) -> Any:
        mlflow, uri = _quiet_mlflow(), store.tracking_uri(self._settings)
        mlflow.set_tracking_uri(uri)
        mlflow.set_registry_uri(uri)
        return mlflow

    @cached_property
    def _client(self) -> Any:
        settings = self._settings
        store.artifacts_folder(settings).mkdir(parents=True, exist_ok=True)
        # Two processes that find no tables both create them, and one fails.
        with exclusive(settings.locks, "mlflow"):
            store.remove_unfinished(settings)
            if not store.has_store(settings):
                _create(store.store_file(settings))
            if problem := store.find_problem(settings):
                raise problem
            if moved := store.correct_addresses(settings, tuple(target.model for target in TARGETS.values())):
                err.print(f"The MLflow store was moved or copied: {moved} addresses of it name this folder now.")
            return self._mlflow.MlflowClient()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Within, no other process registers a version or changes the champion."""
        with exclusive(self._settings.locks, "mlflow"):
            yield

    def version_with_alias(self, alias: str) -> Version | None:
        """The version that has an alias, if one has."""
        with self._explained():
            client = self._client
            try:
                entity = client.get_model_version_by_alias(self.model, alias)
            except self._mlflow.MlflowException as error:
                if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                    return None
                raise
            return _version(entity)

    def champion(self) -> Version | None:
        """The version that is live, if one is."""
        return self.version_with_alias(CHAMPION)

    def live(self) -> Version:
        """The version that is live.

        Raises DataError where none is.
        """
        champion = self.champion()
        if champion is None:
            raise no_champion(self.target)
        return champion

    def last_live(self) -> Version | None:
        """The version that was live when the store could last be read, if its files are there."""
        noted = live_note.read_note(self._settings, self.model)
        return noted[0] if noted else None

    def note_live(self, version: Version) -> None:
        """Notes beside the store that this version is live, for ``last_live``."""
        with self._explained():
            live_note.write_note(self._settings, self.model, version, store.path_of(self._source(version)))

    def versions(self) -> list[Version]:
        """All versions, newest first."""
        with self._explained():
            entities = self._client.search_model_versions(f"name = '{self.model}'")
            aliases = self._client.get_registered_model(self.model).aliases if entities else {}
        by_number: dict[str, list[str]] = {}
        for alias, number in sorted(aliases.items()):
            by_number.setdefault(str(number), []).append(alias)
        versions = [_version(entity, tuple(by_number.get(str(entity.version), ()))) for entity in entities]
        return sorted(versions, key=lambda version: -int(version.number))

    def version(self, number: str) -> Version:
        """The version of that number.

        Raises UsageError, which lists the numbers, where there is none.
        """
        versions = {version.number: version for version in self.versions()}
        if number not in versions:
            hint = f"It has {', '.join(versions)}." if versions else "It has none: run `clickstream train` first."
            raise UsageError(f"{self.model} has no version {number!r}.", hint)
        return versions[number]

    def load(self, version: Version) -> PipelineModel:
        """The version as a Spark model.

        Raises ModelFilesError where its files are gone, OutsideError where they are damaged or, in a folder, exchanged.
        """
        try:
            with self._explained():
                source = self._source(version)
        except OutsideError:
            noted = live_note.read_note(self._settings, self.model)
            if noted is None or noted[0] != version:
                raise
            source = str(noted[1])
        if store.is_local(source) and not store.path_of(source).is_dir():
            raise files_are_gone(self.model, version, store.path_of(source))
        try:
            if store.is_local(source):
                check_files(store.path_of(source), version)
                check_pipeline(store.path_of(source) / SPARK)
            model: PipelineModel = self._mlflow.spark.load_model(source, dfs_tmpdir=self._scratch())
        except Exception as error:
            raise files_are_damaged(self.model, version, error) from error
        return model

    def _source(self, version: Version) -> str:
        """The address of a version's files."""
        return str(self._client.get_model_version(self.model, version.number).source)

    def register(self, record: TrainingRecord) -> Version:
        """Logs a training as a run, and registers its model as a new version, the challenger."""
        with (
            self._explained(),
            self._mlflow.start_run(experiment_id=self._open_experiment(), run_name=self.model) as run,
        ):
            self._mlflow.log_params(dict(record.params))
            self._mlflow.log_metrics(dict(record.metrics))
            self._mlflow.set_tags(dict(record.tags))
            for name, text in record.texts.items():
                self._mlflow.log_text(text, name)
            for name, figure in record.figures:
                self._mlflow.log_figure(figure, name)
            self._mlflow.log_input(self._dataset(record), context="training")
            files = self._log_model(record, run.info.run_id)
            source = f"{run.info.artifact_uri}/{_FOLDER}"
            self._ensure_registered_model()
            tags = {**record.tags, "threshold": repr(record.evaluation.threshold), FILES: files}
            made = self._client.create_model_version(self.model, source, run.info.run_id, tags=tags)
            self._mlflow.set_tag("mlflow.runName", f"{self.model} version {made.version}")
            self._client.set_registered_model_alias(self.model, CHALLENGER, made.version)
            return _version(made)

    def set_tags(self, version: Version, **tags: object) -> None:
        """Sets tags of a version."""
        with self._explained():
            for name, value in tags.items():
                self._client.set_model_version_tag(self.model, version.number, name, str(value))

    def set_alias(self, version: Version, alias: str) -> None:
        """Gives a version an alias, which the version that had it loses."""
        with self._explained():
            self._client.set_registered_model_alias(self.model, alias, version.number)
        if alias == CHAMPION:
            self.note_live(version)

    def delete_alias(self, alias: str) -> None:
        """Takes an alias away from whichever version has it."""
        with self._explained():
            self._client.delete_registered_model_alias(self.model, alias)

    def delete_tag(self, version: Version, name: str) -> None:
        """Takes a tag away from a version."""
        with self._explained():
            self._client.delete_model_version_tag(self.model, version.number, name)

    def profile(self, version: Version) -> dict[str, Any]:
        """The profile of the version's training rows, to measure drift against.

        Raises OutsideError where its run is deleted.
        """
        profile: dict[str, Any] = json.loads(self.text(version, PROFILE))
        return profile

    def text(self, version: Version, name: str) -> str:
        """A text artifact of the version's run, by its file name.

        Raises OutsideError where its run is deleted, or has no such artifact.
        """
        with self._explained():
            return str(self._mlflow.artifacts.load_text(f"runs:/{version.run_id}/{name}"))

    def params_and_metrics(self, version: Version) -> tuple[dict[str, str], dict[str, float]]:
        """The params and metrics of the version's run.

        Raises OutsideError where its run is deleted.
        """
        with self._explained():
            data = self._client.get_run(version.run_id).data
            return dict(data.params), dict(data.metrics)

    def _open_experiment(self) -> str:
        """The id of the experiment that runs are logged in; one that was deleted is restored or created again."""
        experiment = self._client.get_experiment_by_name(self.model)
        if experiment is None:
            if self._client.search_model_versions(f"name = '{self.model}'", max_results=1):
                err.print(
                    f"The experiment {self.model} was deleted for good; it is created again, without its old runs."
                )
            home = store.artifacts_folder(self._settings).as_uri()
            return str(self._client.create_experiment(self.model, artifact_location=home))
        if experiment.lifecycle_stage == "deleted":
            self._client.restore_experiment(experiment.experiment_id)
            err.print(f"The experiment {self.model} was deleted; it is restored, with its runs.")
        return str(experiment.experiment_id)

    def _ensure_registered_model(self) -> None:
        try:
            self._client.create_registered_model(self.model, description=self.target.description)
        except self._mlflow.MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise

    def _log_model(self, record: TrainingRecord, run_id: str) -> str:
        """Logs the model in both of its flavors: mlflow.spark.log_model has but one. Gives the digest of its files."""
        from pipelines.ml.model_package import save_package

        with TemporaryDirectory(prefix="model-") as folder:
            package = Path(folder) / _FOLDER
            described = save_package(
                self._mlflow,
                package,
                record.model,
                self.target,
                threshold=record.evaluation.threshold,
                example=record.example,
                run_id=run_id,
                scratch=self._scratch(),
            )
            files = digest(package)
            self._mlflow.log_artifacts(str(package), _FOLDER)
        self._client._record_logged_model(run_id, described)  # noqa: SLF001 - as mlflow.spark.log_model does
        return files

    def _dataset(self, record: TrainingRecord) -> Any:
        from mlflow.data.delta_dataset_source import DeltaDatasetSource
        from mlflow.data.meta_dataset import MetaDataset

        data = record.data
        source = DeltaDatasetSource(path=data.table_path, delta_table_version=data.table_version)
        return MetaDataset(source, name=EXAMPLES.name, digest=data.digest)

    def _scratch(self) -> str:
        """The folder, emptied by MLflow, through which Spark hands models over: in the lake, if machines share it."""
        from lakehouse.session import is_local_session  # by PySpark, which commands without Spark do without

        if "://" in self._settings.lake_root and not is_local_session():
            return f"{self._settings.lake_root}/_scratch/mlflow"
        return str(self._settings.state_root / "scratch" / "mlflow")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except LakehouseError:
            raise
        except Exception as error:
            if store.is_locked(error):
                raise store.locked(self._settings) from error
            problem = store.find_problem(self._settings, seconds=1)
            if problem is not None:
                raise problem from error
            raise OutsideError(
                f"The MLflow store in {self._settings.mlflow_home} failed: {_first_line(error)}.",
                "Check that the disk has room and the folder can be written, then run it again.",
            ) from error


def files_are_gone(model: str, version: Version, folder: Path) -> ModelFilesError:
    """The error for a version whose files are not where they should be."""
    return ModelFilesError(
        f"The files of version {version.number} of {model} are gone: there is no {folder}.", _files_hint(version)
    )


def files_are_damaged(model: str, version: Version, error: Exception) -> OutsideError:
    """The error for a version whose files are there and cannot be read."""
    return OutsideError(
        f"The files of version {version.number} of {model} cannot be loaded: {_first_line(error)}.",
        _files_hint(version),
    )


def _files_hint(version: Version) -> str:
    other = "`clickstream models rollback`" if REPLACED in version.tags else "`clickstream train`"
    return f"Restore them from a backup, or make another version live: {other} or `clickstream models promote`."


def open_registry(settings: Settings, target: PredictionTarget = IN_SESSION) -> Registry:
    """The store, where there is one: reading does not create it.

    Raises DataError where there is none.
    """
    if not store.has_store(settings):
        raise no_champion(target)
    return Registry(settings, target)


def _create(file: Path) -> None:
    """Creates an MLflow store as a whole or not at all: MLflow does not go on where it was killed in between."""
    from mlflow.store.db import utils

    with draft_of(file, f"{file.name}.{os.getpid()}.new") as draft:
        engine = utils.create_sqlalchemy_engine(f"sqlite:///{draft}")
        utils._initialize_tables(engine)  # noqa: SLF001 - it is what each store of MLflow does at its start
        engine.dispose()


def _version(entity: Any, aliases: tuple[str, ...] = ()) -> Version:
    return Version.of(entity.version, entity.run_id, entity.creation_timestamp, entity.tags, aliases)


def _quiet_mlflow() -> Any:
    """MLflow without its log lines, and without its telemetry."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"  # which runs code; no model of this project is one
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    if find_spec("grpc") is None:
        # MLflow looks whether a model is one of Spark Connect; without grpc, that import ends a `python -c` in silence.
        sys.modules.setdefault("pyspark.sql.connect", None)  # type: ignore[arg-type]
    import mlflow

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return mlflow


def _first_line(error: BaseException) -> str:
    """What an error says first, without a statement of SQL, and never cut within a word."""
    first = (str(error).strip() or type(error).__name__).splitlines()[0].removeprefix("(sqlite3.OperationalError) ")
    return shorten(first, 300, placeholder=" ...").rstrip(".")
