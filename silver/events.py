"""Declare silver's event tables: one per kind of event, validated and typed, one row per event."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import MappingProxyType
from typing import TYPE_CHECKING

from bronze.raw_events import ARRIVED_AT, BRONZE, COORDINATE_NAMES, COORDINATES
from lakehouse.table import Column, Table
from producers.contract.event_type import EventType, Kind
from producers.contract.identity import IDENTITY_VERSION
from producers.contract.pseudonyms import current_pseudonyms
from producers.events import EVENTS
from producers.shop.settings import current_shop
from silver.addresses import derived_columns
from silver.deduplication import IDENTITY, first_arrivals

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame

IDENTITY_PROPERTY = "clickstream.identity"
"""The property of a silver table that has the version by which its identities were made."""

SHOP_PROPERTY = "clickstream.shop"
"""The property of a silver table that has the version of the shop's settings by which its addresses were understood."""

PSEUDONYM_PROPERTY = "clickstream.pseudonyms"
"""The property of a silver table that has the version of the key by which it names users; none where ids are plain."""

SHOP_ENTRIES_PROPERTY = "clickstream.shop_entries"
"""The property of a silver table that has the version of each single entry of these settings."""

FEED = {"delta.enableChangeDataFeed": "true"}
"""The change data feed: gold reads from it which rows were added to, replaced in and erased from silver."""


def _fields(event: EventType) -> tuple[Column, ...]:
    """The event's own columns; its timestamp becomes event_at."""
    return tuple(
        Column(field.name, "DOUBLE" if field.kind is Kind.NUMBER else "STRING", field.doc, required=field.required)
        for field in event.fields
        if field.kind is not Kind.TIMESTAMP
    )


def _columns(event: EventType) -> tuple[Column, ...]:
    return (
        *_fields(event),
        *derived_columns(event),
        Column("event_at", "TIMESTAMP", "When it happened, by the user's clock, in UTC.", required=True),
        Column("event_on", "DATE", "The day of event_at, in UTC.", required=True),
        ARRIVED_AT,
        *COORDINATES,
        IDENTITY,
    )


def validate_records(event: EventType) -> Callable[[DataFrame], DataFrame]:
    """The function that validates the records of one kind of event by its contract.

    It returns one row per record, in the columns of the event's silver table, and two more: violations
    (ARRAY of STRUCT rule, sentence), null for a good record, and value, the bytes of a bad one.
    A bad record's event columns are null.
    """
    columns = ", ".join(f"`{column.name}` {column.type}" for column in _columns(event))
    schema = f"{columns}, violations ARRAY<STRUCT<rule: STRING, sentence: STRING>>, value BINARY"

    def validated(records: DataFrame) -> DataFrame:
        # Here, and not where Spark runs: a worker has no settings.
        shop, pseudonyms = current_shop(), current_pseudonyms()

        def validate_partition(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            from silver.validation.batch import validate_batch

            for batch in batches:
                yield validate_batch(event, batch, shop, pseudonyms)

        return records.select(*COORDINATE_NAMES, "arrived_at", "value").mapInArrow(validate_partition, schema)

    return validated


def _table(event: EventType) -> Table:
    validate = validate_records(event)

    def events(records: DataFrame) -> DataFrame:
        return first_arrivals(validate(records))

    return Table(
        name=f"silver.{event.name}",
        doc=event.doc,
        columns=_columns(event),
        key=("identity",),
        reads={"records": BRONZE[event.name]},
        build=events,
        rules={"an_event_is_not_from_the_future": "event_at <= arrived_at + INTERVAL 1 DAY"},
        sort_by=("event_on", "event_at"),
        rows_per_file=100_000,
        properties={
            **FEED,
            IDENTITY_PROPERTY: str(IDENTITY_VERSION),
            # What lookups are pruned by; texts of people stay out of the log.
            "delta.dataSkippingStatsColumns": "event_on,event_at,event_id,arrived_at,topic_id,partition,offset",
        },
    )


SILVER = MappingProxyType({name: _table(event) for name, event in EVENTS.items()})
"""The silver table of each kind of event."""
