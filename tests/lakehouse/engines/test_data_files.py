"""What stays of the files that a merge touches is grouped by days of its own, with the rows that are added."""

from __future__ import annotations

import itertools

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.engines.data_files import apart

SCHEMA = pa.schema([("day", pa.int32()), ("number", pa.int64())])
DAYS = st.lists(st.integers(0, 9), max_size=6)


def rows(days, first=0):
    return pa.table([pa.array(days, pa.int32()), pa.array(range(first, first + len(days)), pa.int64())], schema=SCHEMA)


@given(st.lists(DAYS, max_size=6), DAYS)
def test_groups_hold_all_rows_and_no_day_twice(files, added):
    parts = [rows(days, 100 * number) for number, days in enumerate(files)]
    new = rows(added, 1_000)
    groups = [group for group in apart(parts, new, ("day",)) if group.num_rows]
    every = sorted(row["number"] for group in groups for row in group.to_pylist())
    assert every == sorted(row["number"] for part in (*parts, new) for row in part.to_pylist())
    limits = sorted((min(days), max(days)) for days in (group["day"].to_pylist() for group in groups))
    assert all(before[1] < after[0] for before, after in itertools.pairwise(limits))


@given(st.lists(DAYS, min_size=1, max_size=6))
def test_files_of_days_of_their_own_are_not_mixed(files):
    parts = [rows([10 * number + day for day in days]) for number, days in enumerate(files)]
    groups = [group for group in apart(parts, rows([]), ("day",)) if group.num_rows]
    assert len(groups) == sum(bool(days) for days in files)


def test_unsorted_tables_and_unknown_days_are_one_group():
    parts = [rows([1]), rows([5])]
    assert len(list(apart(parts, rows([3]), ()))) == 1
    assert len(list(apart([*parts, rows([None])], rows([3]), ("day",)))) == 1
