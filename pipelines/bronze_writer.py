"""Append a small micro-batch to bronze in this process: a write by Spark is planned for longer than it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.compute as pc

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from lakehouse.engines.local_lake import LocalLake
    from lakehouse.table import Table

RECORDS_IN_PROCESS = 10_000
"""The most records of a micro-batch that this process writes."""

BYTES_OF_A_RECORD = 16_384
"""A record with more bytes is left to Spark, with its whole micro-batch: so a batch takes 160 MB here at most."""

_BYTES = ("key", "value", "headers")


def append_small_batch(lake: LocalLake, table: Table, rows: DataFrame, batch: tuple[str, int]) -> bool:
    """Appends the rows as ``Lake.append`` does; the same batch again adds nothing.

    False, and nothing is written, where one of the records is too large for this process.
    """
    from pyspark.sql import functions as F

    sized = rows.withColumn("is_small", _bytes() <= BYTES_OF_A_RECORD)
    # What is too large stays with the executors; one query tells both.
    read = sized.withColumns({name: F.when(F.col("is_small"), F.col(name)) for name in _BYTES}).toArrow()
    if not pc.all(read["is_small"], min_count=0).as_py():
        return False
    lake.append(table, read.drop_columns(["is_small"]), batch=batch)
    return True


def _bytes() -> Column:
    """The bytes of a record's key, value and headers."""
    from pyspark.sql import functions as F

    def size(column: Column) -> Column:
        return F.coalesce(F.octet_length(column), F.lit(0)).cast("BIGINT")

    headers = F.aggregate(
        "headers", F.lit(0).cast("BIGINT"), lambda total, one: total + size(one["key"]) + size(one["value"])
    )
    return size(F.col("key")) + size(F.col("value")) + F.coalesce(headers, F.lit(0))
