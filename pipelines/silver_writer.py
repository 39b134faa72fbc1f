"""Deduplicate a validated micro-batch against silver and append it; idempotent.

No write depends on a transaction id. Whether a record was written already is looked up by its
coordinates, and whether its event is in silver already by its identity. So a batch that is done again
after a crash between any two writes changes nothing, and a new checkpoint never makes Delta skip what
it has not seen.

Spark finds the few events that occur more than once, or this process does where the tables lie in a folder:
``write_silver_batch_in_process`` is the same, in the same order of writes. silver.deduplication ranks them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass
from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark import StorageLevel
from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from bronze.raw_events import COORDINATE_NAMES
from lakehouse.engines.key_matching import KeyMatcher
from lakehouse.engines.local_lake import LocalLake
from lakehouse.incremental import MAX_LISTED_DAYS
from lakehouse.storage import Lake
from lakehouse.table import Table
from pipelines.runtime.shop_version import other_identities
from producers.contract.event_type import EventType
from producers.contract.identity import IDENTITY_VERSION
from silver.deduplication import RANKED, good_records, rank_against_silver
from silver.duplicates import DUPLICATES
from silver.events import IDENTITY_PROPERTY, SILVER
from silver.quarantine import QUARANTINE, waiting

ROWS_IN_PROCESS = 200_000
"""The most records that this process writes at a time; with their validated rows they take 0.5 GB."""

VALIDATED_AT_ONCE = 20_000
"""Validating works by columns; more rows at a time leave the processor's cache."""

_HASH = "xxhash64(identity)"


def require_current_identities(lake: Lake, tables: Iterable[Table]) -> None:
    """Raises DataError where silver's events were told apart in another way than now: one could be kept twice.

    Of events without an event_id the identity is the same in both versions, so a table that has no other is taken on.
    """
    for table in tables:
        if lake.property(table, IDENTITY_PROPERTY) == str(IDENTITY_VERSION):
            continue
        with lake.writing(table):
            if not lake.read(table).where("event_id IS NOT NULL").isEmpty():
                raise other_identities(table.name)
            mark_current_identities(lake, [table])


def mark_current_identities(lake: Lake, tables: Iterable[Table]) -> None:
    """Notes that silver's identities are made as they are now."""
    for table in tables:
        lake.set_property(table, IDENTITY_PROPERTY, str(IDENTITY_VERSION))


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
                validated.groupBy("event_on", "topic_id", "partition")
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
                past = _past(lake, table, sorted({part["event_on"] for part in good}))
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


def _past(lake: Lake, table: Table, days: list[date]) -> DataFrame:
    """The rows of silver that can be the same event as one of the batch.

    Events are the same only if they happened at the same instant, so their days tell the files to look at.
    """
    is_listed = len(days) <= MAX_LISTED_DAYS
    same_day = F.col("event_on").isin(days) if is_listed else F.col("event_on").between(days[0], days[-1])
    return lake.read(table).where(same_day)


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


def write_silver_batch_in_process(lake: LocalLake, event: EventType, records: pa.Table) -> BatchCounts:
    """Validate records of bronze and write each to exactly one of silver, quarantine and duplicates, without Spark.

    What ``write_silver_batch`` promises holds: the order of the writes is the same, and so is each lookup.
    """
    counts = BatchCounts()
    for start in range(0, records.num_rows, ROWS_IN_PROCESS):
        part = _write_in_process(lake, event, records.slice(start, ROWS_IN_PROCESS))
        counts = BatchCounts(*(sum(pair) for pair in zip(astuple(counts), astuple(part), strict=True)))
    return counts


def _write_in_process(lake: LocalLake, event: EventType, records: pa.Table) -> BatchCounts:
    from silver.validation.batch import validate_batch

    table = SILVER[event.name]
    batches = records.select([*COORDINATE_NAMES, "arrived_at", "value"]).to_batches(max_chunksize=VALIDATED_AT_ONCE)
    validated = pa.Table.from_batches([validate_batch(event, batch) for batch in batches])
    is_good = validated["violations"].is_null()
    good = validated.filter(is_good).select(table.column_names)
    bad = validated.filter(pc.invert(is_good))
    with lake.writing(table):
        if bad.num_rows:
            _quarantine_in_process(lake, bad, event.version)
        dropped = _deduplicate_in_process(lake, table, good) if good.num_rows else 0
    return BatchCounts(validated.num_rows, good.num_rows - dropped, bad.num_rows, dropped)


