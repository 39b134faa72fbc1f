"""The conditions by which Spark finds rows for Arrow; tests/pipelines/test_score.py scores a lake by it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from lakehouse.engines.arrow_lake import conditions

DAY = date(2026, 10, 15)


def test_values_are_listed_and_limits_are_limits():
    at = datetime(2026, 10, 15, 12, 0, 0, 123456, tzinfo=UTC)
    listed, limited = conditions({"started_on": [DAY], "cut_at": (at, at + timedelta(seconds=1))}, "t.")
    assert listed == "t.`started_on` IN (DATE'2026-10-15')"
    first, last = "2026-10-15T12:00:00.123456+00:00", "2026-10-15T12:00:01.123456+00:00"
    assert limited == f"t.`cut_at` BETWEEN TIMESTAMP'{first}' AND TIMESTAMP'{last}'"


def test_no_values_are_no_rows_and_many_are_a_range():
    many = [DAY + timedelta(days=days) for days in range(1_000)]
    assert [*conditions({"a": [], "b": many[::-1]})] == [
        "false",
        "`b` BETWEEN DATE'2026-10-15' AND DATE'2029-07-10'",
    ]
