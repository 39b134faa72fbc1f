"""Check every table's declaration on no rows, so that a mistake shows before data is there."""

from __future__ import annotations

from typing import Annotated

import typer

from lakehouse.engines.stored_sql import write_stored_sql
from lakehouse.engines.transpile import transpile
from lakehouse.errors import DataError, LakehouseError
from lakehouse.storage import conform
from pipelines.gold_builder import SQL_FOLDER, incremental_tables, table_sql
from pipelines.runtime.catalog import TABLES
from pipelines.runtime.console import err, out, print_json
from pipelines.runtime.job import Job, open_job
from pipelines.runtime.options import AsJson


def check(
    write: Annotated[
        bool, typer.Option("--write", help="Write the SQL of the gold tables whose declaration has changed.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Dry run: every declaration builds the schema that it declares, without data."""
    notes = check_sql(write=write)
    problems = run_check(open_job("check"))
    if as_json:
        print_json([{"table": name, "problem": problem} for name, problem in problems.items()])
    for name, note in notes.items():
        err.print(f"{name}: {note}")
    if problems:
        for name, problem in problems.items():
            err.print(f"{name}: {problem}")
        raise DataError(f"{len(problems)} of {len(TABLES)} tables do not build what they declare.", "Fix them.")
    if not as_json:
        out.print(f"{len(TABLES)} tables build what they declare.")


def check_sql(*, write: bool) -> dict[str, str]:
    """By the name of a gold table without SQL of today: why, and that Spark runs it; writes the SQL where ``write``."""
    tables = {table.name: table for table in incremental_tables() if table.name not in table_sql()}
    if not tables:
        return {}
    written = transpile("pipelines.runtime.catalog:TABLES", tables)
    sql = {name: text for name, text in written.items() if not text.startswith("--")}
    notes = {
        name: f"DuckDB cannot run it, so Spark does ({text.removeprefix('-- ')})."
        for name, text in written.items()
        if name not in sql
    }
    if write:
        write_stored_sql(SQL_FOLDER, tables, sql)
        return notes
    return notes | dict.fromkeys(
        sql, "its SQL is not written since its declaration changed, so Spark runs it. `clickstream check --write`."
    )


def run_check(job: Job) -> dict[str, str]:
    """The problems by table: a declaration must build its schema from no rows."""
    problems = {}
    for table in TABLES.values():
        try:
            if table.build is None:
                rows = job.lake.empty(table)
            else:
                rows = table.make({name: job.lake.empty(source) for name, source in table.reads.items()})
            rows = conform(table, rows)
            for sql in table.rules.values():
                rows.where(sql)
            # Planning is not enough: Python functions show their schema only when they run.
            rows.limit(1).collect()
        except LakehouseError as error:
            problems[table.name] = str(error)
        except Exception as error:  # noqa: BLE001 - whatever a declaration raises is its problem
            problems[table.name] = str(error).strip().splitlines()[0][:300]
    return problems
