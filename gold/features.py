"""The one feature function: what is known of a session at a cut, and nothing of what came after.

Training examples and live scoring both come from here. Every feature of the row at cut n is made
from the session's first n events alone, so appending events never changes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gold.timeline import ORDER, SESSION, referrer_kind
from lakehouse.table import Column

if TYPE_CHECKING:
    from pyspark.sql import Column as SparkColumn
    from pyspark.sql import DataFrame

CUTS = (1, 2, 3, 5, 8, 13, 21)
"""After which of a session's events it is looked at: the same for those who buy and those who don't."""

NUMBERS = (
    Column("page_views", "DOUBLE", "Pages shown so far."),
    Column("product_views", "DOUBLE", "Pages of products shown so far."),
    Column("clicks", "DOUBLE", "Clicks so far."),
    Column("scrolls", "DOUBLE", "Scrolls so far."),
    Column("zooms_and_hovers", "DOUBLE", "Zooms and hovers so far."),
    Column("searches", "DOUBLE", "Searches so far."),
    Column("cart_adds", "DOUBLE", "Products put into the cart so far."),
    Column("cart_removes", "DOUBLE", "Products taken out of the cart so far."),
    Column("wishlist_adds", "DOUBLE", "Products put on the wishlist so far."),
    Column("distinct_pages", "DOUBLE", "Different page addresses so far."),
    Column("distinct_products", "DOUBLE", "Different products' pages so far."),
    Column("repeated_product_views", "DOUBLE", "Views of products that had been viewed before in the session."),
    Column("distinct_categories", "DOUBLE", "Different product categories so far."),
    Column(
        "price_mean", "DOUBLE", "The mean of the prices seen so far, in the shop's currency; null before the first."
    ),
    Column(
        "price_spread", "DOUBLE", "The highest price seen less the lowest, in the shop's currency; null before one."
    ),
    Column("price_last", "DOUBLE", "The price seen last, in the shop's currency; null before the first."),
    Column("cart_value", "DOUBLE", "The sum of the prices of what was put into the cart, in the shop's currency."),
    Column("seconds_so_far", "DOUBLE", "From the first event to the cut, in seconds."),
    Column(
        "seconds_since_previous", "DOUBLE", "From the event before to the cut, in seconds; null at the first event."
    ),
    Column(
        "longest_pause_seconds", "DOUBLE", "The longest pause between two events so far, in seconds; null at first."
    ),
    Column("hour_of_day", "DOUBLE", "The hour of the cut's event, 0 to 23, in UTC."),
    Column("day_of_week", "DOUBLE", "The day of the cut's event, 1 for Sunday to 7 for Saturday, in UTC."),
)
"""The features that are numbers."""

TEXTS = (
    Column("referrer_kind", "STRING", "Where the first page's visitor came from: direct, internal, search, …"),
    Column("last_kind", "STRING", "The kind of the cut's event: page_view, click or interaction."),
    Column("last_category", "STRING", "The product category seen last; null before the first."),
)
"""The features that are categories."""

FEATURES = (*NUMBERS, *TEXTS)
"""All features, in the order in which the model gets them."""


def features(events: DataFrame) -> DataFrame:
    """One row per (user_id, session_id, cut) that a session reached before its first purchase.

    ``events`` is a timeline. The columns are the session's ids, cut, cut_at (the instant of the
    cut's event) and FEATURES.
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    in_order = Window.partitionBy(*SESSION).orderBy(*ORDER)
    so_far = in_order.rowsBetween(Window.unboundedPreceding, 0)

    def count(condition: str) -> SparkColumn:
        return F.count_if(F.expr(condition)).over(so_far)

    def distinct(column: str, condition: str = "true") -> SparkColumn:
        return F.size(F.collect_set(F.expr(f"CASE WHEN {condition} THEN {column} END")).over(so_far))

    def last(column: str) -> SparkColumn:
        return F.last(column, ignorenulls=True).over(so_far)

    early = (
        events.withColumn("cut", F.row_number().over(in_order))
        .where(F.col("cut") <= max(CUTS))
        .withColumn("_previous_at", F.lag("event_at").over(in_order))
        .withColumn("_pause", F.expr("timestampdiff(MICROSECOND, _previous_at, event_at) / 1e6D"))
        .withColumn("_started_at", F.first("event_at").over(so_far))
        .withColumn("_first_view", F.first(F.expr(_FIRST_VIEW), ignorenulls=True).over(so_far))
    )
    action = "kind = 'interaction' AND action"
    values = {
        "page_views": count("kind = 'page_view'"),
        "product_views": count("is_product_view"),
        "clicks": count("kind = 'click'"),
        "scrolls": count(f"{action} = 'scroll'"),
        "zooms_and_hovers": count(f"{action} IN ('zoom', 'hover')"),
        "searches": count(f"{action} = 'search'"),
        "cart_adds": count("is_cart_add"),
        "cart_removes": count(f"{action} = 'remove_from_cart'"),
        "wishlist_adds": count(f"{action} = 'add_to_wishlist'"),
        "distinct_pages": distinct("page_url"),
        "distinct_products": distinct("page_url", "is_product_view"),
        "repeated_product_views": count("is_product_view") - distinct("page_url", "is_product_view"),
        "distinct_categories": distinct("category"),
        "price_mean": F.avg("price").over(so_far),
        "price_spread": F.max("price").over(so_far) - F.min("price").over(so_far),
        "price_last": last("price"),
        "cart_value": F.coalesce(F.sum(F.expr("CASE WHEN is_cart_add THEN price END")).over(so_far), F.lit(0.0)),
        "seconds_so_far": F.expr("timestampdiff(MICROSECOND, _started_at, event_at) / 1e6D"),
        "seconds_since_previous": F.col("_pause"),
        "longest_pause_seconds": F.max("_pause").over(so_far),
        "hour_of_day": F.hour("event_at"),
        "day_of_week": F.dayofweek("event_at"),
        "referrer_kind": F.expr(referrer_kind("_first_view.referrer_url", "_first_view.page_url")),
        "last_kind": F.col("kind"),
        "last_category": last("category"),
    }
    return (
        early.select(
            *SESSION,
            "cut",
            F.col("event_at").alias("cut_at"),
            F.max("is_purchase").over(so_far).alias("_has_bought"),
            *(values[column.name].cast(column.type).alias(column.name) for column in FEATURES),
        )
        .where(F.col("cut").isin(*CUTS) & ~F.col("_has_bought"))
        .drop("_has_bought")
    )


_FIRST_VIEW = "CASE WHEN kind = 'page_view' THEN named_struct('referrer_url', referrer_url, 'page_url', page_url) END"
