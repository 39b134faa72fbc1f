"""Check that each stream's checkpoint, its source and its table belong together."""

from __future__ import annotations

from collections.abc import Iterator

from bronze.raw_events import BRONZE
from lakehouse.checkpoints import check_checkpoint
from lakehouse.errors import LakehouseError
from lakehouse.streams import Stream
from pipelines import aggregate, ingest, refine
from pipelines.operations.verification.result import Check
from pipelines.runtime.job import Job


def check_checkpoints(job: Job, without_kafka: str = "") -> Iterator[Check]:
    """Every stream's checkpoint.

    Where ``without_kafka`` says why Kafka cannot name its topics' ids, those of bronze are not checked.
    """
    if without_kafka:
        for table in BRONZE.values():
            job.lake.ensure(table)
            yield Check.not_done(_title(table.name), without_kafka)
    bronze = [] if without_kafka else ingest.streams(job)
    for stream in (*bronze, *refine.streams(job), *aggregate.streams(job)):
        yield _check(stream)


def _check(stream: Stream) -> Check:
    try:
        check_checkpoint(stream)
    except LakehouseError as error:
        return Check(_title(stream.name), ok=False, offence=error.message)
    return Check(_title(stream.name), ok=True)


def _title(stream: str) -> str:
    return f"{stream}: checkpoint"
