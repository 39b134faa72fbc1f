"""Build gold from silver as a whole (the backfill of the first start, and the rebuild), or one table for an audit."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gold.sessions import TABLE as SESSIONS
from gold.shared.clock import CLOCK
from gold.training_examples import TABLE as EXAMPLES
from lakehouse.checkpoints import committed_offsets, resumes_at
from lakehouse.dataframes import union
from lakehouse.errors import DeclarationError, OutsideError
from lakehouse.span import Span
from lakehouse.table import Source, Table
from pipelines.runtime.catalog import GOLD, TABLES
from pipelines.runtime.kafka_endpoint import bootstrap_servers
from pipelines.runtime.settings import Settings
from producers import kafka

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from pipelines.runtime.job import Job

STREAM = "gold"
"""The name of the one stream that feeds all of gold."""

SPAN = Span(SESSIONS, first="started_on", last="ended_on", day="event_on")
"""A session's events lie between its first and its last day."""


def incremental_tables() -> list[Table]:
    """The gold tables with incremental refresh: those that a function builds from other tables.

    Each stands after those that it reads; what scoring waits for stands before the others.
    """
    first = _upstream_names(EXAMPLES)
    return sorted(
        (table for table in GOLD.values() if table.build is not None), key=lambda table: table.name not in first
    )


def _upstream_names(table: Source) -> set[str]:
    """The names of the table and of all that it is made from."""
    reads = table.reads.values() if isinstance(table, Table) else ()
    return {table.name}.union(*map(_upstream_names, reads))


def upstream_tables() -> list[Table]:
    """The silver tables that the gold tables read."""
    names = {source.name for table in incremental_tables() for source in table.reads.values()}
    return [table for name, table in TABLES.items() if name in names and table.layer == "silver"]


def clock_frame(job: Job, as_of: datetime) -> DataFrame:
    """The clock as one row: by it sessions close."""
    from lakehouse.storage import spark_schema

    row = (as_of, job.settings.sessions.closes_after_minutes * 60.0)
    return job.spark.createDataFrame([row], spark_schema(CLOCK))


def broker_clock(job: Job) -> Callable[[], datetime]:
    """A function that gives the broker's time; where no broker answers, the arrival of the newest event in silver.

    The clock of this machine is not used.
    """
    from pyspark.sql import functions as F

    try:
        servers = bootstrap_servers(job.settings)
    except OutsideError:
        servers = ""

    def now() -> datetime:
        if servers:
            try:
                return _instant(kafka.broker_time(servers, job.settings.kafka.client))
            except OutsideError:
                pass
        newest = union(job.lake.read(table).agg(F.max("arrived_at").alias("at")) for table in upstream_tables())
        row = newest.agg(F.unix_micros(F.max("at"))).first()
        return _instant(row[0] if row and row[0] is not None else 0)

    return now


def _instant(microseconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)


def touched_scopes(table: Table) -> set[str]:
    """The SQL on a changed row of a silver table that gives the scopes it touches."""
    used = {sql for one in incremental_tables() if table in one.reads.values() for sql in one.scope.values()}
    return used | ({SPAN.day} if SPAN.day in table.column_names else set())


def gold_checkpoint(settings: Settings) -> Path:
    """The folder of the stream's checkpoint.

    Other declarations are another stream: it begins with all that silver holds, so that a table or
    a column that is new has its whole history. A description that changes is no other declaration.
    """
    declared = [
        [table.name for table in upstream_tables()],
        *(
            [one.name, [[column.name, column.type] for column in one.columns], dict(one.scope)]
            for one in incremental_tables()
        ),
    ]
    version = hashlib.sha256(json.dumps(declared).encode()).hexdigest()[:12]
    return settings.checkpoints / STREAM / version


def read_offsets(settings: Settings) -> dict[str, dict[str, Any]]:
    """The stream's offset in each silver table, in the terms of Delta's source; none before its first batch."""
    return dict(
        zip(
            (table.name for table in upstream_tables()),
            committed_offsets(gold_checkpoint(settings)) or (),
            strict=False,
        )
    )


def refresh_journal(job: Job) -> Path:
    """The file that exists after an interrupted refresh."""
    return gold_checkpoint(job.settings) / "refresh.json"


def build_all(job: Job) -> dict[str, int]:
    """Builds gold from all of silver (backfill, rebuild); gives the versions of silver's tables that it read.

    Each table is replaced in one commit, so it is idempotent. What changes in silver meanwhile is left to
    the stream.
    """
    from lakehouse.incremental import localize_small
    from lakehouse.parallel import run_in_parallel

    lake = job.lake
    versions = {table.name: lake.version(table) for table in upstream_tables()}
    given = {CLOCK.name: clock_frame(job, broker_clock(job)())}
    given |= {table.name: localize_small(lake.read(table, versions[table.name])) for table in upstream_tables()}

    def build_one(table: Table) -> None:
        with lake.writing(table):
            lake.overwrite(table, build_table(job, table, given))

    run_in_parallel(job.spark, incremental_tables(), build_one)
    refresh_journal(job).unlink(missing_ok=True)
    return versions


def build_table(job: Job, table: Table, given: Mapping[str, DataFrame]) -> DataFrame:
    """A gold table's rows by its declaration, from what is given by name and from the present gold tables."""

    def frame(source: Source) -> DataFrame:
        if source.name in given:
            return given[source.name]
        if isinstance(source, Table):
            return job.lake.read(source)
        raise DeclarationError(f"Nothing provides {source.name}.", "A gold table reads tables and the clock.")

    return table.make({name: frame(source) for name, source in table.reads.items()})


def base_versions(settings: Settings) -> dict[str, int]:
    """The versions of silver's tables that the last build of all of gold has read; none before that."""
    return json.loads(resumes_at(gold_checkpoint(settings)) or "{}")  # type: ignore[no-any-return]
