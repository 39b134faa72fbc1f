"""Delete a model's old training runs for good, with their files and the version that each was registered as."""

from __future__ import annotations

from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from pipelines.ml import store
from pipelines.ml.registry import Registry

_RUNS_AT_ONCE = 1_000


class OldRuns(Registry):
    """The runs of one prediction target's experiment.

    A version that is or was live keeps its run, as scores name it; so does one with an alias, and the newest, whose
    number MLflow would give again. So does a run that somebody registered as another model.
    """

    def find(self, before: datetime) -> list[str]:
        """The ids of the runs that ended before an instant, and can go; those in MLflow's trash among them."""
        if not store.has_store(self._settings):
            return []
        with self._explained():
            kept = self._kept()
            return [
                run.info.run_id
                for run in self._runs()
                if run.info.end_time
                and run.info.end_time < before.timestamp() * 1_000
                and run.info.run_id not in kept
                and all(one.name == self.model for one in self._versions_of(run.info.run_id))
            ]

    def delete(self, before: datetime) -> int:
        """Deletes them, and gives how many; safe to interrupt and repeat."""
        if not self.find(before):
            return 0
        with self.alone(), self._explained():
            found = self.find(before)
            for run_id in found:
                for version in self._versions_of(run_id):
                    self._client.delete_model_version(self.model, version.version)
                self._delete_for_good(run_id)
            return len(found)

    def _kept(self) -> set[str]:
        versions = self.versions()
        return {one.run_id for one in versions[:1]} | {
            one.run_id for one in versions if one.aliases or "went_live_at" in one.tags
        }

    def _runs(self) -> list[Any]:
        experiment = self._client.get_experiment_by_name(self.model)
        found: list[Any] = []
        token = None
        while experiment is not None:
            page = self._client.search_runs(
                [experiment.experiment_id],
                run_view_type=self._mlflow.entities.ViewType.ALL,
                max_results=_RUNS_AT_ONCE,
                page_token=token,
            )
            found += page
            if not (token := page.token):
                break
        return found

    def _versions_of(self, run_id: str) -> list[Any]:
        return list(self._client.search_model_versions(f"run_id = '{run_id}'"))

    def _delete_for_good(self, run_id: str) -> None:
        """What `mlflow gc` does with a run; by its command it would do so with all that is in the trash."""
        run = self._client.get_run(run_id)
        if run.info.lifecycle_stage != "deleted":
            self._client.delete_run(run_id)
        address = str(run.info.artifact_uri)
        repositories = import_module("mlflow.store.artifact.artifact_repository_registry")
        repositories.get_artifact_repository(address).delete_artifacts()
        if store.is_local(address):
            _remove_empty(store.path_of(address).parent)
        self._client._tracking_client.store._hard_delete_run(run_id)  # noqa: SLF001 - MLflow has no public way


def _remove_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
