"""Declare silver's duplicates: records of an event that had arrived before, and which record was kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bronze.raw_events import BRONZE, COORDINATE_NAMES
from lakehouse.table import Table
from producers.events import EVENTS
from silver.deduplication import DUPLICATE, later_arrivals
from silver.events import FEED, validate_records

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def duplicates(**records: DataFrame) -> DataFrame:
    """The later arrivals of every kind of event."""
    from lakehouse.dataframes import union

    return union(later_arrivals(validate_records(EVENTS[name])(frame)) for name, frame in records.items())


DUPLICATES = Table(
    name="silver.duplicates",
    doc="One row per record dropped because the same event had arrived before.",
    columns=DUPLICATE,
    key=tuple(COORDINATE_NAMES),
    reads=BRONZE,
    build=duplicates,
    rules={
        "it_is_not_the_one_kept": "NOT (topic_id <=> kept_topic_id AND partition <=> kept_partition "
        "AND offset <=> kept_offset)",
    },
    rows_per_file=100_000,
    properties={
        **FEED,
        "delta.dataSkippingStatsColumns": "topic,topic_id,partition,offset,arrived_at,kept_partition,kept_offset",
    },
)
