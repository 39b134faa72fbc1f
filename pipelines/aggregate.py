"""Silver to gold: what a batch touches is computed anew from silver, so gold always equals a full rebuild."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.streaming.readwriter import DataStreamWriter

from gold.clock import CLOCK
from gold.sessions import TABLE as SESSIONS
from gold.training_examples import TABLE as EXAMPLES
from lakehouse.errors import DeclarationError, OutsideError
from lakehouse.frames import union
from lakehouse.incremental import Span, few_or_all, refresh
from lakehouse.parallel import side_by_side
from lakehouse.signals import stopping
from lakehouse.storage import struct
from lakehouse.streams import Progress, Stream, committed, measured, resume_from, resumes_at
from lakehouse.table import Source, Table
from pipelines.broker import bootstrap_servers
from pipelines.catalog import GOLD, TABLES
from pipelines.console import call
from pipelines.jobs import AsJson, Continuous, report, run_streams
from pipelines.session import Job, open_job
from pipelines.settings import Settings
from producers import kafka

STREAM = "gold"
"""The name of the one stream that feeds all of gold."""

SPAN = Span(SESSIONS, first="started_on", last="ended_on", day="event_on")
"""A session's events lie between its first and its last day."""


def aggregate(continuous: Continuous = False, as_json: AsJson = False) -> None:
    """Keep gold up with silver."""
    began = time.monotonic()
    with stopping():
        report("aggregate", run_aggregate(open_job("aggregate"), continuous=continuous), began, as_json=as_json)


def kept_up() -> list[Table]:
    """The gold tables that this job keeps up: those that a function builds from other tables.

    Each stands after those that it reads, and what scoring waits for before the others.
    """
    first = _made_from(EXAMPLES)
    return sorted((table for table in GOLD.values() if table.build is not None), key=lambda one: one.name not in first)


def _made_from(table: Source) -> set[str]:
    """The names of the table and of all that it is made from."""
    reads = table.reads.values() if isinstance(table, Table) else ()
    return {table.name}.union(*map(_made_from, reads))


def fed_by() -> list[Table]:
    """The silver tables that they read."""
    names = {source.name for table in kept_up() for source in table.reads.values()}
    return [table for name, table in TABLES.items() if name in names and table.layer == "silver"]


def clock_frame(job: Job, as_of: datetime) -> DataFrame:
    """The one row by which sessions close."""
    row = (as_of, job.settings.sessions.closes_after_minutes * 60.0)
    return job.spark.createDataFrame([row], struct(job.spark, CLOCK))


def run_aggregate(job: Job, *, continuous: bool = False) -> dict[str, Progress]:
    """Brings gold up to what silver holds; on and on if ``continuous``."""
    gold, before = _Gold(job), built_from(job.settings)
    with stopping() as stop:
        result = run_streams(
            job, "aggregate", [stream(job, gold.take)], continuous=continuous, tick=gold.close_sessions
        )
        if not stop.is_set():
            gold.close_sessions()
    built = {} if before else built_from(job.settings)
    # What gold was built from as a whole has not come by the stream.
    result[STREAM].rows += sum(job.lake.read(table, built[table.name]).count() for table in fed_by() if built)
    return result


