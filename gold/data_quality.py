"""Count records kept, quarantined and dropped as duplicates, so that reports show how good the data is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakehouse.dataframes import union
from lakehouse.table import Column, Format, Table
from silver.duplicates import DUPLICATES
from silver.events import SILVER
from silver.quarantine import QUARANTINE

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

ALL = "all"
"""The rule of the row that counts every record of a day and event, whatever became of it."""


def data_quality(quarantine: DataFrame, duplicates: DataFrame, **events: DataFrame) -> DataFrame:
    """One row per day, event and broken rule, and one for all records of the day and event."""
    from pyspark.sql import functions as F

    by = ["arrived_on", "event"]
    day, event = F.to_date("arrived_at").alias("arrived_on"), F.col("topic").alias("event")
    refused = quarantine.where("status != 'replayed'")
    outcomes = union(
        [frame.select(day, event, F.lit("kept").alias("outcome")) for frame in events.values()]
        + [
            refused.select(day, event, F.lit("quarantined").alias("outcome")),
            duplicates.select(day, event, F.lit("duplicate").alias("outcome")),
        ]
    )
    named = union(
        [frame.where("event_id IS NOT NULL").select(day, event, F.col("event_id")) for frame in events.values()]
    )
    shared = named.groupBy(*by, "event_id").agg(F.count("*").alias("sharing")).where("sharing > 1")
    reused = shared.groupBy(*by).agg(F.sum("sharing").alias("event_id_reused"))
    totals = outcomes.groupBy(*by).agg(
        F.count("*").alias("received"),
        F.count_if(F.col("outcome") == "kept").alias("kept"),
        F.count_if(F.col("outcome") == "quarantined").alias("quarantined"),
        F.count_if(F.col("outcome") == "duplicate").alias("duplicates"),
    )
    rules = (
        refused.select(day, event, F.explode(F.array_distinct("rules")).alias("rule"))
        .groupBy(*by, "rule")
        .agg(F.count("*").alias("_quarantined"))
    )
    of_rules = rules.join(totals.select(*by, "received"), by).select(
        *by,
        "rule",
        "received",
        F.lit(None).cast("BIGINT").alias("kept"),
        F.col("_quarantined").alias("quarantined"),
        F.lit(None).cast("BIGINT").alias("duplicates"),
        F.lit(None).cast("BIGINT").alias("event_id_reused"),
    )
    all_records = (
        totals.withColumn("rule", F.lit(ALL))
        .join(reused, by, "left")
        .withColumn("event_id_reused", F.coalesce("event_id_reused", F.lit(0).cast("BIGINT")))
    )
    return union([all_records, of_rules]).withColumn("quarantined_share", F.col("quarantined") / F.col("received"))


TABLE = Table(
    name="gold.data_quality",
    doc="One row per (arrived_on, event, rule): records received, kept, quarantined and dropped as duplicates; "
    "rule all counts each once.",
    columns=(
        Column("event", "STRING", "The kind of event, which is also its topic.", required=True),
        Column("rule", "STRING", "The broken rule; all for every record of the day and event.", required=True),
        Column("received", "BIGINT", "Records of the day and event, whatever became of them.", required=True),
        Column("kept", "BIGINT", "Records that are in silver; null where the row is about one rule."),
        Column("quarantined", "BIGINT", "Records in quarantine, waiting or discarded: by this rule, or by any.", True),
        Column("duplicates", "BIGINT", "Records dropped as duplicates; null where the row is about one rule."),
        Column(
            "event_id_reused",
            "BIGINT",
            "Records that are in silver and share their event_id with another event of the day; both stay. Null where "
            "the row is about one rule.",
        ),
        Column(
            "quarantined_share",
            "DOUBLE",
            "The share of the received records that is quarantined, 0 to 1.",
            True,
            format=Format.SHARE,
        ),
        Column("arrived_on", "DATE", "The day of arrival by the broker's clock, in UTC.", required=True),
    ),
    key=("arrived_on", "event", "rule"),
    reads={**SILVER, "quarantine": QUARANTINE, "duplicates": DUPLICATES},
    build=data_quality,
    scope={"arrived_on": "to_date(arrived_at)", "event": "topic"},
    rules={"every_record_has_one_outcome": "rule != 'all' OR received = kept + quarantined + duplicates"},
)
