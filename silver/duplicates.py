"""Declare silver's duplicates: records of an event that had arrived before, and which record was kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bronze.raw_events import ARRIVED_AT, BRONZE, COORDINATE_NAMES, COORDINATES
from lakehouse.table import Column, Table
from producers.events import EVENTS
from silver.events import ARRIVAL, FEED, IDENTITY, validate_records

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

KEPT = tuple(
    Column(f"kept_{column.name}", column.type, f"Of the record that was kept: {column.doc}", column.required)
    for column in COORDINATES
)
"""The coordinates of the record that was kept in place of this one."""


def later_arrivals(validated: DataFrame) -> DataFrame:
    """One row per good record whose event had arrived before, with the coordinates of its first arrival."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    by_arrival = Window.partitionBy("identity").orderBy(*ARRIVAL)
    return (
        validated.where("violations IS NULL")
        .select(
            *COORDINATE_NAMES,
            "arrived_at",
            "identity",
            F.row_number().over(by_arrival).alias("_place"),
            *(F.first(name).over(by_arrival).alias(f"kept_{name}") for name in COORDINATE_NAMES),
        )
        .where("_place > 1")
        .drop("_place")
    )


def duplicates(**records: DataFrame) -> DataFrame:
    """The later arrivals of every kind of event."""
    from lakehouse.dataframes import union

    return union(later_arrivals(validate_records(EVENTS[name])(frame)) for name, frame in records.items())


DUPLICATES = Table(
    name="silver.duplicates",
    doc="One row per record dropped because the same event had arrived before.",
    columns=(*COORDINATES, ARRIVED_AT, IDENTITY, *KEPT),
    key=tuple(COORDINATE_NAMES),
    reads=BRONZE,
    build=duplicates,
    rules={
        "it_is_not_the_one_kept": "NOT (topic_id <=> kept_topic_id AND partition <=> kept_partition "
        "AND offset <=> kept_offset)",
    },
    properties={
        **FEED,
        "delta.dataSkippingStatsColumns": "topic,topic_id,partition,offset,arrived_at,kept_partition,kept_offset",
    },
)
