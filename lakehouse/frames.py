"""What pure functions of DataFrames share."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce

from pyspark.sql import DataFrame


def union(frames: Iterable[DataFrame]) -> DataFrame:
    """All rows of frames that have the same columns, whatever their order."""
    return reduce(DataFrame.unionByName, frames)
