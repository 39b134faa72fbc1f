"""A table as one file that other programs open; starts no Spark."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lakehouse.atomic_files import draft_of
from lakehouse.engines.opened_table import dataset
from lakehouse.errors import OutsideError, UsageError
from lakehouse.table import Table
from pipelines.query.csv_lines import csv_line
from pipelines.query.delta_reader import naming_damage, opened
from pipelines.query.xlsx import write_workbook
from pipelines.runtime.catalog import table_named
from pipelines.runtime.completion import complete_table
from pipelines.runtime.console import call, out, print_json
from pipelines.runtime.options import AsJson
from pipelines.runtime.settings import load_settings

if TYPE_CHECKING:
    import pyarrow as pa


class Format(StrEnum):
    """How the file is written."""

    csv = "csv"
    parquet = "parquet"
    xlsx = "xlsx"


def export(
    table: Annotated[
        str, typer.Argument(metavar="TABLE", help="The table, as in gold.sessions.", autocompletion=complete_table)
    ],
    file: Annotated[Path, typer.Option("--out", help="The file to write.")],
    form: Annotated[
        Format | None,
        typer.Option("--format", help="How the file is written; else its ending says so."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write a table to one file, in the order of its key; starts no Spark.

    In CSV, text that a spreadsheet would take for a formula gets an apostrophe in front. Parquet
    has it as it is. In XLSX it is marked as text; instants are in UTC, and numbers of more than 15 digits are text.
    """
    declared, chosen = table_named(table), format_of(file, form)
    rows = read_rows(declared, load_settings().lake_root)
    write_export(rows, file, chosen, force=force)
    if as_json:
        print_json({"table": declared.name, "file": str(file), "format": chosen.value, "rows": rows.num_rows})
        return
    out.print(f"{rows.num_rows:,} rows of {declared.name} in {file}, as {chosen.value}")


def format_of(file: Path, asked: Format | None) -> Format:
    """How a file is written: as asked for, or as its ending says.

    Raises UsageError where the two contradict each other, or where the ending says nothing or something else: a
    program that opens it goes by the ending.
    """
    ending = file.suffix.lower().removeprefix(".")
    meant = Format(ending) if ending in list(Format) else None
    chosen = asked or meant
    if chosen is None:
        known = ", ".join(f".{one.value}" for one in Format)
        what = f"No format is known by the ending of {file}." if ending else f"{file} has no ending that says a format."
        raise UsageError(what, f"Let it end in one of {known}, or give --format.")
    if asked and meant and asked is not meant:
        raise UsageError(
            f"{file} ends like {meant.value}, and --format says {asked.value}.",
            f"Leave --format out, or name the file {file.with_suffix('.' + asked.value).name}.",
        )
    return chosen


def read_rows(table: Table, root: str) -> pa.Table:
    """The newest version of a table, by its key, with the columns that are declared and there.

    Raises OutsideError where there is no such table.
    """
    found = opened(table, root)
    if found is None:
        raise OutsideError(f"There is no table {table.name} in {root}.", "Run `clickstream run` first.")
    with naming_damage(root, table):
        rows = dataset(found).to_table()
    have = [name for name in table.column_names if name in rows.column_names]
    return rows.select(have).sort_by([(name, "ascending") for name in table.key])


def write_export(rows: pa.Table, file: Path, form: Format, *, force: bool) -> None:
    """Writes rows to a file, whole or not at all.

    Raises UsageError where the file is there, or its folder is not.
    """
    write_whole(file, lambda draft: _WRITERS[form](rows, draft), force=force)


def write_whole(file: Path, write: Callable[[Path], object], *, force: bool) -> None:
    """Lets ``write`` fill a draft, which then takes the file's place: so the file is whole, or as it was.

    Raises UsageError where the file is a folder, where it is there and ``force`` is not given, or its folder is not.
    """
    try:
        if file.is_dir():
            raise UsageError(f"{file} is a folder.", f"Name a file, as in {file / 'NAME'}.")
        if file.exists() and not force:
            raise UsageError(f"{file} is there already.", "Name another file, or give --force to write over it.")
        if not file.absolute().parent.is_dir():
            raise UsageError(f"There is no folder {file.absolute().parent}.", "Create it first.")
        # The draft's name is as short as can be: a long name of the file may have room for itself alone.
        with draft_of(file, f".{os.getpid()}.new") as draft:
            write(draft)
    except OSError as error:
        raise OutsideError(
            f"{file} cannot be written: {error.strerror or error}.", "Fix that, and run it again."
        ) from None


def _csv(rows: pa.Table, file: Path) -> None:
    # With a byte order mark: without one, Excel takes UTF-8 for the code page of its country.
    with file.open("w", encoding="utf-8-sig", newline="") as stream:
        stream.write(csv_line(rows.column_names, "\r\n"))
        stream.writelines(_lines(rows))


def _lines(rows: pa.Table) -> Iterable[str]:
    for batch in rows.to_batches(max_chunksize=10_000):
        for line in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            yield csv_line(line, "\r\n")


def _parquet(rows: pa.Table, file: Path) -> None:
    from pyarrow import parquet

    parquet.write_table(rows, file)


_WRITERS: dict[Format, Callable[[pa.Table, Path], None]] = {
    Format.csv: _csv,
    Format.parquet: _parquet,
    Format.xlsx: write_workbook,
}


if __name__ == "__main__":
    call(export)
