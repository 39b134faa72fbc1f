"""Where sessions come from."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

pytestmark = pytest.mark.spark


def day(number):
    return date(2026, 10, number)


def test_each_day_and_source_is_one_row(sql):
    assert sql(
        """SELECT started_on, referrer_kind, source, visitors, sessions, bounces, purchase_sessions, suspect_sessions,
                  page_views, revenue, duration_seconds_mean, bounce_rate, conversion_rate
           FROM traffic_sources ORDER BY ALL"""
    ) == [
        (day(14), "search", "www.google.com", 1, 1, 0, 1, 0, 6, Decimal("50.00"), 160.0, 0.0, 1.0),
        (day(14), "social", "www.instagram.com", 1, 1, 1, 0, 0, 1, Decimal("0.00"), 0.0, 1.0, 0.0),
        (day(15), "direct", "(none)", 2, 2, 0, 0, 1, 32, Decimal("0.00"), 217.25, 0.0, 0.0),
        (day(16), "direct", "(none)", 1, 1, 0, 1, 0, 0, Decimal("20.05"), 0.0, 0.0, 1.0),
    ]  # fmt: skip


def test_every_figure_is_what_its_column_says_of_the_sessions(sql):
    assert sql("SELECT * FROM traffic_sources ORDER BY started_on, referrer_kind, source") == sql(
        """SELECT referrer_kind, coalesce(referrer_host, '(none)'), count(DISTINCT user_id), count(*),
                  count(*) FILTER (events = 1 AND NOT bought), count(*) FILTER (bought), count(*) FILTER (is_suspect),
                  sum(page_views), sum(revenue), avg(duration_seconds),
                  count(*) FILTER (events = 1 AND NOT bought) / count(*), count(*) FILTER (bought) / count(*),
                  started_on
           FROM sessions GROUP BY ALL ORDER BY started_on, referrer_kind, 2"""
    )
