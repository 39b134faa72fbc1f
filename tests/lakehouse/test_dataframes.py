"""Rows are combined by column name, and compared as multisets."""

from __future__ import annotations

import pytest

from lakehouse.dataframes import row_differences, union
from tests.support.records import rows

pytestmark = pytest.mark.spark


def test_columns_are_matched_by_name(spark):
    frames = [
        spark.createDataFrame([(1, "a")], "n INT, t STRING"),
        spark.createDataFrame([("b", 2)], "t STRING, n INT"),
    ]
    assert rows(union(frames), "n", "t") == [(1, "a"), (2, "b")]


def test_equal_rows_cancel_out_one_by_one(spark):
    before = spark.createDataFrame([(1, "a"), (1, "a"), (2, None)], "n INT, t STRING")
    after = spark.createDataFrame([(1, "a"), (2, None), (3, "c"), (3, "c")], "n INT, t STRING")
    found = row_differences(before, after, ["n", "t"])
    assert rows(found, "n", "t", "_more") == [(1, "a", -1), (3, "c", 2)]
