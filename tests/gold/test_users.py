"""What each user has done by now."""

from __future__ import annotations

from decimal import Decimal

import pytest

pytestmark = pytest.mark.spark


def test_each_user_is_one_row(sql):
    day = 86_400
    assert sql(
        """SELECT user_id, sessions, page_views, product_views, cart_adds, purchases, buying_sessions,
                  suspect_sessions, spend, days_between_sessions_mean
           FROM users ORDER BY ALL"""
    ) == [
        ("anna", 3, 8, 4, 1, 2, 2, 0, Decimal("70.05"), 169_200 / day / 2),
        ("ben", 1, 1, 0, 0, 0, 0, 0, Decimal("0.00"), None),
        ("eve", 1, 30, 30, 0, 0, 0, 1, Decimal("0.00"), None),
    ]


def test_every_figure_is_what_its_column_says_of_the_sessions(sql):
    assert sql("SELECT * FROM users ORDER BY user_id") == sql(
        """SELECT user_id, count(*), sum(page_views), sum(product_views), sum(cart_adds), sum(purchases),
                  count(*) FILTER (bought), count(*) FILTER (is_suspect), sum(revenue),
                  (max(epoch_us(started_at)) - min(epoch_us(started_at))) / 8.64e10 / nullif(count(*) - 1, 0),
                  min(started_at)::DATE, max(ended_at)::DATE, min(started_at), max(started_at), max(ended_at),
                  max(bought_at)
           FROM sessions GROUP BY user_id ORDER BY user_id"""
    )
