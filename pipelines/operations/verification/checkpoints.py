"""Check that each stream's checkpoint, its source and its table belong together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from bronze.raw_events import BRONZE
from lakehouse.checkpoints import check_checkpoint
from lakehouse.streams import Stream
from pipelines import aggregate, gold_builder, ingest, refine
from pipelines.operations.verification.result import Check, tried
from pipelines.runtime.job import Job
from producers.events import EVENTS
from silver.events import SILVER


def check_checkpoints(job: Job, without_kafka: str = "") -> Iterator[Check]:
    """Every stream's checkpoint.

    Where ``without_kafka`` says why Kafka cannot name its topics' ids, those of bronze are not checked.
    """
    if without_kafka:
        for table in BRONZE.values():
            yield Check.not_done(_title(table.name), without_kafka)
    for event in () if without_kafka else EVENTS:
        yield from tried(_title(BRONZE[event].name), partial(_check, job, ingest.streams, event))
    for event in EVENTS:
        yield from tried(_title(SILVER[event].name), partial(_check, job, refine.streams, event))
    yield from tried(_title(gold_builder.STREAM), lambda: map(_checked, aggregate.streams(job)))


def _check(job: Job, streams: Callable[[Job, list[str]], list[Stream]], event: str) -> Iterable[Check]:
    return map(_checked, streams(job, [event]))


def _checked(stream: Stream) -> Check:
    check_checkpoint(stream)
    return Check(_title(stream.name), ok=True)


def _title(stream: str) -> str:
    return f"{stream}: checkpoint"
