"""One Spark session for the whole run, started when the first test asks for it."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from lakehouse.session import start_session
from lakehouse.storage import Lake
from pipelines.session import Job
from pipelines.settings import CONF, Settings, load_settings

DATA = Path(__file__).parent / "data"


@pytest.fixture(scope="session")
def spark(tmp_path_factory):
    session = start_session(
        "tests",
        CONF / "spark-defaults.conf",
        master="local[2]",
        driver_memory="3g",
        log=tmp_path_factory.mktemp("logs") / "spark.log",
        settings={"spark.sql.shuffle.partitions": "2", "spark.sql.warehouse.dir": str(tmp_path_factory.mktemp("w"))},
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
    return Job(settings, spark, Lake(spark, settings.lake_root, settings.locks))


@pytest.fixture
def lake(job) -> Lake:
    return job.lake


@pytest.fixture
def unique() -> str:
    return uuid.uuid4().hex[:8]
