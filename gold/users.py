"""Gold: what each visitor had done by the end of each visit, and so, in the newest row, by now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gold.sessions import TABLE as SESSIONS
from gold.timeline import SESSION
from lakehouse.table import Column, Table

if TYPE_CHECKING:
    from pyspark.sql import Column as SparkColumn
    from pyspark.sql import DataFrame


def users(sessions: DataFrame) -> DataFrame:
    """One row per session: the user's sessions that had ended by the end of it, itself included."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    # Total, so that sessions that end at the same instant always stand in one order.
    by_end = Window.partitionBy("user_id").orderBy("ended_at", "started_at", "session_id")
    so_far = by_end.rowsBetween(Window.unboundedPreceding, 0)

    def total(column: str) -> SparkColumn:
        return F.sum(column).over(so_far)

    def days(start: str, end: str) -> SparkColumn:
        return F.expr(f"timestampdiff(MICROSECOND, {start}, {end}) / 8.64e10D")

    return (
        sessions.withColumn("first_started_at", F.min("started_at").over(so_far))
        .withColumn("_last_started_at", F.max("started_at").over(so_far))
        .withColumn("_previous_ended_at", F.lag("ended_at").over(by_end))
        .withColumn("last_bought_at", F.max("bought_at").over(so_far))
        .withColumn("_sessions", F.row_number().over(by_end))
        .select(
            *SESSION,
            F.col("_sessions").cast("BIGINT").alias("sessions"),
            total("page_views").alias("page_views"),
            total("product_views").alias("product_views"),
            total("cart_adds").alias("cart_adds"),
            total("purchases").alias("purchases"),
            F.count_if("bought").over(so_far).alias("buying_sessions"),
            F.count_if("is_suspect").over(so_far).alias("suspect_sessions"),
            total("revenue").cast("DECIMAL(18,2)").alias("spend"),
            days("_previous_ended_at", "greatest(_previous_ended_at, started_at)").alias("days_since_previous_session"),
            days("last_bought_at", "ended_at").alias("days_since_last_purchase"),
            (days("first_started_at", "_last_started_at") / F.nullif(F.col("_sessions") - 1, F.lit(0))).alias(
                "days_between_sessions_mean"
            ),
            "bought",
            "is_closed",
            F.lead("ended_at").over(by_end).isNull().alias("is_newest"),
            "ended_on",
            "first_started_at",
            "last_bought_at",
            "ended_at",
        )
    )


TABLE = Table(
    name="gold.users",
    doc="One row per (user_id, session_id): the user as of ended_at, the end of the session. It counts the user's "
    "sessions that had ended by then, this one included, and nothing later. WHERE is_newest: one row per user.",
    columns=(
        Column("user_id", "STRING", "The visitor.", True),
        Column("session_id", "STRING", "The visit at whose end the row stands; unique within a user.", True),
        Column("sessions", "BIGINT", "COUNT(*) of the user's sessions that had ended.", True),
        Column("page_views", "BIGINT", "SUM(page_views) of these sessions.", True),
        Column("product_views", "BIGINT", "SUM(product_views) of these sessions.", True),
        Column("cart_adds", "BIGINT", "SUM(cart_adds) of these sessions.", True),
        Column("purchases", "BIGINT", "SUM(purchases) of these sessions.", True),
        Column("buying_sessions", "BIGINT", "COUNT(*) of these sessions WHERE bought.", True),
        Column("suspect_sessions", "BIGINT", "COUNT(*) of these sessions WHERE is_suspect.", True),
        Column("spend", "DECIMAL(18,2)", "SUM(revenue) of these sessions, in the shop's currency.", True),
        Column(
            "days_since_previous_session",
            "DOUBLE",
            "From the end of the session that ended before to the beginning of this one, in days of 24 hours; "
            "0 where they overlap; null for the first.",
        ),
        Column(
            "days_since_last_purchase",
            "DOUBLE",
            "From last_bought_at to ended_at, in days of 24 hours; null before the first purchase.",
        ),
        Column(
            "days_between_sessions_mean",
            "DOUBLE",
            "From the beginning of the user's first session to that of the latest, divided by sessions - 1, in days "
            "of 24 hours; null for the first.",
        ),
        Column("bought", "BOOLEAN", "Whether this very session bought.", True),
        Column(
            "is_closed", "BOOLEAN", "Whether this very session is closed; while it is not, ended_at may move.", True
        ),
        Column("is_newest", "BOOLEAN", "Whether this is the row of the user's session that ended last.", True),
        Column("ended_on", "DATE", "The day of ended_at, in UTC.", True),
        Column("first_started_at", "TIMESTAMP", "When the user's first session began, in UTC.", True),
        Column(
            "last_bought_at", "TIMESTAMP", "MAX(bought_at) of these sessions, in UTC; null before the first purchase."
        ),
        Column("ended_at", "TIMESTAMP", "As of when the row is: the end of the session, in UTC.", True),
    ),
    key=SESSION,
    reads={"sessions": SESSIONS},
    build=users,
    scope={"user_id": "user_id"},
    rules={"nobody_buys_more_often_than_he_comes": "buying_sessions <= sessions"},
    cluster_by=("ended_on",),
    properties={"delta.dataSkippingStatsColumns": "ended_on,ended_at"},
)
