"""Read and write a lake by Spark with the methods of LocalLake, in Arrow rows: for a lake that is no folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any

import pyarrow as pa

from lakehouse.engines.arrow_rows import plain_schema
from lakehouse.engines.file_skipping import Where
from lakehouse.storage import Lake
from lakehouse.table import Table

_MOST_LISTED = 400
"""A condition lists up to so many values; of more it names the least and the greatest."""


class ArrowLake:
    """The tables of Spark's lake in Arrow rows. What is read is collected: the caller asks for what fits memory."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake

    def read(self, table: Table, columns: Sequence[str] | None = None, where: Where | None = None) -> pa.Table:
        """Rows of the newest version, and of the columns these or all; ``where`` may let further rows pass."""
        rows = self._lake.read(table)
        for condition in conditions(where or {}):
            rows = rows.where(condition)
        found = rows.select(*(columns or rows.columns)).toArrow()
        return found.cast(plain_schema(found.schema))

    def append(self, table: Table, rows: pa.Table) -> None:
        """Adds rows, if there are any."""
        if rows.num_rows:
            self._lake.append(table, self._lake.spark.createDataFrame(rows))

    def merge(self, table: Table, rows: pa.Table, *, within: Where | None = None) -> None:
        """Replaces the rows with the same key, and adds the others."""
        hold = " AND ".join(conditions(within or {}, "t."))
        self._lake.upsert(table, self._lake.spark.createDataFrame(rows), within=hold)

    @contextmanager
    def writing(self, table: Table) -> Iterator[None]:
        """Keeps every other process and thread of this machine from writing the table."""
        with self._lake.writing(table):
            yield


def conditions(where: Mapping[str, tuple[Any, Any] | Sequence[Any]], prefix: str = "") -> Iterable[str]:
    """SQL that is true for such rows; where many values are listed, for all from the least to the greatest."""
    for column, values in where.items():
        if not values:
            yield "false"
        elif isinstance(values, tuple) or len(values) > _MOST_LISTED:
            yield f"{prefix}`{column}` BETWEEN {_literal(min(values))} AND {_literal(max(values))}"
        else:
            yield f"{prefix}`{column}` IN ({', '.join(map(_literal, values))})"


def _literal(value: date | datetime) -> str:
    if isinstance(value, datetime):
        return f"TIMESTAMP'{value.isoformat()}'"
    return f"DATE'{value.isoformat()}'"
