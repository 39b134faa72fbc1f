"""Ask a table as delta-rs has opened it, by its log or by DuckDB: local or in an object store, plain or not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from lakehouse.engines.duckdb_types import quoted, rows_of_files
from lakehouse.object_store import arrow_file_system, bucket_path, delta_rs_options, is_s3, unreachable

if TYPE_CHECKING:
    from deltalake import DeltaTable
    from duckdb import DuckDBPyConnection, DuckDBPyRelation
    from pyarrow.dataset import Dataset

_DUCKDB_NAMES = {
    "string": "VARCHAR",
    "long": "BIGINT",
    "short": "SMALLINT",
    "byte": "TINYINT",
    "binary": "BLOB",
    "timestamp": "TIMESTAMPTZ",
    "timestamp_ntz": "TIMESTAMP",
}
"""Delta's types that DuckDB calls otherwise."""


def open_table(place: str) -> DeltaTable | None:
    """The newest version of the table at a path or an address; None where there is none.

    Raises deltalake's DeltaError where its log cannot be read, OutsideError where a store does not answer.
    """
    from deltalake import DeltaTable

    with _in_words(place):
        return DeltaTable(place, storage_options=delta_rs_options(place)) if is_table(place) else None


def is_table(place: str) -> bool:
    """Whether there is a table at a path or an address; OutsideError where a store does not answer."""
    from deltalake import DeltaTable

    with _in_words(place):
        return DeltaTable.is_deltatable(place, delta_rs_options(place))


@contextmanager
def _in_words(place: str) -> Iterator[None]:
    """Within, an error of a store becomes one sentence."""
    try:
        yield
    except OSError as error:
        if not is_s3(place):
            raise
        raise unreachable(place, error) from error


def files_of(table: DeltaTable) -> list[str]:
    """The data files of a table's version: paths in a folder, and addresses in an object store."""
    # A folder "my lake" is "my%20lake" to delta-rs.
    return [uri if "://" in uri else unquote(uri) for uri in table.file_uris()]


def dataset(table: DeltaTable) -> Dataset:
    """A table's version for Arrow, which reads the files of a folder and of S3 itself.

    Through delta-rs its threads would call Python for each file. One that still does when the program ends takes it
    down with "terminate called without an active exception", after its work was done: in 2 of 80 runs.
    """
    place = table.table_uri
    from pyarrow import fs

    if is_s3(place):
        return table.to_pyarrow_dataset(filesystem=fs.SubTreeFileSystem(bucket_path(place), arrow_file_system()))
    if "://" in place and not place.startswith("file://"):
        return table.to_pyarrow_dataset()
    folder = unquote(place.removeprefix("file://"))
    return table.to_pyarrow_dataset(filesystem=fs.SubTreeFileSystem(folder, fs.LocalFileSystem()))


def relation(connection: DuckDBPyConnection, table: DeltaTable) -> DuckDBPyRelation:
    """The rows of a table's version, for SQL; a column that a file has not yet is NULL there.

    DuckDB reads the files of a folder itself. Arrow's datasets import pandas, which takes half a second; they
    read what lies in an object store, for which DuckDB would have to fetch an extension, and what a file alone
    does not say: partition columns, and the rows and names of a table that needs a newer reader.
    """
    files = files_of(table)
    needs_arrow = table.metadata().partition_columns or table.protocol().min_reader_version > 1
    if needs_arrow or any("://" in file for file in files):
        return connection.from_arrow(dataset(table))
    fields = json.loads(table.schema().to_json())["fields"]
    return connection.sql(rows_of_files([(field["name"], _duckdb_type(field["type"])) for field in fields], files))


def _duckdb_type(kind: Any) -> str:
    """DuckDB's name of a type as Delta's log writes it."""
    if isinstance(kind, str):
        return _DUCKDB_NAMES.get(kind, kind.upper())
    if kind["type"] == "array":
        return f"{_duckdb_type(kind['elementType'])}[]"
    if kind["type"] == "map":
        return f"MAP({_duckdb_type(kind['keyType'])}, {_duckdb_type(kind['valueType'])})"
    fields = (f"{quoted(field['name'])} {_duckdb_type(field['type'])}" for field in kind["fields"])
    return f"STRUCT({', '.join(fields)})"


def newest(table: DeltaTable | None, column: str) -> datetime | None:
    """The latest instant in a column, as the table's log knows it, else as its rows do."""
    if table is None:
        return None
    files = table.get_add_actions(flatten=True)
    statistic = f"max.{column}"
    known = files[statistic].to_pylist() if statistic in files.column_names else [None]
    latest = _newest_row(table, column) if None in known else max(known, default=None)
    return latest if isinstance(latest, datetime) else None


def _newest_row(table: DeltaTable, column: str) -> Any:
    import duckdb

    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        [(latest,)] = relation(connection, table).max(quoted(column)).fetchall()
        return latest
