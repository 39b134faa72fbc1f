"""Aggregate: refresh in gold what a micro-batch of silver touches, so that gold equals a full rebuild, and score it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from datetime import datetime
from functools import cached_property, reduce
from threading import Lock
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.streaming.readwriter import DataStreamWriter

from gold.sessions import TABLE as SESSIONS
from gold.shared.clock import CLOCK
from gold.training_examples import TABLE as EXAMPLES
from lakehouse.checkpoints import resume_from, resumes_at
from lakehouse.engines.in_process import refresh_tables
from lakehouse.incremental import refresh
from lakehouse.journal import Journal
from lakehouse.signals import stopping
from lakehouse.streams import IN_PROCESS, SPARK, Progress, Stream, with_batch_metrics
from lakehouse.supervision import Supervised
from lakehouse.table import Table
from pipelines import gold_builder
from pipelines.deferred_refresh import DeferredRefresh, deferrable_tables, refresh_deferred
from pipelines.gold_builder import SPAN, STREAM
from pipelines.ml.live_model import ChampionFollower
from pipelines.ml.refresh_scorer import RefreshScorer
from pipelines.ml.score_publisher import publishes_scores
from pipelines.ml.scorer import SCORES
from pipelines.runtime.catalog import GOLD, TABLES
from pipelines.runtime.console import call, say
from pipelines.runtime.job import Job, open_job
from pipelines.runtime.options import AsJson, Continuous
from pipelines.runtime.stream_runner import report, run_streams
from pipelines.runtime.table_damage import damaged_tables, note_versions, refuse_lost_lake, writing_noted

if TYPE_CHECKING:
    import pyarrow as pa


def aggregate(continuous: Continuous = False, as_json: AsJson = False) -> None:
    """Keep gold up to date with silver; score what that changes with the champion, if there is one."""
    began = time.monotonic()
    with stopping():
        report("aggregate", run_aggregate(open_job("aggregate"), continuous=continuous), began, as_json=as_json)


@publishes_scores
def run_aggregate(
    job: Job, *, continuous: bool = False, scores: bool = True, say: Callable[[str], object] = say
) -> dict[str, Progress]:
    """Brings gold up to what silver holds; goes on with what changes where ``continuous``.

    ``scores`` is false where the caller scores afterwards. ``say`` takes a line about what was scored.
    """
    refuse_lost_lake(job.settings)
    before = gold_builder.base_versions(job.settings)
    with stopping() as stop, writing_noted(job.settings, *(SCORES if scores else ())):
        follower = ChampionFollower(job.settings)
        scorer = RefreshScorer(job.settings.locks, job.local_lake, follower, stop.is_set, job.clock)
        gold = GoldStream(job, scorer if scores else None, defers=continuous)
        try:
            result = run_streams(job, "aggregate", [gold.stream()], continuous=continuous, on_idle=gold.close_sessions)
        finally:
            gold.end()
        if not stop.is_set():
            gold.close_sessions()
    if scorer.scored.sessions:
        say(f"aggregate: scored {scorer.scored.sessions:,} sessions, {scorer.scored.buyers:,} predicted buyers")
    built = {} if before else gold_builder.base_versions(job.settings)
    # The rows of a backfill did not come by the stream.
    result[STREAM].rows += sum(
        job.lake.read(table, built[table.name]).count() for table in gold_builder.upstream_tables() if built
    )
    return result


def streams(job: Job) -> list[Stream]:
    """The one stream that feeds all of gold."""
    return [GoldStream(job).stream()]


def supervised(job: Job, is_stopping: Callable[[], bool]) -> Supervised:
    """The stream that feeds all of gold, to be kept running; what it changes is scored as soon as it is committed."""
    scorer = RefreshScorer(job.settings.locks, job.local_lake, ChampionFollower(job.settings), is_stopping)
    newest: list[GoldStream] = []

    def make() -> Stream:
        for error in damaged_tables(job.settings, SCORES).values():
            raise error
        newest[:] = [GoldStream(job, scorer, defers=True)]
        return newest[0].stream()

    def on_idle() -> None:
        newest[0].close_sessions()
        note_versions(job.settings, *SCORES)

    def on_end() -> None:
        newest[0].end()

    tables = (*gold_builder.upstream_tables(), *gold_builder.incremental_tables(), *SCORES)
    return Supervised(STREAM, gold_builder.gold_checkpoint(job.settings), make, tables, on_idle, on_end)


class GoldStream:
    """The stream of silver's changes that keeps gold up to date by incremental refresh, one refresh at a time.

    With a ``scorer``, what a refresh has changed is scored once it is committed. Where it ``defers``, the tables by
    day are refreshed beside it.
    """

    def __init__(self, job: Job, scorer: RefreshScorer | None = None, *, defers: bool = False) -> None:
        self._job = job
        self._scorer = scorer
        self._tables = gold_builder.upstream_tables()
        for table in (*self._tables, *GOLD.values()):
            job.lake.ensure(table)
        self._checkpoint = gold_builder.gold_checkpoint(job.settings)
        self._refresh_lock = Lock()
        self._in_process, self._by_spark = gold_builder.by_engine(job.settings)
        self._deferred = DeferredRefresh(job) if defers and not self._by_spark else None
        deferred = deferrable_tables() if self._deferred else ()
        self._at_once = [table for table in self._in_process if table not in deferred]
        self._engines: dict[int, str] = {}

    def stream(self) -> Stream:
        """The stream as it is run. Its first start builds gold from all of silver (the backfill)."""
        lake = self._job.lake
        return Stream(
            name=STREAM,
            checkpoint=self._checkpoint,
            prepare=self._prepare,
            source_id="+".join(lake.table_id(table) for table in self._tables),
            target_id=lake.table_id(SESSIONS),
            target_has_rows=lambda: False,
            reads=lake.folders(*self._tables),
            written=lake.folders(*gold_builder.incremental_tables()),
            engine=lambda batch: self._engines.pop(batch, None),
        )

    def _prepare(self) -> DataStreamWriter:
        if not resumes_at(self._checkpoint):
            # Gold does not count before its backfill is complete: a stop in between repeats it at the next start.
            with stopping() as stop, stop.interruptible():
                built = gold_builder.build_all(self._job)
                self._job.lake.make_durable(*gold_builder.incremental_tables())
            resume_from(self._checkpoint, json.dumps(built))
        refresh_deferred(self._job)
        if self._deferred is not None:
            self._deferred.start()
        return self.source().writeStream.foreachBatch(self.write_batch)

    def end(self) -> None:
        """Brings the tables up to what the stream has read, once its query is stopped."""
        if self._deferred is not None:
            self._deferred.end()

    def source(self) -> DataFrame:
        """What changed in silver since the backfill: the table of each changed row, and the scopes it touches."""
        built = gold_builder.base_versions(self._job.settings)
        scopes = {table.name: gold_builder.touched_scopes(table) for table in self._tables}
        columns = sorted(set().union(*scopes.values()))
        first, *others = (
            self._changes(table, built[table.name], [sql for sql in columns if sql in scopes[table.name]])
            for table in self._tables
        )
        return reduce(lambda rows, more: rows.unionByName(more, allowMissingColumns=True), others, first)

    def _changes(self, table: Table, built: int, scopes: list[str]) -> DataFrame:
        rows = (
            self._job.spark.readStream.format("delta")
            .option("readChangeFeed", "true")
            # A version that exists; its own changes are part of the backfill.
            .option("startingVersion", built)
            .option("maxBytesPerTrigger", self._job.settings.stream.bytes_per_batch)
            .load(self._job.lake.path(table))
            .where(F.col("_commit_version") > built)
        )
        # A row that is deleted or replaced may have arrived long ago.
        arrived = F.when(F.col("_change_type") == "insert", F.col("arrived_at"))
        return with_batch_metrics(rows, table.short_name, arrived_at=arrived).select(
            F.lit(table.name).alias("_table"), *(F.expr(sql).alias(sql) for sql in scopes)
        )

    @cached_property
    def _now(self) -> Callable[[], datetime]:
        return gold_builder.broker_clock(self._job)

    def write_batch(self, changes: DataFrame, batch: int) -> None:
        """Refreshes what a micro-batch of changed silver rows touches, and closes sessions that are due. Idempotent."""
        if self._in_process:  # of few rows: a shuffle would take longer than the task that it saves
            changes = changes.coalesce(1)
        changes = changes.distinct().persist()
        try:
            most = self._job.settings.engines.in_process_rows
            few = changes.limit(most + 1).toArrow() if self._in_process else None
            if few is not None and few.num_rows <= most:
                changed = self._refresh(few)
                self._engines[batch] = f"{IN_PROCESS}, {SPARK}" if self._by_spark else IN_PROCESS
            else:
                changed = None
                self._refresh_by_spark(changes)
                self._engines[batch] = SPARK
            if self._engines[batch] != IN_PROCESS:  # which has its commits on the disk
                self._job.lake.make_durable(*gold_builder.incremental_tables())
        finally:
            changes.unpersist()
        self._score(changed)

    def close_sessions(self) -> None:
        """Closes the sessions without an event for long enough, though nothing new came."""
        if self._in_process:
            self._score(self._refresh(None))
        else:
            self._refresh_by_spark(None)
            self._score(None)

    def _score(self, changed: Mapping[str, pa.Table] | None) -> None:
        """Scores what a refresh has changed, by table; None where nobody knows."""
        if self._scorer is None:
            return
        if changed is None:
            self._scorer.score_unseen_changes()
        else:
            self._scorer.score(changed.get(EXAMPLES.name))

    def _refresh(self, changes: pa.Table | None) -> Mapping[str, pa.Table] | None:
        """Refreshes in this process what it can, and by Spark what is left. Gives the rows changed, where it has them.

        They are the rows of gold.training_examples among others, as they were and as they are.
        """
        changed = {} if changes is None else _by_table(changes)
        journal = gold_builder.refresh_journal(self._job.settings)
        with self._refresh_lock:
            as_of = self._now()
            changed = refresh_tables(
                self._job.local_lake,
                self._at_once,
                gold_builder.table_sql(),
                changed,
                also={SESSIONS.name: f"NOT is_closed AND closes_at <= TIMESTAMP '{as_of:%Y-%m-%d %H:%M:%S.%f}'"},
                sources={CLOCK.name: gold_builder.clock_rows(self._job.settings, as_of)},
                span=SPAN,
                journal=journal,
                memory=self._job.settings.engines.in_process_memory,
            )
            if self._by_spark:
                frames = {name: self._job.spark.createDataFrame(rows) for name, rows in changed.items()}
                self._refresh_tables_by_spark(self._by_spark, frames, as_of, journal)
            if self._deferred is not None:
                self._deferred.add(changed)
            journal.finish()
        return None if EXAMPLES in self._by_spark else changed

    def _refresh_by_spark(self, changes: DataFrame | None) -> None:
        """Refreshes all tables by Spark, which does not say what rows it has changed."""
        frames = (
            {}
            if changes is None
            else {table.name: changes.where(F.col("_table") == table.name) for table in self._tables}
        )
        journal = gold_builder.refresh_journal(self._job.settings)
        with self._refresh_lock, self._deferred.lock if self._deferred else nullcontext():
            self._refresh_tables_by_spark(gold_builder.incremental_tables(), frames, self._now(), journal)
            journal.finish()

    def _refresh_tables_by_spark(
        self, tables: Sequence[Table], changes: dict[str, DataFrame], as_of: datetime, journal: Journal
    ) -> None:
        due = self._job.lake.read(SESSIONS).where(~F.col("is_closed") & (F.col("closes_at") <= F.lit(as_of)))
        refresh(
            self._job.lake,
            tables,
            changes,
            also={SESSIONS.name: due},
            sources={CLOCK.name: gold_builder.clock_frame(self._job, as_of)},
            span=SPAN,
            journal=journal,
        )


def _by_table(changes: pa.Table) -> dict[str, pa.Table]:
    """The changed rows of each table, with the columns that are its own."""
    import pyarrow.compute as pc

    found = {}
    for name in pc.unique(changes["_table"]).to_pylist():
        rows = changes.filter(pc.equal(changes["_table"], name))
        of_others = set(changes.column_names) - gold_builder.touched_scopes(TABLES[name])
        found[name] = rows.drop_columns(sorted(of_others))
    return found


if __name__ == "__main__":
    call(aggregate)
