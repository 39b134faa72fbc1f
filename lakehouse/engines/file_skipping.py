"""Tell by the log's statistics which data files may hold some rows, and find those rows in what was read."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Where: TypeAlias = Mapping[str, "tuple[Any, Any] | Sequence[Any] | pa.Array | pa.ChunkedArray"]
"""Which rows are meant, by column: a tuple is the least and the greatest value, anything else has the values."""

_ROUNDED = timedelta(milliseconds=1)
"""By so much Spark's statistics of an instant may be below it: they have milliseconds."""


def limits(rows: pa.Table, columns: Sequence[str]) -> dict[str, tuple[Any, Any]]:
    """The least and the greatest value of those columns that have no nulls, and whose files may be skipped by them."""
    found = {}
    for name in columns:
        column = rows[name]
        if rows.num_rows and not column.null_count and not pa.types.is_nested(column.type):
            least_and_greatest = pc.min_max(column)
            found[name] = (least_and_greatest["min"].as_py(), least_and_greatest["max"].as_py())
    return found


def may_hold(files: pa.Table, column: str, values: tuple[Any, Any] | Sequence[Any]) -> pa.Array:
    """Which of the files may hold such values; those without statistics may."""
    names = (f"min.{column}", f"max.{column}")
    if not set(names) <= set(files.column_names):
        return pa.repeat(pa.scalar(True), files.num_rows)
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return _may_hold_some(files[names[0]], files[names[1]], values)
    lows, highs = (files[name].to_pylist() for name in names)
    if lows and any(isinstance(high, datetime) for high in highs):
        highs = [high and high + _ROUNDED for high in highs]
    pairs = zip(lows, highs, strict=True)
    if isinstance(values, tuple):
        least, greatest = values
        holds = [low is None or high is None or (low <= greatest and least <= high) for low, high in pairs]
    else:
        ordered = sorted(value for value in values if value is not None)
        with_null = len(ordered) < len(values)
        holds = [with_null or low is None or high is None or _between(ordered, low, high) for low, high in pairs]
    return pa.array(holds, pa.bool_())


def _may_hold_some(lows: pa.ChunkedArray, highs: pa.ChunkedArray, values: pa.Array | pa.ChunkedArray) -> pa.Array:
    """The same for many numbers or instants, by where the limits of each file stand among them."""
    is_instant = pa.types.is_timestamp(values.type)
    unknown = pc.or_(lows.is_null(), highs.is_null())
    least, greatest, found = (
        (pc.cast(column, pa.timestamp("us", "UTC")).cast(pa.int64()) if is_instant else column.cast(pa.int64()))
        for column in (lows, highs, values)
    )
    ordered = np.sort(found.drop_null().to_numpy())
    first = np.searchsorted(ordered, pc.fill_null(least, 0).to_numpy())
    last = np.searchsorted(ordered, pc.fill_null(greatest, 0).to_numpy() + (1_000 if is_instant else 0), side="right")
    return pc.or_(unknown, pa.array(last > first))


def _between(ordered: Sequence[Any], low: Any, high: Any) -> bool:
    place = bisect_left(ordered, low)
    return place < len(ordered) and bool(ordered[place] <= high)


def such_rows(rows: pa.Table, where: Where) -> pa.Table:
    """The rows that are meant."""
    for column, values in where.items():
        kind = rows.schema.field(column).type
        if isinstance(values, tuple):
            least, greatest = (pa.scalar(value, kind) for value in values)
            rows = rows.filter(pc.and_(pc.greater_equal(rows[column], least), pc.less_equal(rows[column], greatest)))
        else:
            wanted = values.cast(kind) if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values, kind)
            rows = rows.filter(pc.is_in(rows[column], value_set=wanted))
    return rows
