"""Count how far the sessions of a day get, so that reports show where they stop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gold.sessions import TABLE as SESSIONS
from lakehouse.table import Column, Format, Table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def daily_funnel(sessions: DataFrame) -> DataFrame:
    """One row per day and kind of referrer."""
    from pyspark.sql import functions as F

    return (
        sessions.groupBy("started_on", "referrer_kind")
        .agg(
            F.countDistinct("user_id").alias("visitors"),
            F.count("*").alias("sessions"),
            F.count_if(F.col("product_views") > 0).alias("product_view_sessions"),
            F.count_if(F.col("cart_adds") > 0).alias("cart_sessions"),
            F.count_if("bought").alias("purchase_sessions"),
            F.count_if(F.col("bought") & (F.col("cart_adds") == 0)).alias("purchase_without_cart_sessions"),
            F.count_if("is_suspect").alias("suspect_sessions"),
            F.sum("product_views").alias("product_views"),
            F.sum("cart_adds").alias("cart_adds"),
            F.sum("purchases").alias("purchases"),
            F.sum("revenue").cast("DECIMAL(18,2)").alias("revenue"),
        )
        .withColumn("conversion_rate", F.col("purchase_sessions") / F.col("sessions"))
    )


TABLE = Table(
    name="gold.daily_funnel",
    doc="One row per (started_on, referrer_kind): how far the sessions that began on the day got. Each step "
    "counts by itself: a session may buy without a cart. Suspect sessions count too, and are counted apart.",
    columns=(
        Column(
            "referrer_kind",
            "STRING",
            "sessions.referrer_kind: direct, internal, search, social, email, paid or other.",
            True,
        ),
        Column(
            "visitors",
            "BIGINT",
            "COUNT(DISTINCT user_id) of sessions; a user with several kinds of referrer counts in several rows.",
            True,
            additive=False,
        ),
        Column("sessions", "BIGINT", "COUNT(*) of sessions.", True),
        Column("product_view_sessions", "BIGINT", "COUNT(*) of sessions WHERE product_views > 0.", True),
        Column("cart_sessions", "BIGINT", "COUNT(*) of sessions WHERE cart_adds > 0.", True),
        Column("purchase_sessions", "BIGINT", "COUNT(*) of sessions WHERE bought.", True),
        Column(
            "purchase_without_cart_sessions", "BIGINT", "COUNT(*) of sessions WHERE bought AND cart_adds = 0.", True
        ),
        Column("suspect_sessions", "BIGINT", "COUNT(*) of sessions WHERE is_suspect.", True),
        Column("product_views", "BIGINT", "SUM(product_views) of sessions.", True),
        Column("cart_adds", "BIGINT", "SUM(cart_adds) of sessions.", True),
        Column("purchases", "BIGINT", "SUM(purchases) of sessions.", True),
        Column("revenue", "DECIMAL(18,2)", "SUM(revenue) of sessions, in the shop's currency.", True),
        Column("conversion_rate", "DOUBLE", "purchase_sessions / sessions, 0 to 1.", True, format=Format.SHARE),
        Column("started_on", "DATE", "sessions.started_on: the day of the first event, in UTC.", True),
    ),
    key=("started_on", "referrer_kind"),
    reads={"sessions": SESSIONS},
    build=daily_funnel,
    scope={"started_on": "started_on", "referrer_kind": "referrer_kind"},
    rules={
        "no_step_has_more_than_all": "greatest(product_view_sessions, cart_sessions, purchase_sessions) <= sessions"
    },
    sort_by=("started_on",),
)
