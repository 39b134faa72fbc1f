"""List model versions from MLflow's sqlite file, because importing MLflow takes longer than listing them may.

Measured on two cores: ``import mlflow`` alone takes 1.8 s of processor time, whatever part of it is meant.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from contextlib import closing

from pipelines.ml.model_version import Version
from pipelines.ml.registry import Registry
from pipelines.ml.store import has_store, store_file
from pipelines.ml.targets import PredictionTarget
from pipelines.runtime.settings import Settings

SCHEMA_REVISION = "dc11669786a5"
"""The revision of MLflow's tables that the queries below are written for: that of MLflow 3.17."""

_VERSIONS = """
    SELECT version, run_id, creation_time FROM model_versions
    WHERE name = ? AND workspace = 'default' AND current_stage <> 'Deleted_Internal' ORDER BY version DESC
"""
_TAGS = "SELECT version, key, value FROM model_version_tags WHERE name = ? AND workspace = 'default'"
_ALIASES = """
    SELECT version, alias FROM registered_model_aliases WHERE name = ? AND workspace = 'default' ORDER BY alias
"""


def list_versions(settings: Settings, target: PredictionTarget) -> list[Version]:
    """All versions, newest first, as Registry.versions gives them.

    None where there is no store. A store of another MLflow, or one that cannot be read so, is read by
    MLflow itself. Raises OutsideError where it is damaged.
    """
    if not has_store(settings):
        return []
    try:
        with closing(sqlite3.connect(f"{store_file(settings).as_uri()}?mode=ro", uri=True)) as store:
            if store.execute("SELECT version_num FROM alembic_version").fetchall() == [(SCHEMA_REVISION,)]:
                return _read(store, target.model)
    except sqlite3.Error:
        pass  # MLflow says what is wrong
    return Registry(settings, target).versions()


def _read(store: sqlite3.Connection, model: str) -> list[Version]:
    tags: defaultdict[int, dict[str, str]] = defaultdict(dict)
    for number, key, value in store.execute(_TAGS, (model,)):
        tags[number][key] = value
    aliases: defaultdict[int, tuple[str, ...]] = defaultdict(tuple)
    for number, alias in store.execute(_ALIASES, (model,)):
        aliases[number] += (alias,)
    return [
        Version.of(number, run_id, made_at_millis, tags[number], aliases[number])
        for number, run_id, made_at_millis in store.execute(_VERSIONS, (model,))
    ]
