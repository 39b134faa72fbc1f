"""Open a job: start Spark by the settings, and hand over the lake."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

from pyspark.sql import SparkSession

from lakehouse.engines.local_lake import LocalLake
from lakehouse.errors import LakehouseError, StoppedError
from lakehouse.jvm import shared_archive_options
from lakehouse.object_store import require_store
from lakehouse.session import start_session
from lakehouse.signals import stopping
from lakehouse.storage import Lake
from lakehouse.table import Table
from pipelines.runtime.hints import command_hints
from pipelines.runtime.lake_store import CLASS_ARCHIVE, JARS, store_settings
from pipelines.runtime.settings import Settings, load_settings
from producers.shop.settings import conf_folder

COMPILE_QUICKLY = "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m"
"""Java's options to compile quickly rather than well, with the usual code cache."""

NO_CODE_GENERATION = {"spark.sql.codegen.wholeStage": "false", "spark.sql.codegen.factoryMode": "NO_CODEGEN"}
"""Spark's settings to run queries without generating and compiling code."""

FOR_FEW_ROWS = {
    **NO_CODE_GENERATION,
    "spark.sql.shuffle.partitions": "1",
    "spark.sql.adaptive.enabled": "false",  # it plans a query again after each of its stages
}
"""Spark's settings for queries that are planned for longer than they run."""


@dataclass(frozen=True)
class Job:
    """What every job works with."""

    settings: Settings
    spark: SparkSession
    clock: Callable[[], datetime] | None = None
    """What time it is for sessions and scores where it is not the broker's time: the demo lives through an hour."""

    @cached_property
    def lake(self) -> Lake:
        """The installation's tables."""
        return Lake(self.spark, self.settings.lake_root, self.settings.locks)

    @cached_property
    def local_lake(self) -> LocalLake:
        """The same tables, read and written without Spark, where they lie in a local folder."""
        return LocalLake(self.settings.lake_root, self.settings.locks)

    def writes_in_process(self, table: Table, *, always: bool = False) -> bool:
        """Whether this process may write a table, and not Spark alone: it does wherever it can, as it is faster.

        ``always`` also where the settings leave it to Spark.
        """
        return (
            LocalLake.is_local(self.settings.lake_root)
            and (always or self.settings.engines.in_process_rows > 0)
            and self.local_lake.is_writable(table)
        )

    def checkpoint(self, table: Table) -> Path:
        """The checkpoint folder of the stream that feeds a table of bronze or silver."""
        return self.settings.checkpoint(table)


FEW_ROWS = 200_000
"""Up to so many rows of a table, quick compilation and queries without code are faster."""


def has_few_rows(settings: Settings, *tables: Table) -> bool:
    """Whether tables are so small that a job on them is ``short``; False where that cannot be told without Spark."""
    lake = LocalLake(settings.lake_root, settings.locks)
    if not LocalLake.is_local(lake.root):
        return False
    try:
        return all(not lake.exists(table) or lake.rows(table) <= FEW_ROWS for table in tables)
    except LakehouseError:  # a table is damaged: the job says so
        return False


def open_job(
    name: str,
    settings: Settings | None = None,
    *,
    short: bool = False,
    java_options: str = "",
    more: Mapping[str, str] | None = None,
) -> Job:
    """Starts Spark, or takes the session that runs already.

    ``short`` is for little data: Java then compiles quickly rather than well, and Spark generates no
    code for a query and cuts it into few tasks, as all that costs more than running it. ``java_options`` are
    further options of Java. ``more`` are settings of Spark that override those of ``conf/``.
    """
    settings = settings or load_settings()
    settings.make_folders()
    require_store(settings.lake_root)
    of_store = store_settings(settings)
    # A signal must not end this in between: a Java left while it starts waits for its Python for ever.
    with stopping() as stop, stop.polled_by_caller(), command_hints():
        spark = start_session(
            f"clickstream-{name}",
            conf_folder() / "spark-defaults.conf",
            master=settings.spark.master,
            driver_memory=settings.spark.driver_memory,
            log=settings.logs / "spark.log",
            java_options=" ".join(
                [java_options or shared_archive_options(CLASS_ARCHIVE), *([COMPILE_QUICKLY] if short else [])]
            ),
            settings={**of_store, **(FOR_FEW_ROWS if short else {}), **(more or {})},
            jars=JARS,
        )
    if stop.is_set():
        raise StoppedError
    return Job(settings, spark)
