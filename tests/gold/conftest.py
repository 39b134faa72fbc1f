"""One lake for all golden examples: a handful of visits, aggregated once."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest
from deltalake import DeltaTable

from lakehouse.storage import Lake
from pipelines.aggregate import run_aggregate
from pipelines.session import Job
from pipelines.settings import load_settings
from tests.gold.events import keep
from tests.gold.visits import VISITS


@pytest.fixture(scope="session")
def shop(spark, no_rows, tmp_path_factory) -> Job:
    """An installation that holds VISITS, aggregated."""
    home = tmp_path_factory.mktemp("shop")
    shutil.copytree(no_rows, home / "lake")
    settings = load_settings(lake=str(home / "lake"), state=home / "state")
    job = Job(settings, spark, Lake(spark, settings.lake_root, settings.locks))
    keep(job.lake, VISITS)
    run_aggregate(job)
    return job


@pytest.fixture(scope="session")
def sql(shop):
    """Plain SQL on the files of the lake, by DuckDB: tables are called silver_clicks, gold_sessions and so on."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for layer in ("silver", "gold"):
        for folder in sorted((Path(shop.lake.root) / layer).iterdir()):
            connection.register(f"{layer}_{folder.name}", DeltaTable(folder).to_pyarrow_dataset())
    return lambda query: connection.execute(query).fetchall()
