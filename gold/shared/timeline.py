"""Put the events of a session into one order, whatever their kind; sessions and features are made from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    interaction's type, and null for a page view.
    """
    from pyspark.sql import functions as F

    from lakehouse.dataframes import union

    def part(events: DataFrame, kind: str, action: str | None, purchase: str, cart_add: str) -> DataFrame:
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
            F.expr(cart_add).alias("is_cart_add"),
        )

    events = union(
        [
            part(page_views, "page_view", None, "false", "false"),
            part(clicks, "click", "element_id", "is_purchase", "is_cart_add"),
            part(interactions, "interaction", "interaction_type", "false", "interaction_type = 'add_to_cart'"),
        ]
    )
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
    "COUNT(*) of clicks WHERE is_cart_add, and of interactions WHERE interaction_type = 'add_to_cart'.",
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
