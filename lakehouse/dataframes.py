"""Combine and compare DataFrames."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def union(frames: Iterable[DataFrame]) -> DataFrame:
    """All rows of frames with the same columns, in any order of the columns."""
    return reduce(lambda rows, more: rows.unionByName(more), frames)


def row_differences(before: DataFrame, after: DataFrame, columns: Sequence[str]) -> DataFrame:
    """The rows of which one of the two frames has more; equal rows cancel out one by one.

    ``_more`` is how many more ``after`` has; it is negative where ``before`` has more. Each frame is
    computed once.
    """
    from pyspark.sql import functions as F

    # One column to group by: Spark takes seconds to plan a query that groups by fifty.
    def side(rows: DataFrame, count: int) -> DataFrame:
        return rows.select(F.struct(*columns).alias("_row"), F.lit(count).alias("_side"))

    rows = union([side(before, -1), side(after, 1)]).groupBy("_row").agg(F.sum("_side").alias("_more"))
    return rows.where("_more != 0").select("_row.*", "_more")
