"""Count what is viewed, put into carts and bought by category, so that reports can compare categories."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gold.shared.timeline import (
    CART_ADDS,
    EVENTS_OF_A_SESSION,
    PURCHASES,
    REVENUE,
    SESSION,
    revenue,
    timeline,
)
from lakehouse.table import Column, Format, Table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

CATEGORY = "coalesce(category, '(none)')"
"""SQL for the category of an event."""


def category_performance(page_views: DataFrame, clicks: DataFrame, interactions: DataFrame) -> DataFrame:
    """One row per day and category."""
    from pyspark.sql import functions as F

    events = timeline(page_views, clicks, interactions)
    session = F.struct(*SESSION)
    return (
        events.groupBy(F.to_date("event_at").alias("event_on"), F.expr(CATEGORY).alias("category"))
        .agg(
            F.count("*").alias("events"),
            F.countDistinct("user_id").alias("visitors"),
            F.countDistinct(session).alias("sessions"),
            F.count_if("is_product_view").alias("product_views"),
            F.count_if("is_cart_add").alias("cart_adds"),
            F.count_if("is_purchase").alias("purchases"),
            F.countDistinct(F.when(F.col("is_purchase"), session)).alias("purchase_sessions"),
            revenue().alias("revenue"),
        )
        .withColumn("conversion_rate", F.col("purchase_sessions") / F.col("sessions"))
    )


TABLE = Table(
    name="gold.category_performance",
    doc="One row per (event_on, category): what was looked at, put into carts and bought on the day. A purchase counts "
    "for the category that its click names, a product put into the cart for that of its first event.",
    columns=(
        Column("category", "STRING", "The category that the event names; (none) where it names none.", True),
        Column("events", "BIGINT", "COUNT(*) of page_views, clicks and interactions.", True),
        Column("visitors", "BIGINT", "COUNT(DISTINCT user_id) of these events.", True, additive=False),
        Column("sessions", "BIGINT", "COUNT(DISTINCT user_id and session_id) of these events.", True, additive=False),
        Column(
            "product_views",
            "BIGINT",
            "COUNT(*) of page_views WHERE price IS NOT NULL, or page_kind = 'product'.",
            True,
        ),
        CART_ADDS,
        PURCHASES,
        Column(
            "purchase_sessions",
            "BIGINT",
            "COUNT(DISTINCT user_id and session_id) of clicks WHERE is_purchase.",
            True,
            additive=False,
        ),
        REVENUE,
        Column("conversion_rate", "DOUBLE", "purchase_sessions / sessions, 0 to 1.", True, format=Format.SHARE),
        Column("event_on", "DATE", "The day of the events, in UTC.", True),
    ),
    key=("event_on", "category"),
    reads=EVENTS_OF_A_SESSION,
    build=category_performance,
    # The whole day, as a click and an interaction that are one product may not both name its category.
    scope={"event_on": "event_on"},
    sort_by=("event_on",),
)
