"""How far the sessions of a day got."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

pytestmark = pytest.mark.spark


def day(number):
    return date(2026, 10, number)


def test_each_day_and_kind_of_referrer_is_one_row(sql):
    assert sql(
        """SELECT started_on, referrer_kind, visitors, sessions, product_view_sessions, cart_sessions,
                  purchase_sessions, purchase_without_cart_sessions, suspect_sessions, product_views, cart_adds,
                  purchases, revenue, conversion_rate
           FROM daily_funnel ORDER BY ALL"""
    ) == [
        (day(14), "search", 1, 1, 1, 1, 1, 0, 0, 3, 1, 1, Decimal("50.00"), 1.0),
        (day(14), "social", 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, Decimal("0.00"), 0.0),
        (day(15), "direct", 2, 2, 2, 0, 0, 0, 1, 31, 0, 0, Decimal("0.00"), 0.0),
        (day(16), "direct", 1, 1, 0, 0, 1, 1, 0, 0, 0, 1, Decimal("20.05"), 1.0),
    ]  # fmt: skip


def test_every_figure_is_what_its_column_says_of_the_sessions(sql):
    assert sql("SELECT * FROM daily_funnel ORDER BY started_on, referrer_kind") == sql(
        """SELECT referrer_kind, count(DISTINCT user_id), count(*), count(*) FILTER (product_views > 0),
                  count(*) FILTER (cart_adds > 0), count(*) FILTER (bought),
                  count(*) FILTER (bought AND cart_adds = 0), count(*) FILTER (is_suspect),
                  sum(product_views), sum(cart_adds), sum(purchases), sum(revenue),
                  count(*) FILTER (bought) / count(*), started_on
           FROM sessions GROUP BY ALL ORDER BY started_on, referrer_kind"""
    )
