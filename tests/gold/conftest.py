"""One lake for all golden examples: a handful of sessions, aggregated once."""

from __future__ import annotations

import shutil

import duckdb
import pytest
from deltalake import DeltaTable

from pipelines.aggregate import run_aggregate
from pipelines.gold_builder import incremental_tables
from pipelines.runtime.job import Job
from pipelines.runtime.settings import load_settings
from silver.events import SILVER
from tests.support.gold_events import keep
from tests.support.gold_sessions import GOLDEN_EVENTS


@pytest.fixture(scope="session")
def shop(spark, no_rows, tmp_path_factory) -> Job:
    """An installation that holds GOLDEN_EVENTS, aggregated."""
    home = tmp_path_factory.mktemp("shop")
    shutil.copytree(no_rows, home / "lake")
    settings = load_settings(lake=str(home / "lake"), state=home / "state")
    job = Job(settings, spark)
    keep(job.lake, GOLDEN_EVENTS)
    run_aggregate(job)
    return job


@pytest.fixture(scope="session")
def sql(shop):
    """Plain SQL on the files of the lake, by DuckDB: its tables are called clicks, sessions and so on."""
    connection = duckdb.connect()
    for table in (*SILVER.values(), *incremental_tables()):
        files = DeltaTable(shop.lake.path(table)).file_uris()
        if files:  # nobody of the golden examples has too many sessions
            rows = connection.sql(f"SELECT * FROM read_parquet({files})")  # noqa: S608
            rows.create_view(table.short_name)
    return lambda query: connection.sql(query).fetchall()
