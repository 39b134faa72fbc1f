"""Gold as others open it: every table says the same to every reader."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, QueryBuilder

from gold.excess_sessions import TABLE as EXCESS_SESSIONS
from pipelines.gold_builder import incremental_tables

pytestmark = pytest.mark.spark

TABLES = {table.short_name: table for table in incremental_tables() if table is not EXCESS_SESSIONS}  # it has no rows


def plain(value):
    """A value without its reader's manners: an instant as UTC with or without saying so, a number as a number."""
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


def told(rows):
    return sorted((tuple(plain(value) for value in row) for row in rows), key=repr)


def of_arrow(table, names):
    # Nanoseconds, which is how INT96 is read, are no Python datetimes.
    types = [pa.timestamp("us", kind.tz) if pa.types.is_timestamp(kind) else kind for kind in table.schema.types]
    fields = [pa.field(name, kind) for name, kind in zip(table.schema.names, types, strict=True)]
    return told(tuple(row[name] for name in names) for row in table.cast(pa.schema(fields)).to_pylist())


@pytest.mark.parametrize("name", TABLES)
def test_spark_pyarrow_duckdb_and_delta_rs_read_the_same(shop, name):
    table = TABLES[name]
    names = table.column_names
    delta = DeltaTable(shop.lake.path(table))
    files = [uri.removeprefix("file://") for uri in delta.file_uris()]
    columns = ", ".join(f'"{one}"' for one in names)
    # Spark tells instants in this machine's own time, without saying so.
    by_spark = told(
        tuple(value.astimezone(UTC) if isinstance(value, datetime) else value for value in row)
        for row in shop.lake.read(table).select(*names).collect()
    )
    assert by_spark
    assert of_arrow(pq.read_table(files), names) == by_spark
    assert told(duckdb.sql(f"SELECT {columns} FROM read_parquet({files})").fetchall()) == by_spark  # noqa: S608
    by_delta_rs = QueryBuilder().register("one", delta).execute(f"SELECT {columns} FROM one")  # noqa: S608
    assert of_arrow(pa.table(by_delta_rs.read_all()), names) == by_spark


@pytest.mark.parametrize("name", TABLES)
def test_a_plain_reader_is_enough(shop, name):
    delta = DeltaTable(shop.lake.path(TABLES[name]))
    assert delta.protocol().min_reader_version == 1
    assert not delta.protocol().reader_features
    assert not [key for key in delta.metadata().configuration if "deletionVectors" in key or "columnMapping" in key]
