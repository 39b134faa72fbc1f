"""Ingest: append Kafka's records to bronze as they are, each exactly once."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bronze.raw_events import BRONZE, raw_events
from lakehouse.checkpoints import (
    bind_checkpoint,
    check_tables,
    has_planned_batch,
    planned_records,
    resume_from,
    resumes_at,
)
from lakehouse.errors import OutsideError, UsageError
from lakehouse.locks import WriterLock
from lakehouse.signals import stopping
from lakehouse.streams import IN_PROCESS, SPARK, Progress, Stream, current_query_id, with_batch_metrics
from lakehouse.supervision import Supervised
from lakehouse.table import Table
from lakehouse.turns import Turn
from pipelines.bronze_writer import RECORDS_IN_PROCESS, append_small_batch
from pipelines.runtime import topics
from pipelines.runtime.console import call
from pipelines.runtime.job import Job, open_job
from pipelines.runtime.kafka_client import java_settings
from pipelines.runtime.kafka_endpoint import bootstrap_servers
from pipelines.runtime.options import AsJson, Continuous
from pipelines.runtime.past_retention import first_kept
from pipelines.runtime.settings import Settings
from pipelines.runtime.stream_runner import report, run_streams
from pipelines.runtime.table_damage import refuse_lost_lake
from producers import kafka

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


AcceptLoss = Annotated[
    bool,
    typer.Option("--accept-loss", help="Go on without records that Kafka deleted unread; they are noted for verify."),
]


def ingest(continuous: Continuous = False, accept_loss: AcceptLoss = False, as_json: AsJson = False) -> None:
    """Append Kafka's records to bronze, as they are."""
    began = time.monotonic()
    with stopping():
        progress = run_ingest(open_job("ingest"), continuous=continuous, accept_loss=accept_loss)
        report("ingest", progress, began, as_json=as_json)


def run_ingest(job: Job, *, continuous: bool = False, accept_loss: bool = False) -> dict[str, Progress]:
    """Appends what Kafka holds to bronze; goes on with what comes where ``continuous``.

    Raises OutsideError where there is no Kafka or a topic is missing, UsageError where a topic misdates or loses
    records, DeletedUnreadError where Kafka has deleted records that bronze has not read. With ``accept_loss`` these
    are noted, and bronze goes on after them.
    """
    refuse_lost_lake(job.settings)
    made = streams(job)
    refuse_flawed_topics(job.settings)
    go_on_with_topics(job, made, accept_loss=accept_loss)
    return run_streams(job, "ingest", made, continuous=continuous)


def streams(job: Job, events: Iterable[str] = BRONZE, turn: Turn = nullcontext) -> list[Stream]:
    """One stream for each of these topics. A small micro-batch is written within a ``turn``."""
    servers = bootstrap_servers(job.settings)
    infos = kafka.topic_ids(servers, list(events), job.settings.kafka.client)
    topics.refuse_many_partitions(job.settings, infos)
    return [BronzeStream(job, BRONZE[name], servers, info, turn).stream() for name, info in infos.items()]


def supervised(job: Job, turn: Turn = nullcontext) -> list[Supervised]:
    """The stream of each topic, to be kept running; what is wrong with one topic is none of the others'."""

    def make(name: str) -> Stream:
        made = streams(job, [name], turn)
        refuse_flawed_topics(job.settings, [name])
        go_on_with_topics(job, made, is_locked=True)
        return made[0]

    return [
        Supervised(table.name, job.checkpoint(table), partial(make, name), (table,)) for name, table in BRONZE.items()
    ]


def refuse_flawed_topics(settings: Settings, names: Iterable[str] = BRONZE) -> None:
    """Raises UsageError for a topic that misdates or loses records, unless ``kafka.tolerate`` names that."""
    for flaw in kafka.topic_flaws(bootstrap_servers(settings), names, settings.kafka.client):
        if flaw.kind not in settings.kafka.tolerate:
            take = f'Or set kafka.tolerate = ["{flaw.kind}"] in conf/, which says what is lost then.'
            raise UsageError(flaw.problem, f"{flaw.hint} {take}")


