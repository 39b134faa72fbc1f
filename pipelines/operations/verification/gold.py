"""Check gold against a rebuild: each table equals what its declaration makes of all of silver, row for row.

A table is rebuilt by the engine that did not write it: what Spark wrote by DuckDB, and what a job wrote in its own
process by Spark. A table that has been written by both in turn is rebuilt by the one that did not write it last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from gold.sessions import TABLE as SESSIONS
from gold.shared.clock import CLOCK
from lakehouse.dataframes import row_differences
from lakehouse.engines.comparison import Difference, compare_tables
from lakehouse.engines.local_lake import LocalLake
from lakehouse.incremental import localize_small
from lakehouse.locks import is_locked
from lakehouse.parallel import run_in_parallel
from lakehouse.table import Table
from pipelines import gold_builder
from pipelines.deferred_refresh import deferrable_tables
from pipelines.operations.offsets import rows_at, through_rewrites, version_read
from pipelines.operations.verification.result import Check, format_key, recover_stream, tried
from pipelines.runtime.job import Job

_AT_WORK = "A running job refreshes gold meanwhile."
"""Why a difference says nothing: a batch may be in flight, and the tables by day are refreshed after the others."""

_END_IT = "Where `clickstream up` or `aggregate` runs, end it, and verify again."

_TITLE = "{}: equals a rebuild"


def check_gold(job: Job, tables: Sequence[Table]) -> list[Check]:
    """Each of these gold tables, in their order."""
    checks: dict[str, list[Check]] = {}
    by_duckdb = [table for table in tables if _is_for_duckdb(job, table)]
    if by_duckdb:
        checks |= _check_by_duckdb(job, by_duckdb)
    if by_spark := [table for table in tables if table.name not in checks]:
        checks |= _check_by_spark(job, by_spark)
    found = [check for table in tables for check in checks[table.name]]
    if is_locked(job.settings.locks, gold_builder.STREAM):
        return [check if check.ok else Check.not_done(check.name, _AT_WORK, _END_IT) for check in found]
    return found


def _is_for_duckdb(job: Job, table: Table) -> bool:
    """Whether Spark has written the table, and DuckDB can compute it."""
    if not LocalLake.is_local(job.settings.lake_root) or table.name not in gold_builder.table_sql():
        return False
    return job.local_lake.exists(table) and not job.local_lake.is_written_here(table)


def _check_by_duckdb(job: Job, tables: Sequence[Table]) -> dict[str, list[Check]]:
    """The checks of these tables by name; none where they cannot be made so: Spark says what is wrong then."""
    settings, lake = job.settings, job.local_lake
    closed = lake.read(SESSIONS, ["closes_at"], {"is_closed": [True]})["closes_at"]
    as_of = pc.max(closed).as_py() or datetime(1970, 1, 1, tzinfo=UTC)
    versions = {table.name: _version_read(job, table) for table in gold_builder.upstream_tables()}
    found = compare_tables(
        lake,
        tables,
        gold_builder.table_sql(),
        sources={CLOCK.name: gold_builder.clock_rows(settings, as_of)},
        versions=versions,
        memory=settings.engines.in_process_memory,
    )
    try:
        return {table.name: [_check(job, table, difference, "DuckDB")] for table, difference in found}
    except Exception:  # noqa: BLE001 - a file that cannot be read, for example: Spark says which table's it is
        return {}


def _check_by_spark(job: Job, tables: Sequence[Table]) -> dict[str, list[Check]]:
    # All that gold has read of silver, and the time that its sessions were closed by.
    sources = {
        table.name: localize_small(_silver_rows_read(job, table)) for table in gold_builder.upstream_tables()
    } | {CLOCK.name: _clock(job)}
    checks: dict[str, list[Check]] = {}

    def check(table: Table) -> None:
        checks[table.name] = list(tried(_TITLE.format(table.name), lambda: [_compare(job, table, sources)]))

    run_in_parallel(job.spark, tables, check)
    return checks


def _check(job: Job, table: Table, found: Difference, engine: str) -> Check:
    offence = format_key(table.key, dict(zip(table.key, found.first_key, strict=True))) if found.first_key else ""
    figures = {"rows": found.rows, "wrong": found.wrong, "lacking": found.lacking, "rebuilt by": engine}
    return Check(_TITLE.format(table.name), not offence, figures, offence, fix=_fix(job, table))


def _fix(job: Job, table: Table) -> str:
    """What brings a table up to date: its next refresh, where a process died that had deferred one."""
    if table in deferrable_tables() and gold_builder.deferred_changes(job.settings).files():
        return "`clickstream aggregate`"
    return recover_stream(gold_builder.STREAM)


def _compare(job: Job, table: Table, sources: Mapping[str, DataFrame]) -> Check:
    rows = job.lake.read(table)
    # A row that the table has and a rebuild has not is wrong; the other way round, it is lacking.
    differences = (
        row_differences(gold_builder.build_table(job, table, sources), rows, table.column_names)
        .agg(
            F.sum(F.greatest("_more", F.lit(0))).alias("wrong"),
            F.sum(F.greatest(-F.col("_more"), F.lit(0))).alias("lacking"),
            F.min(F.struct(*table.key)).alias("first"),
        )
        .first()
    )
    wrong, lacking, first = differences or (0, 0, None)
    found = Difference(rows.count(), wrong or 0, lacking or 0, first and tuple(first))
    return _check(job, table, found, "Spark")


def _clock(job: Job) -> DataFrame:
    """The latest time that gold's own rows know: that of the last session that was closed."""
    closed = job.lake.read(SESSIONS).where("is_closed").agg(F.max("closes_at").alias("as_of"))
    never = gold_builder.clock_frame(job, datetime(1970, 1, 1, tzinfo=UTC))
    known = never.withColumnRenamed("as_of", "_never").crossJoin(closed)
    return known.withColumn("as_of", F.coalesce("as_of", "_never")).select(*CLOCK.column_names)


def _silver_rows_read(job: Job, table: Table) -> DataFrame:
    """The rows of a silver table that gold's stream has read."""
    return rows_at(job, table, _version_read(job, table))


def _version_read(job: Job, table: Table) -> int:
    """The last version of a silver table that gold's stream has read to its end; -1 where it has read none."""
    offset = gold_builder.read_offsets(job.settings).get(table.name)
    built = gold_builder.base_versions(job.settings).get(table.name, -1)
    return version_read(job, table, offset, at_least=built) if offset else through_rewrites(job, table, built)
