"""Put the events of a session into one order, whatever their kind; sessions and features are made from it."""

from __future__ import annotations

from string import ascii_lowercase, ascii_uppercase
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

BUY = "btn_buy"
"""The element whose click is a purchase."""

PRODUCT_PAGE = "^[^?#]*/(p|product|products|item|items)/[^/?#]+"
"""How the address of a product's page looks, in lower case."""


def timeline(page_views: DataFrame, clicks: DataFrame, interactions: DataFrame) -> DataFrame:
    """One row per event: whose and when it is, its kind, its action, and the page it happened on.

    ``kind`` is page_view, click or interaction. ``action`` is a click's element or an
    interaction's type, and null for a page view.
    """
    from pyspark.sql import functions as F

    from lakehouse.dataframes import union

    def part(events: DataFrame, kind: str, action: str | None, referrer: str | None) -> DataFrame:
        return events.select(
            *SESSION,
            *ORDER,
            F.lit(kind).alias("kind"),
            (F.col(action) if action else F.lit(None).cast("STRING")).alias("action"),
            "page_url",
            (F.col(referrer) if referrer else F.lit(None).cast("STRING")).alias("referrer_url"),
            "category",
            "price",
        )

    events = union(
        [
            part(page_views, "page_view", None, "referrer_url"),
            part(clicks, "click", "element_id", None),
            part(interactions, "interaction", "interaction_type", None),
        ]
    )
    is_view = F.col("kind") == "page_view"
    is_product_page = F.expr(_lower("page_url")).rlike(PRODUCT_PAGE)
    is_on_product = F.col("price").isNotNull() | F.coalesce(is_product_page, F.lit(False))
    return events.select(
        "*",
        is_on_product.alias("is_on_product"),
        (is_view & is_on_product).alias("is_product_view"),
        ((F.col("kind") == "click") & (F.col("action") == BUY)).alias("is_purchase"),
        F.coalesce(F.col("action").isin("add_to_cart", "btn_add_to_cart"), F.lit(False)).alias("is_cart_add"),
    )


def revenue() -> SparkColumn:
    """What a timeline's purchases are worth together; 0 without one."""
    from pyspark.sql import functions as F

    return F.coalesce(F.sum(F.when(F.col("is_purchase"), money("price"))), F.lit(0)).cast("DECIMAL(18,2)")


CART_ADDS = Column(
    "cart_adds",
    "BIGINT",
    "COUNT(*) of clicks WHERE element_id IN ('btn_add_to_cart', 'add_to_cart'), and of interactions WHERE "
    "interaction_type = 'add_to_cart'.",
    True,
)
PURCHASES = Column("purchases", "BIGINT", f"COUNT(*) of clicks WHERE element_id = '{BUY}'.", True)
REVENUE = Column(
    "revenue",
    "DECIMAL(18,2)",
    f"SUM(price), each in whole cents, of clicks WHERE element_id = '{BUY}', in the shop's currency.",
    True,
)
"""Figures of a timeline that mean the same in every table that has them."""


def page(url: str) -> str:
    """SQL for a page's address without what follows a question mark or a hash."""
    return f"regexp_extract({url}, '^[^?#]*', 0)"


def page_kind(url: str) -> str:
    """SQL for what kind of page an address is: home, category, product, search, cart, checkout, order or other."""
    path = _lower(f"regexp_extract({url}, '^(?:[a-zA-Z][a-zA-Z0-9+.-]*:)?(?://[^/?#]*)?([^?#]*)', 1)")
    return f"""CASE
        WHEN {path} RLIKE '/(p|products?|items?)/[^/]' THEN 'product'
        WHEN {path} RLIKE '^/?(index[.][a-z]+)?\\\\z' THEN 'home'
        WHEN {path} RLIKE '/(c|category|categories)(/|\\\\z)' THEN 'category'
        WHEN {path} RLIKE '/search(/|\\\\z)' THEN 'search'
        WHEN {path} RLIKE '/(cart|basket)(/|\\\\z)' THEN 'cart'
        WHEN {path} RLIKE '/checkout(/|\\\\z)' THEN 'checkout'
        WHEN {path} RLIKE '/orders?(/|\\\\z)' THEN 'order'
        ELSE 'other' END"""


def host(url: str) -> str:
    """SQL for the host of an address, in lower case; empty where it has none."""
    return _lower(f"regexp_extract({url}, '^[a-zA-Z][a-zA-Z0-9+.-]*://(?:[^/@]*@)?([^/:?#]+)', 1)")


def _lower(text: str) -> str:
    """SQL for a text with its ASCII letters in lower case: of other letters, engines have different ideas."""
    return f"translate({text}, '{ascii_uppercase}', '{ascii_lowercase}')"


def referrer_kind(url: str, page_url: str) -> str:
    """SQL for where a user came from: direct, internal, search, social, email or other.

    ``url`` and ``page_url`` are SQL expressions for the referrer and for the page it led to.
    """
    came_from, own = host(url), host(page_url)
    search = r"(^|\\.)(google|bing|duckduckgo|yahoo|ecosia|baidu|yandex|startpage|qwant)\\."
    social = r"(^|\\.)(facebook|instagram|twitter|x|t|tiktok|pinterest|reddit|youtube|linkedin)\\.(com|co|net)\\z"
    email = r"(^|\\.)(mail|e?mail|newsletter|outlook|gmx)\\."
    return f"""CASE
        WHEN {url} IS NULL THEN 'direct'
        WHEN {came_from} = '' THEN 'other'
        WHEN {came_from} = {own} THEN 'internal'
        WHEN {came_from} RLIKE '{email}' THEN 'email'
        WHEN {came_from} RLIKE '{search}' THEN 'search'
        WHEN {came_from} RLIKE '{social}' THEN 'social'
        ELSE 'other' END"""
