"""Compare gold with a rebuild in seconds, where a test is about what was written and not about who rebuilds it."""

from __future__ import annotations

from collections.abc import Iterable

from gold.shared.clock import CLOCK
from lakehouse.engines.comparison import compare_tables
from lakehouse.table import Table
from pipelines.gold_builder import broker_clock, clock_rows, table_sql, upstream_tables
from pipelines.runtime.job import Job


def differing(job: Job, tables: Iterable[Table]) -> list[str]:
    """The names of those gold tables that differ from what DuckDB makes of all that silver has."""
    found = compare_tables(
        job.local_lake,
        list(tables),
        table_sql(),
        sources={CLOCK.name: clock_rows(job.settings, broker_clock(job)())},
        versions={table.name: job.local_lake.version(table) for table in upstream_tables()},
        memory="1GB",
    )
    return [table.name for table, difference in found if difference.first_key]
