"""The lake's tables as DuckDB asks them: read, never written, and nothing else on this machine; starts no Spark."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from difflib import get_close_matches
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from lakehouse.engines.opened_table import files_of
from lakehouse.errors import LakehouseError, OutsideError, UsageError
from lakehouse.table import Table
from pipelines.query.delta_reader import add_views, no_lake, open_tables, opened
from pipelines.runtime.catalog import SHORT_NAMES, TABLES, table_named
from pipelines.runtime.settings import Settings
from pipelines.runtime.table_damage import refuse_damaged

if TYPE_CHECKING:
    import duckdb

SCHEMA = "gold"
"""Where a table is looked for first that is named without its layer; then where no other layer has the name."""

READS = frozenset({"SELECT", "EXPLAIN"})
"""The kinds of statement that read; DESCRIBE, SHOW TABLES and SUMMARIZE are kinds of SELECT to DuckDB."""

_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    # A table's name must not find a variable of this program.
    "python_enable_replacements": "false",
}

_LOCKED = ("SET enable_external_access = false", "SET lock_configuration = true")
"""No files, no network, no extensions; and no way back."""

LISTS = "`clickstream tables` lists the tables, and SQL's DESCRIBE the columns of one."


@contextmanager
def lake_connection(settings: Settings, sql: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """A locked DuckDB in which the tables that ``sql`` may mean are views, each at its newest version.

    Raises OutsideError where there is no lake.
    """
    import duckdb

    damaged: list[LakehouseError] = []
    found = open_tables(settings, mentioned(sql), on_damage=lambda _, error: damaged.append(error))
    if not found and damaged:
        raise damaged[0]
    if not found and not open_tables(settings, on_damage=lambda *_: None):
        raise no_lake(settings)
    with (
        # What does not fit into memory goes there, and not into the current folder.
        TemporaryDirectory(prefix="clickstream-sql-") as spilled,
        duckdb.connect(config={**_CONFIG, "temp_directory": spilled}) as connection,
    ):
        # The bar would stand among the rows.
        connection.execute("SET enable_progress_bar = false")
        lacking: list[str] = []
        add_views(connection, found, on_damage=lacking.append)
        found = {name: table for name, table in found.items() if name not in lacking}
        for short, tables in SHORT_NAMES.items():
            if len(tables) == 1 and tables[0].name in found and tables[0].layer != SCHEMA:
                connection.execute(f"CREATE VIEW main.{short} AS FROM {tables[0].name}")
        connection.execute(
            "SET allowed_paths = $files", {"files": [file for one in found.values() for file in files_of(one)]}
        )
        for setting in (f"SET search_path = '{SCHEMA},main'", *_LOCKED):
            connection.execute(setting)
        yield connection


def interruptible(connection: duckdb.DuckDBPyConnection, work: Callable[[], None]) -> None:
    """Does it in a thread: while DuckDB works in the main one, Python hears no Ctrl-C."""
    with ThreadPoolExecutor(1) as one:
        doing = one.submit(work)
        try:
            doing.result()
        except BaseException:
            # DuckDB forgets it where it begins a part of its work just then.
            while not doing.done():
                connection.interrupt()
                wait([doing], timeout=0.1)
            raise


def mentioned(sql: str) -> list[Table]:
    """The tables whose names are in the text; all of them where none is, as in SHOW TABLES.

    To open a table is to read its log, which a query of another one need not wait for.
    """
    text = sql.lower()
    return [table for table in TABLES.values() if table.short_name in text] or list(TABLES.values())


def one_query(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Raises UsageError where the text is not one statement that reads."""
    statements = connection.extract_statements(sql)
    if len(statements) != 1:
        said = "There is no query." if not statements else f"These are {len(statements)} statements."
        raise UsageError(said, "Give one, as in `clickstream sql 'SELECT count(*) FROM gold.sessions'`.")
    kind = statements[0].type.name
    if kind == "MULTI":
        raise UsageError(
            "This is more than one step, which a PIVOT without a list of its values is.",
            "Name them, as in PIVOT gold.daily_funnel ON referrer_kind IN ('search', 'direct') USING sum(sessions).",
        )
    if kind not in READS:
        raise _not_a_query(kind)


def _not_a_query(kind: str) -> UsageError:
    return UsageError(
        f"The lake is only read here, and this statement is none that reads ({kind}).",
        "Ask with SELECT, DESCRIBE, SUMMARIZE, SHOW TABLES or EXPLAIN; the jobs are what writes tables.",
    )


def in_words(error: Exception, sql: str, settings: Settings) -> LakehouseError:
    """What DuckDB says of a query, as a sentence with its cure.

    Raises TableDamageError where a table of the query is damaged.
    """
    for one in mentioned(sql):
        if one.name in sql.lower() or len(SHORT_NAMES[one.short_name]) == 1:
            refuse_damaged(settings.lake_root, one)
    first, *more = str(error).splitlines()
    kind, _, said = first.partition(": ")
    if kind == "Permission Error":
        return UsageError(
            "A query reads the tables of the lake here, and no other file and no network.",
            "Write FROM and the name of a table, as in gold.sessions.",
        )
    if said.endswith("is not an table"):  # but a view, which only a statement that writes minds
        return _not_a_query("INSERT")
    if table := re.search(r'Table with name "?(.+?)"? does not exist', said):
        return _no_table(table[1], sql, settings)
    if column := re.search(r'column (?:named )?"([^"]+)"(?: not found|$)', said):
        return _no_column(column[1], sql)
    cure = next((line for line in more if line.startswith(("Did you mean", "Candidate tables", "Either"))), LISTS)
    return UsageError(f"DuckDB does not take this query: {(said or first).rstrip('.!')}.", cure)


def _no_table(name: str, sql: str, settings: Settings) -> LakehouseError:
    """DuckDB names the table without its layer, which the query may have."""
    named = [table for table in SHORT_NAMES.get(name.rpartition(".")[2], ()) if table.name in sql.lower()]
    try:
        table = named[0] if named else table_named(name)
    except UsageError as error:
        return error
    if opened(table, settings.lake_root) is not None:
        return UsageError(f"There is no table {name} in that layer.", f"Near it: {table.name}. {LISTS}")
    return OutsideError(
        f"{table.name} is not in {settings.lake_root}.",
        "`clickstream run` runs the jobs that make the tables; `clickstream status` says whether it was there before.",
    )


def _read_by(sql: str) -> list[Table]:
    """The tables that a query reads, as far as its words tell; those that are mentioned where they do not."""
    words = re.findall(r'(?:\bfrom|\bjoin|,)\s+"?(\w+)"?(?:\s*\.\s*"?(\w+)"?)?', sql.lower())
    named = {f"{layer}.{short}" if short else layer for layer, short in words}
    found = [table for table in TABLES.values() if table.name in named]
    short = [name for name in named if "." not in name]
    for tables in (SHORT_NAMES.get(name, ()) for name in short):
        found += [table for table in tables if len(tables) == 1 or table.layer == SCHEMA]
    return found or mentioned(sql)


def _no_column(name: str, sql: str) -> UsageError:
    columns = {column: None for table in _read_by(sql) for column in table.column_names}
    near = get_close_matches(name.lower(), columns, n=4)
    return UsageError(f"What is read has no column {name}.", f"Near it: {', '.join(near)}." if near else LISTS)


def plain(value: Any) -> Any:
    """A value as JSON has it: bytes in hexadecimal, instants in ISO 8601, no number that JSON lacks."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, float) and value - value != 0:  # infinite, or none at all
        return str(value)
    return value.isoformat() if hasattr(value, "isoformat") else value
