"""How many come, and how long they stay."""

from __future__ import annotations

from pipelines.bi.semantic.measures.measure import COUNT, INSTANT, NUMBER, SHARE, Measure, only, ratio

MEASURES = (
    Measure("Sessions", "Visits.", "COUNTROWS(sessions)", "sessions", "count(*)", COUNT),
    Measure(
        "Visitors",
        "Different visitors of the visits that are selected.",
        "DISTINCTCOUNT(sessions[users_key])",
        "sessions",
        "count(DISTINCT user_id)",
        COUNT,
    ),
    Measure(
        "Sessions per visitor",
        "Visits for each visitor.",
        ratio("Sessions", "Visitors"),
        "sessions",
        "count(*) / count(DISTINCT user_id)",
        NUMBER,
    ),
    Measure("Page views", "Pages shown.", "SUM(sessions[page_views])", "sessions", "sum(page_views)", COUNT),
    Measure(
        "Product views",
        "Pages of products shown.",
        "SUM(sessions[product_views])",
        "sessions",
        "sum(product_views)",
        COUNT,
    ),
    Measure("Cart adds", "Products put into carts.", "SUM(sessions[cart_adds])", "sessions", "sum(cart_adds)", COUNT),
    Measure(
        "Pages per session",
        "Pages shown in a visit, on average.",
        ratio("Page views", "Sessions"),
        "sessions",
        "sum(page_views) / count(*)",
        NUMBER,
    ),
    Measure(
        "Minutes per session",
        "From a visit's first event to its last, on average, in minutes.",
        "AVERAGE(sessions[duration_seconds]) / 60",
        "sessions",
        "avg(duration_seconds) / 60",
        NUMBER,
    ),
    Measure(
        "Bounces",
        "Visits of one event that bought nothing.",
        f"CALCULATE([Sessions], {only('sessions[events] = 1', 'sessions[bought] = FALSE()')})",
        "sessions",
        "count(*) FILTER (events = 1 AND NOT bought)",
        COUNT,
    ),
    Measure(
        "Bounce rate",
        "The share of the visits that are bounces.",
        ratio("Bounces", "Sessions"),
        "sessions",
        "count(*) FILTER (events = 1 AND NOT bought) / count(*)",
        SHARE,
    ),
    Measure(
        "Open sessions",
        "Visits that may still go on.",
        f"CALCULATE([Sessions], {only('sessions[is_closed] = FALSE()')})",
        "sessions",
        "count(*) FILTER (NOT is_closed)",
        COUNT,
    ),
    Measure(
        "Suspect sessions",
        "Visits that no human makes. They are in every other figure too.",
        f"CALCULATE([Sessions], {only('sessions[is_suspect] = TRUE()')})",
        "sessions",
        "count(*) FILTER (is_suspect)",
        COUNT,
    ),
    Measure(
        "Suspect share",
        "The share of the visits that no human makes.",
        ratio("Suspect sessions", "Sessions"),
        "sessions",
        "count(*) FILTER (is_suspect) / count(*)",
        SHARE,
    ),
    Measure(
        "Newest event",
        "When the newest visit's last event happened, in UTC: how far the data reaches.",
        "MAX(sessions[ended_at])",
        "sessions",
        "max(ended_at)",
        INSTANT,
    ),
)
