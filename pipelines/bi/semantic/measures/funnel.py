"""How far visits get."""

from __future__ import annotations

from lakehouse.table import Format
from pipelines.bi.semantic.measures.measure import Measure, only, ratio

MEASURES = (
    Measure(
        "Sessions with a product view",
        "Visits that were shown a product's page.",
        f"CALCULATE([Sessions], {only('sessions[product_views] > 0')})",
        "sessions",
        "count(*) FILTER (product_views > 0)",
        Format.COUNT,
    ),
    Measure(
        "Sessions with a cart",
        "Visits that put a product into the cart.",
        f"CALCULATE([Sessions], {only('sessions[cart_adds] > 0')})",
        "sessions",
        "count(*) FILTER (cart_adds > 0)",
        Format.COUNT,
    ),
    Measure(
        "Buying sessions",
        "Visits that bought.",
        f"CALCULATE([Sessions], {only('sessions[bought] = TRUE()')})",
        "sessions",
        "count(*) FILTER (bought)",
        Format.COUNT,
    ),
    Measure(
        "Product view rate",
        "The share of the visits that were shown a product's page.",
        ratio("Sessions with a product view", "Sessions"),
        "sessions",
        "count(*) FILTER (product_views > 0) / count(*)",
        Format.SHARE,
    ),
    Measure(
        "Cart rate",
        "The share of the visits that put a product into the cart.",
        ratio("Sessions with a cart", "Sessions"),
        "sessions",
        "count(*) FILTER (cart_adds > 0) / count(*)",
        Format.SHARE,
    ),
    Measure(
        "Conversion rate",
        "The share of the visits that bought.",
        ratio("Buying sessions", "Sessions"),
        "sessions",
        "count(*) FILTER (bought) / count(*)",
        Format.SHARE,
    ),
    Measure(
        "Cart abandonment",
        "The share of the visits with a cart that did not buy.",
        f"DIVIDE(CALCULATE([Sessions with a cart], {only('sessions[bought] = FALSE()')}), [Sessions with a cart])",
        "sessions",
        "count(*) FILTER (cart_adds > 0 AND NOT bought) / count(*) FILTER (cart_adds > 0)",
        Format.SHARE,
    ),
    Measure(
        "Bought without a cart",
        "Visits that bought and put nothing into the cart before or after.",
        f"CALCULATE([Buying sessions], {only('sessions[cart_adds] = 0')})",
        "sessions",
        "count(*) FILTER (bought AND cart_adds = 0)",
        Format.COUNT,
    ),
    Measure(
        "Minutes to purchase",
        "From a visit's first event to its first purchase, on average over the visits that bought, in minutes.",
        "AVERAGEX(FILTER(sessions, sessions[bought]), "
        "DATEDIFF(sessions[started_at], sessions[bought_at], SECOND)) / 60",
        "sessions",
        "avg(date_diff('second', started_at, bought_at)) FILTER (bought) / 60",
        Format.NUMBER,
    ),
)
