"""Kafka records made by hand, and silver made of them, for tests that need no broker."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from pyspark.sql import DataFrame

from bronze.raw_events import BRONZE
from lakehouse.storage import Lake
from lakehouse.streams import Stream
from pipelines.refine import streams
from pipelines.runtime.job import Job
from pipelines.runtime.stream_runner import run_streams
from silver.events import SILVER

NOON = datetime(2026, 10, 15, 12, tzinfo=UTC)

GOOD: dict[str, dict[str, Any]] = {
    "page_views": {
        "user_id": "u1",
        "session_id": "s1",
        "page_url": "https://shop.example/product/shoes/1",
        "referrer_url": "https://www.google.com/",
        "category": "shoes",
        "price": 19.99,
        "timestamp": "2026-10-15T10:00:00Z",
    },
    "clicks": {
        "user_id": "u1",
        "session_id": "s1",
        "element_id": "btn_buy",
        "page_url": "https://shop.example/product/shoes/1",
        "category": "shoes",
        "price": 19.99,
        "timestamp": "2026-10-15T10:01:00Z",
        "x_coord": 120.5,
        "y_coord": 240.0,
    },
    "interactions": {
        "user_id": "u1",
        "session_id": "s1",
        "interaction_type": "add_to_cart",
        "page_url": "https://shop.example/product/shoes/1",
        "category": "shoes",
        "price": 19.99,
        "details": "size=42",
        "timestamp": "2026-10-15T10:00:30Z",
    },
}


def value(event: str, **changes: Any) -> bytes:
    """A good event's bytes, with some fields changed; a field set to ... is left out."""
    fields = {**GOOD[event], **changes}
    return json.dumps({name: field for name, field in fields.items() if field is not ...}).encode()


def record(
    event: str, offset: int, body: bytes | None, *, partition: int = 0, arrived_at: datetime | None = None
) -> tuple[Any, ...]:
    """A bronze row."""
    at = arrived_at or NOON + timedelta(milliseconds=offset)
    return (event, f"id-{event}", partition, offset, at, None, body, None, NOON, NOON.date())


def bronze_rows(lake: Lake, event: str, records: Iterable[tuple[Any, ...]]) -> DataFrame:
    """Records as bronze rows."""
    return lake.spark.createDataFrame(list(records), lake.empty(BRONZE[event]).schema)


def land(lake: Lake, event: str, records: Iterable[tuple[Any, ...]]) -> None:
    """Writes records into bronze."""
    lake.ensure(BRONZE[event])
    lake.append(BRONZE[event], bronze_rows(lake, event, records))


def refine_only(job: Job, event: str) -> list[int]:
    """Refine one kind of event only, to save time; returns the offsets in its silver table."""
    run_streams(job, "refine", only(job, event), continuous=False)
    return [row[0] for row in rows(job.lake.read(SILVER[event]), "offset")]


def only(job: Job, event: str) -> list[Stream]:
    """The stream of silver that validates one kind of event."""
    return [stream for stream in streams(job) if stream.name == SILVER[event].name]


def rows(frame: DataFrame, *columns: str) -> list[tuple[Any, ...]]:
    """The rows in one order, as tuples."""
    return sorted((tuple(row) for row in frame.select(*(columns or frame.columns)).collect()), key=repr)
