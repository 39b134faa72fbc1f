"""Build gold tables from silver: as a whole for the first time and for a rebuild, one by one for an audit."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from gold.sessions import TABLE as SESSIONS
from gold.shared.clock import CLOCK
from gold.training_examples import TABLE as EXAMPLES
from lakehouse.checkpoints import committed_offsets, resumes_at
from lakehouse.dataframes import union
from lakehouse.errors import DeclarationError, OutsideError
from lakehouse.incremental import Span, localize_small
from lakehouse.parallel import run_in_parallel
from lakehouse.storage import spark_schema
from lakehouse.table import Source, Table
from pipelines.runtime.catalog import GOLD, TABLES
from pipelines.runtime.job import Job
from pipelines.runtime.kafka_endpoint import bootstrap_servers
from pipelines.runtime.settings import Settings
from producers import kafka

STREAM = "gold"
"""The name of the one stream that feeds all of gold."""

SPAN = Span(SESSIONS, first="started_on", last="ended_on", day="event_on")
"""A session's events lie between its first and its last day."""


def incremental_tables() -> list[Table]:
    """The gold tables that this job keeps up: those that a function builds from other tables.

    Each stands after those that it reads, and what scoring waits for before the others.
    """
    first = _upstream_names(EXAMPLES)
    return sorted((table for table in GOLD.values() if table.build is not None), key=lambda one: one.name not in first)


def _upstream_names(table: Source) -> set[str]:
    """The names of the table and of all that it is made from."""
    reads = table.reads.values() if isinstance(table, Table) else ()
    return {table.name}.union(*map(_upstream_names, reads))


def upstream_tables() -> list[Table]:
    """The silver tables that they read."""
    names = {source.name for table in incremental_tables() for source in table.reads.values()}
    return [table for name, table in TABLES.items() if name in names and table.layer == "silver"]


def clock_frame(job: Job, as_of: datetime) -> DataFrame:
    """The one row by which sessions close."""
    row = (as_of, job.settings.sessions.closes_after_minutes * 60.0)
    return job.spark.createDataFrame([row], spark_schema(CLOCK))


def broker_clock(job: Job) -> Callable[[], datetime]:
    """The broker's time; where no broker answers, the arrival of the newest event that silver has.

    This machine's own clock is asked for nothing.
    """
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
    """What a changed row of a silver table says of what it touches, as SQL on the row."""
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
    """Where the stream stands in each of silver's tables, as Delta's source writes it; none before its first batch."""
    return dict(
        zip(
            (table.name for table in upstream_tables()),
            committed_offsets(gold_checkpoint(settings)) or (),
            strict=False,
        )
    )


def refresh_journal(job: Job) -> Path:
    """The file that tells of a refresh that was interrupted."""
    return gold_checkpoint(job.settings) / "refresh.json"


def build_all(job: Job) -> dict[str, int]:
    """Makes gold anew from all that silver holds; gives the versions of silver's tables that it was made from.

    Each table is replaced in one commit. What changes in silver meanwhile is for the stream to take.
    """
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
    """A gold table as its declaration makes it, of what is given by name and of the gold tables that are there."""

    def frame(source: Source) -> DataFrame:
        if source.name in given:
            return given[source.name]
        if isinstance(source, Table):
            return job.lake.read(source)
        raise DeclarationError(f"Nothing provides {source.name}.", "A gold table reads tables and the clock.")

    return table.make({name: frame(source) for name, source in table.reads.items()})


def base_versions(settings: Settings) -> dict[str, int]:
    """The versions of silver's tables that gold was last built from as a whole; none before that."""
    return json.loads(resumes_at(gold_checkpoint(settings)) or "{}")  # type: ignore[no-any-return]
