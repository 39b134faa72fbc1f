"""Declare bronze's tables: one per topic, append-only, one row per Kafka record, nothing parsed."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from lakehouse.table import Column, Source, Table
from producers.contract.event_type import EventType
from producers.events import EVENTS

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

COORDINATES = (
    Column("topic", "STRING", "The Kafka topic of the record.", required=True),
    Column(
        "topic_id",
        "STRING",
        "Kafka's own id of the topic; one created again has another.",
        required=True,
    ),
    Column("partition", "INT", "The partition of the topic.", required=True),
    Column("offset", "BIGINT", "The record's place in its partition.", required=True),
)
"""Where a record stands in Kafka; together unique for ever."""

COORDINATE_NAMES = [column.name for column in COORDINATES]
"""A list, as Spark's join takes no tuple of names."""

ARRIVED_AT = Column("arrived_at", "TIMESTAMP", "When the broker took the record, by the broker's clock, in UTC.", True)

KAFKA = Source(
    "kafka",
    "The records of one topic, as Spark's Kafka source gives them, with the topic's id.",
    (
        Column("key", "BINARY", "The record's key."),
        Column("value", "BINARY", "The record's value."),
        Column("topic", "STRING", "The topic."),
        Column("topic_id", "STRING", "Kafka's id of the topic."),
        Column("partition", "INT", "The partition."),
        Column("offset", "BIGINT", "The offset."),
        Column("timestamp", "TIMESTAMP", "The broker's time."),
        Column("headers", "ARRAY<STRUCT<key: STRING, value: BINARY>>", "The headers."),
        Column("ingested_at", "TIMESTAMP", "When the batch began, by this machine's clock."),
    ),
)


def raw_events(records: DataFrame) -> DataFrame:
    """One row per Kafka record, its bytes untouched."""
    from pyspark.sql import functions as F

    return records.select(
        *COORDINATE_NAMES,
        F.col("timestamp").alias("arrived_at"),
        "key",
        "value",
        "headers",
        "ingested_at",
        F.to_date("ingested_at").alias("ingested_on"),
    )


def _table(event: EventType) -> Table:
    return Table(
        name=f"bronze.{event.name}",
        doc=f"One row per Kafka record of {event.name}, good or bad, as Kafka delivered it.",
        columns=(
            *COORDINATES,
            ARRIVED_AT,
            Column("key", "BINARY", "The record's key, untouched."),
            Column("value", "BINARY", "The record's value, untouched; null for a tombstone."),
            Column("headers", "ARRAY<STRUCT<key: STRING, value: BINARY>>", "The record's headers, untouched."),
            Column("ingested_at", "TIMESTAMP", "When the batch that wrote the row began, in UTC."),
            Column("ingested_on", "DATE", "The day of ingested_at, in UTC."),
        ),
        key=tuple(COORDINATE_NAMES),
        reads={"records": KAFKA},
        build=raw_events,
        rules={"offsets_count_from_zero": "offset >= 0"},
        rows_per_file=100_000,
        # Statistics on the bytes would cost time and put personal data into the log.
        properties={
            "delta.appendOnly": "false",  # a person can be erased
            "delta.dataSkippingStatsColumns": "topic_id,partition,offset,arrived_at,ingested_on",
        },
    )


BRONZE = MappingProxyType({name: _table(event) for name, event in EVENTS.items()})
"""The bronze table of each kind of event."""
