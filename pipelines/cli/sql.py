"""A question to the lake in SQL, on the command line; starts no Spark."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table as Grid
from rich.text import Text

from lakehouse.errors import UsageError
from pipelines.query.csv_lines import csv_line
from pipelines.query.duckdb_session import in_words, interruptible, lake_connection, one_query, plain
from pipelines.runtime.console import call, harmless, out, print_json
from pipelines.runtime.options import AsJson
from pipelines.runtime.settings import load_settings

if TYPE_CHECKING:
    import duckdb

SHOWN = 50
"""How many rows a person is shown who does not say."""

_LONGEST = 200
"""The most characters of a value that a person is shown."""

_AT_A_TIME = 1000


def sql(
    query: Annotated[str, typer.Argument(help="The query, in quotes, as in 'SELECT count(*) FROM gold.sessions'.")],
    limit: Annotated[
        int | None,
        typer.Option(min=1, help=f"The most rows to show: {SHOWN} on a terminal; all of them with --json and --csv."),
    ] = None,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="Print CSV with a line of names, for a file or a program.")
    ] = False,
    has_bom: Annotated[
        bool, typer.Option("--bom", help="Begin the CSV with a byte order mark, so that Excel takes it for UTF-8.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Ask the lake's tables in SQL (DuckDB's); nothing is written, and no Spark is started.

    A table has its layer's name in front, as in silver.clicks; without one, it is looked for in gold. Instants are
    in UTC. SHOW ALL TABLES, DESCRIBE gold.sessions and SUMMARIZE gold.sessions work as well.
    """
    import duckdb

    if as_json and as_csv:
        raise UsageError("--json and --csv are two forms of the same rows.", "Choose one of them.")
    if has_bom and not as_csv:
        raise UsageError("--bom is about CSV.", "Give --csv too.")
    settings = load_settings()
    with lake_connection(settings, query) as connection:

        def answer() -> None:
            one_query(connection, query)
            if as_csv:
                _print_csv(connection, query, limit, start="\ufeff" if has_bom else "")
            elif as_json:
                _print_json(connection.sql(query), limit)
            else:
                _show(connection.sql(query), limit or SHOWN)

        try:
            interruptible(connection, answer)
        except duckdb.Error as error:
            raise in_words(error, query, settings) from error


def _print_csv(connection: duckdb.DuckDBPyConnection, query: str, limit: int | None, start: str) -> None:
    result = connection.execute(query)
    # A file or a program gets the values as they are; a terminal would obey some of them.
    write = harmless if sys.stdout.isatty() else str
    sys.stdout.write(start + write(csv_line([column[0] for column in result.description], "\n")))
    sys.stdout.writelines(write(csv_line(row, "\n")) for row in _rows(result, limit))


def _rows(result: duckdb.DuckDBPyConnection, limit: int | None) -> Iterator[tuple[Any, ...]]:
    """The rows as they come, so that the whole need not fit into memory."""
    left = sys.maxsize if limit is None else limit
    while left and (rows := result.fetchmany(min(_AT_A_TIME, left))):
        yield from rows
        left -= len(rows)


def _print_json(relation: duckdb.DuckDBPyRelation, limit: int | None) -> None:
    names = relation.columns
    if twice := [name for name in names if names.count(name) > 1]:
        raise UsageError(
            f"Two columns are called {twice[0]}, which JSON cannot tell apart.", "Name one of them with AS."
        )
    found = (relation if limit is None else relation.limit(limit)).fetchall()
    rows = [dict(zip(names, map(plain, row), strict=True)) for row in found]
    of = len(rows) if limit is None or len(rows) < limit else _count(relation)
    columns = [{"name": name, "type": str(kind)} for name, kind in zip(names, relation.types, strict=True)]
    print_json({"columns": columns, "rows": rows, "row_count": of})


def _count(relation: duckdb.DuckDBPyRelation) -> int:
    [(count,)] = relation.count("*").fetchall()
    return int(count)


def _show(relation: duckdb.DuckDBPyRelation, limit: int) -> None:
    """A table for a person, and how many rows there are."""
    names = relation.columns
    rows = relation.limit(limit + 1).fetchall()
    more, rows = len(rows) > limit, rows[:limit]
    if names == ["explain_key", "explain_value"]:
        for _, plan in rows:
            out.print(Text(plan), soft_wrap=True)
        return
    cells = [[shown(value) for value in row] for row in rows]
    if _width(names, cells) <= out.width:
        _print_grid(names, rows, cells)
    else:
        _print_records(names, cells)
    if more:
        out.print(f"The first {limit:,} of {_count(relation):,} rows; --limit shows more, --csv gives all of them.")
    else:
        out.print(f"{len(rows):,} {'row' if len(rows) == 1 else 'rows'}")


def _width(names: Sequence[str], cells: Sequence[Sequence[Text]]) -> int:
    widths = [max(len(name), *(len(row[column]) for row in cells), 0) for column, name in enumerate(names)]
    return sum(widths) + 2 * len(widths)


def _print_grid(names: Sequence[str], rows: Sequence[Sequence[Any]], cells: Sequence[Sequence[Text]]) -> None:
    grid = Grid(box=None, padding=(0, 2, 0, 0))
    for column, name in enumerate(names):
        numbers = any(isinstance(row[column], int | float | Decimal) for row in rows)
        grid.add_column(Text(name), justify="right" if numbers else "left", no_wrap=True)
    for row in cells:
        grid.add_row(*row)
    out.print(grid)


def _print_records(names: Sequence[str], cells: Sequence[Sequence[Text]]) -> None:
    """Rows that are wider than the screen: one value a line."""
    widest = max(map(len, names))
    for number, row in enumerate(cells, 1):
        out.print(Text(f"-- row {number}", style="bold"))
        for name, value in zip(names, row, strict=True):
            out.print(Text(f"{name:{widest}}  ").append_text(value), soft_wrap=True)


def shown(value: Any) -> Text:
    """A value as a person reads it: instants in UTC, bytes and signs that a terminal would obey escaped."""
    if value is None:
        return Text("NULL", style="dim")
    if isinstance(value, datetime):
        said = value.astimezone(UTC).replace(tzinfo=None).isoformat(" ") + "Z" if value.tzinfo else value.isoformat(" ")
    elif isinstance(value, bool):
        said = str(value).lower()
    elif isinstance(value, bytes):
        said = value.decode("utf-8", "backslashreplace")
    else:
        said = str(value)
    # A line's end, too: one row is one line.
    said = "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in said[: _LONGEST + 1])
    return Text(said if len(said) <= _LONGEST else f"{said[:_LONGEST]}…")


if __name__ == "__main__":
    call(sql)
