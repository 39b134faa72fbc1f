"""Count a product that is put into the cart once, whether a shop sends a click, an interaction or both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

PAIR_SECONDS = 10
"""Up to so many seconds after the one before, a click and an interaction may be the same product put into the cart."""


def count_once(candidates: DataFrame, session: Sequence[str], order: Sequence[str]) -> DataFrame:
    """The clicks and interactions that put something into a cart, with which of them count: two columns more.

    ``is_cart_add`` is false for an event that only repeats an earlier one of the other kind. A burst
    is a session's candidates on one page, none more than PAIR_SECONDS after the one before, none with
    another category or price than the burst named last, all on one day in UTC. In order of time, each
    event pairs with the first event of the other kind that still waits in its burst; else it counts,
    and waits. So at every moment a burst is as many products as the greater of its clicks and its
    interactions, and no later event changes whether an earlier one counts.

    ``cart_price`` is what an event adds to the cart's value. Where the event that counts names no
    price, the first one of its burst that does adds it.

    Days are apart because some tables look at each day by itself.
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    page = (*session, "page", "_day")
    on_page = Window.partitionBy(*page).orderBy(*order)
    in_run = Window.partitionBy(*page, "_run").orderBy(*order)
    in_burst = Window.partitionBy(*page, "_run", "_burst").orderBy(*order)
    before, so_far = (Window.unboundedPreceding, -1), (Window.unboundedPreceding, 0)
    follows = f"timestampdiff(MICROSECOND, _previous_at, event_at) <= {PAIR_SECONDS * 1_000_000}"
    another = "coalesce(category <> _category, false) OR coalesce(price <> _price, false)"
    price = (
        "CASE WHEN price IS NOT NULL AND _known_price IS NULL THEN _products * price "
        "WHEN is_cart_add THEN _known_price END"
    )
    return (
        candidates.withColumn("_day", F.to_date("event_at"))
        .withColumn("_previous_at", F.lag("event_at").over(on_page))
        .withColumn("_begins", F.expr(f"CASE WHEN {follows} THEN 0 ELSE 1 END"))
        .withColumn("_run", F.sum("_begins").over(on_page.rowsBetween(*so_far)))
        .withColumn("_category", F.last("category", ignorenulls=True).over(in_run.rowsBetween(*before)))
        .withColumn("_price", F.last("price", ignorenulls=True).over(in_run.rowsBetween(*before)))
        .withColumn("_changes", F.expr(f"CASE WHEN {another} THEN 1 ELSE 0 END"))
        .withColumn("_burst", F.sum("_changes").over(in_run.rowsBetween(*so_far)))
        .withColumn("_one", F.expr("CASE WHEN kind = 'click' THEN 1 ELSE -1 END"))
        .withColumn("_more_clicks", F.sum("_one").over(in_burst.rowsBetween(*so_far)))
        .withColumn("_place", F.row_number().over(in_burst))
        .withColumn("_known_price", F.last("price", ignorenulls=True).over(in_burst.rowsBetween(*before)))
        .withColumn("_products", F.expr("(_place + abs(_more_clicks)) / 2"))
        .withColumn("is_cart_add", F.expr("abs(_more_clicks) > abs(_more_clicks - _one)"))
        .withColumn("cart_price", F.expr(price))
        .select(*candidates.columns, "is_cart_add", "cart_price")
    )
