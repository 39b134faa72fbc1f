"""The days that a change touches, as a condition by which files are left out: it never leaves out one of them."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.incremental import Days, changes_for
from lakehouse.table import Column, Table

DAYS = st.dates(date(1970, 1, 1), date(2100, 1, 1))
base = duckdb.connect()


def holds(condition, column, value):
    """Whether the condition, in plain SQL, holds for a value."""
    return base.execute(f"SELECT {condition} FROM (SELECT ? AS {column})", [value]).fetchone()[0]  # noqa: S608


@given(st.sets(DAYS, max_size=5), DAYS)
def test_named_days_match_each_of_them_and_no_other(named, other):
    condition = Days(tuple(sorted(named))).hold("day")
    assert all(holds(condition, "day", day) for day in named)
    assert holds(condition, "day", other) == (other in named)


@given(DAYS, DAYS, DAYS)
def test_many_days_hold_from_the_first_to_the_last(one, two, other):
    first, last = sorted([one, two])
    assert holds(Days((first, last), are_many=True).hold("day"), "day", other) == (first <= other <= last)


@given(st.sets(DAYS, max_size=5), DAYS, st.times())
def test_instants_match_the_first_to_the_last_named_day(named, day, moment):
    condition = Days(tuple(sorted(named))).hold_instant("instant")
    wanted = bool(named) and min(named) <= day <= max(named)
    assert holds(condition, "instant", datetime.combine(day, moment)) == wanted
    for one in named:
        assert holds(condition, "instant", datetime.combine(one, time.min))
        assert holds(condition, "instant", datetime.combine(one, time.max))
    if named:
        assert not holds(condition, "instant", datetime.combine(max(named) + timedelta(days=1), time.min))


class GrowsMeanwhile(dict):
    """Changes to which other threads add theirs between any two looks: whoever walks through all of them fails."""

    def __contains__(self, name):
        self[f"another table {len(self)}"] = "its rows"
        return super().__contains__(name)

    def __iter__(self):
        raise RuntimeError("dictionary changed size during iteration")

    keys = values = items = __iter__


def table(name, **reads):
    columns = (Column("a", "BIGINT", "A."),)
    return Table(name=f"gold.{name}", doc=f"One row per {name}.", columns=columns, key=("a",), reads=reads)


@pytest.mark.parametrize("changed", [{"gold.one", "gold.all"}, {"gold.one", "gold.mine", "gold.unread"}, set()])
def test_changes_are_read_while_other_tables_add_theirs(changed):
    one, two, all_of_them = table("one"), table("two"), table("all")
    mine = table("mine", one=one, two=two)
    growing = GrowsMeanwhile({name: f"rows of {name}" for name in changed})
    wanted = changed & {"gold.one", "gold.two", "gold.mine", "gold.all"}
    assert changes_for(mine, all_of_them, growing) == {name: f"rows of {name}" for name in wanted}
