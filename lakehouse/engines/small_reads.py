"""Read small tables in this process and hand them to Spark, which takes longer to plan a read than to do the work."""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import pyarrow as pa

from lakehouse.engines.local_lake import LocalLake
from lakehouse.storage import Lake
from lakehouse.table import Table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

MOST_ROWS = 200_000
"""Up to so many rows a table is small."""


class SmallReadsLake(Lake):
    """A lake for one look at its tables: each version of a small one is read once, by the log and by pyarrow.

    Every column may be null to Spark, so it looks for nulls where the table says that there are none.
    """

    def __init__(self, spark: SparkSession, root: str, locks: Path) -> None:
        super().__init__(spark, root, locks)
        self._local = LocalLake(root, locks) if LocalLake.is_local(root) else None
        self._small: dict[tuple[str, int], DataFrame] = {}
        self._reading = Lock()

    def read(self, table: Table, version: int | None = None) -> DataFrame:
        """The table's rows, now or at a version.

        Raises MissingTableError where there is no such table.
        """
        local = self._local
        if local is None or not local.is_writable(table) or local.rows(table) > MOST_ROWS:
            return super().read(table, version)
        at = local.version(table) if version is None else version
        with self._reading:
            if (table.name, at) not in self._small:
                self._small[table.name, at] = self.spark.createDataFrame(_nullable(local.read_at(table, at)))
            return self._small[table.name, at]


def _nullable(rows: pa.Table) -> pa.Table:
    return rows.cast(pa.schema([one.with_nullable(True) for one in rows.schema]))
