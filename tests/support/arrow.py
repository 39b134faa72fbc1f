"""Rows as the declared tables have them, for tests that need no Spark."""

from __future__ import annotations

import pyarrow as pa

ARROW = {
    "STRING": pa.string(),
    "BIGINT": pa.int64(),
    "INT": pa.int32(),
    "DOUBLE": pa.float64(),
    "BOOLEAN": pa.bool_(),
    "DATE": pa.date32(),
    "TIMESTAMP": pa.timestamp("us", tz="UTC"),
    "DECIMAL(18,2)": pa.decimal128(18, 2),
}


def arrow_table(table, rows):
    """The rows with every column that is declared; those that a row lacks are null."""
    columns = {column.name: ARROW[column.type] for column in table.columns}
    assert not {column for row in rows for column in row} - set(columns), table.name
    full = [dict.fromkeys(columns) | row for row in rows]
    return pa.Table.from_pylist(full, schema=pa.schema(columns))
