"""When the shop is busy."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

pytestmark = pytest.mark.spark


def day(number):
    return date(2026, 10, number)


def test_each_hour_with_an_event_is_one_row(sql):
    assert sql(
        """SELECT event_on, hour_of_day, day_of_week, events, page_views, clicks, interactions, visitors, sessions,
                  purchases, revenue
           FROM hourly_activity ORDER BY ALL"""
    ) == [
        (day(14), 10, 3, 11, 7, 2, 2, 2, 2, 1, Decimal("50.00")),
        (day(15), 12, 4, 30, 30, 0, 0, 1, 1, 0, Decimal("0.00")),
        (day(15), 23, 4, 1, 1, 0, 0, 1, 1, 0, Decimal("0.00")),
        (day(16), 0, 5, 1, 1, 0, 0, 1, 1, 0, Decimal("0.00")),
        (day(16), 9, 5, 1, 0, 1, 0, 1, 1, 1, Decimal("20.05")),
    ]  # fmt: skip


def test_every_figure_is_what_its_column_says_of_the_events(sql):
    assert sql("SELECT * FROM hourly_activity ORDER BY event_on, hour_of_day") == sql(
        """SELECT hour(event_at), isodow(event_on), count(*), count(*) FILTER (kind = 'page_view'),
                  count(*) FILTER (kind = 'click'), count(*) FILTER (kind = 'interaction'), count(DISTINCT user_id),
                  count(DISTINCT (user_id, session_id)), count(*) FILTER (action = 'btn_buy'),
                  coalesce(sum(price::DECIMAL(18,2)) FILTER (action = 'btn_buy'), 0), event_on
           FROM (SELECT *, 'page_view' AS kind, NULL AS action FROM page_views
                 UNION ALL BY NAME SELECT *, 'click' AS kind, element_id AS action FROM clicks
                 UNION ALL BY NAME SELECT *, 'interaction' AS kind, interaction_type AS action FROM interactions)
           GROUP BY ALL ORDER BY event_on, 1"""
    )
