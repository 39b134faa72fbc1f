"""Measures of sessions: how many, how long, and how much is seen in them."""

from __future__ import annotations

from lakehouse.table import Format
from pipelines.bi.semantic.measures.measure import Measure, only, ratio

MEASURES = (
    Measure("Sessions", "All sessions.", "COUNTROWS(sessions)", "sessions", "count(*)", Format.COUNT),
    Measure(
        "Visitors",
        "Different users of the sessions that are selected.",
        "DISTINCTCOUNT(sessions[users_key])",
        "sessions",
        "count(DISTINCT user_id)",
        Format.COUNT,
    ),
    Measure(
        "Sessions per visitor",
        "Sessions for each user.",
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
        "Pages shown in a session, on average.",
        ratio("Page views", "Sessions"),
        "sessions",
        "sum(page_views) / count(*)",
        Format.NUMBER,
    ),
    Measure(
        "Minutes per session",
        "From a session's first event to its last, on average, in minutes.",
        "AVERAGE(sessions[duration_seconds]) / 60",
        "sessions",
        "avg(duration_seconds) / 60",
        Format.NUMBER,
    ),
    Measure(
        "Bounces",
        "Sessions of one event that bought nothing.",
        f"CALCULATE([Sessions], {only('sessions[events] = 1', 'sessions[bought] = FALSE()')})",
        "sessions",
        "count(*) FILTER (events = 1 AND NOT bought)",
        Format.COUNT,
    ),
    Measure(
        "Bounce rate",
        "The share of the sessions that are bounces.",
        ratio("Bounces", "Sessions"),
        "sessions",
        "count(*) FILTER (events = 1 AND NOT bought) / count(*)",
        Format.SHARE,
    ),
    Measure(
        "Open sessions",
        "Sessions that may still go on.",
        f"CALCULATE([Sessions], {only('sessions[is_closed] = FALSE()')})",
        "sessions",
        "count(*) FILTER (NOT is_closed)",
        Format.COUNT,
    ),
    Measure(
        "Suspect sessions",
        "Sessions suspected to be bot traffic. They are in every other figure too.",
        f"CALCULATE([Sessions], {only('sessions[is_suspect] = TRUE()')})",
        "sessions",
        "count(*) FILTER (is_suspect)",
        Format.COUNT,
    ),
    Measure(
        "Suspect share",
        "The share of the sessions suspected to be bot traffic.",
        ratio("Suspect sessions", "Sessions"),
        "sessions",
        "count(*) FILTER (is_suspect) / count(*)",
        Format.SHARE,
    ),
    Measure(
        "Newest event",
        "When the newest session's last event happened, in UTC: how far the data reaches.",
        "MAX(sessions[ended_at])",
        "sessions",
        "max(ended_at)",
        Format.INSTANT,
    ),
)
