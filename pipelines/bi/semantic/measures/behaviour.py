"""Measures of behaviour: what users look at and click, and when."""

from __future__ import annotations

from lakehouse.table import Format
from pipelines.bi.semantic.measures.measure import Measure, ratio

MEASURES = (
    Measure(
        "Events",
        "Page views, clicks and interactions by the hour in which they happened.",
        "SUM(hourly_activity[events])",
        "hourly_activity",
        "sum(events)",
        Format.COUNT,
    ),
    Measure(
        "Purchases by hour",
        "Purchases by the hour in which they happened.",
        "SUM(hourly_activity[purchases])",
        "hourly_activity",
        "sum(purchases)",
        Format.COUNT,
    ),
    Measure(
        "Clicks on the map",
        "Clicks with coordinates.",
        "SUM(click_map[clicks])",
        "click_map",
        "sum(clicks)",
        Format.COUNT,
    ),
    Measure(
        "Purchases on the map",
        "Purchase clicks with coordinates.",
        "SUM(click_map[purchases])",
        "click_map",
        "sum(purchases)",
        Format.COUNT,
    ),
    Measure(
        "Views of pages",
        "How often pages were shown, by page.",
        "SUM(page_performance[page_views])",
        "page_performance",
        "sum(page_views)",
        Format.COUNT,
    ),
    Measure(
        "Entrances",
        "Page views that are the first of their session on a day.",
        "SUM(page_performance[entrances])",
        "page_performance",
        "sum(entrances)",
        Format.COUNT,
    ),
    Measure(
        "Exits",
        "Page views that are the last of their session on a day.",
        "SUM(page_performance[exits])",
        "page_performance",
        "sum(exits)",
        Format.COUNT,
    ),
    Measure(
        "Exit rate",
        "The share of a page's views after which nothing else was shown in the session on the day.",
        ratio("Exits", "Views of pages"),
        "page_performance",
        "sum(exits) / sum(page_views)",
        Format.SHARE,
    ),
    Measure(
        "Product views by category",
        "Pages of products shown, by the category that they name.",
        "SUM(category_performance[product_views])",
        "category_performance",
        "sum(product_views)",
        Format.COUNT,
    ),
    Measure(
        "Cart adds by category",
        "Products put into carts, by the category that the event names.",
        "SUM(category_performance[cart_adds])",
        "category_performance",
        "sum(cart_adds)",
        Format.COUNT,
    ),
    Measure(
        "Purchases by category",
        "Purchases, by the category that the click names.",
        "SUM(category_performance[purchases])",
        "category_performance",
        "sum(purchases)",
        Format.COUNT,
    ),
    Measure(
        "Revenue by category",
        "The prices of what was bought, by the category that the click names, in the shop's currency.",
        "SUM(category_performance[revenue])",
        "category_performance",
        "sum(revenue)",
        Format.MONEY,
    ),
    Measure(
        "Conversion rate by category",
        "Of the sessions to a category on a day, the share that bought from it that day.",
        "DIVIDE(SUM(category_performance[purchase_sessions]), SUM(category_performance[sessions]))",
        "category_performance",
        "sum(purchase_sessions) / sum(sessions)",
        Format.SHARE,
    ),
)
