"""The days that a change touches, as a condition by which files are left out: it never leaves out one of them."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import duckdb
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.incremental import Days

DAYS = st.dates(date(1970, 1, 1), date(2100, 1, 1))
base = duckdb.connect()


def holds(condition, column, value):
    """Whether the condition, in plain SQL, holds for a value."""
    return base.execute(f"SELECT {condition} FROM (SELECT ? AS {column})", [value]).fetchone()[0]  # noqa: S608


@given(st.sets(DAYS, max_size=5), DAYS)
def test_days_that_are_named_hold_for_each_of_them_and_for_no_other(named, other):
    condition = Days(tuple(sorted(named))).hold("day")
    assert all(holds(condition, "day", day) for day in named)
    assert holds(condition, "day", other) == (other in named)


@given(DAYS, DAYS, DAYS)
def test_many_days_hold_from_the_first_to_the_last(one, two, other):
    first, last = sorted([one, two])
    assert holds(Days((first, last), are_many=True).hold("day"), "day", other) == (first <= other <= last)


@given(st.sets(DAYS, max_size=5), DAYS, st.times())
def test_an_instant_holds_from_the_beginning_of_the_first_day_to_the_end_of_the_last(named, day, moment):
    condition = Days(tuple(sorted(named))).hold_instant("instant")
    wanted = bool(named) and min(named) <= day <= max(named)
    assert holds(condition, "instant", datetime.combine(day, moment)) == wanted
    for one in named:
        assert holds(condition, "instant", datetime.combine(one, time.min))
        assert holds(condition, "instant", datetime.combine(one, time.max))
    if named:
        assert not holds(condition, "instant", datetime.combine(max(named) + timedelta(days=1), time.min))
