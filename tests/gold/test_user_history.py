"""What was known of a user when a session began, and when it ended."""

from __future__ import annotations

from decimal import Decimal

import pytest

from gold.user_history import AT_THE_END, AT_THE_START

pytestmark = pytest.mark.spark

START = ", ".join(column.name for column in AT_THE_START)
END = ", ".join(column.name for column in AT_THE_END)
DAY = 86_400


def test_each_session_is_one_row_and_knows_what_came_before_it(sql):
    assert sql(f"SELECT user_id, session_id, {START}, bought_next FROM user_history ORDER BY ALL") == [  # noqa: S608
        ("anna", "s1", 0, 0, None, None, False),
        ("anna", "s2", 1, 1, 136_680 / DAY, 136_530 / DAY, None),  # what comes next is still open
        ("anna", "s3", 2, 1, 32_520 / DAY, 169_050 / DAY, None),
        ("ben", "s1", 0, 0, None, None, None),
        ("eve", "s1", 0, 0, None, None, None),
    ]


def test_each_session_knows_what_its_user_had_done_by_its_end(sql):
    assert sql(f"SELECT user_id, session_id, {END}, is_closed FROM user_history ORDER BY ALL") == [  # noqa: S608
        ("anna", "s1", 1, 6, 3, 1, 1, 1, Decimal("50.00"), 10 / DAY, None, True),
        ("anna", "s2", 2, 8, 4, 1, 1, 1, Decimal("50.00"), 136_950 / DAY, 136_680 / DAY, True),
        ("anna", "s3", 3, 8, 4, 1, 2, 2, Decimal("70.05"), 0.0, 169_200 / DAY / 2, False),
        ("ben", "s1", 1, 1, 0, 0, 0, 0, Decimal("0.00"), None, None, True),
        ("eve", "s1", 1, 30, 30, 0, 0, 0, Decimal("0.00"), None, None, True),
    ]


def test_columns_of_the_start_agree_with_the_sessions(sql):
    assert sql(f"SELECT user_id, session_id, {START} FROM user_history ORDER BY ALL") == sql(  # noqa: S608
        """SELECT one.user_id, one.session_id, count(*) FILTER (other.started_at < one.started_at),
                  count(*) FILTER (other.bought_at < one.started_at),
                  (epoch_us(one.started_at)
                      - max(epoch_us(other.started_at)) FILTER (other.started_at < one.started_at)) / 8.64e10,
                  (epoch_us(one.started_at)
                      - max(epoch_us(other.bought_at)) FILTER (other.bought_at < one.started_at)) / 8.64e10
           FROM sessions one JOIN sessions other USING (user_id)
           GROUP BY one.user_id, one.session_id, one.started_at ORDER BY ALL"""
    )


def test_columns_of_the_end_agree_with_the_sessions(sql):
    assert sql(f"SELECT user_id, session_id, {END} FROM user_history ORDER BY ALL") == sql(  # noqa: S608
        """SELECT one.user_id, one.session_id, count(*), sum(other.page_views), sum(other.product_views),
                  sum(other.cart_adds), sum(other.purchases), count(*) FILTER (other.bought), sum(other.revenue),
                  (epoch_us(one.ended_at) - max(epoch_us(other.bought_at))) / 8.64e10,
                  (max(epoch_us(other.started_at)) - min(epoch_us(other.started_at))) / 8.64e10
                      / nullif(count(*) - 1, 0)
           FROM sessions one JOIN sessions other ON other.user_id = one.user_id AND other.ended_at <= one.ended_at
           GROUP BY one.user_id, one.session_id, one.ended_at ORDER BY ALL"""
    )
