"""Put the events of a session into one order, whatever their kind; sessions and features are made from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gold.shared.carts import PAIR_SECONDS, count_once
from gold.shared.exact import money
from lakehouse.table import Column
from silver.events import SILVER

if TYPE_CHECKING:
    from pyspark.sql import Column as SparkColumn
    from pyspark.sql import DataFrame

EVENTS_OF_A_SESSION = {name: SILVER[name] for name in ("page_views", "clicks", "interactions")}
"""The silver tables that a session's events come from."""

SESSION = ("user_id", "session_id")
"""What tells sessions apart: two users with one session id are two sessions."""

ORDER = ("event_at", "arrived_at", "topic", "topic_id", "partition", "offset")
"""The order of a session's events: as they happened, then as they arrived. Total, so that it never changes."""

PAGE = "CASE WHEN page_host IS NULL THEN page_path ELSE concat('https://', page_host, page_path) END"
"""SQL for a page, whatever its address has after the path: no token and no e-mail from there reaches gold."""

_OF_VIEWS = ("referrer_host", "referrer_kind", "campaign_source", "campaign_medium", "campaign_name")


def timeline(page_views: DataFrame, clicks: DataFrame, interactions: DataFrame) -> DataFrame:
    """One row per event: whose and when it is, its kind, its action, and the page it happened on.

    ``kind`` is page_view, click or interaction. ``action`` is a click's element or an
    interaction's type, and null for a page view. ``is_cart_add`` and ``cart_price`` count each product
    that is put into a cart once.
    """
    from pyspark.sql import functions as F

    from lakehouse.dataframes import union

    def part(events: DataFrame, kind: str, action: str | None, purchase: str = "false") -> DataFrame:
        of_view = (F.col(name) if kind == "page_view" else F.lit(None).cast("STRING").alias(name) for name in _OF_VIEWS)
        return events.select(
            *SESSION,
            *ORDER,
            F.lit(kind).alias("kind"),
            (F.col(action) if action else F.lit(None).cast("STRING")).alias("action"),
            "page_url",
            F.expr(PAGE).alias("page"),
            "page_kind",
            *of_view,
            "category",
            "price",
            F.expr(purchase).alias("is_purchase"),
            "is_known_crawler",
        )

    def clicked(*, into_cart: bool) -> DataFrame:
        rows = clicks.where("is_cart_add" if into_cart else "NOT is_cart_add")
        return part(rows, "click", "element_id", "is_purchase")

    def interacted(*, into_cart: bool) -> DataFrame:
        rows = interactions.where(f"interaction_type {'=' if into_cart else '<>'} 'add_to_cart'")
        return part(rows, "interaction", "interaction_type")

    # Few events put something into a cart: only they are looked at one by one.
    carts = count_once(union([clicked(into_cart=True), interacted(into_cart=True)]), SESSION, ORDER)
    others = union([part(page_views, "page_view", None), clicked(into_cart=False), interacted(into_cart=False)])
    no_cart = {"is_cart_add": F.lit(False), "cart_price": F.lit(None).cast("DOUBLE")}
    events = union([others.select("*", *(value.alias(name) for name, value in no_cart.items())), carts])
    is_on_product = F.col("price").isNotNull() | (F.col("page_kind") == "product")
    return events.select(
        "*",
        is_on_product.alias("is_on_product"),
        ((F.col("kind") == "page_view") & is_on_product).alias("is_product_view"),
    )


def revenue() -> SparkColumn:
    """What a timeline's purchases are worth together; 0 without one."""
    from pyspark.sql import functions as F

    return F.coalesce(F.sum(F.when(F.col("is_purchase"), money("price"))), F.lit(0)).cast("DECIMAL(18,2)")


CART_ADDS = Column(
    "cart_adds",
    "BIGINT",
    "Products put into the cart, by clicks WHERE is_cart_add or interactions WHERE interaction_type = 'add_to_cart'. A "
    f"click and an interaction of a session on one page and day, at most {PAIR_SECONDS} seconds apart and of no other "
    "category or price, are one product, and count where the first of the two does.",
    True,
)
PURCHASES = Column("purchases", "BIGINT", "COUNT(*) of clicks WHERE is_purchase.", True)
REVENUE = Column(
    "revenue",
    "DECIMAL(18,2)",
    "SUM(price), each in whole cents, of clicks WHERE is_purchase, in the shop's currency.",
    True,
)
"""Figures of a timeline that mean the same in every table that has them."""
