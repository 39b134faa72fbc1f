"""What a session was."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tests.support.gold_events import at, click, frames, sessions_of, view

pytestmark = pytest.mark.spark


def test_each_session_is_one_row(sql):
    assert sql(
        """SELECT user_id, session_id, events, page_views, product_views, clicks, cart_adds, purchases, revenue,
                  referrer_kind, duration_seconds, events_per_minute, is_closed, suspect_rule, started_on, ended_on
           FROM sessions ORDER BY ALL"""
    ) == [
        ("anna", "s1", 10, 6, 3, 2, 1, 1, Decimal("50.00"), "search", 160, 3.75, True, None, day(14), day(14)),
        ("anna", "s2", 2, 2, 1, 0, 0, 0, Decimal("0.00"), "direct", 420, 2 / 7, True, None, day(15), day(16)),
        ("anna", "s3", 1, 0, 0, 1, 0, 1, Decimal("20.05"), "direct", 0, 0, False, None, day(16), day(16)),
        ("ben", "s1", 1, 1, 0, 0, 0, 0, Decimal("0.00"), "social", 0, 0, True, None, day(14), day(14)),
        ("eve", "s1", 30, 30, 30, 0, 0, 0, Decimal("0.00"), "direct", 14.5, 30 * 60 / 14.5, True, "too_fast",
         day(15), day(15)),
    ]  # fmt: skip


def day(number):
    return datetime(2026, 10, number, tzinfo=UTC).date()


def hourly(who, hours, every):
    return [view(who, at("00:30") + timedelta(hours=hour)) for hour in range(0, hours, every)]


def test_what_no_human_does_is_suspect_and_what_is_odd_is_not(lake):
    quick = timedelta(milliseconds=900)
    events = [
        *[view("many/s", at("00:00") + timedelta(minutes=n)) for n in range(2000)],
        *[view("nearly/s", at("00:00") + timedelta(seconds=2 * n)) for n in range(1999)],
        *hourly("awake/s", 25, 1),
        *hourly("tab left open/s", 49, 2),
        *hourly("long day/s", 20, 1),
        *[view("reader/s", at("10:00") + 2 * quick * n) for n in range(40)],
        *[view("crawler/s", at("10:00") + quick * n) for n in range(30)],
        *[view("impatient/s", at("10:00") + quick * n) for n in range(29)],
        *[view("all at once/s", at("10:00")) for _ in range(30)],
        *[view("kept id/s", at("10:00", day)) for day in (0, 0, 5)],
        *[view("overnight/s", at(time, day)) for time, day in (("20:00", 0), ("08:00", 1))],
        *[view("googlebot/s", at("10:00"), user_agent="Mozilla/5.0 (compatible; Googlebot/2.1)")],
        *[
            click("once/s", at("10:00") + quick * n, user_agent=(n == 3 and "HeadlessChrome/120") or None)
            for n in range(9)
        ],
        *[view("own app/s", at("10:00"), user_agent="okhttp/4.9.2")],
    ]
    rows = sessions_of(lake, frames(lake, events), at("00:00", day=9)).collect()
    assert {row["user_id"]: row["suspect_rule"] for row in rows} == {
        "many": "too_many_events", "nearly": None, "awake": "never_rests", "tab left open": None, "long day": None,
        "reader": None, "crawler": "too_fast", "impatient": None, "all at once": "too_fast",
        "kept id": "session_id_reused", "overnight": None, "googlebot": "known_crawler", "once": "known_crawler",
        "own app": None,
    }  # fmt: skip
    assert all(row["is_suspect"] == (row["suspect_rule"] is not None) for row in rows)
