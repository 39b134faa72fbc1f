"""Append a small micro-batch to bronze in this process: a write by Spark is planned for longer than it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.compute as pc

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.engines.local_lake import LocalLake
    from lakehouse.table import Table

RECORDS_IN_PROCESS = 10_000
"""The most records of a micro-batch that this process writes."""

BYTES_OF_A_RECORD = 16_384
"""A record with more bytes is left to Spark, with its whole micro-batch: so a batch takes 160 MB here at most."""

_BYTES = ("key", "value", "headers")


def _bytes(value: str) -> str:
    return f"CAST(coalesce(octet_length({value}), 0) AS BIGINT)"


_OF_HEADERS = f"(total, one) -> total + {_bytes('one.key')} + {_bytes('one.value')}"
_SIZE = f"{_bytes('key')} + {_bytes('value')} + coalesce(aggregate(headers, 0L, {_OF_HEADERS}), 0L)"
"""The bytes of a record. As SQL, for each call to make a column goes to Java and back, in every micro-batch."""


def append_small_batch(lake: LocalLake, table: Table, rows: DataFrame, batch: tuple[str, int]) -> bool:
    """Appends the rows as ``Lake.append`` does; the same batch again adds nothing.

    False, and nothing is written, where one of the records is too large for this process.
    """
    sized = rows.selectExpr("*", f"{_SIZE} <= {BYTES_OF_A_RECORD} AS is_small")
    # What is too large stays with the executors; one query tells both.
    kept = (f"CASE WHEN is_small THEN {name} END AS {name}" if name in _BYTES else name for name in table.column_names)
    read = sized.selectExpr(*kept, "is_small").toArrow()
    if not pc.all(read["is_small"], min_count=0).as_py():
        return False
    lake.append(table, read.drop_columns(["is_small"]), batch=batch)
    return True
