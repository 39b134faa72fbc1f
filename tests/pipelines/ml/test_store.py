"""A model store that was moved, deleted in part, locked, damaged, or written by another MLflow; with real MLflow."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from lakehouse.errors import OutsideError
from pipelines.ml import store
from pipelines.ml.registry import ModelFilesError, Registry, open_registry
from pipelines.ml.store import newest_revision, remove_unfinished, store_file, tracking_uri
from pipelines.ml.version_list import list_versions
from pipelines.operations.doctor import check_store
from pipelines.runtime.job import Job
from pipelines.runtime.settings import load_settings
from pipelines.score import run_score
from pipelines.train import run_train
from tests.support.training import examples, fill, noisy, train_live

pytestmark = pytest.mark.spark


def settings_of(home):
    return load_settings(lake=str(home / "lake"), state=home / "state")


@pytest.fixture(scope="module")
def trained(spark, tmp_path_factory):
    """An installation with a live model that has scored; it stays as it is."""
    home = tmp_path_factory.mktemp("first place")
    job = Job(settings_of(home), spark)
    fill(job, examples(buys=noisy))
    train_live(job, max_depth=2)
    run_score(job)
    return home


@pytest.fixture
def moved(trained, spark, tmp_path):
    """A copy of it in another folder."""
    shutil.copytree(trained, tmp_path / "second place")
    return Job(settings_of(tmp_path / "second place"), spark)


def client_of(job):
    import mlflow

    return mlflow.MlflowClient(tracking_uri(job.settings), tracking_uri(job.settings))


def set_revision(settings, revision):
    with closing(sqlite3.connect(store_file(settings))) as base, base:
        base.execute("UPDATE alembic_version SET version_num = ?", (revision,))


def new_sessions(job):
    fill(job, examples(buys=noisy, seed=3))


def test_a_moved_store_is_corrected_and_used_in_its_place(moved, trained, capsys):
    new_sessions(moved)
    before = sorted((trained / "state" / "mlflow").rglob("*"))
    assert run_score(moved).model_version == "1"  # which looks beside the store, whatever that says
    assert run_train(moved, max_depth=3).version.number == "2"
    assert "addresses of it name this folder now" in capsys.readouterr().err.replace("\n", " ")
    assert sorted((trained / "state" / "mlflow").rglob("*")) == before
    with closing(sqlite3.connect(store_file(moved.settings))) as base:
        for table, column in (*store._ADDRESSES, ("experiments", "artifact_location")):
            addresses = [row[0] for row in base.execute(f"SELECT {column} FROM {table}")]  # noqa: S608
            assert not [address for address in addresses if "first%20place" in address]
    assert check_store(moved.settings).state == "ok"


def test_training_restores_an_experiment_that_was_deleted(moved, capsys):
    client = client_of(moved)
    client.delete_experiment(client.get_experiment_by_name("purchase_in_session").experiment_id)
    assert check_store(moved.settings).state == "note"
    new_sessions(moved)
    assert run_score(moved).model_version == "1"
    assert run_train(moved, max_depth=3).version.number == "2"
    assert "was deleted; it is restored" in capsys.readouterr().err.replace("\n", " ")
    assert client.get_experiment_by_name("purchase_in_session").lifecycle_stage == "active"


def test_a_deleted_run_leaves_its_version_scoring(moved):
    registry = Registry(moved.settings)
    version = registry.live()
    client_of(moved).delete_run(version.run_id)
    new_sessions(moved)
    assert run_score(moved).model_version == "1"
    assert registry.profile(version)


def test_after_gc_training_is_the_cure_and_goes_live(moved):
    registry = Registry(moved.settings)
    client = client_of(moved)
    client.delete_experiment(client.get_experiment_by_name("purchase_in_session").experiment_id)
    mlflow = [sys.executable, "-m", "mlflow", "gc", "--backend-store-uri", tracking_uri(moved.settings)]
    registry.open()
    subprocess.run(mlflow, check=True, capture_output=True)
    with pytest.raises(ModelFilesError, match=r"files of version 1 .* are gone: there is no .*`clickstream train`"):
        run_score(moved)
    assert check_store(moved.settings).state == "missing"
    result = run_train(moved, max_depth=3)
    assert result.decision.promoted, result.decision.reason
    assert run_score(moved).model_version == "2"


def test_a_model_whose_files_were_exchanged_is_not_loaded(moved):
    registry = open_registry(moved.settings)
    version = registry.live()
    assert registry.load(version).stages
    planted = next((moved.settings.mlflow_home / "artifacts").glob("*/artifacts/model/code/*.py"))
    planted.write_text("raise SystemExit")
    for use in (lambda: registry.load(version), lambda: run_score(moved)):
        with pytest.raises(OutsideError, match="they are not those that training wrote"):
            use()


@pytest.mark.parametrize("kind", ["older", "newer"])
def test_a_store_of_another_mlflow_names_its_own_cure(moved, kind, capsys):
    revision = "acf3f17fdcc7" if kind == "older" else "ffffffffffff"
    set_revision(moved.settings, revision)
    cure = "db upgrade" if kind == "older" else "Install that newer MLflow"
    for use in (lambda: list_versions(moved.settings, Registry(moved.settings).target), lambda: run_train(moved)):
        with pytest.raises(OutsideError) as refused:
            use()
        assert f"{kind} MLflow" in refused.value.message
        assert cure in refused.value.hint
    finding = check_store(moved.settings)
    assert (finding.state, cure in finding.hint) == ("missing", True)
    new_sessions(moved)
    assert run_score(moved).scored
    assert "goes on with version 1, which was live last" in capsys.readouterr().err.replace("\n", " ")
    set_revision(moved.settings, newest_revision())
    assert open_registry(moved.settings).live().number == "1"


def test_the_upgrade_that_is_named_makes_an_older_store_usable(settings):
    from alembic import command
    from mlflow.store.db import utils
    from mlflow.store.tracking.dbmodels.initial_models import Base

    settings.mlflow_home.mkdir(parents=True)
    uri = tracking_uri(settings)
    engine = utils.create_sqlalchemy_engine(uri)
    Base.metadata.create_all(engine)
    config = utils._get_alembic_config(uri)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "3500859a5d39")
    with closing(sqlite3.connect(store_file(settings))) as base, base:
        base.execute("INSERT INTO registered_models (name) VALUES ('another')")
    with pytest.raises(OutsideError, match="older MLflow") as refused:
        Registry(settings).open()
    words = refused.value.hint.split("`")[1].split(" db upgrade ")
    subprocess.run([words[0], "db", "upgrade", words[1].strip("'")], check=True, capture_output=True)
    assert Registry(settings).champion() is None


@pytest.mark.parametrize("kind", ["truncated", "emptied", "no database", "locked"])
def test_scoring_goes_on_beside_a_store_that_cannot_be_read(moved, kind, monkeypatch, capsys):
    monkeypatch.setattr(store, "LOCKED_SECONDS", 0.2)
    file = store_file(moved.settings)
    holder = sqlite3.connect(file)
    try:
        if kind == "locked":
            holder.execute("BEGIN EXCLUSIVE")
        elif kind == "truncated":
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
        else:
            file.write_bytes(b"" if kind == "emptied" else b"no database" * 1_000)
        new_sessions(moved)
        assert run_score(moved).scored
        said = capsys.readouterr().err.replace("\n", " ")
        assert "goes on with version 1, which was live last" in said
        with pytest.raises(OutsideError) as refused:
            run_train(moved, max_depth=2)
        words = "is locked" if kind == "locked" else "is damaged"
        assert words in refused.value.message
        assert words in said
        assert "sqlalche" not in str(refused.value).lower()
        assert check_store(moved.settings).state == "missing"
    finally:
        holder.close()


@pytest.mark.parametrize("left", ["no tables", "half of them", "a draft"])
def test_a_store_killed_while_it_was_created_is_created_again(settings, left):
    settings.mlflow_home.mkdir(parents=True)
    file = store_file(settings)
    with closing(sqlite3.connect(file.with_name("mlflow.db.77.new") if left == "a draft" else file)) as base, base:
        if left != "no tables":
            base.execute("CREATE TABLE runs (run_uuid TEXT)")
    remove_unfinished(settings)
    assert [path.name for path in settings.mlflow_home.iterdir()] == []
    assert Registry(settings).open().champion() is None
