"""Validate bronze's records and write each to silver, quarantine or duplicates; safe to repeat."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import nullcontext
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.streaming.readwriter import DataStreamWriter

from bronze.raw_events import BRONZE, COORDINATE_NAMES
from lakehouse.engines.erasing_lake import ErasingLake
from lakehouse.signals import stopping
from lakehouse.streams import IN_PROCESS, SPARK, Progress, Stream, with_batch_metrics
from lakehouse.supervision import Supervised
from lakehouse.turns import Turn
from pipelines.runtime.console import call
from pipelines.runtime.erased_people import erased_people
from pipelines.runtime.erased_records import drop_erased
from pipelines.runtime.job import Job, open_job
from pipelines.runtime.options import AsJson, Continuous
from pipelines.runtime.pseudonym_version import mark_current_pseudonyms, require_current_pseudonyms
from pipelines.runtime.shop_version import mark_current_shop, require_current_shop
from pipelines.runtime.stream_runner import report, run_streams
from pipelines.runtime.table_damage import refuse_lost_lake
from pipelines.silver_writer import require_current_identities, write_silver_batch, write_silver_batch_in_process
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
    refuse_lost_lake(job.settings)
    return run_streams(job, "refine", streams(job), continuous=continuous)


def streams(job: Job, events: Iterable[str] = EVENTS, turn: Turn = nullcontext) -> list[Stream]:
    """One stream for each of these kinds of event. What this process writes, it writes within a ``turn``."""
    names = list(events)
    each = (table for name in names for table in (BRONZE[name], SILVER[name]))
    for table in (*each, QUARANTINE, DUPLICATES):
        job.lake.ensure(table)
    return [SilverStream(job, EVENTS[name], turn).stream() for name in names]


def supervised(job: Job, turn: Turn = nullcontext) -> list[Supervised]:
    """The stream of each kind of event, to be kept running."""
    return [
        Supervised(
            SILVER[name].name,
            job.checkpoint(SILVER[name]),
            lambda name=name: streams(job, [name], turn)[0],  # type: ignore[misc]
            (BRONZE[name], SILVER[name], QUARANTINE, DUPLICATES),
        )
        for name in EVENTS
    ]


BYTES_IN_PROCESS = 64 << 20
"""The most that a batch reads of bronze's files where this process writes it: it has the records in memory."""


class SilverStream:
    """The stream of one kind of event from bronze into silver, quarantine and duplicates."""

    def __init__(self, job: Job, event: EventType, turn: Turn = nullcontext) -> None:
        self._job = job
        self._event = event
        self._source = BRONZE[event.name]
        self._target = SILVER[event.name]
        self._validate = validate_records(event)
        self._kept: dict[int, int] = {}
        self._turn = turn
        self._erasing_lake = ErasingLake(job.settings.lake_root, job.settings.locks)
        self._erased = erased_people(job.settings)
        # Who was erased is known to this process alone.
        self._is_in_process = job.writes_in_process(self._target, always=self._erased is not None)

    def stream(self) -> Stream:
        """The stream as it is run."""
        lake = self._job.lake
        return Stream(
            name=self._target.name,
            checkpoint=self._job.checkpoint(self._target),
            prepare=self._prepare,
            source_id=lake.table_id(self._source),
            target_id=lake.table_id(self._target),
            target_has_rows=lambda: not lake.read(self._target).isEmpty(),
            rows_written=self.rows_written,
            reads=lake.folders(self._source),
            written=lake.folders(self._target, QUARANTINE, DUPLICATES),
            engine=lambda _: IN_PROCESS if self._is_in_process else SPARK,
        )

    def _prepare(self) -> DataStreamWriter:
        require_current_identities(self._job.lake, [self._target])
        require_current_shop(self._job.lake, [self._target])
        require_current_pseudonyms(self._job.lake, [self._target])
        with self._job.lake.writing(self._target):
            mark_current_shop(self._job.lake, [self._target])
            mark_current_pseudonyms(self._job.lake, [self._target])
        return self.source().writeStream.foreachBatch(self.write_batch)

    def source(self) -> DataFrame:
        """The records that are appended to bronze."""
        records = (
            self._job.spark.readStream.format("delta")
            # A person's erasure from bronze is carried out in silver by itself, not by this stream.
            .option("skipChangeCommits", "true")
            .option("maxBytesPerTrigger", self._bytes_per_batch())
            .load(self._job.lake.path(self._source))
        )
        size = F.octet_length("value").cast("BIGINT")
        return with_batch_metrics(records, self._event.name, arrived_at=F.col("arrived_at"), size=size)

    def _bytes_per_batch(self) -> str:
        setting = self._job.settings.stream.bytes_per_batch
        if not self._is_in_process:
            return setting
        java: Any = self._job.spark._jvm  # noqa: SLF001
        return f"{min(java.org.apache.spark.network.util.JavaUtils.byteStringAsBytes(setting), BYTES_IN_PROCESS)}b"

    def write_batch(self, records: DataFrame, batch: int) -> None:
        """Validates, deduplicates and writes a micro-batch. Idempotent."""
        if self._is_in_process:
            with self._turn():
                read = records.select(*COORDINATE_NAMES, "arrived_at", "value").toArrow()
                if self._erased:
                    read = drop_erased(self._erasing_lake, self._event, read, self._erased)
                counts = write_silver_batch_in_process(self._job.local_lake, self._event, read)
        else:
            counts = write_silver_batch(self._job.lake, self._event, self._validate(records))
            self._job.lake.make_durable(self._target, QUARANTINE, DUPLICATES)
        self._kept[batch] = counts.kept

    def rows_written(self, batch: int, _: int) -> int | None:
        """How many rows of the micro-batch are in silver; None after a restart."""
        return self._kept.pop(batch, None)


if __name__ == "__main__":
    call(refine)
