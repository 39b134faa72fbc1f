"""Validate bronze's records and write each to silver, quarantine or duplicates; safe to repeat."""

from __future__ import annotations

import time
from collections.abc import Iterable

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from bronze.raw_events import BRONZE
from lakehouse.signals import stopping
from lakehouse.streams import Progress, Stream, with_batch_metrics
from pipelines.runtime.console import call
from pipelines.runtime.job import Job, open_job
from pipelines.runtime.options import AsJson, Continuous
from pipelines.runtime.stream_runner import report, run_streams
from pipelines.silver_writer import write_silver_batch
from producers.contract.event_type import EventType
from producers.events import EVENTS
from silver.duplicates import DUPLICATES
from silver.events import SILVER, validate_records
from silver.quarantine import QUARANTINE


def refine(continuous: Continuous = False, as_json: AsJson = False) -> None:
    """Validate bronze's records and write each to silver, quarantine or duplicates."""
    began = time.monotonic()
    with stopping():
        report("refine", run_refine(open_job("refine"), continuous=continuous), began, as_json=as_json)


def run_refine(job: Job, *, continuous: bool = False) -> dict[str, Progress]:
    """Refine what bronze holds; continuously if ``continuous``."""
    return run_streams(job, "refine", streams(job), continuous=continuous)


def streams(job: Job, events: Iterable[str] = EVENTS) -> list[Stream]:
    """One stream for each of these kinds of event."""
    names = list(events)
    each = (table for name in names for table in (BRONZE[name], SILVER[name]))
    for table in (*each, QUARANTINE, DUPLICATES):
        job.lake.ensure(table)
    return [SilverStream(job, EVENTS[name]).stream() for name in names]


class SilverStream:
    """The stream of one kind of event from bronze into silver, quarantine and duplicates."""

    def __init__(self, job: Job, event: EventType) -> None:
        self._job = job
        self._event = event
        self._source = BRONZE[event.name]
        self._target = SILVER[event.name]
        self._validate = validate_records(event)
        self._kept: dict[int, int] = {}

    def stream(self) -> Stream:
        """The stream as it is run."""
        lake = self._job.lake
        return Stream(
            name=self._target.name,
            checkpoint=self._job.checkpoint(self._target),
            prepare=lambda: self.source().writeStream.foreachBatch(self.write_batch),
            source_id=lake.table_id(self._source),
            target_id=lake.table_id(self._target),
            target_has_rows=lambda: not lake.read(self._target).isEmpty(),
            rows_written=self.rows_written,
            reads=lake.folders(self._source),
            written=lake.folders(self._target, QUARANTINE, DUPLICATES),
        )

    def source(self) -> DataFrame:
        """The records that are appended to bronze."""
        records = (
            self._job.spark.readStream.format("delta")
            # A person's erasure from bronze is carried out in silver by itself, not by this stream.
            .option("skipChangeCommits", "true")
            .option("maxBytesPerTrigger", self._job.settings.stream.bytes_per_batch)
            .load(self._job.lake.path(self._source))
        )
        size = F.octet_length("value").cast("BIGINT")
        return with_batch_metrics(records, self._event.name, arrived_at=F.col("arrived_at"), size=size)

    def write_batch(self, records: DataFrame, batch: int) -> None:
        """Validates, deduplicates and writes a micro-batch. Idempotent."""
        self._kept[batch] = write_silver_batch(self._job.lake, self._event, self._validate(records)).kept
        self._job.lake.make_durable(self._target, QUARANTINE, DUPLICATES)

    def rows_written(self, batch: int, _: int) -> int | None:
        """How many rows of the micro-batch are in silver; None after a restart."""
        return self._kept.pop(batch, None)


if __name__ == "__main__":
    call(refine)
