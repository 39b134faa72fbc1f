"""Write and read the Parquet files of a plain Delta table: sorted, of bounded size, with the log's statistics."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lakehouse.engines.delta_commit import CHANGES, StoredFile, sync

_Part = TypeVar("_Part")
_Made = TypeVar("_Made")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_STATISTIC = 32
_THREADS = 2
_LAST_CHARACTER = "\U0010ffff"


def write_files(
    folder: Path, groups: Iterable[pa.Table], sort_by: Sequence[str], statistics: Sequence[str], rows_per_file: int
) -> list[StoredFile]:
    """Writes rows into new files of a table's folder that no commit names yet; they are on the disk.

    Each group is sorted for itself, and has files of its own.
    """
    parts = (part for rows in groups for part in split(_sorted(rows, sort_by), sort_by, rows_per_file))
    files = side_by_side(lambda part: _written(folder, "", part, statistics), list(parts))
    if files:
        sync(folder)
    return files


def side_by_side(work: Callable[[_Part], _Made], parts: Sequence[_Part]) -> list[_Made]:
    """Does the work on the parts in a few threads, and gives what it makes in their order."""
    if len(parts) < 2:  # noqa: PLR2004
        return [work(part) for part in parts]
    with ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(work, parts))


def write_changes(folder: Path, changes: pa.Table) -> StoredFile:
    """Writes rows of the change feed, with their ``_change_type``, into a file that no commit names yet."""
    is_new = not (folder / CHANGES).is_dir()
    (folder / CHANGES).mkdir(exist_ok=True)
    file = _written(folder, f"{CHANGES}/cdc-", changes, ())
    sync(folder / CHANGES)
    if is_new:
        sync(folder)
    return file


def split(rows: pa.Table, sort_by: Sequence[str], rows_per_file: int) -> Iterator[pa.Table]:
    """Cuts sorted rows into parts of so many rows at most, if it can between two days (or what else sorts them)."""
    begin, count = 0, rows.num_rows
    leading = rows[sort_by[0]] if sort_by and count > rows_per_file else None
    while begin < count:
        end = min(begin + rows_per_file, count)
        if leading is not None and end < count:
            part = leading.slice(begin, end - begin)
            before = pc.sum(pc.not_equal(part, leading[end]).cast(pa.int64())).as_py() or 0
            # What differs from the first row beyond the end stands before it, as the rows are sorted.
            end = begin + before if before else end
        yield rows.slice(begin, end - begin)
        begin = end


def apart(parts: Sequence[pa.Table], added: pa.Table, sort_by: Sequence[str]) -> Iterator[pa.Table]:
    """Groups what stays of some files, with rows to be added, so that sorting the groups sorts all: each its own days.

    Rows are added to the group whose days they have, or to the last one that begins before. Files of days of their
    own are not mixed, which would cost as much as to write them.
    """
    parts = [part for part in parts if part.num_rows]
    name = sort_by[0] if sort_by else None
    if name is None or not parts or any(rows[name].null_count for rows in (*parts, added)):
        yield pa.concat_tables([*parts, added])
        return
    limits = [pc.min_max(part[name]).as_py() for part in parts]
    groups: list[tuple[Any, list[pa.Table]]] = []
    last: Any = None
    for limit, part in sorted(zip(limits, parts, strict=True), key=lambda one: one[0]["min"]):
        if last is None or limit["min"] > last:
            groups.append((limit["min"], []))
        groups[-1][1].append(part)
        last = limit["max"] if last is None else max(last, limit["max"])
    kind, left = added.schema.field(name).type, added
    for begin, group in reversed(groups[1:]):
        is_in = pc.greater_equal(left[name], pa.scalar(begin, kind))
        yield pa.concat_tables([*group, left.filter(is_in)])
        left = left.filter(pc.invert(is_in))
    yield pa.concat_tables([*groups[0][1], left])


def _sorted(rows: pa.Table, sort_by: Sequence[str]) -> pa.Table:
    if rows.num_rows < 2 or not sort_by:  # noqa: PLR2004
        return rows
    limits = [pc.min_max(rows[name]) for name in sort_by]
    if all(limit["min"] == limit["max"] and not rows[n].null_count for n, limit in zip(sort_by, limits, strict=True)):
        return rows
    return rows.take(pc.sort_indices(rows, [(name, "ascending") for name in sort_by]))


def _written(folder: Path, begins: str, rows: pa.Table, statistics: Sequence[str]) -> StoredFile:
    name = f"{begins or 'part-'}00000-{uuid4()}-c000.zstd.parquet"
    pq.write_table(
        rows,
        folder / name,
        compression="zstd",
        write_statistics=list(statistics) or False,
        store_schema=False,
        store_decimal_as_integer=True,
    )
    sync(folder / name)
    size = (folder / name).stat().st_size
    return StoredFile(name, size, rows.num_rows, json.dumps(_statistics(rows, statistics), ensure_ascii=False))


def _statistics(rows: pa.Table, columns: Sequence[str]) -> dict[str, Any]:
    """What the log says of a file, by which readers skip it."""
    lowest: dict[str, Any] = {}
    highest: dict[str, Any] = {}
    for name in columns:
        low, high = _limits(rows[name])
        if low is not None:
            lowest[name] = low
        if high is not None:
            highest[name] = high
    nulls = {name: rows[name].null_count for name in columns}
    return {"numRecords": rows.num_rows, "minValues": lowest, "maxValues": highest, "nullCount": nulls}


def _limits(column: pa.ChunkedArray) -> tuple[Any, Any]:
    """The least and the greatest value as the log writes them; None of a type that is not skipped by."""
    kind = column.type
    is_instant = pa.types.is_timestamp(kind)
    if not (is_instant or pa.types.is_date(kind) or pa.types.is_integer(kind) or pa.types.is_string(kind)):
        return None, None
    limits = pc.min_max(column.cast(pa.int64()) if is_instant else column).as_py()
    low, high = limits["min"], limits["max"]
    if low is None:
        return None, None
    if is_instant:
        return _instant(low), _instant(high)
    if isinstance(low, date):
        return low.isoformat(), high.isoformat()
    if isinstance(low, str):
        return low[:_LONGEST_STATISTIC], _at_least(high)
    return low, high


def _instant(microseconds: int) -> str | None:
    try:
        at = _EPOCH + timedelta(microseconds=microseconds)
    except OverflowError:
        return None
    return at.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _at_least(text: str) -> str | None:
    """A short text that is not less."""
    if len(text) <= _LONGEST_STATISTIC:
        return text
    if text[_LONGEST_STATISTIC] == _LAST_CHARACTER:
        return None
    return text[:_LONGEST_STATISTIC] + _LAST_CHARACTER


def read_file(path: Path, schema: pa.Schema) -> pa.Table:
    """These columns of a data file, whoever wrote it; a column that it has not yet is null."""
    with pq.ParquetFile(path, coerce_int96_timestamp_unit="us") as file:
        there = set(file.schema_arrow.names)
        rows = file.read(columns=[name for name in schema.names if name in there])
    columns = [
        rows[one.name].cast(one.type) if one.name in there else pa.nulls(rows.num_rows, one.type) for one in schema
    ]
    return pa.table(columns, schema=schema)


def change_rows(before: pa.Table, source: pa.Table, gone: pa.ChunkedArray, matched: pa.Array) -> pa.Table:
    """The rows of the change feed: of each updated row as it was and as it is, and those deleted and inserted."""
    deleting = gone.take(matched)
    updating = pc.invert(deleting)
    is_new = np.ones(source.num_rows, np.bool_)
    is_new[matched.to_numpy(zero_copy_only=False)] = False
    inserted = source.filter(pc.and_(pa.array(is_new), pc.invert(gone)))
    parts = {
        "update_preimage": before.filter(updating),
        "update_postimage": source.take(matched.filter(updating)),
        "delete": before.filter(deleting),
        "insert": inserted,
    }
    kinds = [(kind, rows) for kind, rows in parts.items() if rows.num_rows]
    return pa.concat_tables(
        [rows.append_column("_change_type", pa.repeat(pa.scalar(kind), rows.num_rows)) for kind, rows in kinds]
    )
