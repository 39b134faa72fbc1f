"""Check gold against a rebuild: each table equals what its declaration makes of all of silver, row for row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from gold.sessions import TABLE as SESSIONS
from gold.shared.clock import CLOCK
from lakehouse.dataframes import row_differences
from lakehouse.incremental import localize_small
from lakehouse.parallel import run_in_parallel
from lakehouse.table import Table
from pipelines import gold_builder
from pipelines.operations.offsets import rows_read
from pipelines.operations.verification.result import Check, format_key, recover_stream, tried
from pipelines.runtime.job import Job

_TITLE = "{}: equals a rebuild"


def check_gold(job: Job, tables: Sequence[Table]) -> list[Check]:
    """Each of these gold tables, in their order."""
    # All that gold has read of silver, and the time that its sessions were closed by.
    sources = {
        table.name: localize_small(_silver_rows_read(job, table)) for table in gold_builder.upstream_tables()
    } | {CLOCK.name: _clock(job)}
    checks: dict[str, list[Check]] = {}

    def check(table: Table) -> None:
        checks[table.name] = list(tried(_TITLE.format(table.name), lambda: [_compare(job, table, sources)]))

    run_in_parallel(job.spark, tables, check)
    return [check for table in tables for check in checks[table.name]]


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
    counts = {name: int((differences and differences[name]) or 0) for name in ("wrong", "lacking")}
    first = differences and differences["first"]
    offence = format_key(table.key, first) if first else ""
    figures = {"rows": rows.count(), **counts}
    return Check(_TITLE.format(table.name), not first, figures, offence, fix=recover_stream(gold_builder.STREAM))


def _clock(job: Job) -> DataFrame:
    """The latest time that gold's own rows know: that of the last session that was closed."""
    closed = job.lake.read(SESSIONS).where("is_closed").agg(F.max("closes_at").alias("as_of"))
    seconds = job.settings.sessions.closes_after_minutes * 60.0
    never = F.lit("1970-01-01").cast("TIMESTAMP")
    return closed.select(F.coalesce("as_of", never).alias("as_of"), F.lit(seconds).alias("closes_after_seconds"))


def _silver_rows_read(job: Job, table: Table) -> DataFrame:
    """The rows of a silver table that gold's stream has read."""
    offset = gold_builder.read_offsets(job.settings).get(table.name)
    built = gold_builder.base_versions(job.settings).get(table.name, -1)
    if offset:
        return rows_read(job, table, offset, at_least=built)
    return job.lake.read(table, built) if built >= 0 else job.lake.empty(table)
