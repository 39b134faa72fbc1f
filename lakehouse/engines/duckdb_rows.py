"""Hand the rows of tables to DuckDB, have it compute those of others, and collect what it found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from lakehouse.engines.duckdb_types import duckdb_type, prepare, quoted, rows_of_files
from lakehouse.errors import DeclarationError
from lakehouse.table import Source, Table

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection


FEW_ROWS = 50_000
"""Up to so many changed rows, the queries of a refresh take longer to plan than to run."""

_SLOW_TO_PLAN = "projection_placement,window_self_join"
"""Parts of DuckDB's optimizer (2.0) that take half of the time of a query of few rows with many columns and windows."""


@contextmanager
def open_database(memory: str, *, few_rows: bool = False) -> Iterator[DuckDBPyConnection]:
    """A database of its own in memory; what does not fit into ``memory`` goes to the disk meanwhile.

    Where its queries are about ``few_rows``, they are planned quickly rather than well.
    """
    import duckdb

    config = {"memory_limit": memory, "preserve_insertion_order": "false"}
    with (
        TemporaryDirectory(prefix="in-process-") as spilled,
        duckdb.connect(config={**config, "temp_directory": spilled}) as database,
    ):
        prepare(database)
        if few_rows:
            database.execute(f"SET disabled_optimizers = '{_SLOW_TO_PLAN}'")
        yield database


class Inputs:
    """What the SQL of tables reads, as views by the names that it uses."""

    def __init__(self, database: DuckDBPyConnection, sources: Mapping[str, pa.Table]) -> None:
        self._database = database
        self._sources = sources
        self.computed: dict[str, str] = {}
        for name, rows in sources.items():
            database.register(f"source_{name}", rows)

    def views(self, table: Table, rows_of: Callable[[Table], str]) -> None:
        """Makes each input of a table a view by the name that its definition uses."""
        for name, source in table.reads.items():
            if source.name in self.computed:
                rows = f"FROM {self.computed[source.name]}"
            elif source.name in self._sources:
                rows = f"SELECT {_cast(source)} FROM source_{source.name}"
            elif isinstance(source, Table):
                rows = rows_of(source)
            else:
                raise DeclarationError(f"{table.name} reads {source.name}, which nothing provides.")
            self._database.execute(f'CREATE OR REPLACE TEMP VIEW "{name}" AS {rows}')

    def rows(self, source: Source, files: Sequence[str]) -> str:
        """SQL for the rows in some of a table's files, as declared; a column that a file has not yet is null there."""
        return rows_of_files([(one.name, duckdb_type(one.type)) for one in source.columns], files)

    def make(self, table: Table, sql: str) -> str:
        """Computes a table's rows from its views; gives the name of what holds them."""
        name = f"made_{table.short_name}"
        self._database.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {sql}")
        return name


def _cast(source: Source) -> str:
    return ", ".join(f'CAST("{one.name}" AS {duckdb_type(one.type)}) AS "{one.name}"' for one in source.columns)


def differences(database: DuckDBPyConnection, table: Table, before: str, after: str, name: str) -> str:
    """The table of the rows that only one of the two has; ``_is_new`` is true for those of ``after``.

    All connections of the database see it.
    """
    columns = ", ".join(quoted(column) for column in table.column_names)
    # Counted, and each as often as one of the two has it more: EXCEPT ALL numbers the rows of both, which on few rows
    # takes five times as long.
    counted = (
        f"SELECT {columns}, sum(_side)::BIGINT AS _more FROM ("
        f"SELECT {columns}, 1 AS _side FROM ({after}) UNION ALL SELECT {columns}, -1 FROM ({before})"
        f") GROUP BY ALL HAVING _more <> 0"
    )
    database.execute(
        f"CREATE OR REPLACE TABLE {name} AS SELECT {columns}, _is_new FROM ("
        f"SELECT {columns}, _more > 0 AS _is_new, unnest(range(abs(_more))) FROM ({counted}))"
    )
    return name


def distinct(rows: pa.Table, expressions: Iterable[str]) -> pa.Table:
    """What some SQL gives on rows, each once, in columns named by the SQL; a column of that name has it already."""
    import duckdb

    columns = (f"{quoted(sql) if sql in rows.column_names else sql} AS {quoted(sql)}" for sql in expressions)
    with duckdb.connect() as database:
        prepare(database)
        database.register("changed_rows", rows)
        return collected(database, f"SELECT DISTINCT {', '.join(columns)} FROM changed_rows")


def collected(database: DuckDBPyConnection, sql: str) -> pa.Table:
    """The rows, their instants in UTC."""
    import pyarrow as pa

    rows = database.sql(sql).to_arrow_table()
    utc = pa.timestamp("us", "UTC")
    return rows.cast(pa.schema([one.with_type(utc) if pa.types.is_timestamp(one.type) else one for one in rows.schema]))
