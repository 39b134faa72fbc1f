"""Old training runs go for good, with files and version, and never one that was live; by a real MLflow store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import mlflow
import pytest

from pipelines.ml.old_runs import OldRuns
from pipelines.ml.registry import Registry
from pipelines.ml.store import artifacts_folder, tracking_uri
from pipelines.operations.retention_elsewhere import keep_retention_elsewhere
from pipelines.runtime.settings import load_settings

NOW = datetime.now(UTC)
DAY = 86_400_000


@pytest.fixture
def store(tmp_path):
    """A store with runs by name, each of an age in days; those with a version are registered."""
    settings = load_settings(lake=str(tmp_path / "lake"), state=tmp_path / "state", retention={"mlflow_run_days": 30})
    registry = Registry(settings).open()
    client = mlflow.MlflowClient(tracking_uri(settings), tracking_uri(settings))
    experiment = client.create_experiment(registry.model, artifact_location=artifacts_folder(settings).as_uri())
    client.create_registered_model(registry.model)
    client.create_registered_model("somebody_elses")
    runs = {}

    def add(name, days, *, model="", **tags):
        ended = int(NOW.timestamp() * 1_000) - days * DAY
        run = client.create_run(experiment, start_time=ended - 9, run_name=name)
        client.log_param(run.info.run_id, "depth", 3)
        folder = artifacts_folder(settings) / run.info.run_id / "artifacts"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "rules.txt").write_text("shoes")
        client.set_terminated(run.info.run_id, end_time=ended)
        if model:
            client.create_model_version(model, f"{run.info.artifact_uri}/model", run.info.run_id, tags=tags)
        runs[run.info.run_id] = name
        return run.info.run_id

    return settings, client, registry, add, runs


def left(client, settings, runs):
    experiment = client.search_experiments(filter_string="name = 'purchase_in_session'")[0].experiment_id
    found = client.search_runs([experiment], run_view_type=mlflow.entities.ViewType.ALL)
    names = {runs[run.info.run_id] for run in found}
    assert {runs[path.name] for path in artifacts_folder(settings).iterdir()} == names
    return names


def test_old_runs_go_with_files_and_version_for_good(store):
    settings, client, registry, add, runs = store
    model = registry.model
    trashed = [add("failed", 40), add("failed lately", 20)]
    add("never live", 40, model=model)
    add("was live", 90, model=model, went_live_at="2026-01-01T00:00:00+00:00")
    add("has an alias", 50, model=model)
    client.set_registered_model_alias(model, "mine", 3)
    add("somebody's", 50, model="somebody_elses")
    add("in the trash", 60)
    client.delete_run(list(runs)[-1])
    client.create_run(client.get_run(trashed[0]).info.experiment_id, start_time=1, run_name="open")
    open_run = client.search_runs([client.get_run(trashed[0]).info.experiment_id], "attributes.status = 'RUNNING'")[0]
    runs[open_run.info.run_id] = "open"
    (artifacts_folder(settings) / open_run.info.run_id).mkdir(exist_ok=True)
    add("newest", 40, model=model)
    everything = set(runs.values())

    said = keep_retention_elsewhere(settings, dry_run=True)
    assert said == ["purchase_in_session: 3 training runs are older than 30 days, and would be deleted."]
    assert left(client, settings, runs) == everything
    assert keep_retention_elsewhere(settings) == [said[0].replace("would be", "are")]
    assert left(client, settings, runs) == everything - {"failed", "never live", "in the trash"}
    assert [version.number for version in registry.versions()] == ["4", "3", "2"]
    assert keep_retention_elsewhere(settings) == []


@pytest.mark.parametrize("step", ["delete_model_version", "delete_run", "delete_artifacts"])
def test_interrupted_it_is_done_by_the_next(store, monkeypatch, step):
    from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository

    settings, client, registry, add, runs = store
    add("old", 40, model=registry.model)
    add("newest", 1, model=registry.model)
    owner = LocalArtifactRepository if step == "delete_artifacts" else mlflow.MlflowClient
    step_itself = getattr(owner, step)

    def then_killed(*arguments, **options):
        step_itself(*arguments, **options)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(owner, step, then_killed)
        with pytest.raises(KeyboardInterrupt):
            OldRuns(settings).delete(NOW - timedelta(days=30))
    assert OldRuns(settings).delete(NOW - timedelta(days=30)) == 1
    assert left(client, settings, runs) == {"newest"}


def test_without_a_store_none_is_made(tmp_path):
    settings = load_settings(lake=str(tmp_path / "lake"), state=tmp_path / "state", retention={"mlflow_run_days": 1})
    assert keep_retention_elsewhere(settings) == []
    assert not settings.mlflow_home.exists()
