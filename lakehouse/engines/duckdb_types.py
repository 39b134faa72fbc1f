"""Declared types as DuckDB has them, for frames in process; instants are in UTC and have no zone."""

from __future__ import annotations

import re
from collections.abc import Iterable
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


def prepare(connection: DuckDBPyConnection) -> None:
    """Gives a connection the functions of Spark that the SQL of scopes uses, and lets it count days in UTC."""
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("CREATE OR REPLACE MACRO to_date(instant) AS CAST(instant AS DATE)")
