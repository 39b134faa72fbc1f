"""What was known of a visitor when a visit began."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.spark


def test_each_session_is_one_row_and_knows_what_came_before_it(sql):
    day = 86_400
    assert sql("SELECT * EXCLUDE (started_on, started_at) FROM session_history ORDER BY ALL") == [
        ("anna", "s1", 0, 0, None, None),
        ("anna", "s2", 1, 1, 136_680 / day, 136_530 / day),
        ("anna", "s3", 2, 1, 32_520 / day, 169_050 / day),
        ("ben", "s1", 0, 0, None, None),
        ("eve", "s1", 0, 0, None, None),
    ]


def test_every_figure_is_what_its_column_says_of_the_sessions(sql):
    assert sql("SELECT * EXCLUDE (started_on, started_at) FROM session_history ORDER BY ALL") == sql(
        """SELECT one.user_id, one.session_id, count(*) FILTER (other.started_at < one.started_at),
                  count(*) FILTER (other.bought_at < one.started_at),
                  (epoch_us(one.started_at)
                      - max(epoch_us(other.started_at)) FILTER (other.started_at < one.started_at)) / 8.64e10,
                  (epoch_us(one.started_at)
                      - max(epoch_us(other.bought_at)) FILTER (other.bought_at < one.started_at)) / 8.64e10
           FROM sessions one JOIN sessions other USING (user_id)
           GROUP BY one.user_id, one.session_id, one.started_at ORDER BY ALL"""
    )
