"""How many come, and how long they stay."""

from __future__ import annotations

from lakehouse.table import Format
from pipelines.bi.semantic.measures.measure import Measure, only, ratio

MEASURES = (
    Measure("Sessions", "Visits.", "COUNTROWS(sessions)", "sessions", "count(*)", Format.COUNT),
    Measure(
        "Visitors",
        "Different visitors of the visits that are selected.",
        "DISTINCTCOUNT(sessions[users_key])",
        "sessions",
        "count(DISTINCT user_id)",
        Format.COUNT,
    ),
    Measure(
        "Sessions per visitor",
        "Visits for each visitor.",
        ratio("Sessions", "Visitors"),
        "sessions",
        "count(*) / count(DISTINCT user_id)",
        Format.NUMBER,
    ),
    Measure("Page views", "Pages shown.", "SUM(sessions[page_views])", "sessions", "sum(page_views)", Format.COUNT),
    Measure(
        "Product views",
        "Pages of products shown.",
        "SUM(sessions[product_views])",
        "sessions",
        "sum(product_views)",
        Format.COUNT,
    ),
    Measure(
        "Cart adds", "Products put into carts.", "SUM(sessions[cart_adds])", "sessions", "sum(cart_adds)", Format.COUNT
    ),
    Measure(
        "Pages per session",
        "Pages shown in a visit, on average.",
        ratio("Page views", "Sessions"),
        "sessions",
        "sum(page_views) / count(*)",
        Format.NUMBER,
    ),
    Measure(
        "Minutes per session",
        "From a visit's first event to its last, on average, in minutes.",
        "AVERAGE(sessions[duration_seconds]) / 60",
        "sessions",
        "avg(duration_seconds) / 60",
        Format.NUMBER,
    ),
    Measure(
        "Bounces",
        "Visits of one event that bought nothing.",
        f"CALCULATE([Sessions], {only('sessions[events] = 1', 'sessions[bought] = FALSE()')})",
        "sessions",
        "count(*) FILTER (events = 1 AND NOT bought)",
        Format.COUNT,
    ),
    Measure(
        "Bounce rate",
        "The share of the visits that are bounces.",
        ratio("Bounces", "Sessions"),
        "sessions",
        "count(*) FILTER (events = 1 AND NOT bought) / count(*)",
        Format.SHARE,
    ),
    Measure(
        "Open sessions",
        "Visits that may still go on.",
        f"CALCULATE([Sessions], {only('sessions[is_closed] = FALSE()')})",
        "sessions",
        "count(*) FILTER (NOT is_closed)",
        Format.COUNT,
    ),
    Measure(
        "Suspect sessions",
        "Visits that no human makes. They are in every other figure too.",
        f"CALCULATE([Sessions], {only('sessions[is_suspect] = TRUE()')})",
        "sessions",
        "count(*) FILTER (is_suspect)",
        Format.COUNT,
    ),
    Measure(
        "Suspect share",
        "The share of the visits that no human makes.",
        ratio("Suspect sessions", "Sessions"),
        "sessions",
        "count(*) FILTER (is_suspect) / count(*)",
        Format.SHARE,
    ),
    Measure(
        "Newest event",
        "When the newest visit's last event happened, in UTC: how far the data reaches.",
        "MAX(sessions[ended_at])",
        "sessions",
        "max(ended_at)",
        Format.INSTANT,
    ),
)
