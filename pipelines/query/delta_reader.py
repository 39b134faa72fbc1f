"""The tables as delta-rs opens them, for commands that answer at once and start no Spark."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lakehouse.engines.opened_table import dataset, open_table, relation
from lakehouse.errors import LakehouseError, OutsideError
from lakehouse.table import Column, Table
from pipelines.runtime.catalog import TABLES
from pipelines.runtime.settings import Settings
from pipelines.runtime.table_damage import lost_lake, refuse_damaged

if TYPE_CHECKING:
    import pyarrow as pa
    from deltalake import DeltaTable
    from duckdb import DuckDBPyConnection


_DUCKDB_TYPES = {"STRING": "VARCHAR", "TIMESTAMP": "TIMESTAMPTZ"}
"""Spark's types in gold that DuckDB calls otherwise."""


def opened(table: Table, root: str) -> DeltaTable | None:
    """The newest version of a table; None where there is no such table.

    Raises TableDamageError where its log is damaged, OutsideError where delta-rs cannot read it otherwise.
    """
    from deltalake.exceptions import DeltaError

    place = f"{root}/{table.layer}/{table.short_name}"
    # An empty commit is read without an error, and its rows are missing.
    refuse_damaged(root, table, files=False)
    try:
        return open_table(place)
    except DeltaError as error:
        raise OutsideError(
            f"{table.name} cannot be read: {str(error).splitlines()[0].rstrip('.')}.",
            "`clickstream verify` says what is wrong with it.",
        ) from error


@contextmanager
def naming_damage(root: str, *tables: Table) -> Iterator[None]:
    """Within, an error about a data file that is missing becomes the sentence that names the table."""
    try:
        yield
    except LakehouseError:
        raise
    except Exception:
        for table in tables:
            refuse_damaged(root, table)
        raise


def open_tables(
    settings: Settings,
    tables: Iterable[Table] = TABLES.values(),
    *,
    on_damage: Callable[[Table, LakehouseError], object] | None = None,
) -> dict[str, DeltaTable]:
    """Those of the tables that are there, by name, each at its newest version.

    ``on_damage`` is called with a table that cannot be read, which is then left out. Without it the error is raised.
    """
    found = {}
    for table in tables:
        try:
            there = opened(table, settings.lake_root)
        except OutsideError as error:
            if on_damage is None:
                raise
            on_damage(table, error)
            continue
        if there is not None:
            found[table.name] = there
    return found


def open_sql(settings: Settings) -> DuckDBPyConnection:
    """The tables for SQL by their names, as in ``FROM gold.sessions``, each at its newest version; instants in UTC.

    A table of gold that is not there yet is empty. Raises OutsideError where there is no lake.
    """
    import duckdb

    there = open_tables(settings)
    if not there:
        raise no_lake(settings)
    connection = duckdb.connect()
    add_views(connection, there)
    for name, table in TABLES.items():
        if table.layer == "gold" and name not in there:
            connection.execute(empty_table(name, table.columns))
    return connection


def add_views(
    connection: DuckDBPyConnection,
    tables: Mapping[str, DeltaTable],
    *,
    on_damage: Callable[[str], object] | None = None,
) -> None:
    """Makes each of the tables a view by its name, in a schema for each layer; instants are in UTC.

    ``on_damage`` is called with the name of a table that lacks a file, and has no view then; else the error is raised.
    """
    import duckdb

    connection.execute("SET TimeZone = 'UTC'")
    for layer in sorted({table.layer for table in TABLES.values()}):
        connection.execute(f"CREATE SCHEMA {layer}")
    for name, table in tables.items():
        connection.execute(f"SET schema = '{TABLES[name].layer}'")
        try:
            relation(connection, table).create_view(TABLES[name].short_name)
        except duckdb.IOException:
            if on_damage is None:
                raise
            on_damage(name)
    connection.execute("SET schema = 'main'")


def empty_table(name: str, columns: Iterable[Column]) -> str:
    """DuckDB's SQL for a table with these columns and no rows."""
    declared = (f'"{one.name}" {_DUCKDB_TYPES.get(one.type, one.type)}' for one in columns)
    return f"CREATE TABLE {name} ({', '.join(declared)})"


def no_lake(settings: Settings) -> OutsideError:
    """What to say where no table is."""
    return lost_lake(settings) or OutsideError(
        f"There is no lake in {settings.lake_root}.",
        "Run `make demo` or `clickstream demo` for a small one; `clickstream run` fills it with what Kafka has, and "
        "CLICKSTREAM_LAKE names another one.",
    )


def rows(table: DeltaTable | None, columns: Sequence[str]) -> pa.Table | None:
    """Some columns of a table; None where there is none. Instants are in microseconds."""
    import pyarrow as pa

    if table is None:
        return None
    found = dataset(table).to_table(columns=list(columns))
    fields = [
        pa.field(one.name, pa.timestamp("us", "UTC") if pa.types.is_timestamp(one.type) else one.type)
        for one in found.schema
    ]
    return found.cast(pa.schema(fields), safe=False)


def size(table: DeltaTable | None) -> tuple[int, int]:
    """How many rows and bytes the newest version of a table has; as its log knows it."""
    if table is None:
        return 0, 0
    files = table.get_add_actions(flatten=True)
    return sum(files["num_records"].to_pylist()), sum(files["size_bytes"].to_pylist())
