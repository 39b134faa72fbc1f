"""Read what a stream has processed of a table: its offset, and the rows of the versions before it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lakehouse.checkpoints import committed_offsets
from lakehouse.delta_log import same_rows_until
from lakehouse.table import Table
from pipelines.runtime.settings import Settings
from silver.events import SILVER

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from pipelines.runtime.job import Job


def silver_offset(settings: Settings, event: str) -> dict[str, Any] | None:
    """Where an event's stream stands in bronze, as Delta's source writes it; None before its first batch."""
    offsets = committed_offsets(settings.checkpoint(SILVER[event]))
    return offsets[0] if offsets else None


def offset_gaps(rows: DataFrame, end: int, start: int = 0) -> list[tuple[int, int]]:
    """The spans of offsets from ``start`` to below ``end`` that the rows of one partition lack, both ends included."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    after = F.lead("offset", 1, end).over(Window.orderBy("offset"))
    spans = (
        rows.select("offset")
        .distinct()
        .where((F.col("offset") >= start) & (F.col("offset") < end))
        .select("offset", after.alias("next"))
        .where("next > offset + 1")
        .select(F.expr("offset + 1").alias("low"), F.expr("next - 1").alias("high"))
    )
    gaps = [(row["low"], row["high"]) for row in spans.collect()]
    first = rows.where(F.col("offset") >= start).agg(F.min("offset")).first()
    there = min(first[0], end) if first and first[0] is not None else end
    return ([(start, there - 1)] if there > start else []) + gaps


def rows_read(job: Job, table: Table, offset: Mapping[str, Any]) -> DataFrame:
    """The table as of the last version that a stream at this offset of Delta's source has read to its end."""
    return rows_at(job, table, version_read(job, table, offset))


def rows_at(job: Job, table: Table, version: int) -> DataFrame:
    """The table as of a version; no rows where that is -1."""
    return job.lake.read(table, version) if version >= 0 else job.lake.empty(table)


def version_read(job: Job, table: Table, offset: Mapping[str, Any], *, at_least: int = -1) -> int:
    """The number of that version; -1 where there is none."""
    # An index of -1 stands before a version's first file; any other one may stand amid its files.
    return through_rewrites(
        job, table, min(max(int(offset["reservoirVersion"]) - 1, at_least), job.lake.version(table))
    )


def through_rewrites(job: Job, table: Table, version: int) -> int:
    """The newest version with the same rows for a stream; an erasure takes away the files of those before it."""
    folder = job.lake.folder(table)
    return same_rows_until(folder, version) if folder else version
