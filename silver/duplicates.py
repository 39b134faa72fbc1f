"""Silver's duplicates: what came a second time, and which record was kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bronze.raw_events import ARRIVED_AT, BRONZE, COORDINATES
from lakehouse.table import Column, Table
from producers.events import EVENTS
from silver.events import ARRIVAL, FEED, IDENTITY, judge_records

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

KEPT = tuple(
    Column(f"kept_{column.name}", column.type, f"Of the record that was kept: {column.doc}", column.required)
    for column in COORDINATES
)
"""Where the record stands that was kept in place of this one."""


def repeated(judged: DataFrame) -> DataFrame:
    """One row per good record among judged ones that is the same event as one that arrived before it."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    coordinates = [column.name for column in COORDINATES]
    by_arrival = Window.partitionBy("identity").orderBy(*ARRIVAL)
    return (
        judged.where("broken IS NULL")
        .select(
            *coordinates,
            "arrived_at",
            "identity",
            F.row_number().over(by_arrival).alias("_place"),
            *(F.first(name).over(by_arrival).alias(f"kept_{name}") for name in coordinates),
        )
        .where("_place > 1")
        .drop("_place")
    )


def duplicates(**records: DataFrame) -> DataFrame:
    """All repeated records of every kind of event."""
    from lakehouse.dataframes import union

    return union(repeated(judge_records(EVENTS[name])(frame)) for name, frame in records.items())


DUPLICATES = Table(
    name="silver.duplicates",
    doc="One row per record dropped because the same event had arrived before.",
    columns=(*COORDINATES, ARRIVED_AT, IDENTITY, *KEPT),
    key=("topic", "topic_id", "partition", "offset"),
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
