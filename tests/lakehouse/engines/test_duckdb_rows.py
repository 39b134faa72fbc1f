"""What DuckDB finds between two sets of rows is what counting them finds."""

from __future__ import annotations

from collections import Counter
from math import isnan
from typing import Any

import duckdb
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.engines.duckdb_rows import differences
from lakehouse.table import Column, Table

TABLE = Table(
    name="gold.things",
    doc="One row per thing.",
    columns=(
        Column("name", "STRING", "Its name."),
        Column("weight", "DOUBLE", "Its weight."),
        Column("seen_at", "TIMESTAMP", "When."),
    ),
    key=("name",),
)
SCHEMA = pa.schema([("name", pa.string()), ("weight", pa.float64()), ("seen_at", pa.timestamp("us"))])
ROWS = st.lists(
    st.tuples(
        st.sampled_from([None, "", "a", "A", "é"]),
        st.sampled_from([None, 0.0, -0.0, 1.5, float("nan"), float("inf")]),
        st.sampled_from([None, 0, 1]),
    ),
    max_size=12,
)


def as_counted(rows: list[tuple]) -> Counter[tuple[Any, ...]]:
    """The rows; NaN is the same as NaN."""
    return Counter((name, "NaN" if weight and isnan(weight) else weight, seen) for name, weight, seen in rows)


@given(before=ROWS, after=ROWS)
def test_each_row_that_one_has_more_often_is_found_so_often(before, after):
    with duckdb.connect() as database:
        for name, rows in (("was", before), ("will_be", after)):
            named = [dict(zip(SCHEMA.names, row, strict=True)) for row in rows]
            database.register(name, pa.Table.from_pylist(named, SCHEMA))
        found = differences(database, TABLE, "FROM was", "FROM will_be", "found")
        relation = database.table(found)
        assert relation.columns == [*TABLE.column_names, "_is_new"]
        rows = relation.project("name, weight, epoch_us(seen_at), _is_new").fetchall()
    old, new = as_counted(before), as_counted(after)
    assert as_counted([row[:3] for row in rows if row[3]]) == new - old
    assert as_counted([row[:3] for row in rows if not row[3]]) == old - new
