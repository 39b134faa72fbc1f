"""Measures of users. Dates do not filter them: a user belongs to no day."""

from __future__ import annotations

from lakehouse.table import Format
from pipelines.bi.semantic.measures.measure import Measure, only, ratio

MEASURES = (
    Measure(
        "Users",
        "Users ever seen. Dates do not filter the figures of users: they are of all their sessions.",
        "COUNTROWS(users)",
        "users",
        "count(*)",
        Format.COUNT,
    ),
    Measure(
        "Returning users",
        "Users who came more than once.",
        f"CALCULATE([Users], {only('users[sessions] > 1')})",
        "users",
        "count(*) FILTER (sessions > 1)",
        Format.COUNT,
    ),
    Measure(
        "Returning share",
        "The share of the users who came more than once.",
        ratio("Returning users", "Users"),
        "users",
        "count(*) FILTER (sessions > 1) / count(*)",
        Format.SHARE,
    ),
    Measure(
        "Buyers",
        "Users who have bought.",
        f"CALCULATE([Users], {only('users[buying_sessions] > 0')})",
        "users",
        "count(*) FILTER (buying_sessions > 0)",
        Format.COUNT,
    ),
    Measure(
        "Buyer share",
        "The share of the users who have bought.",
        ratio("Buyers", "Users"),
        "users",
        "count(*) FILTER (buying_sessions > 0) / count(*)",
        Format.SHARE,
    ),
    Measure(
        "Repeat buyers",
        "Users who bought in more than one session.",
        f"CALCULATE([Users], {only('users[buying_sessions] > 1')})",
        "users",
        "count(*) FILTER (buying_sessions > 1)",
        Format.COUNT,
    ),
    Measure(
        "Repeat buyer share",
        "The share of the buyers who bought in more than one session.",
        ratio("Repeat buyers", "Buyers"),
        "users",
        "count(*) FILTER (buying_sessions > 1) / count(*) FILTER (buying_sessions > 0)",
        Format.SHARE,
    ),
    Measure(
        "Spend per buyer",
        "What a buyer has spent, on average over the buyers whose purchases have a price, in the shop's currency.",
        f"DIVIDE(SUM(users[spend]), CALCULATE([Buyers], {only('users[spend] > 0')}))",
        "users",
        "sum(spend) / count(*) FILTER (buying_sessions > 0 AND spend > 0)",
        Format.MONEY,
    ),
    Measure(
        "Days between sessions",
        "From one session to the next, averaged over the users who came more than once, in days.",
        "AVERAGE(users[days_between_sessions_mean])",
        "users",
        "avg(days_between_sessions_mean)",
        Format.NUMBER,
    ),
)
