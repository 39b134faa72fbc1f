"""What happens in each category."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

pytestmark = pytest.mark.spark


def day(number):
    return date(2026, 10, number)


def test_each_day_and_category_is_one_row(sql):
    assert sql(
        """SELECT event_on, category, events, visitors, sessions, product_views, cart_adds, purchases,
                  purchase_sessions, revenue, conversion_rate
           FROM category_performance ORDER BY ALL"""
    ) == [
        (day(14), "(none)", 4, 2, 2, 0, 0, 0, 0, Decimal("0.00"), 0.0),
        (day(14), "shoes", 7, 1, 1, 3, 1, 1, 1, Decimal("50.00"), 1.0),
        (day(15), "books", 1, 1, 1, 0, 0, 0, 0, Decimal("0.00"), 0.0),
        (day(15), "toys", 30, 1, 1, 30, 0, 0, 0, Decimal("0.00"), 0.0),
        (day(16), "books", 2, 1, 2, 1, 0, 1, 1, Decimal("20.05"), 0.5),
    ]  # fmt: skip


def test_every_figure_is_what_its_column_says_of_the_events(sql):
    assert sql("SELECT * FROM category_performance ORDER BY event_on, category") == sql(
        """SELECT coalesce(category, '(none)') AS category, count(*), count(DISTINCT user_id),
                  count(DISTINCT (user_id, session_id)),
                  count(*) FILTER (kind = 'page_view' AND (price IS NOT NULL OR page_url LIKE '%/product/%')),
                  count(*) FILTER (action IN ('add_to_cart', 'btn_add_to_cart')),
                  count(*) FILTER (action = 'btn_buy'),
                  count(DISTINCT (user_id, session_id)) FILTER (action = 'btn_buy'),
                  coalesce(sum(price::DECIMAL(18,2)) FILTER (action = 'btn_buy'), 0),
                  count(DISTINCT (user_id, session_id)) FILTER (action = 'btn_buy')
                      / count(DISTINCT (user_id, session_id)),
                  event_on
           FROM (SELECT *, 'page_view' AS kind, NULL AS action FROM page_views
                 UNION ALL BY NAME SELECT *, 'click' AS kind, element_id AS action FROM clicks
                 UNION ALL BY NAME SELECT *, 'interaction' AS kind, interaction_type AS action FROM interactions)
           GROUP BY ALL ORDER BY event_on, 1"""
    )
