"""Measures of the funnel: how far sessions get."""

from __future__ import annotations

from lakehouse.table import Format
from pipelines.bi.semantic.measures.measure import Measure, only, ratio

MEASURES = (
    Measure(
        "Sessions with a product view",
        "Sessions that were shown a product's page.",
        f"CALCULATE([Sessions], {only('sessions[product_views] > 0')})",
        "sessions",
        "count(*) FILTER (product_views > 0)",
        Format.COUNT,
    ),
    Measure(
        "Sessions with a cart",
        "Sessions that put a product into the cart.",
        f"CALCULATE([Sessions], {only('sessions[cart_adds] > 0')})",
        "sessions",
        "count(*) FILTER (cart_adds > 0)",
        Format.COUNT,
    ),
    Measure(
        "Buying sessions",
        "Sessions that bought.",
        f"CALCULATE([Sessions], {only('sessions[bought] = TRUE()')})",
        "sessions",
        "count(*) FILTER (bought)",
        Format.COUNT,
    ),
    Measure(
        "Product view rate",
        "The share of the sessions that were shown a product's page.",
        ratio("Sessions with a product view", "Sessions"),
        "sessions",
        "count(*) FILTER (product_views > 0) / count(*)",
        Format.SHARE,
    ),
    Measure(
        "Cart rate",
        "The share of the sessions that put a product into the cart.",
        ratio("Sessions with a cart", "Sessions"),
        "sessions",
        "count(*) FILTER (cart_adds > 0) / count(*)",
        Format.SHARE,
    ),
    Measure(
        "Conversion rate",
        "The share of the sessions that bought.",
        ratio("Buying sessions", "Sessions"),
        "sessions",
        "count(*) FILTER (bought) / count(*)",
        Format.SHARE,
    ),
    Measure(
        "Cart abandonment",
        "The share of the sessions with a cart that did not buy.",
        f"DIVIDE(CALCULATE([Sessions with a cart], {only('sessions[bought] = FALSE()')}), [Sessions with a cart])",
        "sessions",
        "count(*) FILTER (cart_adds > 0 AND NOT bought) / count(*) FILTER (cart_adds > 0)",
        Format.SHARE,
    ),
    Measure(
        "Bought without a cart",
        "Sessions that bought and put nothing into the cart before or after.",
        f"CALCULATE([Buying sessions], {only('sessions[cart_adds] = 0')})",
        "sessions",
        "count(*) FILTER (bought AND cart_adds = 0)",
        Format.COUNT,
    ),
    Measure(
        "Minutes to purchase",
        "From a session's first event to its first purchase, on average over the sessions that bought, in minutes.",
        "AVERAGEX(FILTER(sessions, sessions[bought]), "
        "DATEDIFF(sessions[started_at], sessions[bought_at], SECOND)) / 60",
        "sessions",
        "avg(date_diff('second', started_at, bought_at)) FILTER (bought) / 60",
        Format.NUMBER,
    ),
)
