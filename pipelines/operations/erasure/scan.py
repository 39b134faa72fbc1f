"""Look through every file of the installation for an id: as bytes, and decoded where a file is Parquet."""

from __future__ import annotations

import mmap
import re
from collections.abc import Collection, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.runtime.erased_records import texts_of
from pipelines.runtime.settings import Settings


def files_with(settings: Settings, user_ids: Collection[str]) -> list[Path]:
    """The files of the lake and the state folder that still have one of the ids, by its text.

    Short ids are not looked for, as other things look like them. Kafka's own files are left out: they keep records
    until the topic's retention ends, whoever they are about.
    """
    texts = texts_of(user_ids)
    if not texts:
        return []
    return [path for path in _files(settings) if _has(path, texts)]


def _files(settings: Settings) -> Iterator[Path]:
    for root in dict.fromkeys([Path(settings.lake_root), settings.state_root]):
        for path in sorted(root.rglob("*")):
            if path.is_file() and not path.is_symlink() and settings.kafka_home not in path.parents:
                yield path


def _has(path: Path, texts: list[re.Pattern[bytes]]) -> bool:
    try:
        if not path.stat().st_size:
            return False
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            if any(text.search(content) for text in texts):
                return True
        return path.suffix == ".parquet" and _has_value(path, texts)
    except (FileNotFoundError, PermissionError):  # gone meanwhile; or nobody's here to read
        return False


def _has_value(path: Path, texts: list[re.Pattern[bytes]]) -> bool:
    try:
        with pq.ParquetFile(path) as file:
            return any(
                _column_has(column, texts) for batch in file.iter_batches(batch_size=50_000) for column in batch.columns
            )
    except pa.ArrowException:  # no Parquet, or half of one: it was read as bytes
        return False


def _column_has(column: pa.Array, texts: list[re.Pattern[bytes]]) -> bool:
    kind = column.type
    if pa.types.is_struct(kind):
        return any(_column_has(one, texts) for one in column.flatten())
    if pa.types.is_map(kind):
        return _column_has(column.keys, texts) or _column_has(column.items, texts)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _column_has(column.flatten(), texts)
    if pa.types.is_dictionary(kind):
        return _column_has(column.dictionary, texts)
    if not (pa.types.is_string(kind) or pa.types.is_binary(kind) or pa.types.is_large_string(kind)):
        return False
    values = pc.unique(column).cast(pa.binary()).to_pylist()
    return any(text.search(value) for value in values if value for text in texts)
