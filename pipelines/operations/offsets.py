"""Read what a stream has processed of a table: the rows of the versions before its offset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyspark.sql import DataFrame

from lakehouse.table import Table
from pipelines.runtime.job import Job


def rows_read(job: Job, table: Table, offset: Mapping[str, Any], *, at_least: int = -1) -> DataFrame:
    """The table as of the last version that a stream at this offset of Delta's source has read to its end."""
    # An index of -1 stands before a version's first file; any other one may stand amid its files.
    version = min(max(offset["reservoirVersion"] - 1, at_least), job.lake.version(table))
    return job.lake.read(table, version) if version >= 0 else job.lake.empty(table)
