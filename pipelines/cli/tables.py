"""Print the catalog: each table's grain, key, columns and lineage, from its declaration alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import typer
from rich.table import Table as Grid
from rich.text import Text

from lakehouse.errors import UsageError
from lakehouse.table import Table
from pipelines.runtime.catalog import TABLES, table_named
from pipelines.runtime.completion import complete_table
from pipelines.runtime.console import out, print_json
from pipelines.runtime.options import AsJson


def describe(table: Table) -> dict[str, Any]:
    """A table's declaration as plain values."""
    return {
        "name": table.name,
        "grain": table.doc,
        "key": list(table.key),
        "reads": sorted(source.name for source in table.reads.values()),
        "columns": [
            {"name": column.name, "type": column.type, "required": column.required, "doc": column.doc}
            for column in table.columns
        ],
        "rules": dict(table.rules),
    }


def reference(chosen: Iterable[Table]) -> str:
    """The declarations as a Markdown page: one section per table, one line per column."""
    parts = [
        "# The tables",
        (
            "Generated from the code by `make docs`; not edited by hand. `clickstream tables --markdown` prints it.\n"
            "Columns that are never empty are marked *required*. Instants and days are in UTC."
        ),
    ]
    for table in chosen:
        reads = ", ".join(f"`{name}`" for name in sorted(source.name for source in table.reads.values()))
        parts.append(
            f"## {table.name}\n\n{cell(table.doc)}\n\n"
            f"- key: {', '.join(f'`{column}`' for column in table.key)}\n- reads: {reads or 'no table'}"
        )
        lines = ["| column | type | | meaning |", "|---|---|---|---|"]
        lines += [
            f"| `{one.name}` | {cell(one.type)} | {'required' if one.required else ''} | {cell(one.doc)} |"
            for one in table.columns
        ]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def cell(text: str) -> str:
    """Text that Markdown shows as it is, on one line, in the cell of a table."""
    text = text.replace("&", "&amp;").replace("<", "&lt;")
    for sign in ("\\", "|", "*", "`"):
        text = text.replace(sign, f"\\{sign}")
    return " ".join(text.split())


def tables(
    name: Annotated[
        str,
        typer.Argument(
            metavar="TABLE", autocompletion=complete_table, help="One table, as in gold.sessions; all of them without."
        ),
    ] = "",
    as_json: AsJson = False,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="The reference as a page, as in docs/reference/tables.md.")
    ] = False,
) -> None:
    """List the tables: grain, key, columns and lineage, from their declarations."""
    if as_json and as_markdown:
        raise UsageError("--json and --markdown are two forms of the same list.", "Choose one of them.")
    chosen = [table_named(name)] if name else list(TABLES.values())
    if as_markdown:
        typer.echo(reference(chosen), nl=False)
        return
    if as_json:
        print_json([describe(table) for table in chosen])
        return
    for table in chosen:
        out.print(Text.assemble((table.name, "bold"), f"  {table.doc}"))
        out.print(f"  key    {', '.join(table.key)}")
        out.print(f"  reads  {', '.join(sorted(source.name for source in table.reads.values())) or '-'}")
        if name:
            grid = Grid("column", "type", "", "meaning", box=None, padding=(0, 2))
            for column in table.columns:
                grid.add_row(column.name, column.type, "required" if column.required else "", column.doc)
            out.print(grid)
            for rule, sql in table.rules.items():
                out.print(f"  rule   {rule}: {sql}")
        else:
            out.print(f"  columns  {', '.join(table.column_names)}")
        out.print()
