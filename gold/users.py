"""Summarise the sessions of each user by now, for reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gold.sessions import TABLE as SESSIONS
from lakehouse.table import Column, Format, Table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def users(sessions: DataFrame) -> DataFrame:
    """One row per user, of all sessions that are known."""
    from pyspark.sql import functions as F

    mean = "timestampdiff(MICROSECOND, first_started_at, last_started_at) / 8.64e10D / nullif(sessions - 1, 0)"
    return (
        sessions.groupBy("user_id")
        .agg(
            F.count("*").alias("sessions"),
            F.sum("page_views").alias("page_views"),
            F.sum("product_views").alias("product_views"),
            F.sum("cart_adds").alias("cart_adds"),
            F.sum("purchases").alias("purchases"),
            F.count_if("bought").alias("buying_sessions"),
            F.count_if("is_suspect").alias("suspect_sessions"),
            F.sum("revenue").cast("DECIMAL(18,2)").alias("spend"),
            F.min("started_at").alias("first_started_at"),
            F.max("started_at").alias("last_started_at"),
            F.max("ended_at").alias("last_ended_at"),
            F.max("bought_at").alias("last_bought_at"),
        )
        .withColumn("days_between_sessions_mean", F.expr(mean))
        .withColumn("first_started_on", F.to_date("first_started_at"))
        .withColumn("last_ended_on", F.to_date("last_ended_at"))
    )


TABLE = Table(
    name="gold.users",
    doc="One row per user_id: the user, by all sessions that are known, open ones included. "
    "gold.user_history has the same as of each session, for what must not know the future.",
    columns=(
        Column("user_id", "STRING", "The user.", True, format=Format.ID),
        Column("sessions", "BIGINT", "COUNT(*) of the user's sessions.", True),
        Column("page_views", "BIGINT", "SUM(page_views) of sessions.", True),
        Column("product_views", "BIGINT", "SUM(product_views) of sessions.", True),
        Column("cart_adds", "BIGINT", "SUM(cart_adds) of sessions.", True),
        Column("purchases", "BIGINT", "SUM(purchases) of sessions.", True),
        Column("buying_sessions", "BIGINT", "COUNT(*) of sessions WHERE bought.", True),
        Column("suspect_sessions", "BIGINT", "COUNT(*) of sessions WHERE is_suspect.", True),
        Column("spend", "DECIMAL(18,2)", "SUM(revenue) of sessions, in the shop's currency.", True),
        Column(
            "days_between_sessions_mean",
            "DOUBLE",
            "From first_started_at to last_started_at, divided by sessions - 1, in days of 24 hours; null for one "
            "session.",
            format=Format.MEAN,
        ),
        Column("first_started_on", "DATE", "The day of first_started_at, in UTC.", True),
        Column("last_ended_on", "DATE", "The day of last_ended_at, in UTC: how recent the user is.", True),
        Column("first_started_at", "TIMESTAMP", "MIN(started_at) of sessions, in UTC.", True),
        Column("last_started_at", "TIMESTAMP", "MAX(started_at) of sessions, in UTC.", True),
        Column("last_ended_at", "TIMESTAMP", "MAX(ended_at) of sessions, in UTC.", True),
        Column("last_bought_at", "TIMESTAMP", "MAX(bought_at) of sessions, in UTC; null before the first purchase."),
    ),
    key=("user_id",),
    reads={"sessions": SESSIONS},
    build=users,
    scope={"user_id": "user_id"},
    rules={"buying_sessions_at_most_sessions": "buying_sessions <= sessions"},
    sort_by=("last_ended_on",),
    properties={"delta.dataSkippingStatsColumns": "user_id,last_ended_on"},
)
