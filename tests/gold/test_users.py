"""What a visitor had done by the end of each visit."""

from __future__ import annotations

from decimal import Decimal

import pytest

pytestmark = pytest.mark.spark


def test_each_session_is_one_row_that_knows_nothing_later(sql):
    day = 86_400
    assert sql(
        """SELECT user_id, session_id, sessions, page_views, purchases, buying_sessions, suspect_sessions, spend,
                  days_since_previous_session, days_since_last_purchase, days_between_sessions_mean, bought,
                  is_closed, is_newest
           FROM users ORDER BY ALL"""
    ) == [
        ("anna", "s1", 1, 6, 1, 1, 0, Decimal("50.00"), None, 10 / day, None, True, True, False),
        ("anna", "s2", 2, 8, 1, 1, 0, Decimal("50.00"), 136_520 / day, 136_950 / day, 136_680 / day, False, True,
         False),
        ("anna", "s3", 3, 8, 2, 2, 0, Decimal("70.05"), 32_100 / day, 0.0, 169_200 / day / 2, True, False, True),
        ("ben", "s1", 1, 1, 0, 0, 0, Decimal("0.00"), None, None, None, False, True, True),
        ("eve", "s1", 1, 30, 0, 0, 1, Decimal("0.00"), None, None, None, False, True, True),
    ]  # fmt: skip


def test_every_figure_is_what_its_column_says_of_the_sessions(sql):
    assert sql(
        """SELECT user_id, session_id, sessions, page_views, product_views, cart_adds, purchases, buying_sessions,
                  suspect_sessions, spend, first_started_at, last_bought_at, is_newest
           FROM users ORDER BY ALL"""
    ) == sql(
        """SELECT one.user_id, one.session_id, count(*), sum(other.page_views), sum(other.product_views),
                  sum(other.cart_adds), sum(other.purchases), count(*) FILTER (other.bought),
                  count(*) FILTER (other.is_suspect), sum(other.revenue), min(other.started_at), max(other.bought_at),
                  one.ended_at = (SELECT max(ended_at) FROM sessions newest WHERE newest.user_id = one.user_id)
           FROM sessions one JOIN sessions other
               ON other.user_id = one.user_id AND other.ended_at <= one.ended_at
           GROUP BY one.user_id, one.session_id, one.ended_at ORDER BY ALL"""
    )
