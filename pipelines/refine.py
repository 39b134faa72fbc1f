"""Validate bronze's records and write each to silver, quarantine or duplicates; safe to repeat."""

from __future__ import annotations

import time
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.streaming.readwriter import DataStreamWriter

from bronze.raw_events import BRONZE
from lakehouse.checkpoints import committed_offsets
from lakehouse.signals import stopping
from lakehouse.streams import Progress, Stream, with_batch_metrics
from pipelines.runtime.console import call
from pipelines.runtime.job import Job, open_job
from pipelines.runtime.options import AsJson, Continuous
from pipelines.runtime.settings import Settings
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


def streams(job: Job) -> list[Stream]:
    """One stream for each kind of event."""
    for table in (*BRONZE.values(), *SILVER.values(), QUARANTINE, DUPLICATES):
        job.lake.ensure(table)
    return [_stream(job, event) for event in EVENTS.values()]


def position(settings: Settings, name: str) -> dict[str, Any] | None:
    """How far an event's stream has read bronze, as Delta's source writes it; None before its first batch."""
    done = committed_offsets(settings.checkpoint(SILVER[name]))
    return done[0] if done else None


def _stream(job: Job, event: EventType) -> Stream:
    lake, source, target = job.lake, BRONZE[event.name], SILVER[event.name]
    validate = validate_records(event)
    kept: dict[int, int] = {}

    def batch(records: DataFrame, number: int) -> None:
        kept[number] = write_silver_batch(lake, event, validate(records)).kept

    def prepare() -> DataStreamWriter:
        records = (
            job.spark.readStream.format("delta")
            # A person's erasure from bronze is carried out in silver by itself, not by this stream.
            .option("skipChangeCommits", "true")
            .option("maxBytesPerTrigger", job.settings.stream.bytes_per_batch)
            .load(lake.path(source))
        )
        size = F.octet_length("value").cast("BIGINT")
        heard = with_batch_metrics(records, event.name, arrived_at=F.col("arrived_at"), size=size)
        return heard.writeStream.foreachBatch(batch)

    return Stream(
        name=target.name,
        checkpoint=job.checkpoint(target),
        prepare=prepare,
        source_id=lake.table_id(source),
        target_id=lake.table_id(target),
        target_has_rows=lambda: not lake.read(target).isEmpty(),
        rows_out=lambda number, _: kept.pop(number, None),
    )


if __name__ == "__main__":
    call(refine)
