"""Measures of sales: purchases and revenue."""

from __future__ import annotations

from lakehouse.table import Format
from pipelines.bi.semantic.measures.measure import Measure, ratio

WITH_AGE = "(SELECT revenue, (SELECT max(started_on) FROM sessions) - started_on AS age FROM sessions)"
"""SQL for the sessions with how many days before the newest they began."""

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
        "Average order value",
        "Revenue for each purchase, in the shop's currency.",
        ratio("Revenue", "Purchases"),
        "sessions",
        "sum(revenue) / sum(purchases)",
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
    Measure(
        "Revenue of the last 7 days",
        "Revenue of the sessions of the newest day that is selected and the six before it.",
        "VAR newest = MAX(sessions[started_on]) RETURN CALCULATE([Revenue], REMOVEFILTERS(dates), "
        "sessions[started_on] > newest - 7, sessions[started_on] <= newest)",
        WITH_AGE,
        "sum(revenue) FILTER (age < 7)",
        Format.MONEY,
    ),
    Measure(
        "Revenue of the 7 days before",
        "Revenue of the seven days before the last seven.",
        "VAR newest = MAX(sessions[started_on]) RETURN CALCULATE([Revenue], REMOVEFILTERS(dates), "
        "sessions[started_on] > newest - 14, sessions[started_on] <= newest - 7)",
        WITH_AGE,
        "sum(revenue) FILTER (age >= 7 AND age < 14)",
        Format.MONEY,
    ),
    Measure(
        "Revenue, change in a week",
        "By which share the revenue of the last 7 days is above that of the 7 days before; below is negative.",
        "DIVIDE([Revenue of the last 7 days] - [Revenue of the 7 days before], [Revenue of the 7 days before])",
        WITH_AGE,
        "sum(revenue) FILTER (age < 7) / sum(revenue) FILTER (age >= 7 AND age < 14) - 1",
        Format.SHARE,
    ),
)
