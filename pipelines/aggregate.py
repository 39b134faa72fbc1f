"""Silver to gold: what a batch touches is computed anew from silver, so gold always equals a full rebuild."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from threading import Lock

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.streaming.readwriter import DataStreamWriter

from gold.sessions import TABLE as SESSIONS
from gold.shared.clock import CLOCK
from lakehouse.checkpoints import resume_from, resumes_at
from lakehouse.incremental import refresh
from lakehouse.signals import stopping
from lakehouse.streams import Progress, Stream, with_batch_metrics
from lakehouse.table import Table
from pipelines import gold_builder
from pipelines.gold_builder import SPAN, STREAM
from pipelines.runtime.catalog import GOLD
from pipelines.runtime.console import call
from pipelines.runtime.job import Job, open_job
from pipelines.runtime.options import AsJson, Continuous
from pipelines.runtime.stream_runner import report, run_streams


def aggregate(continuous: Continuous = False, as_json: AsJson = False) -> None:
    """Keep gold up with silver."""
    began = time.monotonic()
    with stopping():
        report("aggregate", run_aggregate(open_job("aggregate"), continuous=continuous), began, as_json=as_json)


def run_aggregate(job: Job, *, continuous: bool = False) -> dict[str, Progress]:
    """Brings gold up to what silver holds; on and on if ``continuous``."""
    gold, before = _Gold(job), gold_builder.base_versions(job.settings)
    with stopping() as stop:
        result = run_streams(
            job, "aggregate", [stream(job, gold.take)], continuous=continuous, on_idle=gold.close_sessions
        )
        if not stop.is_set():
            gold.close_sessions()
    built = {} if before else gold_builder.base_versions(job.settings)
    # What gold was built from as a whole has not come by the stream.
    result[STREAM].rows += sum(
        job.lake.read(table, built[table.name]).count() for table in gold_builder.upstream_tables() if built
    )
    return result


class _Gold:
    """Refreshes gold, one refresh at a time."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._one_at_a_time = Lock()
        self._now = gold_builder.broker_clock(job)

    def take(self, changes: DataFrame) -> None:
        """Refreshes what a batch of changed silver rows touches, and closes sessions that are due."""
        changes = changes.distinct().persist()
        try:
            self._refresh(
                {table.name: changes.where(F.col("_table") == table.name) for table in gold_builder.upstream_tables()}
            )
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
                gold_builder.incremental_tables(),
                changes,
                also={SESSIONS.name: due},
                sources={CLOCK.name: gold_builder.clock_frame(self._job, as_of)},
                span=SPAN,
                journal=gold_builder.refresh_journal(self._job),
            )


def stream(job: Job, take: Callable[[DataFrame], None] = lambda _: None) -> Stream:
    """The stream of what changes in silver; ``take`` is handed each batch of it."""
    lake = job.lake
    tables = gold_builder.upstream_tables()
    for table in (*tables, *GOLD.values()):
        lake.ensure(table)
    scopes = {table.name: gold_builder.touched_scopes(table) for table in tables}
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
        return with_batch_metrics(rows, table.short_name, arrived_at=arrived).select(
            F.lit(table.name).alias("_table"),
            *(F.expr(sql).alias(sql) for sql in everything if sql in scopes[table.name]),
        )

    def prepare() -> DataStreamWriter:
        if not resumes_at(made.checkpoint):
            # Nothing of gold counts before it is built as a whole: told to stop, it is begun again at the next start.
            with stopping() as stop, stop.interruptible():
                built = gold_builder.build_all(job)
            resume_from(made.checkpoint, json.dumps(built))
        built = gold_builder.base_versions(job.settings)
        rows = changes(tables[0], built[tables[0].name])
        for table in tables[1:]:
            rows = rows.unionByName(changes(table, built[table.name]), allowMissingColumns=True)
        return rows.writeStream.foreachBatch(lambda batch, _: take(batch))

    made = Stream(
        name=STREAM,
        checkpoint=gold_builder.gold_checkpoint(job.settings),
        prepare=prepare,
        source_id="+".join(lake.table_id(table) for table in tables),
        target_id=lake.table_id(SESSIONS),
        target_has_rows=lambda: False,
    )
    return made


if __name__ == "__main__":
    call(aggregate)
