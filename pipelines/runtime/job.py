"""What a job works with: the settings, the Spark session and the lake."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pyspark.sql import SparkSession

from lakehouse.errors import StoppedError
from lakehouse.jvm import shared_archive_options
from lakehouse.session import start_session
from lakehouse.signals import stopping
from lakehouse.storage import Lake
from lakehouse.table import Table
from pipelines.runtime.settings import Settings, conf_folder, load_settings

COMPILE_QUICKLY = "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m"
"""What makes Java compile quickly rather than well, with the usual room for what it compiles."""

NO_CODE_GENERATION = {"spark.sql.codegen.wholeStage": "false", "spark.sql.codegen.factoryMode": "NO_CODEGEN"}
"""What makes Spark run its queries without compiling them."""


@dataclass(frozen=True)
class Job:
    """What every job is handed."""

    settings: Settings
    spark: SparkSession

    @cached_property
    def lake(self) -> Lake:
        """The installation's tables."""
        return Lake(self.spark, self.settings.lake_root, self.settings.locks)

    def checkpoint(self, table: Table) -> Path:
        """The checkpoint folder of the stream that feeds a table of bronze or silver."""
        return self.settings.checkpoint(table)


CLASS_ARCHIVE = Path(sys.prefix) / "share" / "clickstream" / "java-classes.jsa"
"""The classes that Java has read before, which it starts from: `make setup` keeps them."""


def open_job(
    name: str,
    settings: Settings | None = None,
    *,
    short: bool = False,
    java_options: str = "",
    more: Mapping[str, str] | None = None,
) -> Job:
    """Starts Spark, or takes the session that runs already.

    ``short`` is for little data: Java then compiles quickly rather than well, and Spark does not
    write and compile a program for each query, which costs more than running it. ``java_options``
    are more of Java's, and ``more`` are settings of Spark that come after those of ``conf/``.
    """
    settings = settings or load_settings()
    # A Java that is left while it starts would wait for ever for somebody to talk to it.
    with stopping() as stop, stop.polled_by_caller():
        spark = start_session(
            f"clickstream-{name}",
            conf_folder() / "spark-defaults.conf",
            master=settings.spark.master,
            driver_memory=settings.spark.driver_memory,
            log=settings.logs / "spark.log",
            java_options=" ".join(
                [java_options or shared_archive_options(CLASS_ARCHIVE), *([COMPILE_QUICKLY] if short else [])]
            ),
            settings={**(NO_CODE_GENERATION if short else {}), **(more or {})},
        )
    if stop.is_set():
        raise StoppedError
    return Job(settings, spark)
