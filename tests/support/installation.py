"""Installations in folders of their own, on a real broker."""

from __future__ import annotations

import shutil
from pathlib import Path

from pyspark.sql import SparkSession

from pipelines.aggregate import run_aggregate
from pipelines.ingest import run_ingest
from pipelines.operations.verify import run_verify
from pipelines.refine import run_refine
from pipelines.runtime.job import Job
from pipelines.runtime.settings import load_settings


def installation(spark: SparkSession, folder: Path, servers: str) -> Job:
    """An installation below the folder that uses this Kafka."""
    settings = load_settings(lake=str(folder / "lake"), state=folder / "state", kafka={"bootstrap_servers": servers})
    return Job(settings, spark)


def copy(job: Job, folder: Path) -> Job:
    """The same installation in another folder: tables and checkpoints, on the same Kafka."""
    shutil.copytree(job.lake.root, folder / "lake")
    shutil.copytree(job.settings.state_root / "checkpoints", folder / "state" / "checkpoints")
    return installation(job.spark, folder, job.settings.kafka.bootstrap_servers)


def run_jobs(job: Job) -> None:
    """From Kafka into gold, once."""
    run_ingest(job)
    run_refine(job)
    run_aggregate(job)


def failing(job: Job) -> list[tuple[str, str]]:
    """The checks of ``verify`` that do not hold, and what they found."""
    return [(check.name, check.offence) for check in run_verify(job) if not check.ok]
