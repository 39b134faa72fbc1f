"""Count the sessions of a day by where they come from, and what they are worth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gold.sessions import TABLE as SESSIONS
from gold.shared.exact import mean
from lakehouse.table import Column, Format, Table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

SOURCE = "coalesce(referrer_host, '(none)')"
"""SQL for where a session came from."""


def traffic_sources(sessions: DataFrame) -> DataFrame:
    """One row per day and host that users came from."""
    from pyspark.sql import functions as F

    return (
        sessions.groupBy("started_on", "referrer_kind", F.expr(SOURCE).alias("source"))
        .agg(
            F.countDistinct("user_id").alias("visitors"),
            F.count("*").alias("sessions"),
            F.count_if((F.col("events") == 1) & ~F.col("bought")).alias("bounces"),
            F.count_if("bought").alias("purchase_sessions"),
            F.count_if("is_suspect").alias("suspect_sessions"),
            F.sum("page_views").alias("page_views"),
            F.sum("revenue").cast("DECIMAL(18,2)").alias("revenue"),
            mean("duration_seconds").alias("duration_seconds_mean"),
        )
        .withColumn("bounce_rate", F.col("bounces") / F.col("sessions"))
        .withColumn("conversion_rate", F.col("purchase_sessions") / F.col("sessions"))
    )


TABLE = Table(
    name="gold.traffic_sources",
    doc="One row per (started_on, referrer_kind, source): the sessions that began on the day, by where they came from. "
    "Suspect sessions count too, and are counted apart.",
    columns=(
        Column(
            "referrer_kind",
            "STRING",
            "sessions.referrer_kind: direct, internal, search, social, email, paid or other.",
            True,
        ),
        Column("source", "STRING", "sessions.referrer_host; (none) where that is null.", True),
        Column("visitors", "BIGINT", "COUNT(DISTINCT user_id) of sessions.", True, additive=False),
        Column("sessions", "BIGINT", "COUNT(*) of sessions.", True),
        Column("bounces", "BIGINT", "COUNT(*) of sessions WHERE events = 1 AND NOT bought: nothing followed.", True),
        Column("purchase_sessions", "BIGINT", "COUNT(*) of sessions WHERE bought.", True),
        Column("suspect_sessions", "BIGINT", "COUNT(*) of sessions WHERE is_suspect.", True),
        Column("page_views", "BIGINT", "SUM(page_views) of sessions.", True),
        Column("revenue", "DECIMAL(18,2)", "SUM(revenue) of sessions, in the shop's currency.", True),
        Column(
            "duration_seconds_mean",
            "DOUBLE",
            "AVG(duration_seconds) of sessions, in seconds.",
            True,
            format=Format.MEAN,
        ),
        Column("bounce_rate", "DOUBLE", "bounces / sessions, 0 to 1.", True, format=Format.SHARE),
        Column("conversion_rate", "DOUBLE", "purchase_sessions / sessions, 0 to 1.", True, format=Format.SHARE),
        Column("started_on", "DATE", "sessions.started_on: the day of the first event, in UTC.", True),
    ),
    key=("started_on", "referrer_kind", "source"),
    reads={"sessions": SESSIONS},
    build=traffic_sources,
    scope={"started_on": "started_on", "referrer_kind": "referrer_kind", "source": SOURCE},
    sort_by=("started_on",),
)
