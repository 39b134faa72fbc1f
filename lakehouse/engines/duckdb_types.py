"""Declared types as DuckDB has them, for frames in process; instants are in UTC and have no zone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from lakehouse.table import Column

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_NAMES = {"STRING": "TEXT", "BINARY": "BLOB", "INT": "INT", "TIMESTAMP": "TIMESTAMP"}
_ARRAY = re.compile(r"ARRAY<(.+)>")


def duckdb_type(declared: str) -> str:
    """DuckDB's name of a declared type."""
    if array := _ARRAY.fullmatch(declared):
        return f"{duckdb_type(array[1])}[]"
    return _NAMES.get(declared, declared)


def create_empty(name: str, columns: Iterable[Column]) -> str:
    """DuckDB's SQL for a table with these columns and no rows."""
    declared = (f'"{one.name}" {duckdb_type(one.type)}' for one in columns)
    return f"CREATE TABLE {name} ({', '.join(declared)})"


def rows_of_files(columns: Sequence[tuple[str, str]], files: Sequence[str]) -> str:
    """DuckDB's SQL for the rows of Parquet files, in these columns and types; one that a file has not is null there."""
    names = [quoted(name) for name, _ in columns]
    kinds = [kind for _, kind in columns]
    nulls = ", ".join(f"CAST(NULL AS {kind}) AS {name}" for name, kind in zip(names, kinds, strict=True))
    rows = f"SELECT {nulls} WHERE false"
    if files:
        listed = ", ".join("'" + file.replace("'", "''") + "'" for file in files)
        rows += f" UNION ALL BY NAME FROM read_parquet([{listed}], union_by_name = true, hive_partitioning = false)"
    cast = ", ".join(f"CAST({name} AS {kind}) AS {name}" for name, kind in zip(names, kinds, strict=True))
    return f"FROM ({rows}) SELECT {cast}"


def quoted(name: str) -> str:
    """A name as DuckDB's SQL has it."""
    return '"' + name.replace('"', '""') + '"'


def prepare(connection: DuckDBPyConnection) -> None:
    """Gives a connection the functions of Spark that the SQL of scopes uses, and lets it count days in UTC."""
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("CREATE OR REPLACE MACRO to_date(instant) AS CAST(instant AS DATE)")
