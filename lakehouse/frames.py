"""What pure functions of DataFrames share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F


def union(frames: Iterable[DataFrame]) -> DataFrame:
    """All rows of frames that have the same columns, whatever their order."""
    return reduce(DataFrame.unionByName, frames)


def differing(before: DataFrame, after: DataFrame, columns: Sequence[str]) -> DataFrame:
    """The rows of which one of the two has more, equal rows cancelling out one by one.

    ``_more`` says how many more ``after`` has; it is negative where ``before`` has more. Each side is
    made once, in one pass.
    """
    sides = union([before.select(*columns, F.lit(-1).alias("_side")), after.select(*columns, F.lit(1).alias("_side"))])
    return sides.groupBy(*columns).agg(F.sum("_side").alias("_more")).where("_more != 0")
