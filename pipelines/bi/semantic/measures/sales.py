"""Measures of sales: purchases and revenue."""

from __future__ import annotations

from lakehouse.table import Format
from pipelines.bi.semantic.measures.measure import Measure, only, ratio

MEASURES = (
    Measure(
        "Purchases",
        "Clicks that buy; a session may buy more than once.",
        "SUM(sessions[purchases])",
        "sessions",
        "sum(purchases)",
        Format.COUNT,
    ),
    Measure(
        "Revenue",
        "The prices of what was bought, in the shop's currency.",
        "SUM(sessions[revenue])",
        "sessions",
        "sum(revenue)",
        Format.MONEY,
    ),
    Measure(
        "Purchases without a price",
        "Purchases of sessions whose purchases name no price: they are in no average of revenue by purchase.",
        f"CALCULATE([Purchases], {only('sessions[revenue] = 0')})",
        "sessions",
        "sum(purchases) FILTER (revenue = 0)",
        Format.COUNT,
    ),
    Measure(
        "Average order value",
        "Revenue for each purchase that has a price, in the shop's currency.",
        f"DIVIDE([Revenue], CALCULATE([Purchases], {only('sessions[revenue] > 0')}))",
        "sessions",
        "sum(revenue) / sum(purchases) FILTER (revenue > 0)",
        Format.MONEY,
    ),
    Measure(
        "Revenue per session",
        "Revenue for each session, in the shop's currency.",
        ratio("Revenue", "Sessions"),
        "sessions",
        "sum(revenue) / count(*)",
        Format.MONEY,
    ),
    Measure(
        "Revenue per visitor",
        "Revenue for each user, in the shop's currency.",
        ratio("Revenue", "Visitors"),
        "sessions",
        "sum(revenue) / count(DISTINCT user_id)",
        Format.MONEY,
    ),
)
