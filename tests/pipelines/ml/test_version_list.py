"""Versions are listed as MLflow lists them, without MLflow."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from lakehouse.errors import OutsideError
from pipelines.ml import version_list
from pipelines.ml.registry import Registry
from pipelines.ml.store import store_file, tracking_uri
from pipelines.ml.targets import IN_SESSION, TARGETS
from pipelines.ml.version_list import list_versions
from pipelines.runtime.settings import load_settings

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """An installation whose MLflow store has two versions, after a third was deleted."""
    home = tmp_path_factory.mktemp("store")
    settings = load_settings(lake=str(home / "lake"), state=home / "state")
    registry = Registry(settings)
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri(settings), tracking_uri(settings))
    client.create_registered_model(registry.model)
    for number in range(3):
        tags = {"threshold": "0.25", "reason": f"It is number {number}."}
        client.create_model_version(registry.model, str(home / "model"), f"run-{number}", tags=tags)
    client.set_registered_model_alias(registry.model, "champion", "2")
    client.set_registered_model_alias(registry.model, "best", "2")
    client.set_registered_model_alias(registry.model, "challenger", "3")
    client.delete_model_version(registry.model, "1")
    return settings


def everything(versions):
    return [
        (one.number, one.run_id, one.threshold, one.tags, one.made_at, one.aliases, one.unseen_from) for one in versions
    ]


def test_versions_are_those_that_mlflow_lists(store):
    listed = list_versions(store, IN_SESSION)
    assert [(one.number, one.aliases) for one in listed] == [("3", ("challenger",)), ("2", ("best", "champion"))]
    assert everything(listed) == everything(Registry(store).versions())
    assert list_versions(store, TARGETS["next_session"]) == []


def test_a_store_of_another_mlflow_is_read_by_mlflow(store, monkeypatch):
    monkeypatch.setattr(version_list, "SCHEMA_REVISION", "another")
    monkeypatch.setattr(version_list, "_read", None)
    assert [one.number for one in list_versions(store, IN_SESSION)] == ["3", "2"]


def test_mlflow_has_the_tables_that_the_queries_are_written_for(store):
    with closing(sqlite3.connect(store_file(store))) as file:
        assert file.execute("SELECT version_num FROM alembic_version").fetchall() == [(version_list.SCHEMA_REVISION,)]


def test_without_a_store_the_list_is_empty(tmp_path):
    settings = load_settings(lake=str(tmp_path / "lake"), state=tmp_path / "state")
    assert list_versions(settings, IN_SESSION) == []


def test_a_damaged_store_is_an_error_of_mlflow(tmp_path):
    settings = load_settings(lake=str(tmp_path / "lake"), state=tmp_path / "state")
    settings.mlflow_home.mkdir(parents=True)
    store_file(settings).write_bytes(b"no database" * 1_000)
    with pytest.raises(OutsideError, match=r"MLflow store .* is damaged"):
        list_versions(settings, IN_SESSION)


def test_listing_versions_loads_neither_mlflow_nor_spark(store):
    script = (
        "import sys\n"
        "from pipelines.cli import models\n"
        "models.list_versions()\n"
        "assert not {'mlflow', 'pyspark', 'pandas', 'numpy'} & {*sys.modules}, 'slow'\n"
    )
    places = {"CLICKSTREAM_LAKE": store.lake, "CLICKSTREAM_STATE": str(store.state)}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, env=os.environ | places, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "It is number 2." in done.stdout
