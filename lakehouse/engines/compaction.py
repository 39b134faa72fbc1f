"""Choose the data files of a plain Delta table that are written again as fewer, with the same rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from lakehouse.engines.delta_commit import StoredFile
from lakehouse.table import Table

MERGE_INTERVAL = 32
"""After so many commits, small files are written again as one: a read opens each, and a stream adds one a batch."""

_SMALL_FILE_BYTES = 1_000_000
"""A file of so many bytes is left to ``groups_to_compact``: until then, each row is written again a few times."""

_MOST_ROWS_COMPACTED = 2_000_000
"""So many rows are sorted in memory at a time."""


def small_files(files: Sequence[StoredFile]) -> list[StoredFile]:
    """The small ones of a table's files, where they are enough to be written again as one; else none."""
    found = [file for file in files if file.size < _SMALL_FILE_BYTES]
    return found if len(found) >= MERGE_INTERVAL // 2 else []


def groups_to_compact(table: Table, files: Sequence[StoredFile], known: pa.Table) -> Iterator[list[StoredFile]]:
    """Files to be written again together: those whose days overlap, or that fit into one file.

    ``known`` has what the log knows of each of the files, flat.
    """
    group: list[StoredFile] = []
    rows, last = 0, None
    for low, high, file in _by_day(table, files, known):
        apart = not group or (last is not None and low is not None and low >= last)
        is_full = rows + file.rows > (table.rows_per_file if apart else _MOST_ROWS_COMPACTED)
        if group and is_full:
            yield from _worth_it(group, rows, table.rows_per_file)
            group, rows, last = [], 0, None
        group.append(file)
        rows += file.rows
        last = high if last is None or high is None else max(high, last)
    yield from _worth_it(group, rows, table.rows_per_file)


def _by_day(table: Table, files: Sequence[StoredFile], known: pa.Table) -> list[tuple[Any, Any, StoredFile]]:
    """The files in the order of what they are sorted by, with its limits; unknown ones first."""
    columns = [name for name in table.sort_by if {f"min.{name}", f"max.{name}"} <= set(known.column_names)]
    if not columns:
        return [(() if not table.sort_by else None, (), file) for file in files]
    lows, highs = (
        list(zip(*(known[f"{limit}.{name}"].to_pylist() for name in columns), strict=True)) for limit in ("min", "max")
    )
    unlimited, limited = [], []
    for low, high, file in zip(lows, highs, files, strict=True):
        if None in low or None in high:
            unlimited.append((None, None, file))
        else:
            limited.append((low, high, file))
    return unlimited + sorted(limited, key=lambda one: (one[0], one[1], one[2].path))


def _worth_it(group: list[StoredFile], rows: int, rows_per_file: int) -> Iterator[list[StoredFile]]:
    if len(group) > 1 or rows > 2 * rows_per_file:
        yield group
