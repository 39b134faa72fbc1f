"""How each page does."""

from __future__ import annotations

from datetime import date

import pytest

pytestmark = pytest.mark.spark


def day(number):
    return date(2026, 10, number)


def test_each_day_and_page_is_one_row(sql):
    rows = sql(
        """SELECT event_on, replace(page, 'https://shop.example', ''), page_kind, page_views, visitors, sessions,
                  entrances, exits, clicks, interactions, cart_adds, purchases, seconds_on_page_mean, exit_rate
           FROM page_performance WHERE page NOT LIKE '%/toys/%' ORDER BY ALL"""
    )
    assert rows == [
        (day(14), "/", "home", 2, 2, 2, 2, 1, 0, 0, 0, 0, 20.0, 0.5),
        (day(14), "/cart", "cart", 1, 1, 1, 0, 0, 0, 0, 0, 0, 40.0, 0.0),
        (day(14), "/checkout", "checkout", 0, 0, 0, 0, 0, 1, 0, 0, 1, None, None),
        (day(14), "/order/confirmation", "order", 1, 1, 1, 0, 1, 0, 0, 0, 0, None, 1.0),
        (day(14), "/product/shoes/1", "product", 2, 1, 1, 0, 0, 1, 2, 1, 0, 35.0, 0.0),
        (day(14), "/product/shoes/2", "product", 1, 1, 1, 0, 0, 0, 0, 0, 0, 30.0, 0.0),
        (day(15), "/category/books", "category", 1, 1, 1, 1, 1, 0, 0, 0, 0, None, 1.0),
        (day(16), "/product/books/7", "product", 1, 1, 1, 1, 1, 1, 0, 0, 1, None, 1.0),
    ]  # fmt: skip


def test_every_figure_is_what_its_column_says_of_the_events(sql):
    assert sql(
        """SELECT event_on, page, page_views, visitors, sessions, entrances, exits, seconds_on_page_mean
           FROM page_performance WHERE page_views > 0 ORDER BY ALL"""
    ) == sql(
        """WITH events AS (
               SELECT user_id, session_id, event_on, event_at FROM page_views
               UNION ALL SELECT user_id, session_id, event_on, event_at FROM clicks
               UNION ALL SELECT user_id, session_id, event_on, event_at FROM interactions
           ), ends AS (
               SELECT user_id, session_id, event_on, max(event_at) AS last_at FROM events GROUP BY ALL
           ), views AS (
               SELECT *, lag(event_at) OVER views AS previous, lead(event_at) OVER views AS next
               FROM page_views WINDOW views AS (PARTITION BY user_id, session_id, event_on ORDER BY event_at)
           )
           SELECT event_on, regexp_extract(page_url, '^[^?#]*'), count(*), count(DISTINCT user_id),
                  count(DISTINCT (user_id, session_id)), count(*) FILTER (previous IS NULL),
                  count(*) FILTER (next IS NULL),
                  avg(epoch_us(coalesce(next, nullif(last_at, event_at))) - epoch_us(event_at)) / 1e6
           FROM views JOIN ends USING (user_id, session_id, event_on) GROUP BY ALL ORDER BY ALL"""
    )
    assert sql("SELECT sum(clicks), sum(interactions), sum(purchases) FROM page_performance") == sql(
        """SELECT (SELECT count(*) FROM clicks), (SELECT count(*) FROM interactions),
                  (SELECT count(*) FROM clicks WHERE element_id = 'btn_buy')"""
    )
