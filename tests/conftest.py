"""Fixtures for all tests: one Spark session and one broker for the whole run, started when first needed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

from lakehouse.embedded_kafka.broker import Broker
from lakehouse.jvm import shared_archive_options
from lakehouse.session import start_session
from lakehouse.storage import Lake
from lakehouse.table import Table
from pipelines.runtime.catalog import TABLES
from pipelines.runtime.job import COMPILE_QUICKLY, NO_CODE_GENERATION, Job
from pipelines.runtime.lake_store import CLASS_ARCHIVE, JARS
from pipelines.runtime.settings import CONF, Settings, load_settings

hypothesis.settings.register_profile("tests", deadline=None)
hypothesis.settings.load_profile("tests")
# Hypothesis fails an example that takes 0.2 s. On two busy cores any example does, now and then.

SECONDS_FOR_JOBS = 3600
"""The limit of a test that kills and restarts jobs. Each wait in it has a shorter limit of its own."""

os.environ["JAVA_TOOL_OPTIONS"] = f"{COMPILE_QUICKLY} -XX:+UseSerialGC"
"""Every Java of the tests lives for minutes on two cores: compiling well and collecting in parallel cost more."""

DATA = Path(__file__).parent / "data"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("long") or item.get_closest_marker("faults"):
            item.add_marker(pytest.mark.timeout(SECONDS_FOR_JOBS))


@pytest.fixture(scope="session")
def spark(tmp_path_factory):
    session = start_session(
        "tests",
        CONF / "spark-defaults.conf",
        jars=JARS,
        master="local[2]",
        driver_memory="5g",
        java_options=shared_archive_options(CLASS_ARCHIVE),
        log=tmp_path_factory.mktemp("logs") / "spark.log",
        settings={
            "spark.sql.shuffle.partitions": "2",
            "spark.sql.warehouse.dir": str(tmp_path_factory.mktemp("warehouse")),
            # Compiling each query costs more than running it on a handful of rows; the tests of spark-submit compile.
            **NO_CODE_GENERATION,
        },
    )
    yield session
    session.stop()


@pytest.fixture
def settings(tmp_path) -> Settings:
    """An installation of its own."""
    return load_settings(lake=str(tmp_path / "lake"), state=tmp_path / "state")


@pytest.fixture
def job(spark, settings) -> Job:
    """What a job works with, in an installation of its own."""
    return Job(settings, spark)


@pytest.fixture
def gold_of(monkeypatch) -> Callable[..., None]:
    """Lets the jobs keep up these gold tables and what they read alone: each one more costs seconds with every run."""

    def keep_up(*tables: Table) -> None:
        from tests.support.gold_tables import with_upstream

        monkeypatch.setattr("pipelines.gold_builder.incremental_tables", lambda: with_upstream(*tables))

    return keep_up


@pytest.fixture
def lake(job) -> Lake:
    return job.lake


@pytest.fixture(scope="session")
def no_rows(spark, tmp_path_factory) -> Path:
    """All tables without rows, made once: making them costs more than most tests."""
    folder = tmp_path_factory.mktemp("no_rows")
    made = Lake(spark, str(folder / "lake"), folder / "locks")
    for table in TABLES.values():
        made.ensure(table)
    return folder / "lake"


@pytest.fixture
def tables(lake, no_rows) -> Lake:
    """A lake in which every table is there and empty."""
    shutil.copytree(no_rows, lake.root)
    return lake


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The bootstrap servers of a running embedded broker that belongs to this test run alone."""
    kafka = Broker(tmp_path_factory.mktemp("kafka"))
    try:
        servers = kafka.start().bootstrap_servers
        assert servers
        yield servers
    finally:
        kafka.stop(timeout=10)
