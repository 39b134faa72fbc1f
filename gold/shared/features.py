"""Compute the features of a session at a cutoff, by one function for training and for scoring.

The cutoff n is the number of events after which a session is scored; the column is ``cut``. Every
feature of the row at cutoff n is made from the session's first n events, and from what its user had
done before the first of them. So appending events never changes the row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gold.shared.exact import mean, total
from gold.shared.timeline import ORDER, SESSION
from gold.user_history import AT_THE_START
from lakehouse.table import Column, Format

if TYPE_CHECKING:
    from pyspark.sql import Column as SparkColumn
    from pyspark.sql import DataFrame

CUTOFFS = (1, 2, 3, 5, 8, 13, 21)
"""The cutoffs: the same for sessions that buy and for those that do not."""

HISTORY = tuple(Column(column.name, "DOUBLE", column.doc, column.required) for column in AT_THE_START)
"""What the user had done before the session began: columns of gold.user_history."""

NUMBERS = (
    Column("page_views", "DOUBLE", "Pages shown so far.", required=True),
    Column("product_views", "DOUBLE", "Pages of products shown so far.", required=True),
    Column("clicks", "DOUBLE", "Clicks so far.", required=True),
    Column("interactions", "DOUBLE", "Interactions of any type so far.", required=True),
    Column("scrolls", "DOUBLE", "Scrolls so far.", required=True),
    Column("zooms", "DOUBLE", "Zooms so far.", required=True),
    Column("hovers", "DOUBLE", "Hovers so far.", required=True),
    Column("product_zooms_and_hovers", "DOUBLE", "Zooms and hovers on pages of products so far.", required=True),
    Column("searches", "DOUBLE", "Searches so far.", required=True),
    Column("wishlist_adds", "DOUBLE", "Products put on the wishlist so far.", required=True),
    Column("shares_and_videos", "DOUBLE", "Shares and videos played so far.", required=True),
    Column("cart_adds", "DOUBLE", "Products put into the cart so far, as sessions.cart_adds counts.", required=True),
    Column("cart_removes", "DOUBLE", "Products taken out of the cart so far.", required=True),
    Column(
        "cart_items", "DOUBLE", "Products put into the cart less those taken out so far, at least 0.", required=True
    ),
    Column(
        "cart_value",
        "DOUBLE",
        "The sum of the prices of what was put into the cart, in the shop's currency.",
        required=True,
    ),
    Column("cart_views", "DOUBLE", "Views of the cart's page so far.", required=True),
    Column("checkout_views", "DOUBLE", "Views of the checkout's page so far.", required=True),
    Column(
        "seconds_since_cart_add",
        "DOUBLE",
        "From the last product put into the cart to the cutoff, in seconds; null before the first.",
    ),
    Column("distinct_pages", "DOUBLE", "Different page addresses so far.", required=True),
    Column("distinct_products", "DOUBLE", "Different products' pages so far.", required=True),
    Column(
        "repeated_product_views",
        "DOUBLE",
        "Views of products that had been viewed before in the session.",
        required=True,
    ),
    Column("distinct_categories", "DOUBLE", "Different product categories so far.", required=True),
    Column(
        "repeated_category_views",
        "DOUBLE",
        "Views of pages with a category that had been viewed before in the session.",
        required=True,
    ),
    Column(
        "price_mean",
        "DOUBLE",
        "The mean of the prices seen so far, in the shop's currency; null before the first.",
        format=Format.MEAN,
    ),
    Column(
        "price_spread", "DOUBLE", "The highest price seen less the lowest, in the shop's currency; null before one."
    ),
    Column("price_last", "DOUBLE", "The price seen last, in the shop's currency; null before the first."),
    Column(
        "price_to_category",
        "DOUBLE",
        "The last price seen with a category, divided by the mean of that category's prices seen by then; "
        "null before one. Where that mean is 0 the price is passed over.",
    ),
    Column("seconds_so_far", "DOUBLE", "From the first event to the cutoff, in seconds.", required=True),
    Column(
        "seconds_since_previous", "DOUBLE", "From the event before to the cutoff, in seconds; null at the first event."
    ),
    Column(
        "longest_pause_seconds", "DOUBLE", "The longest pause between two events so far, in seconds; null at first."
    ),
    Column(
        "page_seconds_mean",
        "DOUBLE",
        "The mean time from one page view to the next so far, in seconds; null before the second.",
        format=Format.MEAN,
    ),
    Column(
        "product_seconds",
        "DOUBLE",
        "The time for which the page shown last was a product's, up to the cutoff, in seconds.",
        required=True,
    ),
    Column("page_views_per_minute", "DOUBLE", "Page views so far per minute so far; null while no time has passed."),
    Column("clicks_per_minute", "DOUBLE", "Clicks so far per minute so far; null while no time has passed."),
    Column(
        "interactions_per_minute", "DOUBLE", "Interactions so far per minute so far; null while no time has passed."
    ),
    Column("hour_of_day", "DOUBLE", "The hour of the cutoff's event, 0 to 23, in UTC.", required=True),
    Column(
        "day_of_week", "DOUBLE", "The day of the cutoff's event, 1 for Sunday to 7 for Saturday, in UTC.", required=True
    ),
    *HISTORY,
)
"""The features that are numbers."""

TEXTS = (
    Column(
        "referrer_kind",
        "STRING",
        "Where the user of the first page came from: direct, internal, search, …",
        required=True,
    ),
    Column("last_kind", "STRING", "The kind of the cutoff's event: page_view, click or interaction.", required=True),
    Column("last_category", "STRING", "The product category seen last; null before the first."),
    Column(
        "last_page_kind",
        "STRING",
        "The kind of page of the cutoff's event: home, category, product, search, …",
        required=True,
    ),
)
"""The features that are categories."""

FEATURES = (*NUMBERS, *TEXTS)
"""All features, in the order in which the model gets them."""

_SHOWS_PRODUCT = "CASE WHEN kind = 'page_view' THEN is_product_view END"

_PRICE_TO_CATEGORY = "CASE WHEN category IS NOT NULL THEN price / nullif(_category_price, 0D) END"


def features(events: DataFrame, user_history: DataFrame) -> DataFrame:
    """One row per (user_id, session_id, cut) that a session reached before its first purchase.

    ``events`` is a timeline, ``user_history`` the table of that name. The columns are the
    session's ids, cut, cut_at (the instant of the cutoff's event) and FEATURES.
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    in_order = Window.partitionBy(*SESSION).orderBy(*ORDER)
    so_far = in_order.rowsBetween(Window.unboundedPreceding, 0)

    before = in_order.rowsBetween(Window.unboundedPreceding, -1)
    in_category = Window.partitionBy(*SESSION, "category").orderBy(*ORDER).rowsBetween(Window.unboundedPreceding, 0)

    def count(condition: str) -> SparkColumn:
        return F.count_if(F.expr(condition)).over(so_far)

    def is_first(*same: str) -> SparkColumn:
        """Whether an event is the session's first with its values of these columns: distinct ones are counted by it."""
        return F.row_number().over(Window.partitionBy(*SESSION, *same).orderBy(*ORDER)) == 1

    def last(column: str) -> SparkColumn:
        return F.last(column, ignorenulls=True).over(so_far)

    def seconds(start: str) -> SparkColumn:
        return F.expr(f"timestampdiff(MICROSECOND, {start}, event_at) / 1e6D")

    early = (
        events.withColumn("cut", F.row_number().over(in_order))
        .where(F.col("cut") <= max(CUTOFFS))
        .withColumn("_previous_at", F.lag("event_at").over(in_order))
        .withColumn("_pause", seconds("_previous_at"))
        .withColumn("_started_at", F.first("event_at").over(so_far))
        .withColumn("_seconds", seconds("_started_at"))
        .withColumn("_is_view", F.col("kind") == "page_view")
        .withColumn("_is_first_view", F.col("_is_view") & is_first("kind"))
        .withColumn("_is_new_page", is_first("page_url"))
        .withColumn("_is_new_product", F.col("is_product_view") & is_first("page_url", "is_product_view"))
        .withColumn("_is_new_category", F.col("category").isNotNull() & is_first("category"))
        .withColumn("_views_category", F.col("_is_view") & F.col("category").isNotNull())
        .withColumn("_views_new_category", F.col("_views_category") & is_first("category", "kind"))
        .withColumn("_first_view_at", F.min(F.expr("CASE WHEN kind = 'page_view' THEN event_at END")).over(so_far))
        .withColumn("_last_view_at", F.max(F.expr("CASE WHEN kind = 'page_view' THEN event_at END")).over(so_far))
        .withColumn("_cart_add_at", F.max(F.expr("CASE WHEN is_cart_add THEN event_at END")).over(so_far))
        .withColumn("_referrer_kind", F.max(F.expr("CASE WHEN _is_first_view THEN referrer_kind END")).over(so_far))
        # The pause before an event was spent on the page that had been shown last.
        .withColumn("_shows_product", F.expr(_SHOWS_PRODUCT))
        .withColumn("_was_on_product", F.last("_shows_product", ignorenulls=True).over(before))
        .withColumn("_category_price", mean("price", in_category))
        .withColumn("_to_category", F.expr(_PRICE_TO_CATEGORY))
    )
    action = "kind = 'interaction' AND action"

    def per_minute(kind: str) -> SparkColumn:
        return count(f"kind = '{kind}'") * 60 / F.nullif("_seconds", F.lit(0.0))

    values = {
        "page_views": count("kind = 'page_view'"),
        "product_views": count("is_product_view"),
        "clicks": count("kind = 'click'"),
        "interactions": count("kind = 'interaction'"),
        "scrolls": count(f"{action} = 'scroll'"),
        "zooms": count(f"{action} = 'zoom'"),
        "hovers": count(f"{action} = 'hover'"),
        "product_zooms_and_hovers": count(f"{action} IN ('zoom', 'hover') AND is_on_product"),
        "searches": count(f"{action} = 'search'"),
        "wishlist_adds": count(f"{action} = 'add_to_wishlist'"),
        "shares_and_videos": count(f"{action} IN ('share', 'video_play')"),
        "cart_adds": count("is_cart_add"),
        "cart_removes": count(f"{action} = 'remove_from_cart'"),
        "cart_items": F.greatest(count("is_cart_add") - count(f"{action} = 'remove_from_cart'"), F.lit(0)),
        "cart_value": F.coalesce(total("cart_price", so_far), F.lit(0.0)),
        "cart_views": count("kind = 'page_view' AND page_kind = 'cart'"),
        "checkout_views": count("kind = 'page_view' AND page_kind = 'checkout'"),
        "seconds_since_cart_add": seconds("_cart_add_at"),
        "distinct_pages": count("_is_new_page"),
        "distinct_products": count("_is_new_product"),
        "repeated_product_views": count("is_product_view") - count("_is_new_product"),
        "distinct_categories": count("_is_new_category"),
        "repeated_category_views": count("_views_category") - count("_views_new_category"),
        "price_mean": mean("price", so_far),
        "price_spread": F.max("price").over(so_far) - F.min("price").over(so_far),
        "price_last": last("price"),
        "price_to_category": last("_to_category"),
        "seconds_so_far": F.col("_seconds"),
        "seconds_since_previous": F.col("_pause"),
        "longest_pause_seconds": F.max("_pause").over(so_far),
        "page_seconds_mean": F.expr("timestampdiff(MICROSECOND, _first_view_at, _last_view_at) / 1e6D")
        / F.nullif(count("kind = 'page_view'") - 1, F.lit(0)),
        "product_seconds": F.coalesce(total("CASE WHEN _was_on_product THEN _pause END", so_far), F.lit(0.0)),
        "page_views_per_minute": per_minute("page_view"),
        "clicks_per_minute": per_minute("click"),
        "interactions_per_minute": per_minute("interaction"),
        "hour_of_day": F.hour("event_at"),
        "day_of_week": F.dayofweek("event_at"),
        **{column.name: F.col(f"_history.{column.name}") for column in HISTORY},
        "referrer_kind": F.coalesce("_referrer_kind", F.lit("direct")),
        "last_kind": F.col("kind"),
        "last_category": last("category"),
        "last_page_kind": F.col("page_kind"),
    }
    history = user_history.select(*SESSION, F.struct(*(column.name for column in HISTORY)).alias("_history"))
    return (
        early.join(history, list(SESSION))
        .select(
            *SESSION,
            "cut",
            F.col("event_at").alias("cut_at"),
            F.max("is_purchase").over(so_far).alias("_has_bought"),
            *(values[column.name].cast(column.type).alias(column.name) for column in FEATURES),
        )
        .where(F.col("cut").isin(*CUTOFFS) & ~F.col("_has_bought"))
        .drop("_has_bought")
    )