def go_on_with_topics(job: Job, made: list[Stream], *, accept_loss: bool = False, is_locked: bool = False) -> None:
    """Raises OutsideError where a topic is not the one that bronze has read, or where it lacks what bronze has not.

    A stream that stands where Kafka has deleted records goes on after them: by itself where bronze holds them, which
    a driver that died before its checkpoint leaves; else only with ``accept_loss``, and the losses are noted.
    ``is_locked`` says that the caller holds the streams' locks already.
    """
    settings, servers = job.settings, bootstrap_servers(job.settings)
    among = [stream.name.partition(".")[2] for stream in made]
    problems = topics.find_problems(settings, servers, among=among)
    stale = {problem.topic for problem in problems if problem.kind == "deleted unread"}
    stale |= {name for name in among if _resumes(settings.checkpoint(BRONZE[name]))}
    if stale:
        by_name = {stream.name: stream.source_id for stream in made}
        held = {name: next_offsets(job, BRONZE[name], by_name[BRONZE[name].name]) for name in stale}
        problems = topics.find_problems(settings, servers, held, among=among)
        losses = [loss for problem in problems for loss in problem.losses]
        if losses and accept_loss:
            topics.accept(settings, losses)
            problems = [problem for problem in problems if not problem.losses]
        if not problems:
            for stream in made:
                name = stream.name.partition(".")[2]
                if (name in stale and not _resumes(stream.checkpoint)) or name in {loss.topic for loss in losses}:
                    with nullcontext() if is_locked else _locked(job, stream):
                        _reposition(job, stream, name, held[name])
    for problem in problems:
        kind = topics.DeletedUnreadError if problem.losses else topics.TopicError
        raise kind(problem.problem, problem.hint)
    topics.note_cluster(settings, servers)


def _resumes(checkpoint: Path) -> bool:
    return resumes_at(checkpoint) is not None and not has_planned_batch(checkpoint)


@contextmanager
def _locked(job: Job, stream: Stream) -> Iterator[None]:
    lock = WriterLock(job.settings.locks, stream.name, job.spark)
    try:
        yield
    finally:
        lock.release()


def _reposition(job: Job, stream: Stream, name: str, held: Mapping[int, int]) -> None:
    """Lets a stream go on at the first record that Kafka has and bronze has not; the old checkpoint is kept aside."""
    check_tables(stream)
    settings, servers = job.settings, bootstrap_servers(job.settings)
    spans = kafka.offsets(servers, [name], settings.kafka.client)
    at = topics.positions(settings, name, len(spans))
    after = {
        str(partition): max(at.get(partition, 0), held.get(partition, 0), earliest)
        for (_, partition), (earliest, _) in spans.items()
    }
    move_aside(stream.checkpoint)
    resume_from(stream.checkpoint, json.dumps({name: after}))
    bind_checkpoint(stream)


def move_aside(checkpoint: Path) -> None:
    """Renames a checkpoint, so that it is kept and its stream begins another one."""
    if checkpoint.exists():
        number = 1
        while (aside := checkpoint.with_name(f"{checkpoint.name}.aside-{number}")).exists():
            number += 1
        checkpoint.rename(aside)


def next_offsets(job: Job, table: Table, topic_id: str) -> dict[int, int]:
    """The offset after the highest one in bronze, for each partition that bronze has, or had, a record of."""
    from pyspark.sql import functions as F

    rows = job.lake.read(table).where(F.col("topic_id") == topic_id)
    held = {row[0]: row[1] + 1 for row in rows.groupBy("partition").agg(F.max("offset")).collect()}
    left = first_kept(job.settings, table, topic_id)
    return {partition: max(held.get(partition, 0), left.get(partition, 0)) for partition in {**held, **left}}


def offsets_after(job: Job, table: Table, topic: kafka.TopicInfo) -> dict[str, int]:
    """The offset after what bronze holds, for each partition of a topic, in the terms of Spark's Kafka source."""
    after = next_offsets(job, table, topic.topic_id)
    ends = kafka.offsets(bootstrap_servers(job.settings), [table.short_name], job.settings.kafka.client)
    earliest = {partition: first for (_, partition), (first, _) in ends.items()}
    # -2 stands for the earliest offset that Kafka still has.
    return {
        str(partition): after[partition] if after.get(partition, -1) >= earliest.get(partition, 0) else -2
        for partition in range(topic.partitions)
    }


def reader_options(settings: Settings, servers: str) -> dict[str, str]:
    """The options by which Spark reads records from Kafka: where it is, who asks, how long to wait."""
    client = {f"kafka.{name}": value for name, value in java_settings(settings.kafka.client).items()}
    return {
        "kafka.bootstrap.servers": servers,
        "includeHeaders": "true",
        "kafka.isolation.level": "read_committed",
        **_waits(settings.kafka.patience_seconds),
        **client,
    }


def bronze_rows(records: DataFrame, topic_id: str) -> DataFrame:
    """Records as Spark reads them from Kafka, as rows of bronze."""
    from pyspark.sql import functions as F

    # current_timestamp is the micro-batch's own, kept in the checkpoint: a batch done again has the same.
    return raw_events(records.withColumns({"topic_id": F.lit(topic_id), "ingested_at": F.current_timestamp()}))


