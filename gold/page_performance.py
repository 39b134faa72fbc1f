"""Measure each page by day: views, time on it, entrances and exits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gold.shared.exact import mean
from gold.shared.timeline import (
    CART_ADDS,
    EVENTS_OF_A_SESSION,
    ORDER,
    PURCHASES,
    SESSION,
    timeline,
)
from lakehouse.table import Column, Format, Table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def page_performance(page_views: DataFrame, clicks: DataFrame, interactions: DataFrame) -> DataFrame:
    """One row per day and page that anything happened on.

    Each day is looked at by itself: what a session across midnight does on the other day counts there.
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    events = timeline(page_views, clicks, interactions).withColumn("event_on", F.to_date("event_at"))
    is_view = F.col("kind") == "page_view"
    on_a_day = Window.partitionBy(*SESSION, "event_on")
    among_views = Window.partitionBy(*SESSION, "event_on", "kind").orderBy(*ORDER)
    seen = (
        events.withColumn("_previous", F.lag("event_at").over(among_views))
        .withColumn("_next", F.lead("event_at").over(among_views))
        .withColumn("_last_at", F.max("event_at").over(on_a_day))
        # The last page was looked at until the session's last event, if there was one after it.
        .withColumn("_until", F.when(is_view, F.coalesce("_next", F.nullif("_last_at", "event_at"))))
        .withColumn("_seconds", F.expr("timestampdiff(MICROSECOND, event_at, _until) / 1e6D"))
    )
    return (
        seen.groupBy("event_on", "page", "page_kind")
        .agg(
            F.count_if(is_view).alias("page_views"),
            F.countDistinct(F.when(is_view, F.col("user_id"))).alias("visitors"),
            F.countDistinct(F.when(is_view, F.struct(*SESSION))).alias("sessions"),
            F.count_if(is_view & F.col("_previous").isNull()).alias("entrances"),
            F.count_if(is_view & F.col("_next").isNull()).alias("exits"),
            F.count_if(F.col("kind") == "click").alias("clicks"),
            F.count_if(F.col("kind") == "interaction").alias("interactions"),
            F.count_if("is_cart_add").alias("cart_adds"),
            F.count_if("is_purchase").alias("purchases"),
            mean("_seconds").alias("seconds_on_page_mean"),
        )
        .withColumn("exit_rate", F.when(F.col("page_views") > 0, F.col("exits") / F.col("page_views")))
    )


TABLE = Table(
    name="gold.page_performance",
    doc="One row per (event_on, page) that anything happened on: how it was seen and used on the day. "
    "A session across midnight counts on each day for what it did there.",
    columns=(
        Column("page", "STRING", "page_host and page_path: the address without query and anchor.", True),
        Column(
            "page_kind",
            "STRING",
            "By the path: home, category, product, search, cart, checkout, order or other; or as conf/shop.toml says.",
            True,
        ),
        Column("page_views", "BIGINT", "COUNT(*) of page_views.", True),
        Column("visitors", "BIGINT", "COUNT(DISTINCT user_id) of page_views.", True, additive=False),
        Column("sessions", "BIGINT", "COUNT(DISTINCT user_id and session_id) of page_views.", True, additive=False),
        Column("entrances", "BIGINT", "COUNT(*) of page_views that are the first of their session on the day.", True),
        Column("exits", "BIGINT", "COUNT(*) of page_views that are the last of their session on the day.", True),
        Column("clicks", "BIGINT", "COUNT(*) of clicks on the page, purchases included.", True),
        Column("interactions", "BIGINT", "COUNT(*) of interactions on the page.", True),
        CART_ADDS,
        PURCHASES,
        Column(
            "seconds_on_page_mean",
            "DOUBLE",
            "AVG over page_views of the seconds to the session's next page view on the day or, after its last one, "
            "to its last event on the day; null where nothing followed any of them.",
            format=Format.MEAN,
        ),
        Column("exit_rate", "DOUBLE", "exits / page_views, 0 to 1; null where it was not shown.", format=Format.SHARE),
        Column("event_on", "DATE", "The day of the events, in UTC.", True),
    ),
    key=("event_on", "page"),
    reads=EVENTS_OF_A_SESSION,
    build=page_performance,
    scope={"event_on": "event_on"},
    rules={"who_comes_in_leaves": "entrances <= page_views AND exits <= page_views"},
    sort_by=("event_on",),
)