class _Gold:
    """Refreshes gold, one refresh at a time."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._one_at_a_time = Lock()
        self._now = broker_clock(job)

    def take(self, changes: DataFrame) -> None:
        """Refreshes what a batch of changed silver rows touches, and closes sessions that are due."""
        changes = changes.distinct().persist()
        try:
            self._refresh({table.name: changes.where(F.col("_table") == table.name) for table in fed_by()})
        finally:
            changes.unpersist()

    def close_sessions(self) -> None:
        """Closes the sessions that have rested long enough, though nothing new came."""
        self._refresh({})

    def _refresh(self, changes: dict[str, DataFrame]) -> None:
        with self._one_at_a_time:
            as_of = self._now()
            due = self._job.lake.read(SESSIONS).where(~F.col("is_closed") & (F.col("closes_at") <= F.lit(as_of)))
            refresh(
                self._job.lake,
                kept_up(),
                changes,
                also={SESSIONS.name: due},
                sources={CLOCK.name: clock_frame(self._job, as_of)},
                span=SPAN,
                journal=journal(self._job),
            )


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
        newest = union(job.lake.read(table).agg(F.max("arrived_at").alias("at")) for table in fed_by())
        row = newest.agg(F.unix_micros(F.max("at"))).first()
        return _instant(row[0] if row and row[0] is not None else 0)

    return now


def _instant(microseconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)


def _scopes(table: Table) -> set[str]:
    """What a changed row of a silver table says of what it touches, as SQL on the row."""
    used = {sql for one in kept_up() if table in one.reads.values() for sql in one.scope.values()}
    return used | ({SPAN.day} if SPAN.day in table.column_names else set())


def checkpoint(settings: Settings) -> Path:
    """The folder of the stream's checkpoint.

    Other declarations are another stream: it begins with all that silver holds, so that a table or
    a column that is new has its whole history.
    """
    declared = [[table.name for table in fed_by()], *([one.name, one.ddl, dict(one.scope)] for one in kept_up())]
    version = hashlib.sha256(json.dumps(declared).encode()).hexdigest()[:12]
    return settings.checkpoints / STREAM / version


def positions(settings: Settings) -> dict[str, dict[str, Any]]:
    """Where the stream stands in each of silver's tables, as Delta's source writes it; none before its first batch."""
    return dict(zip((table.name for table in fed_by()), committed(checkpoint(settings)) or (), strict=False))


def journal(job: Job) -> Path:
    """The file that tells of a refresh that was interrupted."""
    return checkpoint(job.settings) / "refresh.json"


def stream(job: Job, take: Callable[[DataFrame], None] = lambda _: None) -> Stream:
    """The stream of what changes in silver; ``take`` is handed each batch of it."""
    lake = job.lake
    tables = fed_by()
    for table in (*tables, *GOLD.values()):
        lake.ensure(table)
    scopes = {table.name: _scopes(table) for table in tables}
    everything = sorted(set().union(*scopes.values()))

    def changes(table: Table, built: int) -> DataFrame:
        rows = (
            job.spark.readStream.format("delta")
            .option("readChangeFeed", "true")
            # A version that is there, though what it changed is in what was built already.
            .option("startingVersion", built)
            .option("maxBytesPerTrigger", job.settings.stream.bytes_per_batch)
            .load(lake.path(table))
            .where(F.col("_commit_version") > built)
        )
        # A row that goes, or that another takes the place of, may have come long ago.
        arrived = F.when(F.col("_change_type") == "insert", F.col("arrived_at"))
        return measured(rows, table.short_name, arrived_at=arrived).select(
            F.lit(table.name).alias("_table"),
            *(F.expr(sql).alias(sql) for sql in everything if sql in scopes[table.name]),
        )

    def prepare() -> DataStreamWriter:
        if not resumes_at(made.checkpoint):
            # Nothing of gold counts before it is built as a whole: told to stop, it is begun again at the next start.
            with stopping() as stop, stop.unheeded():
                built = build(job)
            resume_from(made.checkpoint, json.dumps(built))
        built = built_from(job.settings)
        rows = changes(tables[0], built[tables[0].name])
        for table in tables[1:]:
            rows = rows.unionByName(changes(table, built[table.name]), allowMissingColumns=True)
        return rows.writeStream.foreachBatch(lambda batch, _: take(batch))

    made = Stream(
        name=STREAM,
        checkpoint=checkpoint(job.settings),
        prepare=prepare,
        source_id="+".join(lake.table_id(table) for table in tables),
        target_id=lake.table_id(SESSIONS),
        target_has_rows=lambda: False,
    )
    return made


def build(job: Job) -> dict[str, int]:
    """Makes gold anew from all that silver holds; gives the versions of silver's tables that it was made from.

    Each table is replaced in one commit. What changes in silver meanwhile is for the stream to take.
    """
    lake = job.lake
    versions = {table.name: lake.version(table) for table in fed_by()}
    given = {CLOCK.name: clock_frame(job, broker_clock(job)())}
    given |= {table.name: few_or_all(lake.read(table, versions[table.name])) for table in fed_by()}

    def build_one(table: Table) -> None:
        with lake.writing(table):
            lake.overwrite(table, made_of(job, table, given))

    side_by_side(job.spark, kept_up(), build_one)
    journal(job).unlink(missing_ok=True)
    return versions


def made_of(job: Job, table: Table, given: Mapping[str, DataFrame]) -> DataFrame:
    """A gold table as its declaration makes it, of what is given by name and of the gold tables that are there."""

    def frame(source: Source) -> DataFrame:
        if source.name in given:
            return given[source.name]
        if isinstance(source, Table):
            return job.lake.read(source)
        raise DeclarationError(f"Nothing provides {source.name}.", "A gold table reads tables and the clock.")

    return table.make({name: frame(source) for name, source in table.reads.items()})


def built_from(settings: Settings) -> dict[str, int]:
    """The versions of silver's tables that gold was last built from as a whole; none before that."""
    return json.loads(resumes_at(checkpoint(settings)) or "{}")  # type: ignore[no-any-return]


if __name__ == "__main__":
    call(aggregate)
