"""Read the gold tables into DuckDB, each as it was at one moment, without Spark."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakehouse.engines.opened_table import relation
from lakehouse.errors import OutsideError
from lakehouse.table import Table
from pipelines.query.delta_reader import empty_table, naming_damage, opened

if TYPE_CHECKING:
    from deltalake import DeltaTable
    from duckdb import DuckDBPyConnection

SCHEMA = "gold"
"""The schema that holds the tables; it is also the one that names without a schema are looked for in."""

_SETTINGS = (
    "SET TimeZone = 'UTC'",
    "SET ieee_floating_point_ops = false",
    # What is divided by nothing is blank, as in DAX.
    "SET error_on_division_by_zero = false",
)


@dataclass(frozen=True)
class GoldSnapshot:
    """The tables in DuckDB, each with as many rows as it has; a table that is not there yet has None, and is empty."""

    connection: DuckDBPyConnection
    rows: Mapping[str, int | None]


Versions = tuple[tuple[str, str, int], ...]
"""Which version of which table there is: the table's name, Delta's id of it, and the version's number."""


def versions(tables: Iterable[Table], root: str) -> Versions:
    """The newest versions of the tables that are there."""
    newest = ((table, opened(table, root)) for table in tables)
    return tuple(
        (table.name, str(delta.metadata().id), delta.version()) for table, delta in newest if delta is not None
    )


def open_snapshot(tables: Sequence[Table], columns: Mapping[str, Sequence[str]], root: str) -> GoldSnapshot:
    """Reads the newest versions of the tables, of each the columns that are named.

    Raises OutsideError where none of them is there.
    """
    import duckdb

    connection = duckdb.connect()
    for setting in (*_SETTINGS, f"CREATE SCHEMA {SCHEMA}", f"SET schema = '{SCHEMA}'"):
        connection.execute(setting)
    rows: dict[str, int | None] = {}
    for table in tables:
        wanted = [column for column in table.columns if column.name in columns[table.short_name]]
        connection.execute(empty_table(f'"{table.short_name}"', wanted))
        found = opened(table, root)
        with naming_damage(root, table):
            rows[table.short_name] = (
                None if found is None else _fill(connection, table, found, [column.name for column in wanted])
            )
    if all(count is None for count in rows.values()):
        connection.close()
        raise OutsideError(f"There are no gold tables in {root}.", "Run `clickstream run` first.")
    return GoldSnapshot(connection, rows)


def _fill(connection: DuckDBPyConnection, table: Table, found: DeltaTable, columns: Sequence[str]) -> int:
    """Copies the rows; a column that is declared and not there yet stays empty."""
    rows = relation(connection, found)
    have = ", ".join(f'"{name}"' for name in columns if name in rows.columns)
    rows.project(have).create_view("_rows")
    connection.execute(f'INSERT INTO "{table.short_name}" BY NAME FROM _rows')
    connection.execute("DROP VIEW _rows")
    [count] = connection.execute(f'SELECT count(*) FROM "{table.short_name}"').fetchone() or (0,)  # noqa: S608
    return int(count)
