"""What a job works with: the settings, the Spark session and the lake."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import SparkSession

from lakehouse.session import start_session
from lakehouse.storage import Lake
from pipelines.settings import Settings, conf_folder, load_settings


@dataclass(frozen=True)
class Job:
    """What every job is handed."""

    settings: Settings
    spark: SparkSession
    lake: Lake


def open_job(name: str, settings: Settings | None = None) -> Job:
    """Starts Spark, or takes the session that runs already."""
    settings = settings or load_settings()
    spark = start_session(
        f"clickstream-{name}",
        conf_folder() / "spark-defaults.conf",
        master=settings.spark.master,
        driver_memory=settings.spark.driver_memory,
        log=settings.logs / "spark.log",
    )
    return Job(settings, spark, Lake(spark, settings.lake_root, settings.locks))
