"""Count events by hour, so that reports show when the shop is busy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gold.shared.timeline import EVENTS_OF_A_SESSION, PURCHASES, REVENUE, SESSION, revenue, timeline
from lakehouse.table import Column, Table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def hourly_activity(page_views: DataFrame, clicks: DataFrame, interactions: DataFrame) -> DataFrame:
    """One row per hour in which anything happened."""
    from pyspark.sql import functions as F

    return (
        timeline(page_views, clicks, interactions)
        .groupBy(F.to_date("event_at").alias("event_on"), F.hour("event_at").alias("hour_of_day"))
        .agg(
            F.count("*").alias("events"),
            F.count_if(F.col("kind") == "page_view").alias("page_views"),
            F.count_if(F.col("kind") == "click").alias("clicks"),
            F.count_if(F.col("kind") == "interaction").alias("interactions"),
            F.countDistinct("user_id").alias("visitors"),
            F.countDistinct(F.struct(*SESSION)).alias("sessions"),
            F.count_if("is_purchase").alias("purchases"),
            revenue().alias("revenue"),
        )
        .withColumn("day_of_week", (F.dayofweek("event_on") + 5) % 7 + 1)
    )


TABLE = Table(
    name="gold.hourly_activity",
    doc="One row per (event_on, hour_of_day) in which anything happened: how busy the shop was.",
    columns=(
        Column("hour_of_day", "INT", "The hour of event_at, 0 to 23, in UTC.", True),
        Column("day_of_week", "INT", "The day of event_on, 1 for Monday to 7 for Sunday.", True),
        Column("events", "BIGINT", "COUNT(*) of page_views, clicks and interactions.", True),
        Column("page_views", "BIGINT", "COUNT(*) of page_views.", True),
        Column("clicks", "BIGINT", "COUNT(*) of clicks, purchases included.", True),
        Column("interactions", "BIGINT", "COUNT(*) of interactions.", True),
        Column("visitors", "BIGINT", "COUNT(DISTINCT user_id) of the events.", True, additive=False),
        Column("sessions", "BIGINT", "COUNT(DISTINCT user_id and session_id) of the events.", True, additive=False),
        PURCHASES,
        REVENUE,
        Column("event_on", "DATE", "The day of the events, in UTC.", True),
    ),
    key=("event_on", "hour_of_day"),
    reads=EVENTS_OF_A_SESSION,
    build=hourly_activity,
    scope={"event_on": "event_on", "hour_of_day": "hour(event_at)"},
    sort_by=("event_on",),
)