def _quarantine_in_process(lake: LocalLake, bad: pa.Table, contract_version: str) -> None:
    """Append the bad records that are not in quarantine yet."""
    reasons = bad["violations"].combine_chunks()
    rules, sentences = (
        pa.ListArray.from_arrays(reasons.offsets, reasons.values.field(name)) for name in ("rule", "sentence")
    )
    now = pa.repeat(pa.scalar(datetime.now(UTC), pa.timestamp("us", "UTC")), bad.num_rows)
    rows = bad.select([*COORDINATE_NAMES, "arrived_at", "value"])
    for name, column in {
        "rules": rules,
        "sentences": sentences,
        "contract_version": pa.repeat(pa.scalar(contract_version), bad.num_rows),
        "status": pa.repeat(pa.scalar("open"), bad.num_rows),
        "discard_reason": pa.nulls(bad.num_rows, pa.string()),
        "first_judged_at": now,
        "last_judged_at": now,
    }.items():
        rows = rows.append_column(name, column)
    with lake.writing(QUARANTINE):
        lake.append(QUARANTINE, _not_in(lake, QUARANTINE, rows))


def _deduplicate_in_process(lake: LocalLake, table: Table, good: pa.Table) -> int:
    """Append the good records that are the first of their event; the rest become duplicates, and are counted."""
    # The same event happened at the same instant: few files hold one of those.
    instants = {"event_at": pc.unique(good["event_at"])}
    past = lake.read(table, RANKED, instants)
    past = past.filter(pc.is_in(past["identity"], value_set=pc.unique(good["identity"])))
    occurring = good["identity"].value_counts()
    repeated = occurring.filter(pc.greater(occurring.field("counts"), 1)).field("values")
    suspects = pa.chunked_array([repeated, *past["identity"].chunks], pa.binary())
    suspected = pc.is_in(good["identity"], value_set=suspects)
    if not pc.any(suspected).as_py():
        lake.append(table, good)
        return 0
    ranked = rank_against_silver(good.filter(suspected).select(RANKED), past)
    later = ranked.filter(~pc.field("is_first"))
    replaced = later.filter(pc.field("in_silver"))
    if later.num_rows:
        _write_duplicates_in_process(lake, table, later, replaced)
    if replaced.num_rows:
        replacing = ranked.filter(pc.field("event_in_silver") & pc.field("is_first") & ~pc.field("in_silver"))
        lake.merge(table, good.filter(_are_among(good, replacing)), within=instants)
    not_new = ranked.filter(pc.field("in_batch") & (~pc.field("is_first") | pc.field("event_in_silver")))
    lake.append(table, good.filter(pc.invert(_are_among(good, not_new))))
    return int(later.filter(pc.field("in_batch")).num_rows)


def _write_duplicates_in_process(lake: LocalLake, table: Table, later: pa.Table, replaced: pa.Table) -> None:
    """Append what is a duplicate now and was none yet; let those of a replaced record point to the new first."""
    with lake.writing(DUPLICATES):
        new = _not_in(lake, DUPLICATES, later.select(DUPLICATES.column_names))
        if replaced.num_rows:
            kept = [f"kept_{name}" for name in COORDINATE_NAMES]
            gone = replaced.select(COORDINATE_NAMES).rename_columns(kept)
            where = {"topic": [table.short_name], "kept_offset": pc.unique(gone["kept_offset"])}
            there = lake.read(DUPLICATES, where=where)
            places = KeyMatcher(gone, kept).rows_of(there)
            firsts = replaced.select(kept).take(places.drop_null())
            moved = there.filter(places.is_valid())
            for name in kept:
                moved = moved.set_column(moved.column_names.index(name), name, firsts[name])
            lake.merge(DUPLICATES, moved.select(DUPLICATES.column_names))
        lake.append(DUPLICATES, new)


def _not_in(lake: LocalLake, table: Table, rows: pa.Table) -> pa.Table:
    """The rows whose coordinates the table does not have."""
    where = {"topic_id": pc.unique(rows["topic_id"]).to_pylist(), "offset": pc.unique(rows["offset"])}
    return rows.filter(pc.invert(_are_among(rows, lake.read(table, COORDINATE_NAMES, where))))


def _are_among(rows: pa.Table, records: pa.Table) -> pa.Array:
    """Which rows are one of these records, by their coordinates."""
    distinct = records.group_by(COORDINATE_NAMES).aggregate([])
    return KeyMatcher(distinct, COORDINATE_NAMES).rows_of(rows).is_valid()
