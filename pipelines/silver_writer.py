"""Deduplicate a validated micro-batch against silver and append it; idempotent.

No write depends on a transaction id. Whether a record was written already is looked up by its
coordinates, and whether its event is in silver already by its identity. So a batch that is done again
after a crash between any two writes changes nothing, and a new checkpoint never makes Delta skip what
it has not seen.

Spark finds the few events that occur more than once; silver.deduplication ranks them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark import StorageLevel
from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from bronze.raw_events import COORDINATE_NAMES
from lakehouse.incremental import MAX_LISTED_DAYS
from lakehouse.storage import Lake
from lakehouse.table import Table
from producers.contract.event_type import EventType
from silver.deduplication import RANKED, good_records, rank_against_silver
from silver.duplicates import DUPLICATES
from silver.events import SILVER
from silver.quarantine import QUARANTINE, waiting

_HASH = "xxhash64(identity)"


@dataclass(frozen=True)
class BatchCounts:
    """How many records of a batch went where."""

    received: int = 0
    kept: int = 0
    quarantined: int = 0
    duplicates: int = 0


def write_silver_batch(lake: Lake, event: EventType, validated: DataFrame) -> BatchCounts:
    """Write every validated record to exactly one of silver, quarantine and duplicates.

    Of the records that are the same event, the first to arrive by the broker's clock stays, whichever
    batch it comes in: if a later one was kept before, the first replaces it and the later one becomes a
    duplicate. The order of the writes lets a batch that is done again finish what a crash left out:
    quarantine and duplicates first, then the replacements, then what is new.
    """
    table = SILVER[event.name]
    validated = validated.persist(StorageLevel.MEMORY_AND_DISK)
    try:
        with lake.writing(table):
            parts = (
                validated.groupBy("event_on", F.col("event_id").isNotNull().alias("named"), "topic_id", "partition")
                .agg(F.count("*").alias("rows"), F.min("offset").alias("low"), F.max("offset").alias("high"))
                .collect()
            )
            # Only a good record has its event's day.
            bad = [part for part in parts if part["event_on"] is None]
            good = [part for part in parts if part["event_on"] is not None]
            if bad:
                _quarantine(lake, validated, event.version, bad)
            dropped = 0
            if good:
                days = sorted({part["event_on"] for part in good if not part["named"]})
                past = _past(lake, table, days, any_named=any(part["named"] for part in good))
                dropped = _deduplicate(lake, table, good_records(validated), past)
            received, refused = sum(part["rows"] for part in parts), sum(part["rows"] for part in bad)
            return BatchCounts(received, received - refused - dropped, refused, dropped)
    finally:
        validated.unpersist()


def _quarantine(lake: Lake, validated: DataFrame, contract_version: str, spans: list[Row]) -> None:
    """Append the bad records that are not in quarantine yet."""
    rows = waiting(validated, contract_version).withColumns(
        {"first_judged_at": F.current_timestamp(), "last_judged_at": F.current_timestamp()}
    )
    within = " OR ".join(
        f"(topic_id = '{span['topic_id']}' AND partition = {span['partition']} "
        f"AND offset BETWEEN {span['low']} AND {span['high']})"
        for span in spans
    )
    with lake.writing(QUARANTINE):
        there = lake.read(QUARANTINE).where(within).select(COORDINATE_NAMES)
        lake.append(QUARANTINE, rows.join(F.broadcast(there), COORDINATE_NAMES, "left_anti"))


def _past(lake: Lake, table: Table, days: list[date], *, any_named: bool) -> DataFrame:
    """The rows of silver that can be the same event as one of the batch.

    Events without an event_id are the same only if they happened at the same instant, so their
    days tell the files to look at. Those with one may have come at any time.
    """
    named = F.col("event_id").isNotNull() if any_named else F.lit(False)
    if not days:
        same_day = F.lit(False)
    elif len(days) <= MAX_LISTED_DAYS:
        same_day = F.col("event_on").isin(days)
    else:
        same_day = F.col("event_on").between(days[0], days[-1])
    return lake.read(table).where(named | (F.col("event_id").isNull() & same_day))


def _deduplicate(lake: Lake, table: Table, good: DataFrame, past: DataFrame) -> int:
    """Append the good records that are the first of their event; the rest become duplicates, and are counted."""
    hashed = F.expr(_HASH).alias("hash")
    hashes = good.select(hashed)
    values, counts = np.unique(hashes.toArrow()["hash"].to_numpy(), return_counts=True)
    in_silver = past.select(hashed).join(F.broadcast(hashes), "hash", "left_semi").toArrow()["hash"].to_numpy()
    suspects = np.union1d(values[counts > 1], in_silver)
    if not suspects.size:
        lake.append(table, good)
        return 0
    # From here on by identity itself: a hash only says where to look.
    where = F.broadcast(lake.spark.createDataFrame(pa.table({"hash": suspects})))

    def suspected(rows: DataFrame) -> pa.Table:
        return rows.select(*RANKED, hashed).join(where, "hash", "left_semi").select(RANKED).toArrow()

    ranked = rank_against_silver(suspected(good), suspected(past))
    later = ranked.filter(~pc.field("is_first"))
    replaced = later.filter(pc.field("in_silver"))
    if later.num_rows:
        _write_duplicates(lake, table, later, replaced)
    if replaced.num_rows:
        replacing = ranked.filter(pc.field("event_in_silver") & pc.field("is_first") & ~pc.field("in_silver"))
        lake.upsert(table, good.join(F.broadcast(_coordinates(lake, replacing)), COORDINATE_NAMES, "left_semi"))
    not_new = ranked.filter(pc.field("in_batch") & (~pc.field("is_first") | pc.field("event_in_silver")))
    lake.append(table, good.join(F.broadcast(_coordinates(lake, not_new)), COORDINATE_NAMES, "left_anti"))
    return int(later.filter(pc.field("in_batch")).num_rows)


def _coordinates(lake: Lake, rows: pa.Table) -> DataFrame:
    return lake.spark.createDataFrame(rows.select(COORDINATE_NAMES))


def _write_duplicates(lake: Lake, table: Table, later: pa.Table, replaced: pa.Table) -> None:
    """Append what is a duplicate now and was none yet; let those of a replaced record point to the new first."""
    duplicates = lake.spark.createDataFrame(later.select(DUPLICATES.column_names))
    lowest, highest = pc.min(later["offset"]).as_py(), pc.max(later["offset"]).as_py()
    with lake.writing(DUPLICATES):
        of_topic = lake.read(DUPLICATES).where(F.col("topic") == table.short_name)
        present = of_topic.where(F.col("offset").between(lowest, highest)).select(COORDINATE_NAMES)
        new = duplicates.join(F.broadcast(present), COORDINATE_NAMES, "left_anti")
        if replaced.num_rows:
            kept = [f"kept_{name}" for name in COORDINATE_NAMES]
            first = [f"_first_{name}" for name in COORDINATE_NAMES]
            moves = replaced.select([*COORDINATE_NAMES, *kept]).rename_columns([*kept, *first])
            moved = of_topic.join(F.broadcast(lake.spark.createDataFrame(moves)), kept).withColumns(
                {old: F.col(new) for old, new in zip(kept, first, strict=True)}
            )
            lake.upsert(DUPLICATES, moved.select(*DUPLICATES.column_names))
        lake.append(DUPLICATES, new)
