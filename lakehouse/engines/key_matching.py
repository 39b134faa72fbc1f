"""Find the rows with the same key in two tables: exactly, of any type, and null is the same as null."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc


class KeyMatcher:
    """Finds, for rows of a table, the row with the same key among some others (the source).

    Each column of the key becomes the place of its value among the source's, and the places of several columns one
    number, so that the types of the columns and their nulls do not matter.
    """

    def __init__(self, source: pa.Table, key: Sequence[str]) -> None:
        self._key = tuple(key)
        self._values: list[pa.Array] = []
        self._codes: list[pa.Array] = []
        codes: pa.Array | None = None
        for name in self._key:
            values = _array(pc.unique(source[name]))
            places = _places(source[name], values)
            self._values.append(values)
            codes = places if codes is None else pc.add(pc.multiply(codes, len(values)), places)
            distinct = pc.unique(codes)
            self._codes.append(distinct)
            codes = _places(codes, distinct)
        self.is_unique = len(self._codes[-1]) == source.num_rows

    def rows_of(self, target: pa.Table) -> pa.Array:
        """For each row of the target, which row of the source has its key; null where none has."""
        codes: pa.Array | None = None
        for name, values, distinct in zip(self._key, self._values, self._codes, strict=True):
            places = _places(target[name], values)
            codes = places if codes is None else pc.add(pc.multiply(codes, len(values)), places)
            codes = _places(codes, distinct, null_is_none=True)
        return codes


def _places(column: pa.Array | pa.ChunkedArray, values: pa.Array, *, null_is_none: bool = False) -> pa.Array:
    """For each value its place among others, in 64 bits; null where it is not among them."""
    return _array(pc.index_in(column, value_set=values, skip_nulls=null_is_none)).cast(pa.int64())


def _array(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
