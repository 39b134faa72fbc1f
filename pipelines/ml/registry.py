"""The MLflow store of an installation: runs, model versions, and the one that is live.

The only module that imports mlflow, and late, because that takes seconds.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version as installed
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from lakehouse.errors import DataError, LakehouseError, OutsideError, UsageError
from lakehouse.locks import exclusive
from pipelines.ml.targets import IN_SESSION, Question
from pipelines.runtime.settings import Settings

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from pyspark.ml import PipelineModel

CHAMPION = "champion"
"""The alias of the version that is live."""

CHALLENGER = "challenger"
"""The alias of the newest version, until it is live."""

PROFILE = "profile.json"
"""The artifact that says what the rows looked like that a version learnt from."""

RULES, IMPORTANCES, ANSWERS = "rules.txt", "importances.csv", "answers.csv"
"""The artifacts that say how a version decides, what it goes by, and what it said of the test period."""

_REPLACED, _LIVE_BECAUSE, _TAKEN_BACK = "replaced", "live_because", "taken_back_because"

_FOLDER = "model"


@dataclass(frozen=True)
class Version:
    """A registered version: its number, the run that made it, and from which probability on it says yes.

    ``tags`` are what the registry keeps of it, ``made_at`` is when it was registered, in UTC.
    """

    number: str
    run_id: str
    threshold: float
    tags: Mapping[str, str] = field(default_factory=dict, compare=False)
    made_at: datetime | None = field(default=None, compare=False)
    aliases: tuple[str, ...] = field(default=(), compare=False)

    @property
    def why(self) -> str:
        """Why it is live or not: what training decided, and what people did since."""
        decided, live, back = (self.tags.get(name, "") for name in ("reason", _LIVE_BECAUSE, _TAKEN_BACK))
        said = [
            decided,
            f"Made live: {live}" if live not in ("", decided) else "",
            f"Taken back: {back}" if back else "",
        ]
        return " ".join(one for one in said if one)

    @property
    def judged_from(self) -> str:
        """From when on it has learnt from no session, as ISO 8601; where that is not known, when it was made."""
        return self.tags.get("test_from") or (self.made_at or datetime.now(UTC)).isoformat()


@dataclass(frozen=True)
class Record:
    """What is kept of a training, beside the model. ``texts`` and ``figures`` go by their file names."""

    params: Mapping[str, Any]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    texts: Mapping[str, str]
    figures: Sequence[tuple[str, Figure]]
    threshold: float
    table: str
    table_path: str
    table_version: int
    table_digest: str


def tracking_uri(settings: Settings) -> str:
    """Where runs and versions are kept."""
    return f"sqlite:///{settings.mlflow_home / 'mlflow.db'}"


class Registry:
    """The store's part for one question, made where there is none.

    Raises OutsideError where it cannot be made, read or written.
    """

    def __init__(self, settings: Settings, question: Question = IN_SESSION) -> None:
        self._settings = settings
        self.question = question
        self.model = question.model
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

    def named(self, alias: str) -> Version | None:
        """The version that has an alias, if one has."""
        with self._explained():
            try:
                found = self._client.get_model_version_by_alias(self.model, alias)
            except self._mlflow.MlflowException as error:
                if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                    return None
                raise
            return _version(found)

    def champion(self) -> Version | None:
        """The version that is live, if one is."""
        return self.named(CHAMPION)

    def live(self) -> Version:
        """The version that is live.

        Raises DataError where none is.
        """
        champion = self.champion()
        if champion is None:
            raise _no_champion(self.question)
        return champion

    def versions(self) -> list[Version]:
        """All versions, newest first."""
        with self._explained():
            found = self._client.search_model_versions(f"name = '{self.model}'")
            aliases = self._client.get_registered_model(self.model).aliases if found else {}
        named = [
            _version(one, tuple(sorted(alias for alias, number in aliases.items() if str(number) == str(one.version))))
            for one in found
        ]
        return sorted(named, key=lambda one: -int(one.number))

    def version(self, number: str) -> Version:
        """The version of that number.

        Raises UsageError, which lists those that there are, where there is none.
        """
        versions = {one.number: one for one in self.versions()}
        if number not in versions:
            there = f"It has {', '.join(versions)}." if versions else "It has none: run `clickstream train` first."
            raise UsageError(f"{self.model} has no version {number!r}.", there)
        return versions[number]

    def load(self, version: Version) -> PipelineModel:
        """The version as a Spark model.

        Raises OutsideError where its files are gone or damaged.
        """
        try:
            model: PipelineModel = self._mlflow.spark.load_model(
                f"models:/{self.model}/{version.number}", dfs_tmpdir=self._scratch()
            )
        except Exception as error:
            raise OutsideError(
                f"Version {version.number} of {self.model} cannot be loaded: {_first_line(error)}.",
                f"Restore {self._settings.mlflow_home}, or make another version live: `clickstream models rollback`.",
            ) from error
        return model

    def register(self, model: PipelineModel, record: Record) -> Version:
        """Keeps a run with its model, and registers it as a new version; the alias stays where it is."""
        with self._explained(), self._mlflow.start_run(experiment_id=self._experiment, run_name=self.model) as run:
            self._mlflow.log_params(dict(record.params))
            self._mlflow.log_metrics(dict(record.metrics))
            self._mlflow.set_tags(dict(record.tags))
            for name, text in record.texts.items():
                self._mlflow.log_text(text, name)
            for name, figure in record.figures:
                self._mlflow.log_figure(figure, name)
            self._mlflow.log_input(self._dataset(record), context="training")
            self._mlflow.spark.log_model(
                model,
                artifact_path=_FOLDER,
                dfs_tmpdir=self._scratch(),
                signature=_signature(self.question),
                input_example=_example(self.question),
                pip_requirements=[f"{name}=={installed(name)}" for name in ("mlflow", "numpy", "pandas", "pyspark")],
            )
            source = f"{run.info.artifact_uri}/{_FOLDER}"
            self._name_model()
            tags = {**record.tags, "threshold": repr(record.threshold)}
            made = self._client.create_model_version(self.model, source, run.info.run_id, tags=tags)
            self._mlflow.set_tag("mlflow.runName", f"{self.model} version {made.version}")
            self._client.set_registered_model_alias(self.model, CHALLENGER, made.version)
            return _version(made)

    def note(self, version: Version, **tags: object) -> None:
        """Keeps tags with a version."""
        with self._explained():
            for name, value in tags.items():
                self._client.set_model_version_tag(self.model, version.number, name, str(value))

    def promote(self, version: Version, reason: str) -> Version | None:
        """Makes a version the champion, and gives the one that was it before.

        The version keeps the reason, when it went live, and which version it replaced, so that a
        rollback knows.
        """
        before = self.champion()
        self._went_live(version, reason)
        if before is not None and before.number != version.number:
            self.note(version, **{_REPLACED: before.number})
        with self._explained():
            self._client.set_registered_model_alias(self.model, CHAMPION, version.number)
            if (challenger := self.named(CHALLENGER)) and challenger.number == version.number:
                self._client.delete_registered_model_alias(self.model, CHALLENGER)
        return before

    def roll_back(self, reason: str) -> tuple[Version, Version]:
        """Makes the version live again that the champion replaced; gives the champion that was, and the one that is.

        Raises DataError where the champion replaced none.
        """
        champion = self.live()
        number = champion.tags.get(_REPLACED)
        if number is None:
            raise DataError(
                f"Version {champion.number} of {self.model} replaced no other, so there is none to go back to.",
                "`clickstream models list` shows the versions, `clickstream models promote` makes any of them live.",
            )
        before = self.version(number)
        self.note(champion, taken_back_at=_now(), **{_TAKEN_BACK: reason})
        # What it had replaced when it went live stays as it is: another rollback goes one further back.
        self._went_live(before, reason)
        with self._explained():
            self._client.set_registered_model_alias(self.model, CHAMPION, before.number)
        return champion, before

    def _went_live(self, version: Version, reason: str) -> None:
        self.note(version, went_live_at=_now(), **{_LIVE_BECAUSE: reason})
        if _TAKEN_BACK in version.tags:
            with self._explained():
                self._client.delete_model_version_tag(self.model, version.number, _TAKEN_BACK)

    def profile(self, version: Version) -> dict[str, Any]:
        """What the version's training rows looked like, to tell whether visits have changed since.

        Raises OutsideError where its run is gone.
        """
        found: dict[str, Any] = json.loads(self.text(version, PROFILE))
        return found

    def text(self, version: Version, name: str) -> str:
        """A text that is kept with the version's run, by its file name: one of those of its Record.

        Raises OutsideError where its run is gone, or has none of that name.
        """
        with self._explained():
            return str(self._mlflow.artifacts.load_text(f"runs:/{version.run_id}/{name}"))

    def kept(self, version: Version) -> tuple[dict[str, str], dict[str, float]]:
        """How the version was trained, and what it was worth then: the params and metrics of its Record.

        Raises OutsideError where its run is gone.
        """
        with self._explained():
            data = self._client.get_run(version.run_id).data
            return dict(data.params), dict(data.metrics)

    def _experiment_id(self) -> str:
        found = self._client.get_experiment_by_name(self.model)
        if found is not None:
            return str(found.experiment_id)
        home = (self._settings.mlflow_home / "artifacts").as_uri()
        return str(self._client.create_experiment(self.model, artifact_location=home))

    def _name_model(self) -> None:
        try:
            self._client.create_registered_model(self.model, description=self.question.asks)
        except self._mlflow.MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise

    def _dataset(self, record: Record) -> Any:
        from mlflow.data.delta_dataset_source import DeltaDatasetSource
        from mlflow.data.meta_dataset import MetaDataset

        source = DeltaDatasetSource(path=record.table_path, delta_table_version=record.table_version)
        return MetaDataset(source, name=record.table, digest=record.table_digest)

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


def open_registry(settings: Settings, question: Question = IN_SESSION) -> Registry:
    """The store, where there is one: it is not made just to find it empty.

    Raises DataError where there is none.
    """
    if not (settings.mlflow_home / "mlflow.db").exists():
        raise _no_champion(question)
    return Registry(settings, question)


def _no_champion(question: Question) -> DataError:
    return DataError(
        f"No version of {question.model} has the alias {CHAMPION}.",
        "Run `clickstream train` first; `clickstream models list` says why a version is not live.",
    )


def _version(found: Any, aliases: tuple[str, ...] = ()) -> Version:
    made_at = datetime.fromtimestamp(found.creation_timestamp / 1000, UTC)
    threshold = float(found.tags.get("threshold", 0.5))
    return Version(str(found.version), found.run_id, threshold, dict(found.tags), made_at, aliases)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _quiet_mlflow() -> Any:
    """MLflow without its chatter, and without its calls home."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    if find_spec("grpc") is None:
        # MLflow looks whether a model is one of Spark Connect; without grpc, that import ends a `python -c` in silence.
        sys.modules.setdefault("pyspark.sql.connect", None)  # type: ignore[arg-type]
    import mlflow

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return mlflow


def _signature(question: Question) -> Any:
    """Raw gold columns in, 0 or 1 out: no vector that only Spark could make."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    kinds = {"INT": "long", "DOUBLE": "double", "STRING": "string"}
    return ModelSignature(
        Schema([ColSpec(kinds[one.type], one.name) for one in question.inputs]), Schema([ColSpec("double")])
    )


def _example(question: Question) -> pd.DataFrame:
    """A made-up visitor after one page."""
    import pandas as pd

    values = {"INT": 1, "DOUBLE": 1.0, "STRING": "other"}
    return pd.DataFrame([{one.name: values[one.type] for one in question.inputs}])


def _first_line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:300].rstrip(".")