def _waits(patience_seconds: float) -> dict[str, str]:
    """Options by which Spark's Kafka source waits so long in all for a broker that does not answer."""
    attempts, milliseconds = 3, int(patience_seconds * 1_000)
    each = milliseconds // attempts
    return {
        "fetchOffset.numRetries": str(attempts),
        "kafka.default.api.timeout.ms": str(each),
        "kafka.request.timeout.ms": str(min(each, 30_000)),
        "kafkaConsumer.pollTimeoutMs": str(milliseconds),
    }


class BronzeStream:
    """The stream of one topic into its bronze table. Each record is appended exactly once."""

    def __init__(self, job: Job, table: Table, servers: str, topic: kafka.TopicInfo, turn: Turn = nullcontext) -> None:
        job.lake.ensure(table)
        self._job = job
        self._table = table
        self._servers = servers
        self._topic = topic
        self._topic_ids = kafka.TopicIds(servers, job.settings.kafka.client)
        self._turn = turn
        self._checkpoint = job.checkpoint(table)
        self._is_in_process = job.writes_in_process(table)
        self._engines: dict[int, str] = {}

    def stream(self) -> Stream:
        """The stream as it is run."""
        return Stream(
            name=self._table.name,
            checkpoint=self._checkpoint,
            prepare=lambda: self.source().writeStream.foreachBatch(self.write_batch),
            source_id=self._topic.topic_id,
            target_id=self._job.lake.table_id(self._table),
            target_has_rows=lambda: not self._job.lake.read(self._table).isEmpty(),
            rows_written=self.rows_written,
            written=self._job.lake.folders(self._table),
            engine=lambda batch: self._engines.pop(batch, None),
        )

    def source(self) -> DataFrame:
        """The topic's records as rows of bronze."""
        from pyspark.sql import functions as F

        settings = self._job.settings
        reader = (
            self._job.spark.readStream.format("kafka")
            .options(**reader_options(settings, self._servers))
            .option("subscribe", self._table.short_name)
            .option("startingOffsets", self._starting_offsets())
            .option("failOnDataLoss", "true")
            .option("maxOffsetsPerTrigger", settings.stream.records_per_batch)
        )
        records = with_batch_metrics(
            reader.load(),
            self._table.short_name,
            arrived_at=F.col("timestamp"),
            size=F.octet_length("value").cast("BIGINT"),
        )
        return bronze_rows(records, self._topic.topic_id)

    def _starting_offsets(self) -> str:
        """Where a stream without a micro-batch starts: the earliest offsets, or after what bronze holds."""
        start = resumes_at(self._checkpoint)
        if start is None or has_planned_batch(self._checkpoint):
            return "earliest"
        if start:
            return start
        return json.dumps({self._table.short_name: offsets_after(self._job, self._table, self._topic)})

    def write_batch(self, rows: DataFrame, batch: int) -> None:
        """Appends a micro-batch; the same one again adds nothing.

        Raises OutsideError where the topic was created again meanwhile: its offsets would be taken for the old one's.
        """
        name = self._table.short_name
        found = self._topic_ids.of([name])[name]
        if found.topic_id != self._topic.topic_id:
            problem = topics.created_again(name)
            raise OutsideError(problem.problem, problem.hint)  # Java keeps its text: made again, it is known
        lake, written = self._job.lake, (current_query_id(self._job.spark), batch)
        is_small = self._is_small(batch)
        with self._turn() if is_small else nullcontext():
            # Kept, for Spark would count twice what it read from Kafka twice.
            rows = rows.persist() if is_small else rows
            try:
                if is_small and append_small_batch(self._job.local_lake, self._table, rows, written):
                    self._engines[batch] = IN_PROCESS
                    return
                # Under the table's lock, which Delta's own sink would not take: see lakehouse/locks.py.
                with lake.writing(self._table):
                    lake.append(self._table, rows, batch=written)
                    lake.make_durable(self._table)
                self._engines[batch] = SPARK
            finally:
                if is_small:
                    rows.unpersist()

    def _is_small(self, batch: int) -> bool:
        records = planned_records(self._checkpoint, batch) if self._is_in_process else None
        return records is not None and records <= RECORDS_IN_PROCESS

    @staticmethod
    def rows_written(_: int, rows_in: int) -> int:
        """Every record that was read is a row."""
        return rows_in


if __name__ == "__main__":
    call(ingest)
