"""Refill bronze: fetch from Kafka the records that a table lacks, below the offset that it had come to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from pyspark.sql import functions as F

from bronze.raw_events import COORDINATE_NAMES
from lakehouse.checkpoints import bound_source, committed_offsets
from lakehouse.errors import CheckpointError
from lakehouse.table import Table
from pipelines import ingest
from pipelines.operations.offsets import offset_gaps
from pipelines.runtime.job import Job
from pipelines.runtime.kafka_endpoint import bootstrap_servers
from pipelines.runtime.past_retention import first_kept
from producers import kafka

_NAMED = 5
"""A sentence names so many holes."""


@dataclass(frozen=True)
class Hole:
    """Offsets of one partition, both ends included, that bronze lacks; ``in_kafka`` where Kafka has them still."""

    partition: int
    low: int
    high: int
    in_kafka: bool

    def __str__(self) -> str:
        span = f"{self.low}" if self.low == self.high else f"{self.low} to {self.high}"
        return f"partition {self.partition} offset {span}"


def find_holes(job: Job, table: Table, topic: kafka.TopicInfo) -> list[Hole]:
    """The offsets that a table of bronze lacks, below the one that it, or its stream's checkpoint, has come to.

    Some of them may have no record: Kafka keeps its own marks among the records of a transaction.
    """
    name = table.short_name
    ends = kafka.offsets(bootstrap_servers(job.settings), [name], client=job.settings.kafka.client)
    read, held = _offsets_read(job, table, topic), ingest.next_offsets(job, table, topic.topic_id)
    left = first_kept(job.settings, table, topic.topic_id)  # what left by its age is not lacking
    rows = job.lake.read(table).where(F.col("topic_id") == topic.topic_id)
    found = []
    for (_, partition), (earliest, end) in ends.items():
        come_to = min(max(read.get(partition, 0), held.get(partition, 0)), end)
        of_partition, start = rows.where(F.col("partition") == partition), left.get(partition, 0)
        for low, high in offset_gaps(of_partition, come_to, start) if come_to else ():
            if low < earliest:
                found.append(Hole(partition, low, min(high, earliest - 1), in_kafka=False))
            if high >= earliest:
                found.append(Hole(partition, max(low, earliest), high, in_kafka=True))
    return found


def refill(job: Job, table: Table, topic: kafka.TopicInfo, holes: Sequence[Hole]) -> int:
    """Appends the records of these holes that Kafka has, each once; gives how many. Safe to repeat."""
    there = [hole for hole in holes if hole.in_kafka]
    if not there:
        return 0
    records = (
        job.spark.read.format("kafka")
        .options(**ingest.reader_options(job.settings, bootstrap_servers(job.settings)))
        .option("assign", json.dumps({table.short_name: sorted({hole.partition for hole in there})}))
        .option("startingOffsets", _offsets(table, there, lambda holes: min(hole.low for hole in holes)))
        .option("endingOffsets", _offsets(table, there, lambda holes: max(hole.high for hole in holes) + 1))
        .load()
    )
    with job.lake.writing(table):
        held = job.lake.read(table).where(F.col("topic_id") == topic.topic_id).select(COORDINATE_NAMES)
        missing = ingest.bronze_rows(records, topic.topic_id).join(held, COORDINATE_NAMES, "left_anti").persist()
        try:
            count = missing.count()
            if count:
                job.lake.append(table, missing)
                job.lake.make_durable(table)
        finally:
            missing.unpersist()
    return count


def in_words(holes: Iterable[Hole]) -> str:
    """The holes as a person reads them; of many, the first."""
    spans = [str(hole) for hole in holes]
    more = len(spans) - _NAMED
    return ", ".join(spans[:_NAMED]) + (f" and {more:,} spans more" if more > 0 else "")


def _offsets_read(job: Job, table: Table, topic: kafka.TopicInfo) -> dict[int, int]:
    """The offset after the last one that the stream has read of each partition; none of another topic's."""
    checkpoint = job.checkpoint(table)
    if bound_source(checkpoint) != topic.topic_id:
        return {}
    try:
        read = (committed_offsets(checkpoint) or [{}])[0].get(table.short_name, {})
    except CheckpointError:
        return {}
    return {int(partition): int(offset) for partition, offset in read.items()}


def _offsets(table: Table, holes: Sequence[Hole], edge: Callable[[list[Hole]], int]) -> str:
    """An edge of the holes of each partition, in the terms of Spark's Kafka source."""
    partitions = {hole.partition for hole in holes}
    each = {str(one): edge([hole for hole in holes if hole.partition == one]) for one in sorted(partitions)}
    return json.dumps({table.short_name: each})
