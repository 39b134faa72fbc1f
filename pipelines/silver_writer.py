"""Deduplicate a validated micro-batch against silver and append it; safe to repeat.

Nothing here goes by transaction ids: whether a row has its fate already is looked up by what it
is, so a batch that is done again after a crash between any two writes changes nothing, and a new
checkpoint never makes Delta skip what it has not seen.

Spark looks for what may have come before; the few rows that did are told apart here, in Arrow,
for each further Spark job costs a batch more than they do.
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
from silver.duplicates import DUPLICATES
from silver.events import ARRIVAL, SILVER
from silver.quarantine import QUARANTINE, waiting

_HASH = "xxhash64(identity)"
_PLACE = ["topic_id", "partition", "offset"]


@dataclass(frozen=True)
class BatchCounts:
    """How many records of a batch went where."""

    received: int = 0
    kept: int = 0
    quarantined: int = 0
    duplicates: int = 0


def write_silver_batch(lake: Lake, event: EventType, validated: DataFrame) -> BatchCounts:
    """Write every validated record to exactly one of silver, quarantine and duplicates.

    Of the records that are the same event the first to arrive by the broker's clock stays,
    whichever batch it comes in: where it comes after the other one was kept, the two change
    places. The order of the writes lets a batch that is done again finish what a crash left out:
    duplicates and quarantine first, then the change of places, then what is new.
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
                rows = validated.where("violations IS NULL").drop("violations", "value")
                dropped = _keep_firsts(lake, table, rows, past)
            received, refused = sum(part["rows"] for part in parts), sum(part["rows"] for part in bad)
            return BatchCounts(received, received - refused - dropped, refused, dropped)
    finally:
        validated.unpersist()


def _quarantine(lake: Lake, validated: DataFrame, contract_version: str, spans: list[Row]) -> None:
    """Adds the bad records that are not in quarantine yet."""
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


def _keep_firsts(lake: Lake, table: Table, good: DataFrame, past: DataFrame) -> int:
    """Adds the good records that are the first of their event; the rest become duplicates."""
    hashed = F.expr(_HASH).alias("hash")
    hashes = good.select(hashed)
    values, counts = np.unique(hashes.toArrow()["hash"].to_numpy(), return_counts=True)
    again = past.select(hashed).join(F.broadcast(hashes), "hash", "left_semi").toArrow()["hash"].to_numpy()
    suspects = np.union1d(values[counts > 1], again)
    if not suspects.size:
        lake.append(table, good)
        return 0
    # From here on by identity itself: a hash only says where to look.
    where = F.broadcast(lake.spark.createDataFrame(pa.table({"hash": suspects})))
    columns = ["identity", *ARRIVAL]

    def contested(rows: DataFrame) -> pa.Table:
        return rows.select(*columns, hashed).join(where, "hash", "left_semi").select(columns).toArrow()

    ranked = _rank(contested(good), contested(past))
    dropped = ranked.filter(pc.field("is_new") & ~pc.field("is_first"))
    ousted = ranked.filter(pc.field("in_silver") & ~pc.field("is_first"))
    later = ranked.filter(~pc.field("is_first"))
    if later.num_rows:
        _write_duplicates(lake, table, later, ousted)
    if ousted.num_rows:
        firsts = ranked.filter(pc.field("was_kept") & pc.field("is_first") & ~pc.field("in_silver"))
        lake.upsert(table, good.join(F.broadcast(_frame(lake, firsts)), _PLACE, "left_semi"))
    known = ranked.filter(pc.field("is_new") & (~pc.field("is_first") | pc.field("was_kept")))
    lake.append(table, good.join(F.broadcast(_frame(lake, known)), _PLACE, "left_anti"))
    return int(dropped.num_rows)


def _rank(new: pa.Table, kept: pa.Table) -> pa.Table:
    """Which of the records that share an identity is the first.

    Gives the rows of both, a record that is in both just once, and of each: is_new (it is in the
    batch), in_silver, is_first, was_kept (silver has the event, by this record or another), and
    the place of the first.
    """
    both = pa.concat_tables(
        [
            kept.cast(new.schema).append_column("is_new", pa.array(np.zeros(kept.num_rows, bool))),
            new.append_column("is_new", pa.array(np.ones(new.num_rows, bool))),
        ]
    ).sort_by([(name, "ascending") for name in ("identity", *ARRIVAL, "is_new")])
    identity = both["identity"].combine_chunks()
    starts = np.ones(both.num_rows, bool)
    starts[1:] = pc.not_equal(identity[1:], identity[:-1]).to_numpy(zero_copy_only=False)
    group = np.cumsum(starts) - 1
    first = np.flatnonzero(starts)[group]
    is_new = both["is_new"].to_numpy()
    has_kept = np.zeros(int(group[-1]) + 1, bool)
    has_kept[group[~is_new]] = True
    place = [both[name].combine_chunks() for name in _PLACE]
    # Silver's own row of a record comes right before the batch's.
    itself = np.zeros(both.num_rows, bool)
    equal = [pc.equal(column[1:], column[:-1]).to_numpy(zero_copy_only=False) for column in place]
    itself[1:] = np.logical_and.reduce([*equal, ~starts[1:]])
    repeats_kept = itself & is_new
    stands_for_new = np.append(repeats_kept[1:], False)
    columns = {
        "is_first": (np.arange(both.num_rows) == first) | (repeats_kept & (np.arange(both.num_rows) - 1 == first)),
        "was_kept": has_kept[group],
        "in_silver": repeats_kept | ~is_new,
        **{f"kept_{name}": column.take(pa.array(first)) for name, column in zip(_PLACE, place, strict=True)},
    }
    for name, column in columns.items():
        both = both.append_column(name, column if isinstance(column, pa.Array) else pa.array(column))
    return both.filter(pa.array(~stands_for_new))


def _frame(lake: Lake, rows: pa.Table) -> DataFrame:
    return lake.spark.createDataFrame(rows.select(_PLACE))


def _write_duplicates(lake: Lake, table: Table, rows: pa.Table, ousted: pa.Table) -> None:
    """Adds what is a duplicate now and was none yet, and lets those of an ousted record point to the new first."""
    names = [*_PLACE, "arrived_at", "identity", *(f"kept_{name}" for name in _PLACE)]
    topic = F.lit(table.short_name)
    frame = lake.spark.createDataFrame(rows.select(names)).withColumns({"topic": topic, "kept_topic": topic})
    lows, highs = (pc.min(rows["offset"]).as_py(), pc.max(rows["offset"]).as_py())
    with lake.writing(DUPLICATES):
        there = lake.read(DUPLICATES).where((F.col("topic") == topic) & F.col("offset").between(lows, highs))
        new = frame.join(F.broadcast(there.select(COORDINATE_NAMES)), COORDINATE_NAMES, "left_anti")
        if ousted.num_rows:
            moves = ousted.select([*_PLACE, *(f"kept_{name}" for name in _PLACE)]).rename_columns(
                [*(f"kept_{name}" for name in _PLACE), *(f"_first_{name}" for name in _PLACE)]
            )
            pointing = (
                lake.read(DUPLICATES)
                .where(F.col("topic") == topic)
                .join(F.broadcast(lake.spark.createDataFrame(moves)), [f"kept_{name}" for name in _PLACE])
                .withColumns({f"kept_{name}": F.col(f"_first_{name}") for name in _PLACE})
            )
            lake.upsert(DUPLICATES, pointing.select(*DUPLICATES.column_names))
        lake.append(DUPLICATES, new)
