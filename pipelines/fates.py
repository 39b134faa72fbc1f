"""One fate for every record: silver, quarantine or duplicates, however often it is judged.

Nothing here goes by transaction ids: whether a row has its fate already is looked up by what it
is, so a batch that is done again after a crash between any two writes changes nothing, and a new
checkpoint never makes Delta skip what it has not seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from pyspark import StorageLevel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from bronze.raw_events import COORDINATES
from lakehouse.storage import Lake
from lakehouse.table import Table
from producers.contract import EventType
from silver.duplicates import DUPLICATES
from silver.events import ARRIVAL, SILVER
from silver.quarantine import QUARANTINE, waiting

_HASH = "xxhash64(identity)"
_MANY_DAYS = 400
_COORDINATES = [column.name for column in COORDINATES]


@dataclass(frozen=True)
class Fates:
    """How many records of a batch went where."""

    received: int = 0
    kept: int = 0
    quarantined: int = 0
    duplicates: int = 0


def settle(lake: Lake, event: EventType, judged: DataFrame) -> Fates:
    """Gives every judged record its one fate.

    Of the records that are the same event the first to arrive by the broker's clock stays,
    whichever batch it comes in: where it comes after the other one was kept, the two change
    places. The order of the writes lets a batch that is done again finish what a crash left out.
    """
    table = SILVER[event.name]
    judged = judged.persist(StorageLevel.MEMORY_AND_DISK)
    try:
        with lake.writing(table):
            days = judged.groupBy("event_on", F.col("event_id").isNotNull().alias("named")).count().collect()
            received = sum(row["count"] for row in days)
            bad = sum(row["count"] for row in days if row["event_on"] is None)
            dropped = 0
            if bad:
                _quarantine(lake, judged, event.version)
            if received > bad:
                dropped = _keep_firsts(
                    lake,
                    table,
                    judged.where("broken IS NULL").drop("broken", "value"),
                    _past(
                        lake,
                        table,
                        sorted({row["event_on"] for row in days if row["event_on"] and not row["named"]}),
                        any_named=any(row["named"] for row in days),
                    ),
                )
            return Fates(received, received - bad - dropped, bad, dropped)
    finally:
        judged.unpersist()


def _quarantine(lake: Lake, judged: DataFrame, contract_version: str) -> None:
    """Adds the bad records that are not in quarantine yet."""
    rows = waiting(judged, contract_version).withColumns(
        {"first_judged_at": F.current_timestamp(), "last_judged_at": F.current_timestamp()}
    )
    with lake.writing(QUARANTINE):
        lake.append(QUARANTINE, _missing(lake, QUARANTINE, rows))


def _missing(lake: Lake, table: Table, rows: DataFrame) -> DataFrame:
    """The rows whose coordinates the table does not have."""
    spans = rows.groupBy("topic_id", "partition").agg(F.min("offset").alias("low"), F.max("offset").alias("high"))
    within = " OR ".join(
        f"(topic_id = '{one['topic_id']}' AND partition = {one['partition']} "
        f"AND offset BETWEEN {one['low']} AND {one['high']})"
        for one in spans.collect()
    )
    there = lake.read(table).where(within or "false").select(_COORDINATES)
    return rows.join(there, _COORDINATES, "left_anti")


def _past(lake: Lake, table: Table, days: list[date], *, any_named: bool) -> DataFrame:
    """The rows of silver that can be the same event as one of the batch.

    Events without an event_id are the same only if they happened at the same instant, so their
    days tell the files to look at. Those with one may have come at any time.
    """
    named = F.col("event_id").isNotNull() if any_named else F.lit(False)
    if not days:
        same_day = F.lit(False)
    elif len(days) <= _MANY_DAYS:
        same_day = F.col("event_on").isin(days)
    else:
        same_day = F.col("event_on").between(days[0], days[-1])
    return lake.read(table).where(named | (F.col("event_id").isNull() & same_day))


def _keep_firsts(lake: Lake, table: Table, good: DataFrame, past: DataFrame) -> int:
    """Adds the good records that are the first of their event; the rest become duplicates."""
    order = F.struct(*ARRIVAL)
    hashes = good.select(F.expr(_HASH).alias("_hash"))
    twice = hashes.groupBy("_hash").count().where("count > 1").select("_hash")
    again = past.select(F.expr(_HASH).alias("_hash")).join(F.broadcast(hashes), "_hash", "left_semi")
    suspects = twice.union(again).distinct().persist()
    try:
        if suspects.isEmpty():
            lake.append(table, good)
            return 0
        # From here on by identity itself: a hash only says where to look.
        contested = good.withColumn("_hash", F.expr(_HASH)).join(F.broadcast(suspects), "_hash", "left_semi")
        kept = past.withColumn("_hash", F.expr(_HASH)).join(F.broadcast(suspects), "_hash", "left_semi")
        verdicts = (
            contested.groupBy("identity")
            .agg(F.min(order).alias("_earliest"), F.count("*").alias("_copies"))
            .join(kept.select("identity", order.alias("_kept")), "identity", "left")
            .where("_copies > 1 OR _kept IS NOT NULL")
            .select(
                "identity",
                "_earliest",
                "_kept",
                F.least("_earliest", "_kept").alias("_first"),
            )
            .persist()
        )
        try:
            return _carry_out(lake, table, good, kept, verdicts)
        finally:
            verdicts.unpersist()
    finally:
        suspects.unpersist()


def _carry_out(lake: Lake, table: Table, good: DataFrame, kept: DataFrame, verdicts: DataFrame) -> int:
    order = F.struct(*ARRIVAL)
    judged = good.join(F.broadcast(verdicts), "identity", "left").withColumn("_order", order)
    losers = judged.where("_first IS NOT NULL AND _order != _first")
    ousted = (
        kept.join(F.broadcast(verdicts.where("_earliest < _kept")), "identity")
        .withColumn("_order", order)
        .where("_order = _kept")
        .select(*(name for name in losers.columns if name != "_hash"))
    )
    dropped = losers.count()
    swaps = ousted.count()
    coordinates_of_first = [
        (F.lit(table.short_name) if name == "topic" else F.col(f"_first.{name}")).alias(f"kept_{name}")
        for name in _COORDINATES
    ]
    if dropped or swaps:
        rows = losers.unionByName(ousted).select(*_COORDINATES, "arrived_at", "identity", *coordinates_of_first)
        with lake.writing(DUPLICATES):
            if swaps:
                _point_to_new_first(lake, ousted)
            lake.append(DUPLICATES, _missing(lake, DUPLICATES, rows.dropDuplicates(_COORDINATES)))
    if swaps:
        firsts = judged.where("_earliest < _kept AND _order = _first").select(*table.column_names)
        lake.merge(table, firsts)
    lake.append(
        table, judged.where("_first IS NULL OR (_kept IS NULL AND _order = _first)").select(*table.column_names)
    )
    return dropped


def _point_to_new_first(lake: Lake, ousted: DataFrame) -> None:
    """Duplicates of a record that is itself one now were duplicates of the new first all along."""
    changed = ousted.select(
        *(F.col(name).alias(f"kept_{name}") for name in _COORDINATES if name != "topic"),
        *(F.col(f"_first.{name}").alias(f"_new_{name}") for name in _COORDINATES if name != "topic"),
    )
    names = [name for name in _COORDINATES if name != "topic"]
    rows = (
        lake.read(DUPLICATES)
        .join(F.broadcast(changed), [f"kept_{name}" for name in names])
        .withColumns({f"kept_{name}": F.col(f"_new_{name}") for name in names})
        .select(*DUPLICATES.column_names)
    )
    if not rows.isEmpty():
        lake.merge(DUPLICATES, rows)
