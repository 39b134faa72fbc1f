"""Declare silver's quarantine: records that break the contract wait here, with their bytes and their reasons."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bronze.raw_events import ARRIVED_AT, BRONZE, COORDINATE_NAMES, COORDINATES
from lakehouse.table import Column, Table
from producers.events import EVENTS
from silver.events import FEED, validate_records

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def waiting(validated: DataFrame, contract_version: str) -> DataFrame:
    """One row per bad record among validated ones, to wait in quarantine; the job sets when it was validated."""
    from pyspark.sql import functions as F

    return validated.where("violations IS NOT NULL").select(
        *COORDINATE_NAMES,
        "arrived_at",
        "value",
        F.col("violations.rule").alias("rules"),
        F.col("violations.sentence").alias("sentences"),
        F.lit(contract_version).alias("contract_version"),
        F.lit("open").alias("status"),
        F.lit(None).cast("STRING").alias("discard_reason"),
        F.lit(None).cast("TIMESTAMP").alias("first_judged_at"),
        F.lit(None).cast("TIMESTAMP").alias("last_judged_at"),
    )


def quarantine(**records: DataFrame) -> DataFrame:
    """The bad records of every kind of event."""
    from lakehouse.dataframes import union

    return union(
        waiting(validate_records(EVENTS[name])(frame), EVENTS[name].version) for name, frame in records.items()
    )


QUARANTINE = Table(
    name="silver.quarantine",
    doc="One row per record that broke its contract when it was first validated.",
    columns=(
        *COORDINATES,
        ARRIVED_AT,
        Column("value", "BINARY", "The record's bytes, untouched; null for a tombstone."),
        Column("rules", "ARRAY<STRING>", "The name of every rule that it breaks.", required=True),
        Column("sentences", "ARRAY<STRING>", "For every rule, a sentence that shows what is wrong.", required=True),
        Column("contract_version", "STRING", "The contract's version at its last validation.", required=True),
        Column(
            "status",
            "STRING",
            "open: it waits; replayed: it is in silver now; discarded: someone decided that it stays out.",
            required=True,
        ),
        Column("discard_reason", "STRING", "Why it was discarded."),
        Column("first_judged_at", "TIMESTAMP", "When it was first validated, in UTC."),
        Column("last_judged_at", "TIMESTAMP", "When it was last validated, in UTC."),
    ),
    key=tuple(COORDINATE_NAMES),
    reads=BRONZE,
    build=quarantine,
    rules={
        "it_has_a_reason": "size(rules) > 0 AND size(rules) = size(sentences)",
        "its_status_is_known": "status IN ('open', 'replayed', 'discarded')",
        "discarding_has_a_reason": "status != 'discarded' OR discard_reason IS NOT NULL",
    },
    rows_per_file=100_000,
    properties={**FEED, "delta.dataSkippingStatsColumns": "topic,topic_id,partition,offset,arrived_at,status"},
)
